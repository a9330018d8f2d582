"""Paths of every scheme: three are known, each other is refused in a line that says so; and names that are not UTF-8."""

import time

import pytest

from electra_pretrain.core import files, gfile
from electra_pretrain.core.errors import Unavailable, UserError


@pytest.mark.parametrize(
    ("path", "way_out"),
    [
        ("http://host/a.txt", "download it first"),
        ("https://host/a.txt", "download it first"),
        ("s3://bucket/a.txt", "copy it first"),
        ("file:///tmp/a.txt", "leave out file://"),
        ("x://y", "copy it to one of these first"),
        ("GS://bucket/a", "copy it"),
    ],
)
@pytest.mark.parametrize(
    "use",
    [
        files.exists,
        files.is_dir,
        files.size,
        files.list_dir,
        files.matching,
        files.walk,
        files.make_dirs,
        files.remove,
        files.read_bytes,
        lambda path: files.write_text(path, "text"),
        lambda path: files.sizes([path]),
        lambda path: files.replace("a", path),
    ],
)
def test_a_scheme_that_is_not_known_is_refused(path, way_out, use):
    with pytest.raises(UserError, match=f"^{path}.*: .*:// is not known; there are local paths, gs://.*hf://.*; {way_out}"):
        use(path)


def test_a_name_that_only_holds_the_mark_is_local(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for path in ("./a:/", "1a://b", "a b://c"):
        assert not files.is_remote(path)
        files.make_dirs(path)
        assert files.is_dir(path)


@pytest.mark.parametrize("write", [lambda path: files.write_text(path, "x"), files.make_dirs, files.remove])
def test_nothing_is_written_to_the_hub(write):
    with pytest.raises(UserError, match="^hf://datasets/a/b/c.txt.*: nothing is written to the Hub"):
        write("hf://datasets/a/b/c.txt")


def test_names_that_are_not_utf8_can_be_written_down(tmp_path):
    name = b"\xff-\xea\xb0\x80".decode("ascii", "surrogateescape")  # as Python hands them over, under an ASCII locale too
    assert files.readable(name) == "\ufffd-가"
    files.write_text(str(tmp_path / "a.json"), f'["{name}"]')
    assert (tmp_path / "a.json").read_text(encoding="utf-8") == '["\ufffd-가"]'


def test_a_bucket_that_cannot_be_reached_is_told_at_once(monkeypatch):
    def refuse(*_):
        raise ConnectionRefusedError(111, "Connection refused")

    monkeypatch.setattr(gfile.urllib.request, "getproxies", dict)
    monkeypatch.setattr(gfile.socket, "create_connection", refuse)
    gfile._connect.cache_clear()
    with pytest.raises(Unavailable, match=r"^gs://b/a: Google .* cannot be reached \(www.googleapis.com: Connection refused\)"):
        files.exists("gs://b/a")
    monkeypatch.setattr(gfile.urllib.request, "getproxies", lambda: {"https": "http://proxy"})
    gfile._connect()  # the proxy's affair
    gfile._connect.cache_clear()


def test_long_silence_is_explained(monkeypatch, capfd):
    monkeypatch.setattr(gfile, "SILENT_SECONDS", 0.05)
    assert gfile._asked("ram://a", lambda _: "at once") == "at once"
    time.sleep(0.1)
    assert not capfd.readouterr().err, "an answer that came was missed"
    gfile._asked("ram://a", lambda _: time.sleep(0.2))
    assert capfd.readouterr().err.startswith(
        "tests: warning: ram://a: no answer for 0 s; if the network fails, TensorFlow tries"
    )

"""What `--corpus` means: globs, folders, volumes, names in every spelling; each file once, and nothing that is no text."""

import gzip
import logging
import os
import re
import unicodedata

import pytest

from electra_pretrain import build_data, clean_corpus, dedup_corpus, train_vocab
from electra_pretrain.core import files
from electra_pretrain.core.errors import UserError
from electra_pretrain.corpus.finding import find_corpus
from electra_pretrain.corpus.reader import Corpus
from tests.cli.test_commands import assert_one_line, run

FILES = {
    "b.txt": b"b\n",
    "a/z.jsonl.gz": gzip.compress(b'{"text": "z"}\n'),
    "a/deep/c.CSV": b"text\nc\n",
    "news.tar.gzaa": b"",
    "news.tar.gzab": b"",
    "d.zip": b"",
    ".hidden.txt": b"hidden\n",
    ".dedup_corpus-12/block.txt": b"work\n",
    "__MACOSX/b.txt": b"\x00",
    "._b.txt": b"\x00",
    "Thumbs.db": b"\xd0\xcf",
    "desktop.ini": b"[x]\n",
    "corpus.json": b"{}",
    "_SUCCESS": b"",
    "a/paper.pdf": b"%PDF-1.7",
    "notes.md": b"# notes\n",
    "table.xlsx.gz": gzip.compress(b"PK\x03\x04[Content_Types].xml"),
}
MEANT = ["a/deep/c.CSV", "a/z.jsonl.gz", "b.txt", "d.zip", "news.tar.gzaa"]


@pytest.fixture
def folder(tmp_path):
    return write(tmp_path / "raw", FILES)


def write(folder, contents):
    for name, content in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


@pytest.mark.parametrize("spelled", ["{}", "{}/", "{}*"])
def test_a_folder_means_its_readable_files_and_says_so(folder, caplog, spelled):
    with caplog.at_level(logging.INFO):
        assert find_corpus(spelled.format(folder)) == [f"{folder}/{name}" for name in MEANT]
    read, passed_over = [record.getMessage() for record in caplog.records]
    assert re.fullmatch(
        rf"{folder}/?: a folder, of which these files are read \(5\): a/deep/c.CSV, a/z.jsonl.gz, b.txt and 2 more", read
    )
    assert passed_over.endswith(
        "passed over (3): a/paper.pdf (a PDF), notes.md (plain text, .md), table.xlsx.gz (an Office document)"
    )


def test_with_a_layout_files_of_any_name_are_meant_unless_they_are_no_text(folder):
    assert find_corpus(str(folder), "text") == [f"{folder}/{name}" for name in [*MEANT, "notes.md"]]


def test_folders_remote(folder, monkeypatch):
    """Through TensorFlow, as in buckets."""
    from electra_pretrain.core import gfile

    monkeypatch.setattr(files, "_system", lambda path: gfile)
    assert find_corpus(str(folder)) == [f"{folder}/{name}" for name in MEANT]


def test_links_in_a_folder(tmp_path):
    raw = write(tmp_path / "raw", {"a.txt": b"a", "sub/b.txt": b"b"})
    write(tmp_path / "elsewhere", {"c.txt": b"c"})
    (raw / "loop").symlink_to(raw)
    (raw / "one").symlink_to(tmp_path / "elsewhere")
    (raw / "two").symlink_to(tmp_path / "elsewhere")
    assert find_corpus(str(raw)) == [f"{raw}/a.txt", f"{raw}/one/c.txt", f"{raw}/sub/b.txt"]


def test_a_link_that_leads_nowhere_is_named(tmp_path):
    raw = write(tmp_path / "raw", {"a.txt": b"a"})
    (raw / "b.txt").symlink_to("gone.txt")
    for pattern in (f"{raw}/b.txt", f"{raw}/*", f"{raw}/**", str(raw)):
        with pytest.raises(UserError, match=r"raw/b\.txt: is a link that leads nowhere, to gone\.txt; mend it or take it away"):
            find_corpus(pattern)


def test_links_to_folders_that_are_read_are_no_folders_passed_over(tmp_path, caplog):
    raw = write(tmp_path / "raw", {"z.txt": b"z", "sub/b.txt": b"b"})
    (raw / "loop").symlink_to(".")
    (raw / "sub/up").symlink_to("..")
    assert find_corpus(f"{raw}/**") == [f"{raw}/sub/b.txt", f"{raw}/z.txt"] and not caplog.messages


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        ({"a.pdf": b"%PDF-", ".b.txt": b"b"}, "no file in this folder can be read as text: a.pdf (a PDF); name files"),
        ({".b.txt": b"b"}, "no file in this folder can be read as text; name files"),
    ],
)
def test_a_folder_without_text(tmp_path, contents, message):
    with pytest.raises(UserError, match=re.escape(f"{write(tmp_path / 'raw', contents)}: {message}")):
        find_corpus(f"{tmp_path}/raw")


@pytest.mark.parametrize(
    "pattern", ["news.tar.gz", "news.tar.gz*", "news.tar.gzab", "news.tar.gzaa,news.tar.gzab", "news*,news.tar.gz"]
)
def test_volumes_are_named_once(folder, pattern):
    assert find_corpus(",".join(f"{folder}/{part}" for part in pattern.split(","))) == [f"{folder}/news.tar.gzaa"]


def test_a_file_and_its_volumes(folder):
    (folder / "news.tar.gz").write_bytes(b"")
    with pytest.raises(UserError, match=r"names both .*/news\.tar\.gz and its volumes, .*aa …; name one of them"):
        find_corpus(f"{folder}/news*")
    assert find_corpus(f"{folder}/news.tar.gz") == [f"{folder}/news.tar.gz"]


@pytest.mark.parametrize("stored", ["NFC", "NFD", "mixed"])
@pytest.mark.parametrize("asked", ["NFC", "NFD"])
@pytest.mark.parametrize(
    "name", ["말뭉치/뉴스.txt", "말뭉치/뉴*.txt", "말뭉치/*.txt", "말뭉치", "말*/뉴스?.txt,말뭉치/뉴스.txt"]
)
def test_names_of_a_mac_and_of_windows(tmp_path, stored, asked, name):
    outer, inner = (unicodedata.normalize("NFC" if stored == "NFC" else "NFD", part) for part in ("말뭉치", "뉴스.txt"))
    if stored == "mixed":
        outer = unicodedata.normalize("NFC", outer)
    path = write(tmp_path, {f"{outer}/{inner}": b"a"}) / outer / inner
    if "?" in name:
        name = name.partition(",")[2]
    assert find_corpus(f"{tmp_path}/{unicodedata.normalize(asked, name)}") == [str(path)]


def test_nothing_twice(folder, monkeypatch):
    monkeypatch.chdir(folder)
    assert find_corpus(f"b.txt,./b.txt,a/../b.txt,{folder.name}*/x,*.txt".replace(f"{folder.name}*/x,", "")) == ["b.txt"]
    assert find_corpus("a,a/z.jsonl.gz") == ["a/deep/c.CSV", "a/z.jsonl.gz"]
    assert find_corpus("b.txt,.") == ["b.txt", *(f"./{name}" for name in MEANT if name != "b.txt")]


def test_globs_pass_over_junk_and_refuse_what_is_no_text(folder):
    (folder / "notes.md").unlink()
    (folder / "table.xlsx.gz").unlink()
    assert find_corpus(f"{folder}/*") == [f"{folder}/{name}" for name in ("_SUCCESS", *MEANT[2:])]
    with pytest.raises(
        UserError, match=r"paper\.pdf: its suffix .pdf says nothing of how it is laid out; it looks like a PDF: take"
    ):
        find_corpus(f"{folder}/a/*")
    for pattern in ("none*", "none", "news.tar"):
        with pytest.raises(UserError, match="no such file; check the path or the glob"):
            find_corpus(f"{folder}/{pattern}")
    for pattern in ("", " , "):
        with pytest.raises(UserError, match="no corpus given"):
            find_corpus(pattern)


@pytest.mark.parametrize("pattern", ["{}", "{}/*", "{}/corpus.json,{}/a.json"])
def test_a_corpus_that_is_called_corpus_json_is_read(tmp_path, pattern):
    raw = write(tmp_path / "raw", {"a.json": b"[]", "corpus.json": b'[{"text": "a"}]'})
    found = find_corpus(pattern.format(raw, raw))
    assert sorted(found) == [f"{raw}/a.json", f"{raw}/corpus.json"]
    (raw / "corpus.json").write_text('{"steps": []}')
    assert (find_corpus(pattern.format(raw, raw)) == [f"{raw}/a.json"]) == ("," not in pattern)


@pytest.mark.parametrize("name", ["a.txt", "a", "corpus.json"])
def test_pipes_do_not_block(tmp_path, caplog, name):
    raw = write(tmp_path / "raw", {"b.txt": b"b"})
    os.mkfifo(raw / name)
    for pattern in (f"{raw}/{name}", f"{raw}/*"):
        with pytest.raises(UserError, match=rf"raw/{name}: is a pipe or a device, which can be read but once; write"):
            find_corpus(pattern)
    assert find_corpus(str(raw)) == [f"{raw}/b.txt"]
    assert caplog.messages[-1].endswith(f"passed over (1): {name} (a pipe or a device)")


def test_folders_beside_files_that_match_are_named(tmp_path, caplog):
    raw = write(tmp_path / "raw", {"b.txt": b"b", "sub/c.txt": b"c"})
    assert find_corpus(f"{raw}/**") == [f"{raw}/b.txt", f"{raw}/sub/c.txt"] and not caplog.messages
    assert find_corpus(f"{raw}/*") == [f"{raw}/b.txt"]
    (message,) = caplog.messages
    assert message.endswith(f"folders, which are passed over: {raw}/sub; name them, too")


def test_a_folder_that_cannot_be_listed_is_not_taken_for_empty(tmp_path, monkeypatch):
    raw, scandir = write(tmp_path / "raw", {"b.txt": b"b", "closed/c.txt": b"c"}), os.scandir

    def refuse(path):
        if str(path).endswith("closed"):
            raise PermissionError(13, "Permission denied", path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(PermissionError):
        find_corpus(str(raw))


@pytest.mark.parametrize("module", [build_data, clean_corpus, dedup_corpus, train_vocab])
def test_an_output_within_the_corpus_is_refused(tmp_path, vocab_path, capfd, module, monkeypatch):
    """Or the next run would read it."""
    write(tmp_path, {"a.txt": b"text\n"})
    monkeypatch.chdir(tmp_path)
    more = ["--vocab", vocab_path] if module is build_data else ["--by", "line"] if module is dedup_corpus else []
    result = run(module, ["--quiet", "--corpus", ".", "--output", "out", *more], capfd)
    assert_one_line(result, "error: --output out: lies in ., all of which is read (--corpus)")
    assert os.listdir() == ["a.txt"]


@pytest.mark.parametrize("corpus", ["{}/sub/*.txt", "{}"])
def test_clean_corpus_does_not_write_into_its_corpus(tmp_path, capfd, corpus):
    write(tmp_path / "raw", {"sub/a.txt": b"text\n"})
    corpus = corpus.format(tmp_path / "raw")
    result = run(clean_corpus, ["--quiet", "--corpus", corpus, "--output", tmp_path / "raw"], capfd)
    assert_one_line(result, "which is read (--corpus)")


@pytest.mark.parametrize("processes", [1, 2])
def test_a_folder_is_cleaned(tmp_path, capfd, processes):
    write(
        tmp_path / "raw",
        {"b.txt": "둘째 문장입니다.\n".encode(), "a/a.jsonl": '{"text": "첫 문장입니다."}\n'.encode(), "x.pdf": b"%PDF-"},
    )
    arguments = ["--corpus", tmp_path / "raw", "--output", tmp_path / "out", "--num_processes", processes]
    code, err = run(clean_corpus, arguments, capfd)
    assert code == 0 and "raw: a folder, of which these files are read (2): a/a.jsonl, b.txt" in err
    assert "warning: " in err and "x.pdf (a PDF)" in err
    assert list(Corpus([f"{tmp_path}/out/part-00000.txt.zst"]).documents()) == [["첫 문장입니다."], ["둘째 문장입니다."]]

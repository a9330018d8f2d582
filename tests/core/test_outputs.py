"""An output is never an input, takes the place of nothing foreign, and can be written when the work is done."""

import os
import socket

import pytest

from electra_pretrain.core import marks
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.outputs import Input, OutputFile, OutputFolder, check, files_of
from electra_pretrain.core.places import holds, place, same


def never(path):
    return False


def refused(outputs, inputs=(), overwrite=False):
    with pytest.raises(UserError) as caught:
        check(outputs, inputs, overwrite)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """A folder with a corpus, a link to it, and another name of one of its files."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / "a.txt").write_text("text\n")
    (tmp_path / "link").symlink_to("c")
    (tmp_path / "soft").symlink_to("c/a.txt")
    os.link("c/a.txt", "hard")
    return tmp_path


def test_holds():
    assert holds(".", "./a/b") and holds("c", "c/") and holds(".", "a/../b") and holds("link", "c/new")
    assert not holds("a", "ab") and not holds("a", "b") and not holds("c/a.txt", "c")
    assert holds("/", "c") and same("hard", "c/a.txt") and not same("c", "c/a.txt")


def test_names_in_buckets():
    assert holds("gs://b/a", "gs://b/a/c") and not holds("gs://b/a", "gs://b/ab") and not holds("a", "gs://b/a")
    assert same("gs://b//a/./x/../c/", "GS://B/a/c") and not same("gs://b/A", "gs://b/a") and holds("gs://b", "gs://b/a")
    assert place("gs://b/../../a").name == "gs://b/a"


@pytest.mark.parametrize("path", ["c/a.txt", "{here}/c/a.txt", "c/../c/./a.txt", "link/a.txt", "soft", "hard"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_an_output_that_is_an_input_is_refused_however_it_is_spelled(here, path, overwrite):
    line = refused([OutputFile("--html", path.format(here=here), lambda path: True)], [Input("--corpus", "c/a.txt")], overwrite)
    assert "which is read (--corpus)" in line
    assert (here / "c" / "a.txt").read_text() == "text\n"


@pytest.mark.parametrize("path", ["c/new", "link/deep/er/new", "{here}/c/new"])
def test_an_output_among_the_inputs_is_refused(here, path):
    path = path.format(here=here)
    assert "all of which is read (--data)" in refused([OutputFile("--html", path, never)], [Input("--data", "c")])
    assert "all of which is read (--data)" in refused([OutputFolder("--output", path)], [Input("--data", "link/")])
    check([OutputFile("--html", path, never), OutputFolder("--output", "c/out")], [Input("--corpus", "c/a.txt")])


@pytest.mark.parametrize("path", ["c", "./c/", ".", "..", "link", "{here}"])
def test_a_folder_that_holds_an_input_is_refused(here, path):
    assert "which is read (--corpus)" in refused(
        [OutputFolder("--output", path.format(here=here))], [Input("--corpus", "soft")]
    )


def test_two_outputs_are_two_files(here):
    one, made = OutputFile("--output", "o.txt", never), OutputFolder("--output", "o", r"part-\d+|corpus\.json|\.work-.*")
    assert "is --output, too" in refused([one, OutputFile("--json", f"{here}/o.txt", never)])
    for name in ("o/part-1", "link/../o/corpus.json", "o/.work-1/x", "o"):
        assert "is the name of something that --output o will hold" in refused([OutputFile("--dropped", name, never), made])
    assert "lies in --output o, which is read as a whole later" in refused([made, OutputFile("--dropped", "o/d.jsonl", never)])
    check([made, OutputFile("--dropped", "d.jsonl", never), OutputFile("--html", None, never)], [Input("--vocab", None)])


def test_what_the_command_did_not_make_stays(here):
    (here / "empty").touch()
    check([OutputFile("--html", "empty", never), OutputFile("--json", "none", never)], [])
    output = OutputFile("--html", "hard", never)
    assert "a file of 5 bytes lies there that this command did not make" in (line := refused([output]))
    assert line.endswith("--overwrite")
    check([output], [], overwrite=True)
    check([output._replace(is_ours=lambda path: path == "hard")], [])

    def unreadable(path):
        raise ValueError

    assert "--overwrite" in refused([output._replace(is_ours=unreadable)])


def test_beside_the_files_of_a_run_others_may_come_to_lie(here):
    (here / "run").mkdir()
    (here / "run" / "config.json").write_text("{}")
    read = files_of("--model_dir", "run")
    check([OutputFile("--html", "run/page.html", never), OutputFolder("--output", "run/exported")], read)
    assert "which is read" in refused([OutputFile("--html", "run/config.json", never)], read, overwrite=True)
    assert "holds run/config.json, which is read" in refused([OutputFolder("--output", "run")], read)
    assert files_of("--model_dir", "nowhere") == []


def test_no_device_pipe_socket_folder_or_dangling_link_is_replaced(here):
    os.mkfifo("pipe")
    os.symlink("nowhere", "dangling")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("socket")
        device = os.ttyname(os.openpty()[1])  # a terminal of our own: if this fails, none that others need is gone
        kinds = {device: "a device", "pipe": "a pipe", "socket": "a socket", "dangling": "a link that leads nowhere"}
        for path, kind in kinds.items():
            assert f"there lies {kind}" in refused([OutputFile("--html", path, never)], overwrite=True)
    for path in ("c", "c/", "new/"):
        assert "is a folder; name a file in it" in refused([OutputFile("--html", path, never)], overwrite=True)


def test_what_could_not_be_written_in_the_end_is_refused_at_the_start(here, monkeypatch):
    for path in ("hard", "hard/x", "hard/x/y"):
        assert "is no folder" in refused([OutputFolder("--output", path)])
        assert "is no folder" in refused([OutputFile("--html", f"{path}/a", never)])
    assert "name too long" in refused([OutputFile("--html", "n" * 250, never)]).lower()
    assert "names nothing" in refused([OutputFolder("--output", "")])
    assert "only read from" in refused([OutputFolder("--output", "hf://datasets/o/n/x")])
    check([OutputFile("--html", "new/deep/a", never), OutputFolder("--output", "new/b")], [])
    assert not (here / "new").exists()
    monkeypatch.setattr(os, "access", lambda path, mode: path != str(here / "c"))
    assert "is not writable" in refused([OutputFile("--html", "c/new/a", never)])


def test_what_killed_runs_left_goes(here):
    dead = f"tmp-{10**30}-{socket.gethostname()}"
    gone = [f"page.html.{dead}"]
    kept = ["page.html.tmp-1-x", f"other.{dead}", f"o/part-1.{dead}"]  # a folder's go under its lock
    (here / "o").mkdir()
    for name in gone + kept:
        (here / name).write_text("half")
    check([OutputFile("--html", "page.html", never), OutputFolder("--output", "o", r"part-\d+")], [])
    assert [(here / name).exists() for name in gone + kept] == [False, True, True, True]


def test_marks_are_known_again_and_only_by_their_command(here):
    contents = {
        "page": f"<!DOCTYPE html>\n{marks.of_page('plot_run')}".encode(),
        "picture": b"\x89PNG\r\n\x1a\n....tEXtSoftware\0electra_pretrain plot_run....",
        "table": f"{marks.of_markdown('plot_run')}| a |".encode(),
        "program": f"{marks.of_program('plot_run')}HloModule".encode(),
    }
    for name, content in contents.items():
        (here / name).write_bytes(content)
        assert marks.made_by("plot_run")(name) and not marks.made_by("compare")(name)
    (here / "mine").write_text("I ran electra_pretrain plot_run\n" + marks.of_page("plot_run") + marks.of_markdown("plot_run"))
    assert not marks.made_by("plot_run")("mine")


@pytest.mark.parametrize("suffix", ["", ".gz", ".xz", ".zst", ".bz2"])
def test_json_lines_are_known_by_their_first_names(here, suffix):
    from electra_pretrain.core.compression import compressed

    for name, text, ours in [
        ("ours", '{"number": 3, "reason": "near", "file": "a"}\n', True),
        ("quoted", '{"number": "3 \\" , ", "reason": "near"}\n', True),
        ("none", "", True),
        ("others", '{"reason": "near", "number": 3}\n', False),
        ("text", "number, reason\n", False),
    ]:
        path = f"{name}{suffix}"
        (here / path).write_bytes(compressed(path, text.encode()))
        assert marks.json_lines("number", "reason")(path) == ours, name

"""Work that goes on: fingerprints that stay what they were, markers of the same work alone, work folders that tell whose."""

import os
import tempfile

import pytest

from electra_pretrain.core.errors import UserError
from electra_pretrain.execution import resume
from electra_pretrain.execution.resume import Marker, WorkFolder, work_folder


def test_a_fingerprint_is_of_the_values_not_of_their_order():
    """Written down: finished folders hold fingerprints, and must not be taken for others' by a later version."""
    assert resume.fingerprint({"b": [1, "가"], "a": None}) == resume.fingerprint({"a": None, "b": [1, "가"]})
    assert resume.fingerprint({"b": [1, "가"], "a": None}) == "6f5b05e465fd40e8"
    assert resume.fingerprint({"b": [2, "가"], "a": None}) != "6f5b05e465fd40e8"


def test_the_same_fingerprint_passes_and_another_is_refused():
    resume.check_fingerprint("out", "ab", "ab", "text")
    with pytest.raises(UserError, match="^out: holds text of other input or settings; choose another --output, or move this"):
        resume.check_fingerprint("out", "ab", "cd", "text")


def test_sources_tell_an_edited_file_of_the_same_size(tmp_path):
    path = tmp_path / "a.txt"
    found = []
    for text in ("가", "나"):
        path.write_text(text)
        found += resume.sources([str(path)])
    assert [(source["path"], source["bytes"]) for source in found] == [(str(path), 3)] * 2
    assert found[0]["sha256"] != found[1]["sha256"]


@pytest.mark.parametrize("result", [0, False, [], {"a": 1}, [1, [2]]])
def test_a_marker_holds_what_came_of_the_task(tmp_path, result):
    marker = Marker(str(tmp_path / "task.json"), "key")
    assert marker.result() is None
    marker.save(result)
    assert marker.result() == result
    assert marker._replace(key="other").result() is None
    marker.remove()
    assert marker.result() is None
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("text", ["[1, 2]", "true", '{"key": "key", "counts": {}, "examples": [1]}', '{"documents": 1}'])
def test_a_file_that_is_no_marker_is_no_finished_task(tmp_path, text):
    (tmp_path / "task.json").write_text(text)
    assert Marker(str(tmp_path / "task.json"), "key").result() is None


def test_unfinished_work_lies_in_the_output_or_where_others_cannot_mistake_it():
    assert work_folder("c", "k", "out", None) == WorkFolder("out/.c-k", "out", ".c-")
    assert work_folder("c", "k", "out/", None) == work_folder("c", "k", "out", "out/") == work_folder("c", "k", "out", None)
    shared = [work_folder("c", "k", output, "/shared").path for output in ("one", "other", "one/")]
    assert shared[0].startswith("/shared/.c-k-") and shared[0] == shared[2] != shared[1]
    assert work_folder("c", "k", "gs://b/out", None).path.startswith(f"{tempfile.gettempdir()}/.c-k-")
    assert work_folder("c", "k", "gs://b/out", "gs://b/work").path.startswith("gs://b/work/.c-k-")


def test_foreign_files_are_refused_unless_the_command_was_begun(tmp_path):
    folder = work_folder("c", "k", str(tmp_path), None)
    folder.check_foreign([], "mine")
    with pytest.raises(UserError, match=f"^{tmp_path}: holds a and 1 more, which is mine$"):
        folder.check_foreign(["a", "b"], "which is mine")
    (tmp_path / ".c-other").mkdir()
    folder.check_foreign(["a", "b"], "which is mine")


def test_removed_is_every_work_folder_of_the_command_and_nothing_else(tmp_path):
    for name in (".c-k", ".c-other", ".d-k", "part"):
        (tmp_path / name).mkdir()
    work_folder("c", "k", str(tmp_path), None).remove()
    assert sorted(os.listdir(tmp_path)) == [".d-k", "part"]


@pytest.mark.parametrize("content", [b"", bytes(20), b'{"key": "key"', b"\xff"])
def test_a_damaged_marker_says_nothing(tmp_path, content):
    """A power cut may leave one; the task is done again."""
    marker = Marker(str(tmp_path / "task.json"), "key")
    (tmp_path / "task.json").write_bytes(content)
    assert marker.result() is None

"""Notebooks hold nothing of a run, and run from end to end on a CPU, twice: the second time they go on from the first.

Their commands, links and names are held like those of pages, by the other modules here (`pages.read`).
"""

import json
import os
import re
import stat
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.docs import pages

NOTEBOOKS = pages.notebooks()
# Small enough for two cores; the rest of the settings stay as they are shown.
SMALL = "--set training.save_checkpoints_steps=4 --set training.iterations_per_loop=2 --set training.num_eval_steps=1"
by_name = pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)


def cells_of(notebook):
    return json.loads(notebook.read_text(encoding="utf-8"))["cells"]


def test_there_is_one_for_each_place():
    assert [path.stem for path in NOTEBOOKS] == ["colab", "kaggle"]


@by_name
def test_holds_nothing_of_a_run(notebook):
    for cell in cells_of(notebook):
        assert cell["cell_type"] in ("markdown", "code")
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [] and cell["execution_count"] is None, cell["id"]


@by_name
def test_text_is_written_as_one_does_by_hand(notebook):
    """So that a change of a cell is a change of its lines."""
    text = notebook.read_text(encoding="utf-8")
    assert text == json.dumps(json.loads(text), indent=1, ensure_ascii=False) + "\n"


@by_name
def test_every_setting_is_used(notebook):
    cells = cells_of(notebook)
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    for name in pages.settings(cells):
        assert len(re.findall(rf"\b{name}\b", code)) > 1, name


def test_the_two_differ_in_no_command():
    """Where one is mended, the other is too."""
    assert len({tuple("".join(cell["source"]) for cell in cells_of(path) if cell["id"] in SHARED) for path in NOTEBOOKS}) == 1


SHARED = {"shell", "install", "devices", "records", "train", "export", "check"}


@pytest.fixture
def programs(tmp_path):
    """A folder of programs for a notebook's PATH; make one with `programs(name, lines of a shell script)`."""
    folder = tmp_path / ".bin"
    folder.mkdir()

    def make(name, script):
        program = folder / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        return folder

    return make


@by_name
@pytest.mark.parametrize(("code", "ends_well"), [(0, True), (75, True), (1, False), (137, False)])
def test_a_stop_in_good_order_is_no_failure(notebook, code, ends_well, programs):
    folder = programs("run_pretraining", f"exit {code}")
    (train,) = ("".join(cell["source"]) for cell in cells_of(notebook) if cell["id"] == "train")
    environment = {
        **os.environ,
        **pages.settings(cells_of(notebook)),
        "DTYPE": "float32",
        "PATH": f"{folder}:{os.environ['PATH']}",
    }
    done = subprocess.run(["bash"], input=train.removeprefix("%%bash\n"), text=True, env=environment, check=False)
    assert (done.returncode == 0) is ends_well


@by_name
def test_time_that_is_up_is_told_to_training(notebook, programs):
    """By SIGTERM, on which it saves."""
    folder = programs("run_pretraining", "trap 'exit 75' TERM\nsleep 20 &\nwait $!\nexit 1")
    (train,) = ("".join(cell["source"]) for cell in cells_of(notebook) if cell["id"] == "train")
    environment = {**os.environ, **pages.settings(cells_of(notebook)), "TIME": "1s", "PATH": f"{folder}:{os.environ['PATH']}"}
    done = subprocess.run(["bash"], input=train.removeprefix("%%bash\n"), text=True, env=environment, check=False)
    assert done.returncode == 0


def executed(notebook, settings, environment, folder):
    """Run all cells, with other settings than those shown; return what they printed, cell by cell."""
    import nbclient
    import nbformat

    book = nbformat.read(notebook, as_version=4)
    nbformat.validate(book)
    place = 1 + next(number for number, cell in enumerate(book.cells) if "parameters" in cell.metadata.get("tags", []))
    assigned = "\n".join(f"{name} = {value!r}" for name, value in settings.items())
    book.cells.insert(place, nbformat.v4.new_code_cell(assigned, id="of-the-test"))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        nbclient.NotebookClient(book, timeout=900, kernel_name="python3", resources={"metadata": {"path": folder}}).execute()
    return {
        cell.id: "".join(output.get("text", "") or output.get("data", {}).get("text/plain", "") for output in cell.outputs)
        for cell in book.cells
        if cell.cell_type == "code"
    }


@pytest.mark.slow
@by_name
def test_runs_on_a_cpu_and_goes_on_in_the_next_session(notebook, tmp_path, programs):
    programs("pip", f'echo "$@" >> {tmp_path}/pip.txt')
    programs("python", f'exec {sys.executable} "$@"')
    folder = programs("run_pretraining", f'exec {sys.executable} -m electra_pretrain.run_pretraining "$@"')
    environment = {
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "PATH": f"{folder}:{os.environ['PATH']}",
        "CUDA_VISIBLE_DEVICES": "",
    }
    work, kept = tmp_path / "working" / "electra", tmp_path / "input" / "earlier"
    settings = {"WORK": str(work), "PREVIOUS": str(tmp_path / "input"), "SOURCE": "git+file:///elsewhere"}

    first = executed(notebook, {**settings, "OPTIONS": f"{SMALL} --set training.num_train_steps=4"}, environment, tmp_path)
    assert "computes in float32" in first["devices"]
    assert (tmp_path / "pip.txt").read_text() == "install -q electra_pretrain[cuda] @ git+file:///elsewhere\n"
    assert "going on" not in first["train"]
    assert "token_str" in first["check"]
    if notebook.stem == "kaggle":  # a new session has only the output of the one before
        kept.mkdir(parents=True)
        work.rename(kept / "electra")

    second = executed(notebook, {**settings, "OPTIONS": f"{SMALL} --set training.num_train_steps=8"}, environment, tmp_path)
    assert "going on from step 4" in second["train"]
    assert [row["step"] for row in metrics(work, "heldout")] == [4, 8]
    assert "token_str" in second["check"]


def metrics(work, kind):
    rows = map(json.loads, (work / "run" / "metrics.jsonl").read_text().splitlines())
    return [row for row in rows if row["kind"] == kind]

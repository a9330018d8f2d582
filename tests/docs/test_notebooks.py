"""Notebooks hold nothing of a run, and run from end to end on a CPU, twice: the second time they go on from the first.

Their commands, links and names are held like those of pages, by the other modules here (`pages.read`), their Python by ruff.
"""

import ast
import json
import os
import re
import shutil
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from electra_pretrain.config.load import load_config
from tests.conftest import ROOT
from tests.docs import pages
from tests.docs.test_commands_shown import parse_command

NOTEBOOKS = pages.notebooks()
# Small enough for two cores; the rest of the settings stay as they are shown.
SMALL = "--set training.save_checkpoints_steps=4 --set training.iterations_per_loop=2 --set training.num_eval_steps=1"
TPU = "--tpu local"
# What the installation gives pip; it clones with git before.
GPU_INSTALLATION = ["install -q electra_pretrain[cuda] @ git+file:///elsewhere"]
UNINSTALLED = "uninstall -q -y tensorflow tensorflow-cpu tensorflow-text"
TPU_INSTALLATION = [
    UNINSTALLED,
    "install -q -r CHECKOUT/the-requirements.txt",
    "install -q CHECKOUT",
]
by_name = pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
on_kaggle = pytest.mark.parametrize(
    "notebook", [path for path in NOTEBOOKS if "kaggle" in path.stem], ids=lambda path: path.stem
)


def cells_of(notebook):
    return json.loads(notebook.read_text(encoding="utf-8"))["cells"]


def source_of(notebook, name):
    (source,) = ("".join(cell["source"]) for cell in cells_of(notebook) if cell["id"] == name)
    return source


def test_there_is_one_for_each_place():
    assert [path.stem for path in NOTEBOOKS] == ["colab", "kaggle", "kaggle_tpu"]


@by_name
def test_holds_nothing_of_a_run(notebook):
    import nbformat

    nbformat.validate(nbformat.read(notebook, as_version=4))
    for cell in cells_of(notebook):
        assert cell["cell_type"] in ("markdown", "code")
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [] and cell["execution_count"] is None, cell["id"]


@by_name
def test_text_is_written_as_one_does_by_hand(notebook):
    """So that a change of a cell is a change of its lines."""
    text = notebook.read_text(encoding="utf-8")
    assert text == json.dumps(json.loads(text), indent=1, ensure_ascii=False) + "\n"


@pytest.mark.parametrize("command", ["check", "format --check"])
def test_python_is_linted_as_the_package_is(command):
    """All cells together, so that no name is used before the cell that makes it."""
    done = subprocess.run(
        [sys.executable, "-m", "ruff", *command.split(), *NOTEBOOKS], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@by_name
def test_every_setting_is_used(notebook):
    cells = cells_of(notebook)
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    for name in pages.settings(cells):
        assert len(re.findall(rf"\b{name}\b", code)) > 1, name


@by_name
def test_the_real_thing_is_one_that_the_commands_take(notebook):
    """The settings that its text names are settings, its config ships, and options and device parse."""
    settings, text = pages.settings(cells_of(notebook)), source_of(notebook, "real")
    named = {name: str(ast.literal_eval(value)) for name, value in re.findall(r"`([A-Z]+) = (.+?)`", " ".join(text.split()))}
    assert {"CONFIG", "OPTIONS", "VOCABULARY", "LENGTH"} <= set(named) <= set(settings)
    real = {**settings, **named}
    words = [
        "--config",
        real["CONFIG"],
        "--data",
        "data",
        "--model_dir",
        "run",
        *real["DEVICE"].split(),
        *real["OPTIONS"].split(),
    ]
    parse_command("run_pretraining", words, relaxed=False)
    config = load_config(real["CONFIG"], [])
    assert f"--vocab_size {config.data.vocab_size}" == real["VOCABULARY"]
    assert config.data.max_seq_length == int(real["LENGTH"])


def test_the_three_differ_in_no_command():
    """Where one is mended, the others are too."""
    for name in ("shell", "records-text", "records", "preflight", "time", "train"):
        assert len({source_of(path, name) for path in NOTEBOOKS}) == 1, name
    kaggle, kaggle_tpu = (path for path in NOTEBOOKS if "kaggle" in path.stem)
    for name in ("previous", "bucket", "train-text", "export-text", "export", "check"):
        assert source_of(kaggle, name) == source_of(kaggle_tpu, name), name


def test_weeks_are_those_of_the_estimate_and_of_the_published_runs():
    """Of the page's table: seconds as in tpu_check.md, hours of all steps of the config, weeks of 17.75 hours."""
    checked, page = (
        pages.tables((ROOT / "docs" / f"{name}.md").read_text(encoding="utf-8")) for name in ("tpu_check", "notebooks")
    )
    estimated = {(row[0], row[1]): row[5] for row in checked[0][1:]}
    published = {"`small_v3.json`": 7 * 24, "`base_v3.json`": 14 * 24}
    (table,) = (table for table in page if table[0][0] == "config")
    assert len(table) == 5
    for config, tpu, step, hours, weeks, published_hours, published_weeks in table[1:]:
        assert step == estimated[config, tpu]
        steps = load_config(config.strip("`"), []).training.num_train_steps
        assert in_hours(hours) == pytest.approx(steps * float(step.removesuffix(" s")) / 3600, rel=0.005)
        slower = published[config] / (steps * float(estimated[config, "v3-8"].removesuffix(" s")) / 3600)
        assert in_hours(published_hours) == pytest.approx(in_hours(hours) * slower, rel=0.005)
        for some, in_weeks in ((hours, weeks), (published_hours, published_weeks)):
            assert float(in_weeks) == pytest.approx(in_hours(some) / 17.75, abs=0.06)


def in_hours(cell):
    return float(cell.removesuffix(" h"))


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


def run_cell(notebook, name, folder, change=("", ""), **settings):
    """Run a cell of shell commands with stand-ins for programs, and settings other than those shown."""
    shown = {**pages.settings(cells_of(notebook)), "DTYPE": "float32", "LEFT": "60", **settings}
    environment = {**os.environ, **shown, "PATH": f"{folder}:{os.environ['PATH']}"}
    script = source_of(notebook, name).removeprefix("%%bash\n").replace(*change)
    return subprocess.run(["bash"], input=script, text=True, env=environment, capture_output=True, check=False)


def stand_in_for_installation(programs, tmp_path):
    """Programs that write down what they are given; return what reads it, the checkout's folder by one name."""
    for name in ("pip", "git"):
        programs(name, f'echo "$@" >> {tmp_path}/{name}.txt')
    programs("mktemp", "echo CHECKOUT")
    return lambda name: (tmp_path / f"{name}.txt").read_text().splitlines()


@pytest.mark.parametrize(
    ("name", "device", "expected"),
    [
        ("colab", "", GPU_INSTALLATION),
        ("colab", TPU, TPU_INSTALLATION),
        ("kaggle", "", GPU_INSTALLATION),
        ("kaggle_tpu", TPU, TPU_INSTALLATION),
        ("kaggle_tpu", "", [UNINSTALLED, "install -q electra_pretrain @ git+file:///elsewhere"]),
    ],
)
def test_what_is_installed_is_for_the_device(name, device, expected, programs, tmp_path):
    given = stand_in_for_installation(programs, tmp_path)
    (notebook,) = (path for path in NOTEBOOKS if path.stem == name)
    done = run_cell(
        notebook,
        "install",
        tmp_path / ".bin",
        DEVICE=device,
        REQUIREMENTS="the-requirements.txt",
        SOURCE="git+file:///elsewhere",
    )
    assert done.returncode == 0, done.stderr
    assert given("pip") == expected
    if device:
        assert given("git") == ["clone -q --depth 1 file:///elsewhere CHECKOUT"]


def test_the_requirements_that_are_installed_exist():
    named = [settings["REQUIREMENTS"] for path in NOTEBOOKS if "REQUIREMENTS" in (settings := pages.settings(cells_of(path)))]
    assert len(named) == 2 and all((ROOT / name).is_file() for name in named)


@by_name
def test_an_installation_that_fails_is_told(notebook, programs, tmp_path):
    programs("git", "exit 0")
    folder = programs("pip", 'case "$*" in *requirements* | *cuda*) exit 1 ;; esac')
    assert run_cell(notebook, "install", folder, SOURCE="git+file:///elsewhere").returncode == 1


@by_name
def test_an_owner_that_was_not_put_in_is_told(notebook, programs, tmp_path):
    stand_in_for_installation(programs, tmp_path)
    done = run_cell(notebook, "install", tmp_path / ".bin")
    assert done.returncode == 1 and done.stdout.startswith("SOURCE, in the first cell: put in who owns")
    assert not (tmp_path / "pip.txt").exists()


@pytest.mark.parametrize("begun", [True, False])
@pytest.mark.parametrize("notebook", [path for path in NOTEBOOKS if path.stem != "kaggle_tpu"], ids=lambda path: path.stem)
def test_a_run_keeps_the_type_it_began_with(notebook, begun, tmp_path, monkeypatch):
    """Wherever it lies: a bucket is read as a folder is."""
    monkeypatch.setenv("DTYPE", "")
    monkeypatch.setenv("PATH", "")  # no nvidia-smi
    if begun:
        (tmp_path / "config.json").write_text('{"training": {"compute_dtype": "float16"}}')
    names = {"CORPUS": "x", "RUN": str(tmp_path), "DEVICE": "", "os": os, "shutil": shutil, "Path": Path}
    exec(source_of(notebook, "devices"), names)
    assert os.environ["DTYPE"] == ("float16" if begun else "float32")
    assert "files.exists" in names["read"], "by the package, which knows buckets"


@by_name
@pytest.mark.parametrize("saved", [False, True])
@pytest.mark.parametrize("code", [0, 75, 1, 137, 143])
def test_training_fails_its_cell_only_where_nothing_is_saved(notebook, code, saved, programs, tmp_path):
    """What comes after it runs, and Kaggle keeps what is saved, whatever ended it."""
    if saved:
        (tmp_path / "model.ckpt-4.index").touch()
    done = run_cell(notebook, "train", programs("run_pretraining", f"exit {code}"), RUN=str(tmp_path))
    assert (done.returncode == 0) is (saved or code in (0, 75))
    assert ("TRAINING FAILED" in done.stdout) is (code not in (0, 75))
    assert ("model.ckpt-4.index" in done.stdout) is (saved and code not in (0, 75))


@by_name
def test_time_that_is_up_is_told_to_training(notebook, programs):
    """By SIGTERM, on which it saves."""
    folder = programs("run_pretraining", "trap 'exit 75' TERM\nsleep 20 > /dev/null 2>&1 &\nwait $!\nexit 1")
    assert run_cell(notebook, "train", folder, LEFT="1").returncode == 0


@by_name
def test_with_no_time_left_nothing_is_trained(notebook, programs, tmp_path):
    """`timeout 0` would be no limit at all."""
    done = run_cell(notebook, "train", programs("run_pretraining", "exit 1"), LEFT="0")
    assert done.returncode == 0 and "FAILED" not in done.stdout


@by_name
def test_training_that_hangs_is_ended(notebook, programs, tmp_path):
    """What it had saved outlives the session."""
    (tmp_path / "model.ckpt-4.index").touch()
    folder = programs("run_pretraining", "trap '' TERM\nsleep 20 > /dev/null 2>&1\nexit 0")
    done = run_cell(notebook, "train", folder, ("--kill-after=10m", "--kill-after=1s"), LEFT="1", RUN=str(tmp_path))
    assert done.returncode == 0 and "TRAINING FAILED" in done.stdout


@by_name
@pytest.mark.parametrize(("gone", "left"), [(0, 9000), (3600, 5400), (9000, 0), (99999, 0)])
def test_time_left_is_counted_from_the_session(notebook, gone, left, monkeypatch):
    for name in ("A_NAME", "END", "LEFT"):
        monkeypatch.delenv(name, raising=False)
    names = {"HOURS": 2.5, "A_NAME": "said"}
    monkeypatch.setattr(time, "time", lambda: 1e9)
    exec(source_of(notebook, "shell"), names)
    assert os.environ["A_NAME"] == "said"
    monkeypatch.setattr(time, "time", lambda: 1e9 + gone)
    exec(source_of(notebook, "time"), names)
    assert os.environ["LEFT"] == str(left)


@by_name
def test_time_is_up_before_the_session_is(notebook):
    """Kaggle gives twelve hours, nine with a TPU; Colab's Drive has been known to leave before ten."""
    given = {"colab": 9.5, "kaggle": 12, "kaggle_tpu": 9}[notebook.stem]
    assert given - 0.5 == float(pages.settings(cells_of(notebook))["HOURS"])


@by_name
def test_records_that_are_there_are_not_made_again(notebook, programs, tmp_path):
    (tmp_path / "manifest.json").touch()
    done = run_cell(notebook, "records", programs("python", "exit 1"), DATA=str(tmp_path), WORK=str(tmp_path / "work"))
    assert done.returncode == 0 and not (tmp_path / "work").exists()


@on_kaggle
def test_an_export_that_fails_is_printed_and_does_not_end_the_notebook(notebook, programs, tmp_path, monkeypatch, capsys):
    """Kaggle keeps nothing of a version that ends with an error."""
    done = run_cell(notebook, "export", programs("python", "exit 1"), WORK=str(tmp_path))
    assert done.returncode == 0 and "NOT EXPORTED" in done.stdout
    monkeypatch.setitem(sys.modules, "transformers", None)
    exec(source_of(notebook, "check"), {"WORK": str(tmp_path)})
    assert "NOT LOADED" in capsys.readouterr().out


@on_kaggle
@pytest.mark.parametrize("attached", [True, False])
def test_the_run_goes_on_and_records_that_are_attached_stay_where_they_are(notebook, attached, tmp_path):
    for name in ("a/electra/run", "b/electra/data", "b/electra/run", "c/electra/data"):
        (tmp_path / "input" / name).mkdir(parents=True)
    shutil.rmtree(tmp_path / "input" / "a" / "electra" / "run")
    work = tmp_path / "working" / "electra"
    data = tmp_path / "input" / "c" / "electra" / "data" if attached else work / "data"
    names = {"WORK": str(work), "DATA": str(data), "RUN": str(work / "run"), "PREVIOUS": str(tmp_path / "input")}
    exec(source_of(notebook, "previous"), names)
    assert sorted(path.name for path in work.iterdir()) == (["run"] if attached else ["data", "run"])
    exec(source_of(notebook, "previous"), names)  # run again, nothing is copied over what is there


@on_kaggle
def test_a_key_is_asked_for_only_where_a_bucket_is_named(notebook, monkeypatch):
    monkeypatch.setitem(sys.modules, "kaggle_secrets", None)
    exec(source_of(notebook, "bucket"), {"RUN": "/kaggle/working/electra/run"})
    with pytest.raises(ImportError):
        exec(source_of(notebook, "bucket"), {"RUN": "gs://bucket/run"})


def executed(notebook, settings, environment, folder):
    """Run all cells, with other settings than those shown; return what they printed, cell by cell."""
    import nbclient
    import nbformat

    book = nbformat.read(notebook, as_version=4)
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
    """All cells, on records of the text that ships; stand-ins for pip and git are all that is left out.

    On Kaggle a session has only the output of the one before; here the first makes records alone, which then cannot be written.
    """
    given = stand_in_for_installation(programs, tmp_path)
    programs("python", f'exec {sys.executable} "$@"')
    folder = programs("run_pretraining", f'exec {sys.executable} -m electra_pretrain.run_pretraining "$@"')
    environment = {
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
        "PATH": f"{folder}:{os.environ['PATH']}",
        "CUDA_VISIBLE_DEVICES": "",
        "HF_HUB_OFFLINE": "1",
    }
    work, previous = tmp_path / "working" / "electra", tmp_path / "input"
    settings = {"WORK": str(work), "DATA": str(work / "data"), "RUN": str(work / "run"), "SOURCE": "git+file:///elsewhere"}
    settings |= {"PREVIOUS": str(previous), "DEVICE": "", "HOURS": 0.5}

    if "kaggle" in notebook.stem:
        records = executed(notebook, {**settings, "HOURS": 0, "OPTIONS": SMALL}, environment, tmp_path)
        assert "NOT EXPORTED" in records["export"] and not (work / "run").exists()
        (previous / "records").mkdir(parents=True)
        work.rename(previous / "records" / "electra")
        settings["DATA"] = str(previous / "records" / "electra" / "data")
        Path(settings["DATA"]).chmod(0o555)
    first = executed(notebook, {**settings, "OPTIONS": f"{SMALL} --set training.num_train_steps=4"}, environment, tmp_path)
    assert "computes in float32" in first["devices"]
    assert (given("pip")[-1] == GPU_INSTALLATION[-1]) is (notebook.stem != "kaggle_tpu")
    assert "0.5 hours are left" in first["time"]
    assert "going on" not in first["train"]
    assert "token_str" in first["check"]
    if "kaggle" in notebook.stem:
        assert first["records"] == "" and not (work / "data").exists()
        (previous / "earlier").mkdir()
        work.rename(previous / "earlier" / "electra")

    second = executed(notebook, {**settings, "OPTIONS": f"{SMALL} --set training.num_train_steps=8"}, environment, tmp_path)
    assert second["records"] == ""
    assert "going on from step 4" in second["train"]
    assert [row["step"] for row in metrics(work, "heldout")] == [4, 8]
    assert "token_str" in second["check"]


def metrics(work, kind):
    rows = map(json.loads, (work / "run" / "metrics.jsonl").read_text().splitlines())
    return [row for row in rows if row["kind"] == kind]

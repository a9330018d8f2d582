"""What kill_test.py goes by: its table names every command that writes, and what a kill leaves behind is found."""

import importlib
import json
import random
import shlex
import subprocess
import sys

import pytest

from tests.conftest import ROOT

PRINT_ONLY = {"gpu_check", "tpu_check", "inspect_vocab"}
# What commands may do: write under a name that a rerun takes again, add to what is there, or write under a name of the process.
WHOLE = "import os, time; open('c/x.tmp', 'w').close(); time.sleep(0.3); os.replace('c/x.tmp', 'c/x')"
ADDS = "import time; open('c/x', 'a').write('begun '); time.sleep(0.3)"
LEAVES = "import os, time; name = f'c/x.tmp-{os.getpid()}'; open(name, 'w').close(); time.sleep(0.3); os.replace(name, 'c/x')"


@pytest.fixture
def kill_test(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    return importlib.import_module("kill_test")


def test_every_command_that_writes_is_in_the_table_and_its_words_are_understood(kill_test, monkeypatch):
    monkeypatch.chdir(ROOT)
    called = set()
    for case in kill_test.CASES:
        name, *words = shlex.split(case.command)
        importlib.import_module(f"electra_pretrain.{name}").parse_args(words)
        called.add(name)
    commands = {path.stem for path in (ROOT / "electra_pretrain").glob("*.py")} - {"__init__"}
    assert called == commands - PRINT_ONLY


def test_a_case_comes_after_those_that_it_needs(kill_test):
    names = [case.name for case in kill_test.CASES]
    assert all(names.index(need) < names.index(case.name) for case in kill_test.CASES for need in case.needs)
    chosen = [case.name for case in kill_test.with_needs(kill_test.CASES, ["compare"])]
    assert chosen == ["train_vocab", "build_data", "run_pretraining", "export_hf", "finetune", "compare"]


@pytest.fixture
def folders(tmp_path):
    for name in ("straight", "killed"):
        (tmp_path / name / "inner").mkdir(parents=True)
        (tmp_path / name / "inner" / "results.json").write_text(json.dumps({"score": 1, "runs": [{"train_seconds": name}]}))
        (tmp_path / name / "weights").write_bytes(b"\0\1")
    return tmp_path / "straight", tmp_path / "killed"


def test_times_aside_two_folders_are_the_same(kill_test, folders):
    case = kill_test.Case("c", "c", aside=("seconds",))
    assert kill_test.differences(*folders, case) == []
    assert kill_test.differences(*folders, case._replace(aside=())) == ["inner/results.json differs"]


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("weights", "\0\2", "weights differs"),
        ("inner/results.json", '{"score": 2, "runs": [{}]}', "inner/results.json differs"),
        ("inner/weights.tmp-17-host", "", "only in one: inner/weights.tmp-17-host"),
    ],
)
def test_what_a_kill_could_leave_behind_is_found(kill_test, folders, name, text, told):
    (folders[1] / name).write_text(text)
    assert kill_test.differences(*folders, kill_test.Case("c", "c", aside=("seconds",))) == [told]


@pytest.mark.parametrize(
    ("program", "told"), [(WHOLE, []), (ADDS, ["x differs"]), (LEAVES, ["only in one"]), ("1 / 0", ["ended by itself"])]
)
def test_a_command_that_a_kill_harms_is_found(kill_test, tmp_path, monkeypatch, program, told):
    def start(case, place):
        return subprocess.Popen([sys.executable, "-S", "-c", case.command], cwd=place, stderr=subprocess.DEVNULL)

    monkeypatch.setattr(kill_test, "start", start)
    case = kill_test.Case("c", program)
    kill_test.prepare(case, tmp_path / "straight")
    start(case, tmp_path / "straight").wait()
    kills, found = kill_test.run_killed(case, tmp_path, 0.28, 4, random.Random(1))
    assert [line.split(":")[0][: len(start)] for line, start in zip(found, told, strict=True)] == told
    assert kills or program == "1 / 0"


@pytest.mark.slow
def test_every_command_killed_ends_in_the_same_bytes(tmp_path):
    script = str(ROOT / "scripts" / "kill_test.py")
    result = subprocess.run([sys.executable, script, "--folder", str(tmp_path / "killed")], capture_output=True, text=True)
    print(result.stdout)
    assert result.returncode == 0, result.stdout + result.stderr

"""A run's checkpoints fine-tuned: nothing twice, nothing lost by a kill or a vanished checkpoint, true tables and curves."""

import json
import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tensorflow as tf

from electra_pretrain import compare, evaluate_checkpoints
from electra_pretrain.core.errors import UserError
from electra_pretrain.evaluation import exports, report, sweep
from electra_pretrain.evaluation.cells import IMPORTED_STEP, RANDOM_STEP, Cell, Step, check_settings, to_json
from electra_pretrain.evaluation.sweep import Options
from electra_pretrain.plot.curves import labels
from electra_pretrain.train.loop import train
from electra_pretrain.train.start import prepare
from tests.conftest import MICRO, ROOT, changed
from tests.support.finetune_data import write_korsts, write_nsmc
from tests.support.stand_ins import score

MAIN = """
import sys
from electra_pretrain import evaluate_checkpoints
from electra_pretrain.evaluation import exports, sweep
sweep.FINETUNE = exports.EXPORT = "tests.support.stand_ins"
evaluate_checkpoints.main()
"""


def add_checkpoint(run, step):
    (run / f"model.ckpt-{step}.data-00000-of-00001").touch()
    (run / f"model.ckpt-{step}.index").touch()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A run of 400 steps with three checkpoints, two tasks' folders, and stand-ins for the commands that take long."""
    run = tmp_path / "run"
    run.mkdir()
    config = changed(MICRO, training={"num_train_steps": 400})
    (run / "config.json").write_text(json.dumps(config.to_dict()))
    for step in (100, 200, 250):
        add_checkpoint(run, step)
    write_nsmc(tmp_path / "data" / "nsmc", train=4, test=4)
    write_korsts(tmp_path / "data" / "korsts")
    monkeypatch.setenv("JOURNAL", str(tmp_path / "journal"))
    monkeypatch.setattr(exports, "EXPORT", "tests.support.stand_ins")
    monkeypatch.setattr(sweep, "FINETUNE", "tests.support.stand_ins")
    return tmp_path


def arguments(folder, *more):
    where = ["--model_dir", folder / "run", "--data", folder / "data", "--output", folder / "out"]
    return [str(word) for word in (*where, "--tasks", "nsmc,korsts", "--every", 100, "--seeds", 2, *more)]


ONE = ("--tasks", "nsmc", "--seeds", "1")


def evaluate(folder, *more):
    evaluate_checkpoints.evaluate_checkpoints(evaluate_checkpoints.parse_args(arguments(folder, *more)))


def started(folder, *more, **environment):
    return subprocess.Popen(
        [sys.executable, "-c", MAIN, *arguments(folder, *more)],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def journal(folder, kind="begin"):
    path = folder / "journal"
    lines = path.read_text().splitlines() if path.exists() else []
    return [line.removeprefix(f"{kind} ") for line in lines if line.startswith(kind)]


def wait_for(condition):
    for _ in range(600):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("did not come about within 30 s")


def test_each_cell_is_run_once_and_the_next_call_runs_what_is_new(folder, capsys):
    evaluate(folder)
    expected = [f"{step} {task} {seed}" for step in (100, 200, 250) for task in ("nsmc", "korsts") for seed in (0, 1)]
    assert journal(folder) == expected, "multiples of 100 and the last checkpoint"
    assert "| NSMC (acc) |" in re.sub(" +", " ", capsys.readouterr().out)
    evaluate(folder)
    assert journal(folder) == expected
    evaluate(folder, "--seeds", 3, "--random")
    third = [f"{step} {task} 2" for step in (100, 200, 250) for task in ("nsmc", "korsts")]
    random = [f"-1 {task} {seed}" for task in ("nsmc", "korsts") for seed in (0, 1, 2)]
    assert journal(folder)[len(expected) :] == random + third
    assert os.listdir(folder / "out" / "exports") == [], "models are removed once their cells are done"
    assert sorted(path.name for path in (folder / "run").glob("*.index")) == [
        f"model.ckpt-{step}.index" for step in (100, 200, 250)
    ]


def test_files_that_every_cell_would_end_with_are_refused_before_the_first_export(folder):
    rows = (folder / "data" / "nsmc" / "ratings_train.txt").read_text()
    (folder / "data" / "nsmc" / "ratings_train.txt").write_text("\n".join(rows.splitlines()[:2]) + "\n")
    with pytest.raises(UserError, match="nsmc: each of 1 training examples has the label"):
        evaluate(folder)
    assert not journal(folder) and not (folder / "out").exists()
    (folder / "data" / "nsmc" / "ratings_train.txt").write_text(rows)
    evaluate(folder)
    (folder / "data" / "nsmc" / "ratings_train.txt").unlink()
    evaluate(folder)  # all is done: the files are not needed
    with pytest.raises(UserError, match="no train split of nsmc"):
        evaluate(folder, "--seeds", 3)


def test_table_and_results_hold_means_and_sample_deviations(folder):
    evaluate(folder, "--seeds", 3)
    values = [score(200, "korsts", seed) for seed in range(3)]
    mean, deviation = np.mean(values), np.std(values, ddof=1)
    table = [
        [cell.strip() for cell in line.split("|")[1:-1]] for line in (folder / "out" / "table.md").read_text().splitlines()
    ]
    assert table[0] == ["step", "NSMC (acc)", "KorSTS (spearman)"]
    assert [row[0] for row in table[2:5]] == ["100", "200", "250"]
    assert table[3][2] == f"{mean:.2f} ± {deviation:.2f}"
    found = json.loads((folder / "out" / "results.json").read_text())
    assert len(found["cells"]) == 18
    (row,) = [row for row in found["means"] if (row["step"], row["task"], row["metric"]) == (200, "korsts", "spearman")]
    assert (row["mean"], row["deviation"], row["seeds"]) == pytest.approx((mean, deviation, 3))


def test_a_failed_cell_costs_itself_only_and_is_tried_again(folder, monkeypatch, capsys):
    monkeypatch.setenv("FAIL", "korsts 1")
    with pytest.raises(UserError, match="^3 failed, the rest is done"):
        evaluate(folder)
    assert len(journal(folder)) == 12 and len(journal(folder, "end")) == 9
    log = folder / "out" / "cells" / "step-100" / "korsts" / "seed-1.log"
    said = capsys.readouterr().err
    assert f"step 100, korsts, seed 1: finetune ended with code 1: finetune: error: out of memory (see {log})\n" in said
    assert "a warning" in log.read_text()
    assert "Of fewer seeds: korsts at step 100 (1)" in (folder / "out" / "table.md").read_text()
    for path in (folder / "run").glob("model.ckpt-100.*"):
        path.unlink()  # the run goes on, and keeps its newest ones only
    monkeypatch.delenv("FAIL")
    evaluate(folder)
    assert journal(folder)[12:] == [f"{step} korsts 1" for step in (100, 200, 250)]
    assert journal(folder, "export") == ["100", "200", "250"], "exports are kept until all their cells are done"
    assert os.listdir(folder / "out" / "exports") == []


def test_a_checkpoint_that_vanishes_is_left_out_and_said(folder, monkeypatch, capsys):
    monkeypatch.setenv("VANISH", "200")
    evaluate(folder, *ONE)
    assert "the run removed the checkpoint of step 200 before it was exported; it is left out\n" in capsys.readouterr().err
    assert {line.split()[0] for line in journal(folder)} == {"100", "250"}


def test_an_export_that_fails_is_no_vanished_checkpoint(folder, monkeypatch, capsys):
    monkeypatch.setenv("JOURNAL", str(folder / "missing" / "journal"))
    with pytest.raises(UserError, match="^3 failed"):
        evaluate(folder)
    assert re.search(
        r"step 100: export_hf ended with code 1: FileNotFoundError.* \(see .*step-100.log\)", capsys.readouterr().err
    )


def test_a_checkpoint_without_its_index_is_not_complete(folder):
    (folder / "run" / "model.ckpt-400.data-00000-of-00001").touch()
    (folder / "run" / "model.ckpt-400.index.tmp-1-host").touch()
    evaluate(folder, *ONE)
    assert journal(folder, "export") == ["100", "200", "250"]


def test_watching_ends_with_the_run(folder, monkeypatch):
    """While the run goes on its newest checkpoint is not yet its last."""
    seen = []

    def sleep(seconds):
        seen.append(journal(folder, "export"))
        if len(seen) == 2:
            add_checkpoint(folder / "run", 390)
            add_checkpoint(folder / "run", 400)

    monkeypatch.setattr(sweep.time, "sleep", sleep)
    evaluate(folder, "--watch", *ONE)
    assert seen == [["100", "200"]] * 2
    assert journal(folder, "export") == ["100", "200", "400"]


def test_killed_in_the_middle_it_leaves_no_child_and_goes_on(folder):
    process = started(folder, SECONDS="0.5")
    wait_for(lambda: len(journal(folder)) == 3)
    process.kill()
    process.communicate()
    ended = journal(folder, "end")
    assert len(ended) == 2
    time.sleep(1.5)
    assert journal(folder, "end") == ended, "the fine-tuning ended with the command that started it"
    evaluate(folder)
    lines = journal(folder)
    assert [lines.count(line) for line in ended] == [1, 1] and len(set(lines)) == 12 and len(lines) == 13


def test_sigterm_ends_the_child_and_says_to_run_again(folder):
    process = started(folder, SECONDS="60")
    wait_for(lambda: journal(folder))
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 75
    assert said.splitlines()[-1] == "evaluate_checkpoints: stopped; run the same command again to go on"


def test_other_settings_are_refused_field_by_field(folder):
    config = folder / "config.json"
    whole = json.loads((ROOT / "configs" / "finetune" / "nsmc_small.json").read_text())
    config.write_text(json.dumps(whole | {"learning_rate": 0.1, "notes": "first"}))
    more = (*ONE, "--max_steps", 7, "--config", config)
    evaluate(folder, *more)
    config.write_text(json.dumps(whole | {"learning_rate": 0.2, "notes": "second"}))
    with pytest.raises(UserError) as raised:
        evaluate(folder, *ONE, "--max_steps", 8, "--config", config, "--set", "warmup_proportion=0.1")
    assert str(raised.value) == (
        f"{folder}/out: holds scores of other settings: max_steps was 7, is 8; config.learning_rate was 0.1, is 0.2; "
        'set.warmup_proportion was null, is "0.1"; use those, or another --output'
    )
    with pytest.raises(
        UserError, match=r"max_steps was 7, is null; config.max_seq_length was 128, is null; .* and 10 more; use"
    ):
        evaluate(folder)
    assert len(journal(folder)) == 3


def test_finetune_is_given_what_was_asked_for():
    given = Options(max_steps=7, split="dev", encoding="cp949", overrides=("a=1",))
    assert given.arguments() == ["--max_steps=7", "--split=dev", "--encoding=cp949", "--set=a=1"]
    assert given.settings()["encoding"] == "cp949"


def test_a_new_task_is_added_an_old_ones_data_may_not_change(tmp_path):
    check_settings(str(tmp_path), {"set": {}, "data": {"nsmc": "/a"}})
    check_settings(str(tmp_path), {"set": {}, "data": {"korsts": "/b"}})
    with pytest.raises(UserError, match='data.nsmc was "/a", is "/c"; use those'):
        check_settings(str(tmp_path), {"set": {}, "data": {"nsmc": "/c"}})


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--tasks", "nsmc,korst"], "korst: no such task; did you mean korsts"),
        (["--tasks", "nsmc,kornli"], "data/kornli: no such folder; put the files of kornli there"),
        (["--data", "nsmc=/"], "names no folder for korsts; add korsts=DIR"),
        (["--every", "0"], "--every 0: must be at least 1"),
        (["--seeds", "0"], "--seeds 0: must be at least 1"),
        (["--max_steps", "0"], "--max_steps 0: must be at least 1"),
        (["--model_dir", "nowhere"], "config.json: no such file; nowhere is not the --model_dir of a run"),
        (["--output", "gs://bucket/out"], "gs://bucket/out: must be a local folder"),
        (["--beside", "nowhere"], "nowhere/results.json: no such file"),
        (["--set", "learning_rat=1"], "learning_rat.*did you mean learning_rate"),
        (["--config", "nowhere"], "nowhere: no such config for fine-tuning"),
        (["--split", "tset"], "--split tset: nsmc has "),
    ],
)
def test_mistakes(folder, more, message):
    """Told before the first export."""
    with pytest.raises(UserError, match=message) as raised:
        evaluate(folder, *more)
    assert "\n" not in str(raised.value) and not (folder / "out").exists()


@pytest.mark.parametrize("name", ["results.json", "table.md", "nsmc.png", "cells"])
def test_a_folder_of_others_is_not_written_into(folder, name):
    """Such as finetune's own, whose scores would be lost."""
    (folder / "out").mkdir()
    (folder / "out" / name).write_text("mine")
    with pytest.raises(UserError, match=f"out: holds {name}, and no evaluation was begun there; choose another --output"):
        evaluate(folder)
    assert os.listdir(folder / "out") == [name] and not (folder / "journal").exists()


def test_curves_of_two_runs_are_drawn_over_each_other(folder, monkeypatch):
    drawn = {}
    monkeypatch.setattr(report, "score_chart", lambda title, curves: drawn.update({title: curves}) or b"")
    other = folder / "other"
    evaluate(folder, "--output", other, "--random")
    evaluate(folder, "--beside", other)
    ours, theirs = drawn["KorSTS (spearman)"]
    assert [ours.label, theirs.label] == labels([str(folder / "out"), str(other)])
    assert ours.scores == {step: [score(step, "korsts", seed) for seed in (0, 1)] for step in (100, 200, 250)}
    assert theirs.scores == ours.scores
    assert (ours.baselines, theirs.baselines) == ({}, {"random weights": [score(-1, "korsts", seed) for seed in (0, 1)]})


def test_imported_weights_are_no_random_ones(folder, monkeypatch, capsys):
    """A checkpoint of step 0 is what the run began with; `--random` scores both, in the same table and drawing."""
    add_checkpoint(folder / "run", 0)
    (folder / "run" / "import.json").write_text('{"origin": "koelectra", "step": 0, "has_generator": true, "vocabulary": null}')
    drawn = {}
    monkeypatch.setattr(report, "score_chart", lambda title, curves: drawn.update({title: curves}) or b"")
    evaluate(folder, *ONE)
    assert journal(folder, "export") == ["0", "100", "200", "250"]
    evaluate(folder, *ONE, "--random")
    assert journal(folder, "export")[4:] == ["random"]
    table = (folder / "out" / "table.md").read_text()
    assert [line.split("|")[1].strip() for line in table.splitlines()[2:5]] == [
        "0 (imported weights)", "0 (random weights)", "100",
    ]  # fmt: skip
    assert "The run began with the weights of koelectra, not with random ones." in table
    (curve,) = drawn["NSMC (acc)"]
    assert curve.baselines == {"random weights": [score(-1, "nsmc", 0)], "imported weights": [score(0, "nsmc", 0)]}
    assert sorted(curve.scores) == [100, 200, 250]
    rows = json.loads((folder / "out" / "results.json").read_text())["cells"]
    assert [(row["step"], row["weights"]) for row in rows[:3]] == [(0, "imported"), (0, "random"), (100, "trained")]
    assert list(report.read_cells(str(folder / "out")))[:2] == [Cell(IMPORTED_STEP, "nsmc", 0), Cell(RANDOM_STEP, "nsmc", 0)]
    text = compare.compare(compare.parse_args([str(folder / "out"), "--all_steps"]))
    assert ", imported weights**" in text and ", random weights**" in text and ", step 100**" in text


def test_a_step_of_0_in_older_results_is_of_random_weights():
    assert (Step(0).key, Step(100).key) == (RANDOM_STEP, 100)
    assert all(Step(**to_json(step)).key == step for step in (IMPORTED_STEP, RANDOM_STEP, 100))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("x=1/tasks", {"nsmc": "x=1/tasks/nsmc", "korsts": "x=1/tasks/korsts"}),
        ("nsmc=a=b,korsts=x=1/c", {"nsmc": "a=b", "korsts": "x=1/c"}),
        ("nsmc=a,b, korsts=c", {"nsmc": "a,b", "korsts": "c"}),
        ("nsmc=tasks", {"nsmc": "nsmc=tasks/nsmc", "korsts": "nsmc=tasks/korsts"}),
    ],
)
def test_paths_may_hold_equals_signs_and_commas(tmp_path, monkeypatch, data, expected):
    monkeypatch.chdir(tmp_path)
    for path in expected.values():
        os.makedirs(path)
    assert evaluate_checkpoints.data_folders(data, ["nsmc", "korsts"]) == expected


def test_a_run_with_another_vocabulary_is_refused_before_anything_is_done(folder):
    vocabulary = {"type": "wordpiece", "size": 1, "sha256": "0" * 64, "do_lower_case": False, "strip_accents": False}
    (folder / "run" / "run.json").write_text(json.dumps({"data": {"vocabulary": vocabulary}}))
    (folder / "run" / "vocab.txt").write_text("[PAD]\n")
    with pytest.raises(UserError, match=r"run/vocab.txt: not the vocabulary that belongs here .*run.json says SHA-256 000"):
        evaluate(folder)
    assert not (folder / "out").exists()


def test_the_command_imports_neither_tensorflow_nor_torch(folder):
    """Both would sit in memory for days, beside the fine-tunings."""
    code = MAIN.replace("evaluate_checkpoints.main()", "")
    code += "evaluate_checkpoints.evaluate_checkpoints(evaluate_checkpoints.parse_args())\n"
    code += "print([name for name in ('tensorflow', 'torch') if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code, *arguments(folder, *ONE)], capture_output=True, text=True, timeout=120)
    assert result.stdout.splitlines()[-1:] == ["[]"], result.stderr[-2000:]


def test_cells_lie_where_the_documentation_says():
    cell = Cell(100, "nsmc", 2)
    assert (
        cell.result("out") == "out/cells/step-100/nsmc/seed-2/results.json"
        and cell.log("out") == "out/cells/step-100/nsmc/seed-2.log"
    )


@pytest.mark.slow
@pytest.mark.parametrize("electra_objective", [True, False])
def test_a_run_is_exported_and_fine_tuned(electra_objective, tmp_path, records):
    """Nothing stands in: checkpoints and random weights, ELECTRA's and a masked language model's, two tasks, two seeds."""
    config = changed(MICRO, objective={"electra_objective": electra_objective})
    train(prepare(config, [records], str(tmp_path / "run")), tf.distribute.OneDeviceStrategy("/cpu:0"))
    before = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "run").iterdir()}
    write_nsmc(tmp_path / "data" / "nsmc", train=64, test=32)
    write_korsts(tmp_path / "data" / "korsts")
    more = ["--every", 6, "--random", "--max_steps", 4, "--set", "eval_batch_size=32"]
    evaluate(tmp_path, *more)
    found = json.loads((tmp_path / "out" / "results.json").read_text())
    assert [(cell["step"], cell["task"], cell["seed"], cell["steps"]) for cell in found["cells"]] == [
        (step, task, seed, 4) for step in (0, 6) for task in ("korsts", "nsmc") for seed in (0, 1)
    ]
    for name in ("nsmc.png", "korsts.png"):
        assert (tmp_path / "out" / name).read_bytes().startswith(b"\x89PNG")
    text = (tmp_path / "out" / "table.md").read_text()
    assert "0 (random weights)" in text and "Fine-tuned for at most 4 steps" in text
    assert {path.name: path.stat().st_mtime_ns for path in (tmp_path / "run").iterdir()} == before, (
        "the run's folder is only read"
    )
    written = {path: path.stat().st_mtime_ns for path in (tmp_path / "out" / "cells").rglob("results.json")}
    evaluate(tmp_path, *more)
    assert {path: path.stat().st_mtime_ns for path in written} == written
    assert "step 6" in compare.compare(compare.parse_args([str(tmp_path / "out"), "--published"]))

"""ablate.py: each cell is done once, goes on after a kill, and is scored with what others have made."""

import json
import os
import subprocess
import sys
import time

import pytest

from electra_pretrain.config.load import differences as config_differences
from electra_pretrain.core import messages
from electra_pretrain.core.errors import UserError
from tests.conftest import ROOT, SAMPLE_CORPUS


@pytest.fixture
def plan(parts, tmp_path):
    return parts.plan.Plan(
        "tiny", str(tmp_path), str(tmp_path / "results.jsonl"), nsmc="tasks", seeds=2, only=("baseline", "cosine")
    )


# --- which runs there are ---------------------------------------------------------------------------------------------------


def test_all_variants_of_a_seed_come_before_the_next_and_the_baseline_first(parts, plan):
    names = [(cell.variant, cell.seed) for cell in plan.cells()]
    assert names == [("baseline", 0), ("cosine", 0), ("baseline", 1), ("cosine", 1)]
    assert len(plan._replace(only=(), seeds=None).cells()) == 3 * len(parts.studies.OPTIONS)
    with pytest.raises(UserError, match="--only cosin: .* did you mean cosine"):
        plan._replace(only=("cosin",)).cells()


CHANGED = {
    "untied": {"objective.embedding_sharing"},
    "gradient_disentangled": {"objective.embedding_sharing"},
    "generator_rate_double": {"optimizer.generator_learning_rate"},
    "discriminator_rate_half": {"optimizer.discriminator_learning_rate"},
    "clip_per_network": {"optimizer.clip_per_network"},
    "mask_prob_falling": {"objective.mask_prob", "objective.mask_prob_end"},
    "whole_word": {"objective.masking"},
    "cosine": {"optimizer.schedule"},
    "wsd": {"optimizer.schedule", "optimizer.decay_steps"},
    "together": {
        "objective.embedding_sharing",
        "optimizer.generator_learning_rate",
        "objective.mask_prob",
        "objective.mask_prob_end",
    },
    "joined": {"data.short_documents"},
    "packed": {"data.short_documents"},
}


def test_a_variant_differs_from_the_baseline_in_its_own_fields_alone(parts):
    for study in parts.studies.STUDIES.values():
        baseline = study.config_of("baseline", seed=1)
        assert baseline.training.seed == 1 and baseline.training.num_eval_steps == 0
        for variant in set(study.variants) - {"baseline"}:
            assert set(config_differences(baseline, study.config_of(variant, seed=1))) == CHANGED[variant]
    wsd = parts.studies.STUDIES["base_v3"].config_of("wsd")
    assert wsd.optimizer.decay_steps * 10 == wsd.training.num_train_steps
    assert parts.studies.STUDIES["tiny"].config_of("generator_rate_double").optimizer.generator_learning_rate == 0.002


def test_all_of_a_run_s_looks_are_kept(parts):
    training = parts.studies.STUDIES["tiny"].config_of("baseline").training
    assert training.save_checkpoints_steps == training.keep_every_steps == training.num_train_steps / parts.studies.LOOKS


# --- doing them, with commands that only leave what the real ones leave -----------------------------------------------------


class Commands:
    """Stands in for `run_logged`: notes what is run, and may be killed while it runs."""

    def __init__(self, plan):
        self.plan, self.done, self.kill_at = plan, [], None

    def __call__(self, module, words, log, environment=None):
        arguments = dict(zip(words[::2], words[1::2], strict=False))
        name = module.rpartition(".")[2]
        if self.kill_at == name:
            self.kill_at = None
            raise KeyboardInterrupt
        getattr(self, name)(arguments)
        self.done.append(name)
        return 0

    def run_pretraining(self, arguments):
        run = arguments["--model_dir"]
        os.makedirs(run)
        for step in (1500, 3000):
            with open(f"{run}/model.ckpt-{step}.index", "w") as index:
                index.write("x")
        rows = [
            {"kind": "train", "step": step, "sequences_per_second": 320.0, "tokens_per_second": 6400.0} for step in (1000, 3000)
        ]
        with open(f"{run}/metrics.jsonl", "w") as metrics:
            metrics.writelines(json.dumps(row) + "\n" for row in rows)
        with open(f"{run}/run.json", "w") as about:
            json.dump({"hardware": "a machine", "versions": {"tensorflow": "2"}}, about)

    def score(self, arguments):
        steps = [int(step) for step in arguments["--steps"].split(",") if step]
        looks = [{"step": step, "masked_lm_loss": 5.0, "disc_loss": 0.3, "disc_auc": step / 6000} for step in steps]
        with open(arguments["--output"], "w") as output:
            json.dump({"looks": looks, "shared_auc": 0.625 if "--generator" in arguments else None}, output)

    def export_hf(self, arguments):
        os.makedirs(arguments["--output"], exist_ok=True)

    def finetune(self, arguments):
        os.makedirs(arguments["--output"])
        result = {
            "task": "nsmc",
            "model": "m",
            "metrics": {"accuracy": 80.0},
            "metric": "accuracy",
            "seed": int(arguments["--seed"]),
        }
        with open(f"{arguments['--output']}/results.json", "w") as output:
            json.dump(result, output)


@pytest.fixture
def commands(parts, plan, monkeypatch):
    stand_in = Commands(plan)
    monkeypatch.setattr(parts.cell, "run_logged", stand_in)
    return stand_in


CELL = ["run_pretraining", "score", "export_hf", "finetune"]


def test_each_cell_is_told_when_it_begins(parts, plan, commands, capsys):
    messages.configure("ablate")
    parts.workers.work_alone(plan, None)
    lines = capsys.readouterr().err.splitlines()
    assert lines == [f"ablate: {cell}: run, told in {plan.log(cell)}" for cell in plan.cells()]


def test_every_cell_is_done_once_and_a_second_call_does_nothing(parts, plan, commands):
    assert parts.workers.work_alone(plan, None) == []
    assert commands.done == CELL * 4
    assert parts.workers.work_alone(plan, None) == []
    assert commands.done == CELL * 4
    results = parts.results.read(plan.results)
    assert list(results) == plan.cells()
    result = results[plan.cells()[1]]
    assert result.shared_auc == 0.625 and result.task_scores == (80.0,)
    assert result.step_seconds == 0.1  # 32 rows, 320 a second
    assert [look.tokens for look in result.looks] == [1500 * 32 * 20.0, 3000 * 32 * 20.0]
    assert result.cpu_seconds is not None and result.wall_seconds is not None
    # A baseline's generator is its own.
    assert results[plan.cells()[0]].shared_auc == results[plan.cells()[0]].looks[-1].disc_auc


@pytest.mark.parametrize("killed_at", CELL)
def test_a_killed_cell_goes_on_with_the_command_that_was_killed(parts, plan, commands, killed_at):
    plan = plan._replace(seeds=1, only=("baseline",))
    commands.kill_at = killed_at
    with pytest.raises(KeyboardInterrupt):
        parts.workers.work_alone(plan, None)
    assert parts.results.read(plan.results) == {}
    assert parts.workers.work_alone(plan, None) == []
    again = ["export_hf"] if killed_at == "finetune" else []  # which leaves at once what it has written before
    assert commands.done == CELL[: CELL.index(killed_at)] + again + CELL[CELL.index(killed_at) :]
    (result,) = parts.results.read(plan.results).values()
    assert result.wall_seconds is None  # of a cell that was stopped, nobody knows
    assert (result.cpu_seconds is None) == (killed_at == "run_pretraining")


def test_what_the_baseline_had_not_made_yet_is_added_later(parts, plan, commands):
    plan = plan._replace(seeds=1)
    parts.workers.work_alone(plan._replace(only=("cosine",)), None)
    assert [result.shared_auc for result in parts.results.read(plan.results).values()] == [None]
    parts.workers.work_alone(plan, None)
    assert commands.done == [*CELL, *CELL, "score"]
    assert {result.variant: result.shared_auc for result in parts.results.read(plan.results).values()} == {
        "baseline": 0.5,
        "cosine": 0.625,
    }


def test_a_cell_that_another_process_holds_is_left_to_it(parts, plan, commands):
    held = plan.cells()[0]
    holder = (
        "import sys; from electra_pretrain.core import locks\n"
        "with locks.held(sys.argv[1], 'ablate'): print('held', flush=True); sys.stdin.read()"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", holder, plan.cell_folder(held)], env=environment, **pipes) as other:
        assert other.stdout.readline() == b"held\n"
        parts.workers.work_alone(plan, None)
        assert set(parts.results.read(plan.results)) == set(plan.cells()) - {held}
        other.stdin.close()
        other.wait()
    parts.workers.work_alone(plan, None)
    assert set(parts.results.read(plan.results)) == set(plan.cells())


def test_no_cell_is_begun_that_would_not_end_in_time(parts, plan, commands):
    parts.workers.work_alone(plan, parts.workers.deadline(0.9 * plan.about.minutes / 60))
    assert commands.done == []
    parts.workers.work_alone(plan, parts.workers.deadline(1.1 * plan.about.minutes / 60))
    assert commands.done == CELL * 4  # the first was measured, and takes no time


def test_a_command_that_fails_is_named_and_the_others_go_on(parts, plan, commands, monkeypatch):
    def fails(module, words, log, environment=None):
        if module.endswith("run_pretraining") and "baseline-0" in " ".join(words):
            with open(log, "w") as file:
                file.write("run_pretraining: error: no room\n")
            return 1
        return commands(module, words, log, environment)

    monkeypatch.setattr(parts.cell, "run_logged", fails)
    (failed,) = parts.workers.work_alone(plan, None)
    assert "tiny baseline 0" in failed and "error: no room" in failed
    assert len(parts.results.read(plan.results)) == 3


def test_discarding_keeps_what_others_are_scored_with(parts, plan, commands):
    parts.workers.work_alone(plan._replace(discard=True, seeds=1), None)
    baseline, cosine = plan._replace(seeds=1).cells()
    assert [parts.cell.steps(plan.run(cell)) for cell in (baseline, cosine)] == [[3000], []]
    assert parts.workers.work_alone(plan._replace(discard=True, seeds=1), None) == []
    assert commands.done == CELL * 2


@pytest.mark.parametrize(
    ("study", "given", "message"),
    [
        ("tiny", {}, "--corpus: give the text that vocabulary and records are made from, or records by --data"),
        ("packing", {}, "--corpus: give the text that vocabulary and records are made from$"),
        (
            "packing",
            {"data": "records"},
            "--data records: the study packing builds 3 kinds of records.*; give --corpus instead",
        ),
        (
            "tiny",
            {"data": "records", "corpus": ("text",)},
            "--data records: are records already; leave out --corpus, or --data",
        ),
        ("tiny", {"corpus": ("nosuch.txt",)}, "nosuch.txt"),
    ],
)
def test_a_study_without_its_text_is_refused(parts, plan, study, given, message):
    with pytest.raises(UserError, match=message):
        parts.prepare.check_text(plan._replace(study=study, only=(), **given))


def test_other_settings_are_refused(parts, plan, commands):
    parts.plan.check_settings(plan)
    parts.plan.check_settings(plan._replace(seeds=7, only=()))
    other = plan._replace(more=("optimizer.learning_rate=0.01",))
    with pytest.raises(UserError, match="were run with base"):
        parts.plan.check_settings(other)
    parts.workers.work_alone(plan, None)
    with pytest.raises(UserError, match="tiny baseline 0 was run with .* not what the study says now"):
        other.finished()


def test_what_is_left_and_how_long_it_takes(parts, plan, commands):
    lines = parts.workers.overview(plan, 2).splitlines()
    assert lines[-1] == "4 of 4 cells left, about 5 min each, 10 min in all with --jobs 2"
    parts.workers.work_alone(plan._replace(seeds=1), None)
    lines = parts.workers.overview(plan, 2).splitlines()
    assert lines[0].startswith("tiny baseline 0: done, took ") and lines[2] == "tiny baseline 1: to do"


@pytest.mark.slow
def test_real_cells_from_text_to_page_and_one_that_is_killed(tmp_path):
    """Two variants of a small network on the sample corpus, by two jobs, killed once."""
    nsmc = tmp_path / "nsmc"
    nsmc.mkdir()
    for name in ("train", "dev"):
        rows = [f"정말 {'좋은' if label else '나쁜'} 영화 {number}\t{label}" for number in range(16) for label in (0, 1)]
        (nsmc / f"{name}.tsv").write_text("\n".join(["document\tlabel", *rows]) + "\n", encoding="utf-8")
    sizes = ["model.num_hidden_layers=1", "model.hidden_size=32", "model.intermediate_size=64", "model.embedding_size=16"]
    sizes += ["objective.generator_hidden_size=0.5", "optimizer.num_warmup_steps=2", "data.vocab_size=1500"]
    sizes += ["training.train_batch_size=8", "training.eval_batch_size=8", "training.num_train_steps=60"]
    words = [sys.executable, str(ROOT / "scripts" / "ablate.py"), "run", "--study", "tiny", "--folder", str(tmp_path / "work")]
    words += ["--corpus", f"{SAMPLE_CORPUS}/*.txt", "--nsmc", str(nsmc), "--split", "dev", "--seeds", "1", "--jobs", "2"]
    words += ["--only", "baseline,generator_rate_double", *(word for each in sizes for word in ("--set", each))]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    log = tmp_path / "work" / "tiny" / "baseline-0" / "log.txt"
    with subprocess.Popen(words, env=environment) as process:
        while process.poll() is None and not log.exists():
            time.sleep(0.1)
        process.terminate()
    assert process.returncode == 130
    subprocess.run(words, env=environment, check=True)
    results = [json.loads(line) for line in (tmp_path / "work" / "results.jsonl").read_text().splitlines()]
    assert {each["variant"] for each in results} == {"baseline", "generator_rate_double"}
    for each in results:
        assert [look["step"] for look in each["looks"]] == list(range(6, 61, 6))
        assert each["task_metric"] == "accuracy" and len(each["task_scores"]) == 1 and 0 <= each["shared_auc"] <= 1
    clock = ["time", *words[3 : words.index("--corpus")], *words[words.index("--seeds") :], "--rounds", "1"]
    said = subprocess.run([*words[:2], *clock], env=environment, check=True, stdout=subprocess.PIPE, encoding="utf-8").stdout
    assert [line.partition(":")[0] for line in said.splitlines()] == ["baseline", "generator_rate_double"]
    timed = [json.loads(line) for line in (tmp_path / "work" / "results.jsonl").read_text().splitlines()]
    assert [{**each, "turn_seconds": None} for each in timed] == results and all(each["turn_seconds"] > 0 for each in timed)
    page = tmp_path / "page.md"
    page.write_text("# Title\n\n<!-- ablate tiny -->\n<!-- end of tiny -->\n")
    report = ["report", "--results", str(tmp_path / "work" / "results.jsonl"), "--page", str(page)]
    subprocess.run([*words[:2], *report], env=environment, check=True)
    assert "generator_rate_double" in page.read_text()

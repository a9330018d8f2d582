"""ablate.py: cells are done once and go on after a kill; tables say what NumPy says of the same numbers; pages repeat."""

import importlib
import json
import math
import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from electra_pretrain.config.load import differences as config_differences
from electra_pretrain.core.errors import UserError
from tests.conftest import MICRO, ROOT, SAMPLE_CORPUS, changed

SCRIPTS = ROOT / "scripts"
MODULES = ("studies", "results", "runs", "plan", "prepare", "cell", "workers", "compare", "page", "pictures", "score")


@pytest.fixture
def parts(monkeypatch):
    """The script's modules."""
    monkeypatch.syspath_prepend(str(SCRIPTS))
    return SimpleNamespace(**{name: importlib.import_module(f"ablation.{name}") for name in MODULES})


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
        for step in (2000, 4000):
            with open(f"{run}/model.ckpt-{step}.index", "w") as index:
                index.write("x")
        rows = [
            {"kind": "train", "step": step, "sequences_per_second": 320.0, "tokens_per_second": 6400.0} for step in (1000, 4000)
        ]
        with open(f"{run}/metrics.jsonl", "w") as metrics:
            metrics.writelines(json.dumps(row) + "\n" for row in rows)
        with open(f"{run}/run.json", "w") as about:
            json.dump({"hardware": "a machine", "versions": {"tensorflow": "2"}}, about)

    def score(self, arguments):
        steps = [int(step) for step in arguments["--steps"].split(",") if step]
        looks = [{"step": step, "masked_lm_loss": 5.0, "disc_loss": 0.3, "disc_auc": step / 8000} for step in steps]
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
    assert [look.tokens for look in result.looks] == [2000 * 32 * 20.0, 4000 * 32 * 20.0]
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
    parts.workers.work_alone(plan, 0.9 * plan.about.minutes / 60)
    assert commands.done == []
    parts.workers.work_alone(plan, 1.1 * plan.about.minutes / 60)
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
    assert [parts.cell.steps(plan.run(cell)) for cell in (baseline, cosine)] == [[4000], []]
    assert parts.workers.work_alone(plan._replace(discard=True, seeds=1), None) == []
    assert commands.done == CELL * 2


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


# --- what it says -----------------------------------------------------------------------------------------------------------


def test_a_step_s_time_is_that_of_a_loop_that_nothing_disturbed(parts):
    rows = [
        {"kind": "train", "step": 10, "sequences_per_second": 1.0, "tokens_per_second": 20.0},  # compiles
        {"kind": "heldout", "step": 10, "disc_auc": 0.5},
        {"kind": "train", "step": 30, "sequences_per_second": 40.0, "tokens_per_second": 1000.0},
        {"kind": "train", "step": 40, "sequences_per_second": 40.0, "tokens_per_second": 1200.0},
    ]
    assert parts.runs.step_seconds(rows, 8) == 0.2
    # 10 steps of 8 rows of 20 tokens, 20 of 25, 10 of 30.
    assert parts.runs.tokens_until(rows, [10, 20, 40], 8) == [1600.0, 1600.0 + 2000.0, 1600.0 + 4000.0 + 2400.0]
    with pytest.raises(UserError, match="no loop"):
        parts.runs.step_seconds(rows[1:2], 8)


def result(parts, variant, seed, end, step_seconds=0.1, tokens=1000.0, study="tiny", **more):
    """A run of two checkpoints, at steps 100 and 200, whose generator's loss falls from 6 to `end`."""
    looks = tuple(
        parts.results.Look(step, tokens * step, loss, 0.3, 0.9 - loss / 10) for step, loss in ((100, 6.0), (200, end))
    )
    return parts.results.Result(
        study, variant, seed, (), looks, step_seconds, 30.0, 60.0, "1 x CPU", "accuracy", (70 + seed, 72 + seed), **more
    )


def test_the_same_minutes_are_those_of_the_fastest_run_and_the_same_tokens_those_of_the_fewest(parts):
    runs = [result(parts, "baseline", 0, 5.0), result(parts, "cosine", 0, 4.0, step_seconds=0.125, tokens=2000.0)]
    variants = parts.compare.variants_of(runs)
    loss = parts.compare.METRICS[0]
    # 200 steps of 0.1 s; the slower has made 160 by then, six tenths of the way from 100 to 200.
    minutes = parts.compare.values(variants, loss, parts.compare.MINUTES)
    assert minutes["baseline"][0] == 5.0
    assert minutes["cosine"][0] == pytest.approx(np.interp(20 / 0.125, [100, 200], [6.0, 4.0])) == pytest.approx(4.8)
    # 200,000 tokens: the other has read them after its first 100 steps.
    tokens = parts.compare.values(variants, loss, parts.compare.TOKENS)
    assert tokens == {"baseline": {0: 5.0}, "cosine": {0: 6.0}}
    task = parts.compare.METRICS[-1]
    assert parts.compare.values(variants, task, parts.compare.MINUTES) == {"baseline": {0: 71.0}, "cosine": {0: 71.0}}


def test_a_step_s_time_is_a_variant_s_not_a_seed_s(parts):
    runs = [result(parts, "baseline", seed, 5.0, seconds) for seed, seconds in enumerate((0.1, 0.1, 0.4))]
    variants = parts.compare.variants_of(runs)
    read = parts.compare.values(variants, parts.compare.METRICS[0], parts.compare.MINUTES)
    assert read == {"baseline": {0: 5.0, 1: 5.0, 2: 5.0}}


BASE = {0: 5.0, 1: 5.2, 2: 4.9}


@pytest.mark.parametrize(
    ("steps", "up", "word"),
    [
        ((-0.20, -0.21, -0.19), False, "better"),
        ((-0.20, -0.21, -0.19), True, "worse"),
        ((0.20, 0.21, 0.19), False, "worse"),
        ((-0.20, -0.21, 0.05), False, "no difference"),  # two standard errors, or not: one seed says otherwise
        ((-0.30, -0.02, -0.05), False, "no difference"),  # all agree, within two standard errors
        ((0.0, 0.0, 0.0), False, "no difference"),
    ],
)
def test_a_difference_is_taken_seed_by_seed(parts, steps, up, word):
    read = {"baseline": BASE, "other": {seed: BASE[seed] + step for seed, step in enumerate(steps)}}
    found = parts.compare.differences(read, up)["other"]
    assert found.by_seed == pytest.approx(steps)
    assert found.mean == pytest.approx(np.mean(steps))
    assert found.error == pytest.approx(np.std(steps, ddof=1) / math.sqrt(3))
    assert found.word == word


def test_seeds_that_agree_by_chance_are_held_against_what_the_other_variants_seeds_do(parts):
    """Three seeds' own deviation is a poor guess: the one that all variants give stands beside it."""
    close = {seed: BASE[seed] + step for seed, step in enumerate((-0.050, -0.051, -0.049))}
    wide = {seed: BASE[seed] + step for seed, step in enumerate((-0.5, 0.5, 0.1))}
    alone = parts.compare.differences({"baseline": BASE, "close": close}, False)
    together = parts.compare.differences({"baseline": BASE, "close": close, "wide": wide}, False)
    assert (alone["close"].word, together["close"].word) == ("better", "no difference")
    assert alone["close"].error == together["close"].error
    pooled = math.sqrt((2 * np.var([-0.050, -0.051, -0.049], ddof=1) + 2 * np.var([-0.5, 0.5, 0.1], ddof=1)) / 4)
    assert 2 * pooled / math.sqrt(3) > 0.05


def test_one_seed_says_nothing_and_seeds_without_a_baseline_do_not_count(parts):
    found = parts.compare.differences({"baseline": {0: 5.0}, "other": {0: 4.0, 1: 1.0}}, False)["other"]
    assert (found.mean, found.word) == (-1.0, "one seed") and math.isnan(found.error)
    assert parts.compare.differences({"baseline": {0: 5.0}, "other": {1: 1.0}}, False) == {}


# --- the page ---------------------------------------------------------------------------------------------------------------

PAGE = """# Title

Before.

<!-- ablate tiny -->
old
<!-- end of tiny -->

<!-- ablate mini -->
mine
<!-- end of mini -->
After.
"""


@pytest.fixture
def found(parts):
    ends = {"baseline": (5.0, 5.2, 4.9), "cosine": (4.8, 4.99, 4.71), "wsd": (5.0, 5.1, 5.0)}
    return [
        result(parts, variant, seed, end, shared_auc=0.7)
        for variant, of_seeds in ends.items()
        for seed, end in enumerate(of_seeds)
    ]


def test_a_page_s_text_comes_between_its_markers_and_repeats(parts, found, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    assert parts.page.write(str(page), found, "results") == ["tiny"]
    text, picture = page.read_text(), (tmp_path / "ablation_tiny.png").read_bytes()
    assert text.startswith(PAGE.partition("old")[0]) and text.endswith(PAGE.partition("old\n")[2])
    parts.page.write(str(page), list(reversed(found)), "results")
    assert page.read_text() == text
    assert (tmp_path / "ablation_tiny.png").read_bytes() == picture
    assert b"electra_pretrain ablate" in picture and len(picture) < 150_000


def test_a_table_s_numbers_are_numpy_s(parts, found):
    text = parts.page.section(parts.studies.STUDIES["tiny"], found, "x.png")
    baseline, cosine = np.array([5.0, 5.2, 4.9]), np.array([4.8, 4.99, 4.71])
    assert f"| baseline | {baseline.mean():.4f} ± {baseline.std(ddof=1):.4f} |" in " ".join(text.split())
    apart = cosine - baseline
    error = apart.std(ddof=1) / math.sqrt(3)
    assert f"{cosine.mean():.4f} ({apart.mean():+.4f} ± {error:.4f}, better)" in text
    assert f"Between the 3 seeds of the baseline, as deviation and range: generator loss {baseline.std(ddof=1):.4f}" in text
    assert "Not run: untied, gradient_disentangled" in text
    assert f"(+0.0000 ± {0.1 / math.sqrt(3):.4f}, no difference)" in text
    # 200 steps of a tenth of a second; 200,000 tokens; half a minute of the CPU.
    assert "3 |   200 |      0.20 M |     100.0 |              0.3 |                    0.5 |" in text


def test_a_study_of_curves_is_drawn_and_bears_its_own_names(parts, tmp_path):
    ways = ("baseline", "joined", "packed")
    found = [result(parts, way, seed, 5.0 - seed / 10, study="packing") for way in ways for seed in range(3)]
    page = tmp_path / "page.md"
    page.write_text(PAGE.replace("tiny", "packing"))
    parts.page.write(str(page), found, "results")
    assert "| apart " in page.read_text() and "| baseline " not in page.read_text()
    assert (tmp_path / "ablation_packing.png").stat().st_size > 10_000


def test_a_page_without_a_place_is_refused(parts, found, tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# Title\n")
    with pytest.raises(UserError, match="has no line"):
        parts.page.write(str(page), found, "results")


def test_pages_have_a_place_for_every_study(parts):
    text = "".join((ROOT / "docs" / name).read_text() for name in ("ablations.md", "packing.md"))
    for name in ("tiny", "mini", "packing"):
        assert f"<!-- ablate {name} -->\n" in text and f"<!-- end of {name} -->" in text


# --- the score --------------------------------------------------------------------------------------------------------------


def test_shared_replacements_are_the_other_generator_s(parts, records, monkeypatch):
    import tensorflow as tf

    from electra_pretrain.core.rng import Random
    from electra_pretrain.model.masking import mask_batch
    from electra_pretrain.model.objective import Denominators, discriminate, generate
    from electra_pretrain.records.manifest import load_manifest
    from electra_pretrain.train.input import Source, heldout_batches, shard_paths
    from electra_pretrain.train.metrics import metric_sums, summarize

    config = parts.score.scored_alike(
        changed(MICRO, objective={"mask_prob": 0.3, "mask_prob_end": 0.2, "masking": "whole_word"}, training={"seed": 5}), 2
    )
    assert (config.objective.mask_prob, config.objective.masking, config.training.seed) == (0.15, "token", 0)
    source = Source(records, load_manifest(records))
    special_ids = source.manifest.vocabulary.special_ids
    strategy = tf.distribute.OneDeviceStrategy("/cpu:0")
    ours, theirs = (
        parts.score.make_trainer(changed(config, model={"initializer_range": scale}), special_ids, strategy)
        for scale in (0.2, 0.4)
    )
    batches = list(heldout_batches(config, source.manifest, shard_paths(source, None), strategy))
    own = ours.evaluate(batches)["disc_auc"]
    wanted = []
    for batch in batches:
        random, one = Random(0, 2**32 - 1, batch.rows), tf.constant(1.0)
        masked = mask_batch(batch, 0.15, special_ids, random)
        rest = Denominators(one, one, one), config.objective, random, False
        replaced = generate(theirs.model, batch, masked, *rest)
        wanted.append(metric_sums(batch, discriminate(ours.model, batch, replaced, *rest)))
    total = {name: sum(each[name].numpy() for each in wanted) for name in wanted[0]}
    monkeypatch.setattr(parts.score, "restore", lambda *_: None)
    found = parts.score.shared_auc(ours, "elsewhere", theirs, batches)
    assert found == pytest.approx(summarize(total)["disc_auc"], abs=1e-6)
    assert abs(found - own) > 1e-4


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
    words = [sys.executable, str(SCRIPTS / "ablate.py"), "run", "--study", "tiny", "--folder", str(tmp_path / "work")]
    words += ["--corpus", f"{SAMPLE_CORPUS}/*.txt", "--nsmc", str(nsmc), "--split", "dev", "--seeds", "1", "--jobs", "2"]
    words += ["--only", "baseline,generator_rate_double", *(word for each in sizes for word in ("--set", each))]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    log = tmp_path / "work" / "tiny" / "baseline-0" / "log.txt"
    with subprocess.Popen(words, env=environment) as process:
        while process.poll() is None and not log.exists():
            pass
        process.terminate()
    assert process.returncode == 130
    subprocess.run(words, env=environment, check=True)
    results = [json.loads(line) for line in (tmp_path / "work" / "results.jsonl").read_text().splitlines()]
    assert {each["variant"] for each in results} == {"baseline", "generator_rate_double"}
    for each in results:
        assert [look["step"] for look in each["looks"]] == list(range(6, 61, 6))
        assert each["task_metric"] == "accuracy" and len(each["task_scores"]) == 1 and 0 <= each["shared_auc"] <= 1
    page = tmp_path / "page.md"
    page.write_text(PAGE)
    report = [sys.executable, str(SCRIPTS / "ablate.py"), "report", "--results", str(tmp_path / "work" / "results.jsonl")]
    subprocess.run([*report, "--page", str(page)], env=environment, check=True)
    assert "generator_rate_double" in page.read_text()

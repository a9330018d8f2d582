"""Signs that a run does not learn: silent over healthy runs, told once over broken ones, the same after a restart."""

import collections
import dataclasses
import itertools
import json
import logging
import os

import numpy as np
import pytest

from electra_pretrain.config.load import load_config
from electra_pretrain.config.schema import PhaseConfig
from electra_pretrain.core.batch import INPUT_IDS, INPUT_MASK
from electra_pretrain.core.progress import Progress
from electra_pretrain.plot.curves import Run
from electra_pretrain.plot.healthy import recipes
from electra_pretrain.records.manifest import load_manifest
from electra_pretrain.records.tfrecord import decode_chunks, read_frames
from electra_pretrain.train.health import Watch, signs_of
from electra_pretrain.train.report import Report, RunLog
from electra_pretrain.train.unigram import entropy, unigram_entropy
from tests.conftest import DATA, changed

TINY, SMALL = load_config("tiny.json"), load_config("google_small_owt.json")
BASELINE = 6.585  # nats, of the sample corpus in tiny's vocabulary
# Metrics of runs of `tiny` on the sample corpus, some of them broken on purpose by what was set; what is to be told of each.
ASKED = json.loads((DATA / "asked_runs.json").read_text())


def told(config, rows):
    """What is told, with the row at which it is."""
    watch = Watch(config)
    return [one for row in rows for one in watch.take(row)]


def kinds(config, rows):
    names = {"at chance": "chance", "same of every": "collapse", "frequency": "unigram"}
    names |= {"has risen": "jump", "held-out loss": "worse"}
    return [next(kind for words, kind in names.items() if words in one.text) for one in told(config, rows)]


def measured(recipe):
    """The rows of each run that a recipe's curves are of."""
    curves = recipe.curves
    for number in range(len(curves["total_loss"].runs)):
        values = {metric: curve.runs[number] for metric, curve in curves.items()}
        yield [
            {"kind": "train", "step": step, **{metric: each[at] for metric, each in values.items()}}
            for at, step in enumerate(curves["total_loss"].steps)
        ]


def rows_of(steps, masked_lm_loss=5.0, disc_loss=0.3, disc_auc=0.8, noise=0.0, seed=0, **more):
    """Rows of a run at which nothing is amiss, unless it is asked for; a value may be a list."""
    rng = np.random.default_rng(seed)
    columns = {"masked_lm_loss": masked_lm_loss, "disc_loss": disc_loss, "disc_auc": disc_auc, **more}
    rows = []
    for at, step in enumerate(steps):
        row = {name: float(np.broadcast_to(values, len(steps))[at]) for name, values in columns.items()}
        row["total_loss"] = (row["masked_lm_loss"] + 50 * row["disc_loss"]) * (1 + noise * rng.normal())
        rows.append({"kind": "train", "step": int(step), "masked_lm_baseline_loss": 7.0, **row})
    return rows


def test_healthy_runs_are_told_nothing():
    tiny = next(recipe for recipe in recipes() if recipe.name == "tiny")
    runs = list(measured(tiny))
    assert len(runs) == 5
    for rows in runs:
        for row in rows:
            row["masked_lm_baseline_loss"] = BASELINE
        assert told(TINY, rows) == []


@pytest.mark.parametrize("name", list(ASKED))
def test_real_runs_are_told_what_is_wrong_with_them(name):
    """Each once, though it stays broken to its end."""
    run = ASKED[name]
    config = load_config("tiny.json", run["set"])
    assert kinds(config, run["rows"]) == run["expected"], name
    texts = [one.text for one in told(config, run["rows"])]
    assert all(words in text for text, words in zip(texts, run["advice"], strict=True)), texts


def test_low_recall_and_a_slow_start_are_normal():
    """As google-research/electra's issue 81 prints them, at half of the warm-up."""
    steps = range(200, 5001, 200)
    assert told(SMALL, rows_of(steps, masked_lm_loss=7.13, disc_loss=0.359, disc_auc=0.68, disc_recall=0.05)) == []


@pytest.mark.parametrize("loops", [1, 50])
def test_noise_alone_is_no_rise(loops):
    """Loops of one step and few rows differ by 15%; a long run has thousands of them."""
    steps = np.arange(1, 4001) * loops
    falling = 0.45 * steps.astype(float) ** -0.05
    for seed, noise in itertools.product(range(3), (0.02, 0.15)):
        assert told(SMALL, rows_of(steps, disc_loss=falling, noise=noise, seed=seed)) == []


def test_a_rise_is_told_once_and_again_if_it_comes_back():
    losses = np.full(90, 0.2)
    losses[20:40] = losses[70:] = 0.4
    rows = rows_of(np.arange(1, 91) * 200, disc_loss=losses)
    found = told(SMALL, rows)
    assert [one.step for one in found] == [25 * 200, 75 * 200]
    assert "risen to 25.00, from 15.00 about step" in found[0].text
    watch = Watch(SMALL, rows)
    assert [one.passed for one in watch.told] == [45 * 200, None]
    run = Run("run", rows, SMALL)
    assert [line.endswith("(passed by step 9,000)") for line in signs_of(run)] == [True, False]
    assert signs_of(run._replace(rows=rows[:20])) == ["no sign of trouble"]


def test_a_single_bad_loop_is_no_rise():
    losses = np.full(60, 0.2)
    losses[[20, 21, 40]] = 0.9
    assert told(SMALL, rows_of(np.arange(1, 61) * 200, disc_loss=losses)) == []


def test_another_phase_and_a_growing_share_of_masks_are_no_rise():
    losses = np.repeat([0.2, 0.4], 30)
    rows = rows_of(np.arange(1, 61) * 200, disc_loss=losses)
    assert kinds(SMALL, rows) == ["jump"]
    phased = dataclasses.replace(SMALL, phases=(PhaseConfig(until_step=6000, max_seq_length=64),))
    assert kinds(phased, rows) == []
    assert kinds(changed(SMALL, objective={"mask_prob_end": 0.3}), rows) == []
    assert kinds(changed(SMALL, objective={"mask_prob_end": 0.1}), rows) == ["jump"]


def test_at_chance_counts_only_after_the_steps_of_others():
    rows = rows_of(np.arange(200, 40_001, 200), disc_auc=0.5)
    (found,) = told(SMALL, rows)
    assert 10_000 < found.step <= 11_000 and "disc_auc 0.500" in found.text and "learning_rate (0.00025)" in found.text
    quarter = changed(SMALL, training={"train_batch_size": 32})
    assert [one.step for one in told(quarter, rows)] == [21_000], "by the tokens that the published run had seen"
    assert told(SMALL, rows_of(np.arange(200, 40_001, 200), disc_auc=0.56)) == []


# Four layers of 256 at a rate of 0.001: at step 1,000 the logits of all tokens lay within 0.001 of each other.
FELL = [("train", 200, 0.652), ("train", 400, 0.548), ("heldout", 500, 0.5359), ("train", 900, 0.501), ("heldout", 1000, 0.5)]


def test_a_discriminator_that_falls_back_is_told_long_before_the_steps_of_others():
    config = changed(TINY, model={"num_hidden_layers": 4, "hidden_size": 256}, optimizer={"learning_rate": 1e-3})
    rows = [{"kind": kind, "step": step, "disc_auc": auc} for kind, step, auc in FELL]
    watch = Watch(config, rows[:-1])
    assert watch.told == [], "a loop of few rows may come to 0.501"
    (one,) = watch.take(rows[-1])
    assert one.step == 1000 and "held-out disc_auc 0.500, after 0.65" in one.text
    assert "optimizer.learning_rate = 0.00025" in one.text
    assert watch.take(rows[-1]) == [], "once"
    watch.take({"kind": "heldout", "step": 2000, "disc_auc": 0.6})
    assert watch.told[0].passed == 2000
    beginning = [{"kind": "heldout", "step": step, "disc_auc": 0.5} for step in (100, 200)]
    assert told(config, beginning) == [], "it has told nothing apart yet"


def test_a_generator_at_the_frequencies():
    rows = rows_of(np.arange(200, 40_001, 200), masked_lm_loss=7.01)
    (found,) = told(SMALL, rows)
    assert 20_000 < found.step <= 21_200 and "that alone gives 7.00" in found.text
    assert told(SMALL, rows_of(np.arange(200, 40_001, 200), masked_lm_loss=6.5)) == []
    for row in rows:  # as runs of earlier versions wrote them
        del row["masked_lm_baseline_loss"]
    assert told(SMALL, rows) == []


@pytest.mark.parametrize(
    ("objective", "expected"),
    [
        ({}, ["chance", "unigram"]),
        ({"electra_objective": False}, ["unigram"]),
        ({"uniform_generator": True}, ["chance"]),
        ({"gen_weight": 0.0}, ["chance"]),
        ({"electra_objective": False, "electric_objective": True, "two_tower_generator": True}, ["unigram"]),
    ],
)
def test_a_sign_counts_where_it_means_something(objective, expected):
    rows = rows_of(np.arange(200, 40_001, 200), masked_lm_loss=7.1, disc_auc=0.5)
    assert kinds(changed(SMALL, objective=objective), rows) == expected


def heldout(step, masked_lm_loss, disc_loss=0.2):
    return {"kind": "heldout", "step": step, "masked_lm_loss": masked_lm_loss, "disc_loss": disc_loss}


def test_trained_weights_that_become_worse():
    """Only where they were scored before the first step, and not while the rate still rises."""
    config = changed(SMALL, optimizer={"learning_rate": 5e-4, "num_warmup_steps": 1000})
    train = rows_of([500])
    start, rising, worse, well = heldout(0, 2.0), heldout(1000, 4.0), heldout(2000, 4.0), heldout(3000, 1.9)
    (found,) = told(config, [start, *train, rising, worse, heldout(2500, 4.0)])
    assert (
        found.step == 2000
        and "is 14.00, and was 12.00" in found.text
        and "begin anew with optimizer.learning_rate = 0.000125" in found.text
    )
    assert [one.step for one in told(config, [start, worse, well, heldout(4000, 4.0)])] == [2000, 4000]
    assert told(config, [start, rising, well]) == []
    assert told(config, [*train, rising, worse]) == [], "not scored before"
    assert len(told(changed(config, objective={"mask_prob_end": 0.1}), [start, worse])) == 1, (
        "masked by the end's share all along"
    )
    own = changed(config, optimizer={"learning_rate": 1e-5, "discriminator_learning_rate": 0.05})
    (found,) = told(own, [start, worse])
    assert "optimizer.discriminator_learning_rate = 0.05 is likely too high for them" in found.text
    assert "begin anew with optimizer.discriminator_learning_rate = 0.000125" in found.text


def test_advice_names_the_rate_of_the_network_that_does_not_learn():
    own = changed(SMALL, optimizer={"learning_rate": 1e-5, "generator_learning_rate": 0.008})
    (found,) = told(own, rows_of(range(1000, 60_000, 1000), disc_auc=0.5))
    assert "try a higher optimizer.learning_rate (0.0005)" in found.text
    (found,) = told(own, rows_of(range(1000, 60_000, 1000), masked_lm_loss=7.0))
    assert "a lower optimizer.generator_learning_rate (0.00025)" in found.text


def test_a_run_warns_and_after_a_restart_neither_repeats_nor_forgets(tmp_path, caplog):
    config = changed(SMALL, optimizer={"num_warmup_steps": 1000})

    def go_on(from_step, losses):
        caplog.clear()
        log = RunLog(str(tmp_path), from_step)
        with Progress("train", 9000, "steps") as progress, caplog.at_level(logging.WARNING):
            report = Report(config, log, progress, from_step, None, Watch(config, log.rows))
            for step, loss in losses.items():
                report.heldout(step, {"masked_lm_loss": loss, "disc_loss": 0.2})
        return [record.getMessage().split(":")[0] for record in caplog.records]

    assert go_on(0, {0: 2.0, 2000: 4.0, 3000: 4.0}) == ["step 2000"]
    assert go_on(3000, {4000: 4.0}) == []
    assert go_on(4000, {5000: 1.0, 6000: 4.0}) == ["step 6000"]
    assert go_on(5000, {6000: 4.0}) == ["step 6000"], "what a killed run wrote beyond its checkpoint was not kept"


def test_the_frequencies_entropy():
    """Of a distribution that is known, from few draws as from many."""
    shares = 1 / np.arange(1, 2001)
    shares /= shares.sum()
    expected = -(shares * np.log(shares)).sum()
    for draws, tolerance in ((20_000, 0.05), (1_000_000, 0.005)):
        counts = np.random.default_rng(0).multinomial(draws, shares)
        assert entropy(counts) == pytest.approx(expected, abs=tolerance)
    assert entropy(np.zeros(5, np.int64)) is None
    assert entropy(np.array([0, 7, 0])) == 0


def test_the_entropy_of_records(records, tmp_path):
    """Counted from the records themselves, one by one; of records that cannot be read there is none."""
    manifest = load_manifest(records)
    paths = [f"{records}/{shard.name}" for shard in manifest.train_shards]
    special = manifest.vocabulary.special_ids
    counts = collections.Counter()
    for path in paths:
        with open(path, "rb") as file:
            frames = list(read_frames(file.read, os.path.getsize(path)))
        for chunk in decode_chunks(frames, manifest.max_seq_length):
            for ids, mask in zip(chunk.features[INPUT_IDS], chunk.features[INPUT_MASK], strict=True):
                counts.update(id for id, used in zip(ids.tolist(), mask, strict=True) if used)
    for never_masked in (special.cls, special.sep, special.mask):
        counts.pop(never_masked, None)
    expected = entropy(np.array(list(counts.values())))
    assert unigram_entropy(manifest, paths) == pytest.approx(expected) and 4 < expected < 8
    (tmp_path / "damaged").write_bytes(b"no records")
    assert unigram_entropy(manifest, [str(tmp_path / "damaged")]) is None

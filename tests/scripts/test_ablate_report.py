"""What ablate.py says: its tables' numbers are NumPy's of the same runs, a page repeats, and what is scored alike is."""

import math

import numpy as np
import pytest

from electra_pretrain.core.errors import UserError
from tests.conftest import MICRO, ROOT, changed

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
    assert parts.compare.seconds_a_step(variants["baseline"]) == 0.1
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
        changed(MICRO, objective={"mask_prob": 0.3, "mask_prob_end": 0.2, "masking": "whole_word"}, training={"seed": 5}), 1
    )
    assert (config.objective.mask_prob, config.objective.masking, config.training.seed) == (0.15, "token", 0)
    source = Source(records, load_manifest(records))
    special_ids = source.manifest.vocabulary.special_ids
    strategy = tf.distribute.OneDeviceStrategy("/cpu:0")
    ours, theirs = (
        parts.score.make_trainer(changed(config, model={"initializer_range": scale}), special_ids, strategy)
        for scale in (0.2, 0.4)
    )
    (batch,) = heldout_batches(config, source.manifest, shard_paths(source, None), strategy)
    random, one = Random(0, 2**32 - 1, batch.rows), tf.constant(1.0)
    rest = Denominators(one, one, one), config.objective, random, False

    @tf.function
    def sums(generator, discriminator):
        replaced = generate(generator.model, batch, mask_batch(batch, 0.15, special_ids, random), *rest)
        return metric_sums(batch, discriminate(discriminator.model, batch, replaced, *rest))

    both = [{name: value.numpy() for name, value in sums(each, ours).items()} for each in (theirs, ours)]
    wanted, own = (summarize(each)["disc_auc"] for each in both)
    monkeypatch.setattr(parts.score, "restore", lambda *_: None)
    assert parts.score.shared_auc(ours, "elsewhere", theirs, [batch]) == pytest.approx(wanted, abs=1e-6)
    assert abs(wanted - own) > 1e-4

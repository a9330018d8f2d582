"""Which positions are masked, how many, what is written; and what a sample may be."""

import numpy as np
import pytest
import tensorflow as tf

from electra_pretrain.config.objective import ObjectiveConfig
from electra_pretrain.core.batch import Batch, SpecialIds
from electra_pretrain.core.rng import Random
from electra_pretrain.model import masking

IDS = SpecialIds(pad=0, unk=1, cls=2, sep=3, mask=4)


def batch_of(lengths, seq, seed=0, vocab=50):
    """Rows `[CLS] … [SEP] … [SEP]` of given lengths, some tokens [UNK] or [MASK]."""
    generator = np.random.default_rng(seed)
    ids = generator.integers(5, vocab, (len(lengths), seq))
    ids = np.where(generator.random(ids.shape) < 0.05, IDS.unk, ids)
    ids = np.where(generator.random(ids.shape) < 0.05, IDS.mask, ids)
    for row, n in enumerate(lengths):
        ids[row, 0], ids[row, n // 2], ids[row, n - 1], ids[row, n:] = IDS.cls, IDS.sep, IDS.sep, IDS.pad
    mask = (np.arange(seq)[None] < np.array(lengths)[:, None]).astype(np.int32)
    return Batch(tf.constant(ids, tf.int32), tf.constant(mask), tf.zeros([len(lengths), seq], tf.int32), tf.range(len(lengths)))


@pytest.mark.parametrize(("seq", "slots"), [(128, 19), (512, 79)])
def test_number_of_slots(seq, slots):
    assert masking.num_masked_slots(0.15, seq) == slots
    assert masking.num_masked_slots(0.999, seq) == seq  # not more than there are places


def test_number_of_masked_tokens_per_row():
    """k = max(1, min(N, round(n * 0.15))), rounding half to even; 77 of a full row of 512."""
    lengths = [512, 511, 130, 70, 50, 30, 10, 5]
    batch = batch_of(lengths, 512)
    _, weights = masking.draw_positions(batch, 0.15, IDS, Random(1, 0, batch.rows))
    expected = [max(1, min(79, int(np.round(np.float32(n) * np.float32(0.15))))) for n in lengths]
    assert weights.numpy().sum(1).tolist() == expected
    assert expected[0] == 77 and expected[-1] == 1


def test_positions_are_candidates_and_do_not_repeat():
    batch = batch_of([128] * 40 + [20] * 40, 128)
    masked = masking.mask_batch(batch, 0.15, IDS, Random(1, 3, batch.rows))
    ids, weights = batch.input_ids.numpy(), masked.masked_lm_weights.numpy() > 0
    for row in range(80):
        used = masked.masked_lm_positions.numpy()[row][weights[row]]
        assert len(set(used.tolist())) == len(used) > 0
        assert not set(ids[row][used].tolist()) & {IDS.pad, IDS.cls, IDS.sep, IDS.mask}
    unused = ~weights
    assert (masked.masked_lm_positions.numpy()[unused] == 0).all()
    changed = masked.input_ids.numpy() != ids
    assert (masked.input_ids.numpy()[changed] == IDS.mask).all()
    assert (
        masked.masked_lm_ids.numpy()[weights] == np.take_along_axis(ids, masked.masked_lm_positions.numpy(), 1)[weights]
    ).all()


def test_unk_may_be_masked_and_every_candidate_is_as_likely():
    batch = batch_of([40] * 4000, 40, seed=1)
    same = Batch(*(tf.repeat(part[:1], 4000, axis=0) for part in batch[:3]), batch.rows)
    positions, weights = masking.draw_positions(same, 0.15, IDS, Random(1, 0, same.rows))
    counts = np.bincount(positions.numpy()[weights.numpy() > 0], minlength=40)
    ids = same.input_ids.numpy()[0]
    candidates = ~np.isin(ids, [IDS.pad, IDS.cls, IDS.sep, IDS.mask])
    assert (counts[~candidates] == 0).all()
    assert (ids[candidates] == IDS.unk).any()
    expected = counts.sum() / candidates.sum()
    # Without replacement the counts vary less than binomial ones.
    assert np.abs(counts[candidates] - expected).max() < 5 * np.sqrt(expected)


def test_a_row_without_candidates_uses_no_slot():
    ids = tf.constant(
        [[IDS.cls, IDS.sep] + [IDS.pad] * 18, [IDS.cls, 7, IDS.mask, IDS.mask, IDS.mask, IDS.sep] + [IDS.pad] * 14]
    )
    batch = Batch(ids, tf.cast(ids != IDS.pad, tf.int32), tf.zeros_like(ids), tf.range(2))
    masked = masking.mask_batch(batch, 0.15, IDS, Random(0, 0, batch.rows))
    assert masked.masked_lm_weights.numpy().sum(1).tolist() == [0, 1]
    assert masked.input_ids.numpy()[0].tolist() == ids.numpy()[0].tolist()


def test_85_percent_become_mask():
    batch = batch_of([128] * 600, 128)
    masked = masking.mask_batch(batch, 0.15, IDS, Random(2, 1, batch.rows))
    written = (masked.input_ids != batch.input_ids).numpy().sum()
    drawn = masked.masked_lm_weights.numpy().sum()
    assert abs(written / drawn - 0.85) < 5 * np.sqrt(0.85 * 0.15 / drawn)


def test_masks_change_with_step_and_row_but_not_with_the_split():
    batch = batch_of([64] * 8, 64)

    def draw(step, start, stop):
        part = Batch(*(value[start:stop] for value in batch))
        return masking.mask_batch(part, 0.15, IDS, Random(1, step, part.rows)).input_ids.numpy()

    np.testing.assert_array_equal(draw(0, 0, 8), np.concatenate([draw(0, 0, 2), draw(0, 2, 8)]))
    assert not np.array_equal(draw(0, 0, 8), draw(1, 0, 8))


def test_write_at_touches_only_weighted_positions():
    ids = tf.constant([[2, 10, 11, 12, 3]])
    out = masking.write_at(ids, tf.constant([[3, 0, 1]]), tf.constant([[99, 98, 97]]), tf.constant([[1.0, 0.0, 1.0]]))
    assert out.numpy().tolist() == [[2, 97, 11, 99, 3]]


def test_samples_follow_softmax_with_temperature():
    logits = tf.constant([0.0, 1.0, 2.0, -1.0])
    many = tf.tile(logits[tf.newaxis], [20000, 1])
    for temperature in (1.0, 0.5):
        samples = masking.sample_ids(many, temperature, None, Random(5, 0, tf.range(2000))).numpy()
        share = np.bincount(samples.ravel(), minlength=4) / samples.size
        expected = tf.nn.softmax(logits / temperature).numpy()
        assert (np.abs(share - expected) < 5 * np.sqrt(expected * (1 - expected) / samples.size)).all()


def test_disallowed_token_is_never_drawn():
    logits = tf.constant(np.full((500, 6), [9.0, 0, 0, 0, 0, 0]), tf.float32)
    true_ids = tf.zeros([50, 10], tf.int32)
    assert (masking.sample_ids(logits, 1.0, None, Random(0, 0, tf.range(50))).numpy() == 0).mean() > 0.9
    samples = masking.sample_ids(logits, 1.0, true_ids, Random(0, 0, tf.range(50))).numpy()
    assert (samples != 0).all() and len(np.unique(samples)) == 5


def test_samples_over_a_vocabulary_follow_softmax():
    rng = np.random.default_rng(0)
    vocab_size = 401
    logits = rng.normal(size=vocab_size).astype(np.float32)
    logits[[0, 40, 200, 399]] += 4
    logits[rng.integers(0, vocab_size, 50)] = -np.inf  # words that cannot come
    many = tf.tile(tf.constant(logits)[tf.newaxis], [50000, 1])
    counts = np.bincount(masking.sample_ids(many, 1.0, None, Random(1, 0, tf.range(500))).numpy().ravel(), minlength=vocab_size)
    expected = tf.nn.softmax(logits).numpy().astype(np.float64)
    assert counts.size == vocab_size and (counts[expected == 0] == 0).all()
    possible = expected > 0
    error = (counts[possible] / counts.sum() - expected[possible]) / np.sqrt(expected[possible] / counts.sum())
    # Chi-squared with one degree of freedom less than words: its mean, give or take four deviations.
    degrees = possible.sum() - 1
    assert abs((error**2).sum() - degrees) < 4 * np.sqrt(2 * degrees)


def test_samples_of_a_row_depend_on_nothing_else():
    logits = tf.random.stateless_normal([8 * 5, 300], [1, 2])
    whole = masking.sample_ids(logits, 1.0, None, Random(3, 7, tf.range(8)))
    part = masking.sample_ids(logits[5 * 5 :], 1.0, None, Random(3, 7, tf.range(5, 8)))
    np.testing.assert_array_equal(whole[5:], part)


def test_a_forbidden_token_that_dwarfs_all_others_leaves_their_odds_alone():
    rows, odds = 4000, np.array([1.0, 2.0, 5.0])
    logits = tf.constant(np.tile([*np.log(odds), 300.0], (rows, 1)), tf.float32)
    sampled = masking.sample_ids(logits, 1.0, tf.fill([rows, 1], 3), Random(1, 0, tf.range(rows))).numpy()[:, 0]
    np.testing.assert_allclose(np.bincount(sampled, minlength=4) / rows, [*odds / odds.sum(), 0], atol=0.03)


def test_samples_of_what_is_no_number_are_still_tokens():
    sampled = masking.sample_ids(tf.fill([4, 7], np.nan), 1.0, None, Random(1, 0, tf.range(4))).numpy()
    assert ((sampled >= 0) & (sampled < 7)).all()


OBJECTIVE = ObjectiveConfig(mask_prob=0.3, mask_prob_end=0.15)


@pytest.mark.parametrize(("step", "share"), [(0, 0.3), (1, 0.29985), (500, 0.225), (999, 0.15015), (1000, 0.15)])
def test_the_share_goes_on_a_line_from_one_number_to_the_other(step, share):
    assert float(masking.share_at(OBJECTIVE, tf.constant(step, tf.int64), 1000)) == pytest.approx(share, rel=1e-6)
    rising = ObjectiveConfig(mask_prob=0.15, mask_prob_end=0.3)
    assert float(masking.share_at(rising, tf.constant(step, tf.int64), 1000)) == pytest.approx(0.45 - share, rel=1e-6)


def test_without_an_end_the_share_is_the_number_itself():
    assert masking.share_at(ObjectiveConfig(), tf.constant(7, tf.int64), 1000) == 0.15
    assert [ObjectiveConfig().last_mask_prob, ObjectiveConfig().largest_mask_prob] == [0.15, 0.15]
    assert [OBJECTIVE.last_mask_prob, OBJECTIVE.largest_mask_prob] == [0.15, 0.3]


@pytest.mark.parametrize("step", [0, 123, 999])
def test_number_of_masked_tokens_while_the_share_changes(step):
    """Of slots sized for the larger share as many are used as the step's share asks for; others stand at 0, as ever."""
    lengths = [128, 127, 90, 31, 12, 3]
    batch, slots = batch_of(lengths, 128), masking.num_masked_slots(OBJECTIVE.largest_mask_prob, 128)
    share = masking.share_at(OBJECTIVE, tf.constant(step, tf.int64), 1000)
    masked = masking.mask_batch(batch, share, IDS, Random(1, step, batch.rows), slots)
    weights = masked.masked_lm_weights.numpy()
    now = np.float32(0.3 - 0.15 * step / 1000)
    wanted = [max(1, min(slots, int(np.round(np.float32(n) * now)))) for n in lengths]
    may = masked.maskable.numpy().sum(1).tolist()
    assert weights.sum(1).tolist() == list(map(min, wanted, may)) and weights.shape[1] == slots == 39
    assert (masked.masked_lm_positions.numpy()[weights == 0] == 0).all()

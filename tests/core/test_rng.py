"""The hash is random enough, the same in NumPy and TensorFlow, and a function of the global row alone."""

import numpy as np
import pytest
import tensorflow as tf

from electra_pretrain.core.rng import Random, Selection, Stream, numpy_bits, numpy_uniform, permutation, purpose_word

ROWS, ELEMENTS = 256, 4096
# Thousands of statistics are looked at over all tests here; beyond five standard errors is no accident.
LIMIT = 5.0


@pytest.fixture(scope="module")
def bits():
    return numpy_bits(1, "mask", np.arange(ROWS), ELEMENTS, step=5)


def correlation(x, y):
    """In standard errors of independent uniform numbers."""
    x, y = x.ravel() - 0.5, y.ravel() - 0.5
    return (x * y).mean() * 12 * np.sqrt(x.size)


def test_numpy_and_tensorflow_agree():
    ours = Random(7, tf.constant(123456, tf.int64), tf.constant([0, 3, 255])).bits("mask", [5, 4, 3])
    np.testing.assert_array_equal(tf.reshape(ours, [3, -1]).numpy(), numpy_bits(7, "mask", [0, 3, 255], 60, step=123456))


def test_written_down_values():
    """Runs are resumed by later versions: these bits never change."""
    assert numpy_bits(1, "mask", [0, 1], 2, step=5).tolist() == [[3160682731, 1945404299], [780864164, 3900489905]]


def test_rows_are_counted_in_the_global_batch():
    whole = Random(1, 2, tf.range(8)).bits("dropout", [10]).numpy()
    parts = [Random(1, 2, tf.range(start, start + 2)).bits("dropout", [10]).numpy() for start in range(0, 8, 2)]
    np.testing.assert_array_equal(whole, np.concatenate(parts))


@pytest.mark.parametrize("shift", [0, 8, 16, 24])
def test_every_byte_is_uniform(bits, shift):
    counts = np.bincount(((bits >> shift) & 255).ravel(), minlength=256)
    expected = bits.size / 256
    chi_square = ((counts - expected) ** 2 / expected).sum()
    assert abs(chi_square - 255) / np.sqrt(2 * 255) < LIMIT


def test_mean_and_variance(bits):
    u = bits / 2.0**32
    assert abs(u.mean() - 0.5) < LIMIT * np.sqrt(1 / 12 / u.size)
    assert abs(u.var() - 1 / 12) < LIMIT * np.sqrt(1 / 180 / u.size)


def test_neighbouring_elements_and_rows_are_uncorrelated(bits):
    u = bits / 2.0**32
    for lag in (1, 2, 3, 4, 7, 8, 16, 32, 64, 128, 512, 768, 1024):
        assert abs(correlation(u[:, lag:], u[:, :-lag])) < LIMIT, f"element lag {lag}"
    for lag in (1, 2, 8, 32, 128):
        assert abs(correlation(u[lag:], u[:-lag])) < LIMIT, f"row lag {lag}"


def test_steps_seeds_and_purposes_are_uncorrelated():
    rows = np.arange(64)
    for step in range(100):
        here = numpy_uniform(1, "mask", rows, 512, step=step)
        for other in (
            numpy_uniform(1, "mask", rows, 512, step=step + 1),
            numpy_uniform(2, "mask", rows, 512, step=step),
            numpy_uniform(1, "sample", rows, 512, step=step),
        ):
            assert abs(correlation(here, other)) < LIMIT


@pytest.mark.parametrize("rate", [0.1, 0.25, 0.5])
def test_number_of_dropped_elements_varies_as_independent_draws_would(rate):
    """Weak hashes fail here first: sums over a row spread too much or too little."""
    threshold = int(rate * 2**32)
    dropped = np.concatenate(
        [(numpy_bits(3, "dropout", np.arange(200), 512, step=step) < threshold).sum(1) for step in range(250)]
    )
    assert abs(dropped.var() / (512 * rate * (1 - rate)) - 1) < LIMIT * np.sqrt(2 / dropped.size)
    assert abs(dropped.mean() - 512 * rate) < LIMIT * np.sqrt(512 * rate * (1 - rate) / dropped.size)


def test_pairs_of_rows_differ_in_half_of_their_bits():
    rows = numpy_bits(9, "dropout", np.arange(2000), 32)
    different = np.unpackbits((rows[1:] ^ rows[:-1]).view(np.uint8)).reshape(-1, 32).sum(1)
    assert abs(different.mean() - 16) < LIMIT * np.sqrt(8 / different.size)
    assert abs(different.var() / 8 - 1) < LIMIT * np.sqrt(2 / different.size)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_bits_at_places_are_those_of_the_whole(axis):
    random, shape = Random(3, 7, tf.constant([2, 9])), [3, 5, 4]
    indices = tf.constant([[2, 0], [1, 1]])
    whole, chosen = random.bits("here", shape), random.bits("here", shape, Selection(axis, indices))
    for row in range(2):
        np.testing.assert_array_equal(chosen[row], np.take(whole[row].numpy(), indices[row], axis=axis))


@pytest.mark.parametrize("axis", [None, 0, 1, 2])
def test_rows_may_stand_behind_the_first_axis(axis):
    random, shape = Random(3, 7, tf.constant([2, 9])), [3, 5, 4]
    selection = None if axis is None else Selection(axis, tf.constant([[2, 0, 1], [1, 1, 2]]))
    swapped = random.bits("here", shape, selection, rows_axis=1)
    np.testing.assert_array_equal(tf.transpose(swapped, [1, 0, 2, 3]), random.bits("here", shape, selection))


def test_uniform_is_open_and_exact_at_its_ends():
    values = Random(0, 0, tf.range(64)).uniform("sample", [20000]).numpy()
    assert values.dtype == np.float32
    assert values.min() > 0 and values.max() < 1
    assert np.isfinite(-np.log(-np.log(values))).all()


def test_more_than_2_to_32_elements_in_a_batch_do_not_repeat():
    """A row counts its own elements: 3 M each in 8,192 rows are 2**34 in all."""
    ends = np.stack([numpy_bits(1, "dropout", [row], 64)[0] for row in (0, 1, 2**31, 2**32 - 1)])
    assert len(np.unique(ends)) == ends.size


def test_stream_and_permutation_repeat_for_the_same_seed():
    first, second = Stream(4, "examples", 2), Stream(4, "examples", 2)
    assert [first.uniform() for _ in range(600)] == [second.uniform() for _ in range(600)]
    assert sorted(permutation(1, "shards", 0, 50)) == list(range(50))
    assert not np.array_equal(permutation(1, "shards", 0, 50), permutation(1, "shards", 1, 50))
    integers = [first.integer(5, 8) for _ in range(4000)]
    assert set(integers) == {5, 6, 7, 8}
    assert abs(np.mean(integers) - 6.5) < LIMIT * np.sqrt(15 / 12 / 4000)


def test_a_stream_gives_the_numbers_of_one_step_after_the_other_however_many_are_drawn_at_once():
    stream = Stream(4, "examples", 2)
    steps = [numpy_uniform(4, "examples", [2], 256, step)[0].tolist() for step in range(60)]
    assert [stream.uniform() for _ in range(60 * 256)] == [number for step in steps for number in step]


def test_purposes_have_different_words():
    names = [
        f"{net}/encoder/layer_{n}/{part}/dropout"
        for net in ("electra", "generator")
        for n in range(24)
        for part in ("attention/self", "attention/output", "output")
    ]
    assert len({purpose_word(name) for name in names}) == len(names)

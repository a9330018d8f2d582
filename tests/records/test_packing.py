"""Rows of several examples: best fit, nothing lost, laid out byte for byte as TensorFlow would write it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from electra_pretrain.core.batch import SpecialIds
from electra_pretrain.records.packing import example_lengths, lay_out, pack
from electra_pretrain.records.serialize import Framer
from electra_pretrain.records.tfrecord import encode_features
from tests.support.tensorflow_records import write

SPECIAL = SpecialIds(pad=0, unk=1, cls=2, sep=3, mask=4)


def rooms_by_searching(lengths, capacity):
    """What is left of each row, if every length goes where it leaves the least: all rows are looked at, each time."""
    rooms = []
    for length in lengths:
        fitting = [(room, number) for number, room in enumerate(rooms) if room >= length]
        if fitting:
            rooms[min(fitting)[1]] -= length
        else:
            rooms.append(capacity - length)
    return rooms


@given(st.lists(st.integers(3, 64), max_size=200), st.integers(64, 80), st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_every_example_stands_in_one_row_that_has_room_for_it_where_it_leaves_the_least(lengths, capacity, random):
    order = random.sample(range(len(lengths)), len(lengths))
    packed = pack(np.array(lengths, np.int64), capacity, np.array(order, np.int64))
    assert sorted(packed.members.tolist()) == list(range(len(lengths))) and packed.counts.sum() == len(lengths)
    rows = np.split(np.array(lengths, np.int64)[packed.members], np.cumsum(packed.counts)[:-1]) if lengths else []
    rooms = [capacity - int(row.sum()) for row in rows]
    long = sorted((length for length in lengths if length > capacity / 4), reverse=True)
    short = [lengths[index] for index in order if lengths[index] <= capacity / 4]
    assert all(room >= 0 for room in rooms) and sorted(rooms) == sorted(rooms_by_searching([*long, *short], capacity))


def test_short_examples_do_not_stand_among_the_short_alone():
    """Sorted by length, the mean length in a row would be spread as lengths are."""
    random = np.random.default_rng(0)
    lengths = random.integers(5, 100, 10_000)
    packed = pack(lengths, 512, random.permutation(10_000))
    means = [row.mean() for row in np.split(lengths[packed.members], np.cumsum(packed.counts)[:-1])]
    assert np.std(means) < 0.6 * np.std(lengths)


@pytest.mark.parametrize("mean", [15, 40, 80])
def test_rows_are_full_where_examples_are_many_and_short(mean):
    random = np.random.default_rng(mean)
    lengths = np.clip(random.gamma(2, mean / 2, 5000).astype(np.int64), 5, 512)
    packed = pack(lengths, 512, random.permutation(5000))
    assert lengths.sum() / (512 * len(packed.counts)) > 0.99


@st.composite
def rows(draw):
    """Examples in rows: ids, spans, and for each row its spans' numbers."""
    capacity = draw(st.sampled_from([16, 32, 127, 300]))
    spans, of_rows, start = [], [], 0
    for _ in range(draw(st.integers(1, 6))):
        room, row = capacity, []
        while room >= 4 and (not row or draw(st.booleans())):
            first = draw(st.integers(1, room - 2))
            second = draw(st.integers(0, max(0, room - 3 - first)))
            row.append(len(spans))
            spans.append((start, start + first, start + first + second, 0))
            start += first + second
            room -= first + 2 + (second + 1 if second else 0)
        of_rows.append(row)
    largest = draw(st.sampled_from([100, 128, 16384, 200_000]))
    ids = np.random.default_rng(draw(st.integers(0, 2**32 - 1))).integers(5, largest, start, dtype=np.int32, endpoint=True)
    return ids, np.array(spans), of_rows, capacity


@given(rows())
@settings(max_examples=100, deadline=None)
def test_bytes_are_tensorflows(tmp_path_factory, made):
    ids, spans, of_rows, capacity = made
    expected = []
    for row in reversed(of_rows):
        row_ids, segment_ids = [], []
        for first, middle, stop, _ in spans[row].tolist():
            row_ids += [SPECIAL.cls, *ids[first:middle], SPECIAL.sep]
            segment_ids += [0] * (middle - first + 2)
            if stop > middle:
                row_ids += [*ids[middle:stop], SPECIAL.sep]
                segment_ids += [1] * (stop - middle + 1)
        columns = (row_ids, [1] * len(row_ids), segment_ids)
        expected.append(encode_features(*(np.array(column + [0] * (capacity - len(row_ids)), np.int64) for column in columns)))
    path = str(tmp_path_factory.getbasetemp() / "expected.tfrecord")
    write(path, expected)
    laid = lay_out(ids, spans, SPECIAL)
    assert np.diff(laid.splits).tolist() == example_lengths(spans).tolist()
    bounds = laid.splits[np.cumsum([0, *map(len, of_rows)])]
    order = np.arange(len(of_rows))[::-1]
    with open(path, "rb") as file:
        assert b"".join(Framer(laid.ids, capacity, SPECIAL).rows(bounds, laid.segment_ids, order)) == file.read()

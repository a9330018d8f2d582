"""Framed records are, byte for byte, what TensorFlow writes."""

import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from electra_pretrain.core.batch import SpecialIds
from electra_pretrain.records.serialize import Framer
from electra_pretrain.records.tfrecord import encode_features
from tests.support.tensorflow_records import write

SPECIAL = SpecialIds(pad=0, unk=1, cls=2, sep=3, mask=4)


def expected_record(first, second, length):
    ids = [SPECIAL.cls, *first, SPECIAL.sep, *([*second, SPECIAL.sep] if len(second) else [])]
    segments = [0] * (2 + len(first)) + [1] * (len(second) + 1 if len(second) else 0)
    rows = (ids, [1] * len(ids), segments)
    return encode_features(*(np.array(row + [0] * (length - len(row)), np.int64) for row in rows))


@st.composite
def examples(draw):
    length = draw(st.sampled_from([8, 32, 127, 128, 600]))
    spans, start = [], 0
    for _ in range(draw(st.integers(1, 8))):
        first = draw(st.integers(1, length - 2))
        second = draw(st.integers(0, max(0, length - 3 - first)))
        spans.append((start, start + first, start + first + second))
        start += first + second
    largest = draw(st.sampled_from([100, 127, 128, 16383, 16384, 200_000, 2**21]))
    seed = draw(st.integers(0, 2**32 - 1))
    return np.random.default_rng(seed).integers(0, largest, start, dtype=np.int32, endpoint=True), np.array(spans), length


@given(examples())
@settings(max_examples=100, deadline=None)
def test_bytes_are_tensorflows(tmp_path_factory, made):
    ids, spans, length = made
    path = str(tmp_path_factory.getbasetemp() / "expected.tfrecord")
    write(path, [expected_record(ids[a:b], ids[b:c], length) for a, b, c in spans])
    with open(path, "rb") as file:
        assert b"".join(Framer(ids, length, SPECIAL).frames(spans)) == file.read()


def test_many_examples_of_the_same_tokens_and_none():
    ids = np.arange(70_000, dtype=np.int32)
    spans = np.array([(start, start + 50, start + 99) for start in range(0, 69_000, 99)])
    payloads = [frame[12:-4] for frame in Framer(ids, 128, SPECIAL).frames(spans)]
    assert len(payloads) == len(spans) > 600
    for payload, (start, middle, stop) in zip(payloads, spans, strict=True):
        found = tf.train.Example.FromString(payload).features.feature["input_ids"].int64_list.value
        assert list(found[: stop - start + 3]) == [2, *ids[start:middle], 3, *ids[middle:stop], 3]

"""What the values of a record must be for a model to take them: on some devices a wrong one reads zeros, or another's memory.

Shapes: B records, S `max_seq_length`.
"""

from typing import TYPE_CHECKING

import numpy as np

from electra_pretrain.core.batch import INPUT_IDS, INPUT_MASK, RECORD_FEATURES, SEGMENT_IDS

if TYPE_CHECKING:
    import tensorflow as tf


def assert_values(features: "dict[str, tf.Tensor]", vocab_size: int) -> None:
    """Let a graph fail where `value_problems` finds any; it does not know file and record, and so names neither.

    Args:
        features: int64 [B, S] for each feature of a record.
        vocab_size: ids are below.
    """
    import tensorflow as tf

    marks = tf.bitwise.bitwise_or(features[INPUT_MASK], features[SEGMENT_IDS])
    for values, bound in ((features[INPUT_IDS], vocab_size), (marks, 2)):
        # Read without its sign, a negative number is larger than any bound: so one look at all of them is enough.
        largest = tf.reduce_max(tf.bitcast(values, tf.uint64))
        tf.debugging.Assert(largest < tf.constant(bound, tf.uint64), ["a record's value is out of range"])


def value_problems(features: dict[str, np.ndarray], vocab_size: int) -> dict[int, str]:
    """Find the rows that a model cannot take, and what is wrong with each.

    Args:
        features: int64 [B, S] for each feature of a record.
        vocab_size: ids are below.
    """
    problems: dict[int, str] = {}
    for name, bound in ((INPUT_IDS, vocab_size), (INPUT_MASK, 2), (SEGMENT_IDS, 2)):
        values = features[name]
        outside = (values < 0) | (values >= bound)
        for row in np.flatnonzero(outside.any(1)).tolist():
            value = values[row, outside[row].argmax()]
            said = f"id {value} is not in the vocabulary, 0 to {bound - 1}" if name == INPUT_IDS else f"{name} holds {value}"
            problems.setdefault(row, said if name == INPUT_IDS else f"{said}; it must be 0 or 1")
    return problems


def decoding_problem(record: bytes, max_seq_length: int) -> str:
    """Say why a record does not decode."""
    import tensorflow as tf
    from google.protobuf.message import DecodeError

    try:
        found = tf.train.Example.FromString(record).features.feature
    except DecodeError:
        return "not a tf.train.Example"
    for name in RECORD_FEATURES:
        if name not in found or found[name].WhichOneof("kind") != "int64_list":
            return f"has no int64 list {name}"
        if (length := len(found[name].int64_list.value)) != max_seq_length:
            return f"{name} has {length} values instead of {max_seq_length}"
    raise AssertionError("a record that decodes has no problem")

"""What a record must be for the trainer: `[CLS] a [SEP]` or `[CLS] a [SEP] b [SEP]`, then padding. What is not, in words."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from electra_pretrain.core.batch import INPUT_IDS, INPUT_MASK, RECORD_FEATURES, SEGMENT_IDS, SpecialIds


class Schema(NamedTuple):
    """What every record of a folder has in common."""

    max_seq_length: int
    vocab_size: int
    special_ids: SpecialIds


def structure_problems(features: dict[str, np.ndarray], schema: Schema) -> dict[int, str]:
    """Which rows break a rule, and the first that each breaks.

    Args:
        features: int64 [B, S] for each feature of a record.
        schema: what they must be.
    """
    ids, mask, segments = (features[name] for name in (INPUT_IDS, INPUT_MASK, SEGMENT_IDS))
    special = schema.special_ids
    rows, place = np.arange(len(ids)), np.arange(schema.max_seq_length)
    lengths = np.clip(mask.sum(1), 0, schema.max_seq_length)
    real = place < lengths[:, None]
    outside = (ids < 0) | (ids >= schema.vocab_size)
    last = ids[rows, lengths - 1]
    separators = real & (ids == special.sep)
    count, first = separators.sum(1), separators.argmax(1)
    second = real & (place > first[:, None])
    rules: tuple[tuple[Any, Callable[[int], str]], ...] = (
        ((mask != real).any(1), lambda row: "input_mask is not ones followed by zeros"),
        (lengths < 2, lambda row: f"{lengths[row]} tokens; there must be [CLS] and [SEP] at least"),
        (
            outside.any(1),
            lambda row: f"id {ids[row, outside[row].argmax()]} is not in the vocabulary, 0 to {schema.vocab_size - 1}",
        ),
        (ids[:, 0] != special.cls, lambda row: f"begins with id {ids[row, 0]}; [CLS] is {special.cls}"),
        (last != special.sep, lambda row: f"ends with id {last[row]}; [SEP] is {special.sep}"),
        (count > 2, lambda row: f"{count[row]} [SEP]; there must be one or two"),
        ((segments != second).any(1), lambda row: "segment_ids are not 0 up to the first [SEP], 1 after it, 0 in the padding"),
        (((ids != special.pad) & ~real).any(1), lambda row: f"padding holds other ids than [PAD], which is {special.pad}"),
    )
    problems: dict[int, str] = {}
    for broken, words in rules:
        for row in np.nonzero(broken)[0].tolist():
            problems.setdefault(row, words(row))
    return problems


def decoding_problem(record: bytes, max_seq_length: int) -> str:
    """Why a record does not decode."""
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

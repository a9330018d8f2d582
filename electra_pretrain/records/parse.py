"""Records by TensorFlow's own means, written and read: the schema that every ELECTRA tool shares.

A record is a `tf.train.Example` with the int64 lists `input_ids`, `input_mask` and `segment_ids`, each `max_seq_length` long.
"""

from collections.abc import Iterable

import numpy as np
import tensorflow as tf

from electra_pretrain.core import files
from electra_pretrain.core.batch import INPUT_IDS, INPUT_MASK, RECORD_FEATURES, SEGMENT_IDS


def encode_features(input_ids: np.ndarray, input_mask: np.ndarray, segment_ids: np.ndarray) -> bytes:
    """Serialise one record, from int64 [max_seq_length] three times."""
    values = {INPUT_IDS: input_ids, INPUT_MASK: input_mask, SEGMENT_IDS: segment_ids}
    features = {name: tf.train.Feature(int64_list=tf.train.Int64List(value=value)) for name, value in values.items()}
    return bytes(tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString(deterministic=True))


def write_records(path: str, records: Iterable[bytes]) -> None:
    """Write a TFRecord file atomically."""
    with files.atomic_path(path) as temporary, tf.io.TFRecordWriter(temporary) as writer:
        for record in records:
            writer.write(record)


def parse_records(serialized: tf.Tensor, max_seq_length: int) -> dict[str, tf.Tensor]:
    """Decode a batch of records: string [B] to int32 [B, S] for each feature."""
    return {name: tf.cast(value, tf.int32) for name, value in parse_int64(serialized, max_seq_length).items()}


def parse_int64(serialized: tf.Tensor, max_seq_length: int) -> dict[str, tf.Tensor]:
    """Decode a batch of records as they are stored: string [B] to int64 [B, S] for each feature."""
    parsed: dict[str, tf.Tensor] = tf.io.parse_example(
        serialized, {name: tf.io.FixedLenFeature([max_seq_length], tf.int64) for name in RECORD_FEATURES}
    )
    return parsed

"""Records to batches: the sequence of training batches is a pure function of (seed, step).

An epoch reads the shards in a seeded order of its own, in windows of a few shards; a window is shuffled in memory. The position
in this sequence follows from the step by arithmetic on the manifest's counts, so that a resumed run reads one window at most
before its first batch, and no iterator is ever saved.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from electra_pretrain import rng
from electra_pretrain.batch import INPUT_IDS, INPUT_MASK, SEGMENT_IDS, Batch
from electra_pretrain.data.records import parse_records

SHARD_ORDER, EXAMPLE_ORDER = "shard order", "example order"


class Position(NamedTuple):
    """A place in the endless sequence of windows."""

    window: int
    offset: int  # examples of this window that come before


class WindowPlan(NamedTuple):
    """How shards are grouped into windows.

    Attributes:
        shard_examples: examples in each shard.
        shards_per_window: shards shuffled together.
        seed: of the shuffling.
    """

    shard_examples: tuple[int, ...]
    shards_per_window: int
    seed: int

    @classmethod
    def make(cls, shard_examples: Sequence[int], shuffle_examples: int, seed: int) -> "WindowPlan":
        """Windows of about `shuffle_examples` examples, of one shard at least."""
        per_window = max(1, min(len(shard_examples), shuffle_examples // max(shard_examples)))
        return cls(tuple(shard_examples), per_window, seed)

    @property
    def windows_per_epoch(self) -> int:
        return -(-len(self.shard_examples) // self.shards_per_window)

    @property
    def max_window_examples(self) -> int:
        return sum(sorted(self.shard_examples)[-self.shards_per_window :])

    def position(self, example: int) -> Position:
        """Where the example of this number stands."""
        epoch, offset = divmod(example, sum(self.shard_examples))
        counts = np.array(self.shard_examples)[rng.permutation(self.seed, SHARD_ORDER, epoch, len(self.shard_examples))]
        for index in range(self.windows_per_epoch):
            length = int(counts[index * self.shards_per_window : (index + 1) * self.shards_per_window].sum())
            if offset < length:
                return Position(epoch * self.windows_per_epoch + index, offset)
            offset -= length
        raise AssertionError("an offset within an epoch lies within one of its windows")


def train_dataset(paths: Sequence[str], plan: WindowPlan, max_seq_length: int, batch_size: int, step: int) -> tf.data.Dataset:
    """Endless global batches from update `step` on (0 is the first), each a `Batch` of static shape."""
    start = plan.position(step * batch_size)
    windows = tf.data.Dataset.range(start.window, np.iinfo(np.int64).max)
    records = windows.flat_map(lambda window: _window_records(tf.constant(list(paths)), plan, window)).skip(start.offset)
    rows = tf.range(batch_size)
    return (
        records.batch(batch_size, drop_remainder=True)
        .map(lambda serialized: _to_batch(serialized, max_seq_length, rows), num_parallel_calls=tf.data.AUTOTUNE)
        .prefetch(tf.data.AUTOTUNE)
    )


def heldout_dataset(paths: Sequence[str], max_seq_length: int, batch_size: int, num_batches: int) -> tf.data.Dataset:
    """The first `num_batches` batches of held-out records, in their order; the last is filled up with rows of padding."""
    records = tf.data.TFRecordDataset(list(paths)).take(num_batches * batch_size)
    batches = records.batch(batch_size).enumerate()
    return batches.map(lambda number, serialized: _padded_batch(number, serialized, max_seq_length, batch_size)).prefetch(2)


def _window_records(paths: tf.Tensor, plan: WindowPlan, window: tf.Tensor) -> tf.data.Dataset:
    """One window's serialised records in their seeded order, computed within the graph."""
    epoch, index = window // plan.windows_per_epoch, window % plan.windows_per_epoch
    shard_order = _order(plan.seed, SHARD_ORDER, epoch, len(plan.shard_examples))
    shards = shard_order[index * plan.shards_per_window : (index + 1) * plan.shards_per_window]
    whole_window = tf.data.TFRecordDataset(tf.gather(paths, shards)).batch(plan.max_window_examples)
    example_bits = _bits(plan.seed, EXAMPLE_ORDER, window, plan.max_window_examples)

    def shuffled(serialized: tf.Tensor) -> tf.data.Dataset:
        order = tf.argsort(example_bits[: tf.size(serialized)], stable=True)
        return tf.data.Dataset.from_tensor_slices(tf.gather(serialized, order))

    return whole_window.flat_map(shuffled)


def _bits(seed: int, purpose: str, row: tf.Tensor, length: int) -> tf.Tensor:
    # int64: sorting unsigned integers is not supported everywhere.
    return tf.cast(rng.Random(seed, 0, row[tf.newaxis]).bits(purpose, [length])[0], tf.int64)


def _order(seed: int, purpose: str, row: tf.Tensor, length: int) -> tf.Tensor:
    return tf.argsort(_bits(seed, purpose, row, length), stable=True)


def _to_batch(serialized: tf.Tensor, max_seq_length: int, rows: tf.Tensor) -> Batch:
    features = parse_records(serialized, max_seq_length)
    return Batch(features[INPUT_IDS], features[INPUT_MASK], features[SEGMENT_IDS], rows)


def _padded_batch(number: tf.Tensor, serialized: tf.Tensor, max_seq_length: int, batch_size: int) -> Batch:
    rows = tf.cast(number, tf.int32) * batch_size + tf.range(batch_size)
    batch = _to_batch(serialized, max_seq_length, rows)
    missing = batch_size - tf.shape(serialized)[0]

    def fill(values: tf.Tensor) -> tf.Tensor:
        return tf.ensure_shape(tf.pad(values, [[0, missing], [0, 0]]), [batch_size, max_seq_length])

    return Batch(fill(batch.input_ids), fill(batch.input_mask), fill(batch.segment_ids), rows)

"""Records to batches: the sequence of training batches is a pure function of (seed, step).

An epoch reads the shards in a seeded order of its own, in windows of a few shards; a window is shuffled in memory. The position
in this sequence follows from the step by arithmetic on the manifest's counts, so that a resumed run reads one window at most
before its first batch, and no iterator is ever saved. While a window's batches are handed out, the next window is read, so that
nobody waits for it; two are in memory. Each worker of a job on several hosts reads shards of its own.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from electra_pretrain.core import rng
from electra_pretrain.core.batch import INPUT_IDS, INPUT_MASK, SEGMENT_IDS, Batch
from electra_pretrain.core.errors import UserError
from electra_pretrain.records.tfrecord import parse_records
from electra_pretrain.records.values import assert_values

_PARSERS = 4  # batches that are parsed at a time
_READY_BATCHES = 2
SHARD_ORDER, EXAMPLE_ORDER = "shard order", "example order"


class Records(NamedTuple):
    """Records, and how they are shuffled if they are trained on.

    Attributes:
        paths: the shards.
        examples: how many examples each shard holds.
        max_seq_length: tokens in an example.
        vocab_size: ids are below; a batch that holds others is an error where it is asked for.
        shuffle_examples: examples held in memory and shuffled together, about.
        seed: of the shuffling.
    """

    paths: tuple[str, ...]
    examples: tuple[int, ...]
    max_seq_length: int
    vocab_size: int
    shuffle_examples: int
    seed: int


class Worker(NamedTuple):
    """A process's share of every global batch: an equal number of the rows, the first of them `number` shares in.

    Attributes:
        number: which worker, from 0.
        num_workers: how many there are.
        num_replicas: devices of this worker, which split its share.
    """

    number: int = 0
    num_workers: int = 1
    num_replicas: int = 1


ALONE = Worker()


class Position(NamedTuple):
    """How far the endless sequence of windows has been read."""

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
        """Plan windows of at most `shuffle_examples` examples, but of one shard at least."""
        per_window = max(1, min(len(shard_examples), shuffle_examples // max(shard_examples)))
        return cls(tuple(shard_examples), per_window, seed)

    @property
    def windows_per_epoch(self) -> int:
        return -(-len(self.shard_examples) // self.shards_per_window)

    @property
    def max_window_examples(self) -> int:
        return sum(sorted(self.shard_examples)[-self.shards_per_window :])

    def position(self, example: int) -> Position:
        """Find the example of this number."""
        epoch, offset = divmod(example, sum(self.shard_examples))
        counts = np.array(self.shard_examples)[rng.permutation(self.seed, SHARD_ORDER, epoch, len(self.shard_examples))]
        for index in range(self.windows_per_epoch):
            length = int(counts[index * self.shards_per_window : (index + 1) * self.shards_per_window].sum())
            if offset < length:
                return Position(epoch * self.windows_per_epoch + index, offset)
            offset -= length
        raise AssertionError("an offset within an epoch lies within one of its windows")


def train_dataset(records: Records, batch_size: int, step: int, worker: Worker = ALONE) -> tf.data.Dataset:
    """Make endless batches from update `step` on (0 is the first), each a `Batch` of static shape for one replica.

    A global batch is one element for each replica of each worker; this worker's come replica by replica.

    Args:
        records: what to read.
        batch_size: of the global batch; all replicas together divide it.
        step: how many global batches came before.
        worker: whose share.

    Raises:
        UserError: fewer shards than workers. What is wrong with the records themselves is an error of TensorFlow's at the batch
            that needs them, which `damage.located_damage` explains.
    """
    if text := too_few_shards(len(records.paths), worker.num_workers):
        raise UserError(text)
    own = slice(worker.number, None, worker.num_workers)
    paths = tf.constant(records.paths[own])
    plan = WindowPlan.make(records.examples[own], records.shuffle_examples, records.seed)
    share = batch_size // worker.num_workers
    start = plan.position(step * share)
    windows = tf.data.Dataset.range(start.window, np.iinfo(np.int64).max)
    read = windows.flat_map(lambda window: _window_records(paths, plan, window)).prefetch(1)
    serialized = read.unbatch().skip(start.offset)
    rows = worker.number * share + tf.range(share)
    batches = serialized.batch(share, drop_remainder=True).map(
        lambda batch: _to_batch(batch, records, rows), num_parallel_calls=_PARSERS
    )
    return _ready(_by_replica(batches, worker.num_replicas), worker)


def too_few_shards(shards: int, workers: int) -> str | None:
    """Say that some workers have nothing to read, if so it is, and the way out."""
    if shards >= workers:
        return None
    return f"training shards: {shards} for {workers} workers, each of which needs its own; use fewer, or build from more text"


def heldout_dataset(records: Records, batch_size: int, num_batches: int, worker: Worker = ALONE) -> tf.data.Dataset:
    """Make the first `num_batches` batches of held-out records, in order; the last is filled up with rows of padding.

    Every worker reads them all and takes its rows, so that a score does not depend on how many there are. Elements are for one
    replica each, as those of `train_dataset`.
    """
    count = min(num_batches * batch_size, sum(records.examples))
    read = tf.data.TFRecordDataset(list(records.paths)).take(count).apply(tf.data.experimental.assert_cardinality(count))
    batches = read.batch(batch_size).enumerate()
    batches = batches.map(lambda number, serialized: _padded_batch(number, serialized, records, batch_size))
    share = batch_size // worker.num_workers
    own = slice(worker.number * share, (worker.number + 1) * share)
    batches = batches.map(lambda batch: Batch(*(values[own] for values in batch)))
    return _ready(_by_replica(batches, worker.num_replicas), worker)


def _ready(shares: tf.data.Dataset, worker: Worker) -> tf.data.Dataset:
    """Keep some global batches ready; nothing tunes itself.

    The thread that tunes wakes up ever more rarely, in the end once a minute, and now and then misses being told to end: the
    iterator's end, and so the program's, then waits for it.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return shares.prefetch(_READY_BATCHES * worker.num_replicas).with_options(options)


def _by_replica(batches: tf.data.Dataset, replicas: int) -> tf.data.Dataset:
    """Cut each of a worker's batches into as many elements as there are replicas."""

    def shares(batch: Batch) -> Batch:
        return Batch(*(tf.reshape(values, [replicas, -1, *values.shape[1:]]) for values in batch))

    return batches if replicas == 1 else batches.map(shares).unbatch()


def _window_records(paths: tf.Tensor, plan: WindowPlan, window: tf.Tensor) -> tf.data.Dataset:
    """Read one window's serialised records in their seeded order, computed within the graph; one element, string [n]."""
    epoch, index = window // plan.windows_per_epoch, window % plan.windows_per_epoch
    shard_order = _order(plan.seed, SHARD_ORDER, epoch, len(plan.shard_examples))
    shards = shard_order[index * plan.shards_per_window : (index + 1) * plan.shards_per_window]
    # Of a shard that is cut between two records, nothing else would tell: every later batch would be another.
    expected = tf.reduce_sum(tf.gather(tf.constant(plan.shard_examples, tf.int64), shards))
    read = tf.data.TFRecordDataset(tf.gather(paths, shards)).apply(tf.data.experimental.assert_cardinality(expected))
    example_bits = _bits(plan.seed, EXAMPLE_ORDER, window, plan.max_window_examples)

    def shuffled(serialized: tf.Tensor) -> tf.Tensor:
        return tf.gather(serialized, tf.argsort(example_bits[: tf.size(serialized)], stable=True))

    return read.batch(plan.max_window_examples).map(shuffled)


def _bits(seed: int, purpose: str, row: tf.Tensor, length: int) -> tf.Tensor:
    # int64: sorting unsigned integers is not supported everywhere.
    return tf.cast(rng.Random(seed, 0, row[tf.newaxis]).bits(purpose, [length])[0], tf.int64)


def _order(seed: int, purpose: str, row: tf.Tensor, length: int) -> tf.Tensor:
    return tf.argsort(_bits(seed, purpose, row, length), stable=True)


def _to_batch(serialized: tf.Tensor, records: Records, rows: tf.Tensor) -> Batch:
    parsed = parse_records(serialized, records.max_seq_length)
    assert_values(parsed, records.vocab_size)
    features = {name: tf.cast(values, tf.int32) for name, values in parsed.items()}
    return Batch(features[INPUT_IDS], features[INPUT_MASK], features[SEGMENT_IDS], rows)


def _padded_batch(number: tf.Tensor, serialized: tf.Tensor, records: Records, batch_size: int) -> Batch:
    rows = tf.cast(number, tf.int32) * batch_size + tf.range(batch_size)
    batch = _to_batch(serialized, records, rows)
    missing = batch_size - tf.shape(serialized)[0]

    def fill(values: tf.Tensor) -> tf.Tensor:
        return tf.ensure_shape(tf.pad(values, [[0, missing], [0, 0]]), [batch_size, records.max_seq_length])

    return Batch(fill(batch.input_ids), fill(batch.input_mask), fill(batch.segment_ids), rows)

"""The sequence of batches is a pure function of (seed, step), however it is split over replicas and workers."""

import threading
import time

import numpy as np
import pytest
import tensorflow as tf

from electra_pretrain.core.errors import UserError
from electra_pretrain.records import input_pipeline
from electra_pretrain.records.input_pipeline import ALONE, Records, WindowPlan, Worker, heldout_dataset, train_dataset
from electra_pretrain.records.tfrecord import encode_features, write_records

SEQ, COUNTS = 8, (7, 5, 9, 6, 3)
BATCH, TOTAL = 4, sum(COUNTS)
SHUFFLES = [1, 15, 1000]


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    """Shards whose example number i holds i everywhere."""
    folder, paths, number = tmp_path_factory.mktemp("shards"), [], 0
    for shard, count in enumerate(COUNTS):
        paths.append(str(folder / f"{shard}.tfrecord"))
        write_records(paths[-1], (record(number + i) for i in range(count)))
        number += count
    return paths


def record(number):
    ids, zeros = np.full(SEQ, number, np.int64), np.zeros(SEQ, np.int64)
    return encode_features(ids, zeros + 1, zeros)


def records_of(shards, shuffle_examples=1000, seed=3):
    return Records(tuple(shards), COUNTS, SEQ, TOTAL, shuffle_examples, seed)


def parts(records, step, batches, worker=ALONE):
    """[(ids, rows)] for each replica's part of each of so many batches."""
    dataset = train_dataset(records, BATCH, step, worker).take(batches * worker.num_replicas)
    return [(batch.input_ids.numpy()[:, 0], batch.rows.numpy()) for batch in dataset]


def numbers(records, step, batches, worker=ALONE):
    found = parts(records, step, batches, worker)
    share = BATCH // worker.num_workers
    rows = np.concatenate([rows for _, rows in found]).reshape(batches, share)
    assert (rows == worker.number * share + np.arange(share)).all()
    return np.concatenate([ids for ids, _ in found])


@pytest.mark.parametrize("shuffle_examples", SHUFFLES)
@pytest.mark.parametrize("replicas", [1, 2, 4])
def test_resuming_at_any_step_gives_the_rest_of_the_sequence(shards, shuffle_examples, replicas):
    records = records_of(shards, shuffle_examples)
    straight = numbers(records, 0, 25)
    for step in {0, 24, *np.random.default_rng(replicas).integers(1, 24, 5).tolist()}:
        resumed = numbers(records, step, 25 - step, Worker(num_replicas=replicas))
        np.testing.assert_array_equal(resumed, straight[step * BATCH :])


@pytest.mark.parametrize("count", [2, 4])
def test_strategies_hand_the_same_rows_to_their_replicas(shards, count):
    strategy = tf.distribute.MirroredStrategy([f"/cpu:{number}" for number in range(count)])
    dataset = strategy.distribute_datasets_from_function(
        lambda _: train_dataset(records_of(shards), BATCH, 3, Worker(num_replicas=count))
    )
    for batch, whole in zip(dataset, train_dataset(records_of(shards), BATCH, 3).take(20), strict=False):
        for values, expected in zip(batch, whole, strict=True):
            found = tf.concat(strategy.experimental_local_results(values), 0)
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("shuffle_examples", SHUFFLES)
def test_every_epoch_holds_every_example_once_in_an_order_of_its_own(shards, shuffle_examples):
    sequence = numbers(records_of(shards, shuffle_examples), 0, 3 * TOTAL // BATCH + 1)
    epochs = [sequence[i * TOTAL : (i + 1) * TOTAL].tolist() for i in range(3)]
    assert all(sorted(epoch) == list(range(TOTAL)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]
    assert epochs[0] != sorted(epochs[0])


def test_workers_read_disjoint_shards_and_resume_alike(shards):
    read = []
    for number in range(2):
        worker = Worker(number, 2, 1)
        straight = numbers(records_of(shards), 0, 30, worker)
        for step in (1, 7, 29):
            np.testing.assert_array_equal(numbers(records_of(shards), step, 30 - step, worker), straight[2 * step :])
        read.append(set(straight.tolist()))
    assert not read[0] & read[1] and read[0] | read[1] == set(range(TOTAL))


def test_fewer_shards_than_workers_are_refused(shards):
    with pytest.raises(UserError, match="training shards: 5 for 6 workers, each of which needs its own; use fewer"):
        train_dataset(records_of(shards), 6, 0, Worker(5, 6, 1))


def test_the_seed_decides(shards):
    first, again, other = (numbers(records_of(shards, seed=seed), 0, 10).tolist() for seed in (1, 1, 2))
    assert first == again != other


def test_windows_are_bounded():
    plan = WindowPlan.make((100, 90, 100, 80), 210, seed=0)
    assert plan.shards_per_window == 2 and plan.windows_per_epoch == 2 and plan.max_window_examples == 200


def test_resuming_reads_one_window_at_most(shards, tmp_path):
    """A shard that is not there is not missed by batches that lie in another window."""
    records = records_of(shards, shuffle_examples=1)
    plan = WindowPlan.make(COUNTS, 1, records.seed)
    first_in_last_window = next(i for i in range(TOTAL) if plan.position(i).window == len(COUNTS) - 1)
    step = -(-first_in_last_window // BATCH)
    expected = numbers(records, step, 1)
    last = next(number for number, count in enumerate(np.cumsum(COUNTS)) if expected[0] < count)
    gone = tuple(path if number == last else str(tmp_path / "gone") for number, path in enumerate(shards))
    np.testing.assert_array_equal(numbers(records._replace(paths=gone), step, 1), expected)


def test_the_next_window_is_read_before_it_is_asked_for(tmp_path, monkeypatch):
    """One batch of a window of many was handed out, and nobody asks for more."""
    begun, second = [], threading.Event()
    window_records = input_pipeline._window_records

    def noted(paths, plan, window):
        def note(number):
            begun.append(int(number))
            if len(begun) == 2:
                second.set()
            return number

        with tf.control_dependencies([tf.py_function(note, [window], tf.int64)]):
            return window_records(paths, plan, tf.identity(window))

    monkeypatch.setattr(input_pipeline, "_window_records", noted)
    paths = [str(tmp_path / f"{number}") for number in range(3)]
    for path in paths:
        write_records(path, [record(1)] * 600)
    records = Records(tuple(paths), (600,) * 3, SEQ, TOTAL, 1, 0)
    batches = iter(train_dataset(records, 1, 0))
    next(batches)
    assert second.wait(60) and begun == [0, 1]


def test_heldout_batches_are_in_order_and_filled_up(shards):
    batches = list(heldout_dataset(records_of(shards), 8, 100))
    assert [batch.input_ids.shape for batch in batches] == [(8, SEQ)] * 4
    ids = np.concatenate([batch.input_ids.numpy()[:, 0] for batch in batches])
    assert ids.tolist() == [*range(30), 0, 0]
    assert np.concatenate([batch.rows.numpy() for batch in batches]).tolist() == list(range(32))
    assert not batches[-1].input_mask.numpy()[-2:].any()
    assert len(list(heldout_dataset(records_of(shards), 8, 2))) == 2


def test_heldout_batches_are_the_same_for_any_workers_and_replicas(shards):
    whole = list(heldout_dataset(records_of(shards), 8, 100))
    split = [list(heldout_dataset(records_of(shards), 8, 100, Worker(number, 2, 2))) for number in range(2)]
    for index, batch in enumerate(whole):
        found = [part for worker in split for part in worker[2 * index : 2 * index + 2]]
        for name in batch._fields:
            np.testing.assert_array_equal(np.concatenate([getattr(part, name) for part in found]), getattr(batch, name))


@pytest.mark.parametrize("replicas", [1, 2])
def test_no_thread_tunes_the_reading_and_keeps_a_program_from_ending(shards, replicas):
    """TensorFlow's tuner sleeps for up to a minute, and may sleep on when its iterator ends, which waits for it."""
    worker = Worker(num_replicas=replicas)
    for dataset in (train_dataset(records_of(shards), BATCH, 0, worker), heldout_dataset(records_of(shards), BATCH, 2, worker)):
        assert dataset.options().autotune.enabled is False


@pytest.mark.slow
def test_reading_ends_at_once_however_long_it_went_on(shards):
    """With a tuner, one or two of eight took 15 to 40 seconds to end after half a minute."""
    iterators = [iter(train_dataset(records_of(shards), BATCH, 0)) for _ in range(8)]
    until = time.monotonic() + 30
    while time.monotonic() < until:
        for iterator in iterators:
            next(iterator)
        time.sleep(0.2)
    began = time.monotonic()
    while iterators:
        del iterator
        iterator = iterators.pop()
    assert time.monotonic() - began < 5

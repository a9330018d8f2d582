"""The sequence of batches is a pure function of (seed, step)."""

import numpy as np
import pytest
import tensorflow as tf

from electra_pretrain.data.input_pipeline import WindowPlan, heldout_dataset, train_dataset
from electra_pretrain.data.records import write_records

SEQ, COUNTS = 8, (7, 5, 9, 6, 3)
BATCH = 4


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
    feature = tf.train.Feature(int64_list=tf.train.Int64List(value=[number] * SEQ))
    names = ("input_ids", "input_mask", "segment_ids")
    return tf.train.Example(features=tf.train.Features(feature=dict.fromkeys(names, feature))).SerializeToString()


def numbers(paths, step, batches, plan):
    dataset = train_dataset(paths, plan, SEQ, BATCH, step).take(batches)
    rows = [(batch.input_ids.numpy()[:, 0], batch.rows.numpy()) for batch in dataset]
    assert all(row.tolist() == list(range(BATCH)) for _, row in rows)
    return np.concatenate([ids for ids, _ in rows])


@pytest.mark.parametrize("shuffle_examples", [1, 15, 1000])
def test_resuming_at_any_step_gives_the_rest_of_the_sequence(shards, shuffle_examples):
    plan = WindowPlan.make(COUNTS, shuffle_examples, seed=3)
    straight = numbers(shards, 0, 25, plan)
    for step in (1, 2, 7, 8, 11, 15, 24):
        np.testing.assert_array_equal(numbers(shards, step, 25 - step, plan), straight[step * BATCH :])


@pytest.mark.parametrize("shuffle_examples", [1, 15, 1000])
def test_every_epoch_holds_every_example_once_in_an_order_of_its_own(shards, shuffle_examples):
    total = sum(COUNTS)
    plan = WindowPlan.make(COUNTS, shuffle_examples, seed=3)
    sequence = numbers(shards, 0, 3 * total // BATCH + 1, plan)
    epochs = [sequence[i * total : (i + 1) * total].tolist() for i in range(3)]
    assert all(sorted(epoch) == list(range(total)) for epoch in epochs)
    assert epochs[0] != epochs[1] != epochs[2]
    assert epochs[0] != sorted(epochs[0])


def test_the_seed_decides(shards):
    first, again, other = (numbers(shards, 0, 10, WindowPlan.make(COUNTS, 1000, seed)).tolist() for seed in (1, 1, 2))
    assert first == again != other


def test_windows_are_bounded():
    plan = WindowPlan.make((100, 90, 100, 80), 210, seed=0)
    assert plan.shards_per_window == 2 and plan.windows_per_epoch == 2 and plan.max_window_examples == 200


def test_heldout_batches_are_in_order_and_filled_up(shards):
    batches = list(heldout_dataset(shards, SEQ, 8, 100))
    assert [batch.input_ids.shape for batch in batches] == [(8, SEQ)] * 4
    ids = np.concatenate([batch.input_ids.numpy()[:, 0] for batch in batches])
    assert ids.tolist() == [*range(30), 0, 0]
    assert np.concatenate([batch.rows.numpy() for batch in batches]).tolist() == list(range(32))
    assert not batches[-1].input_mask.numpy()[-2:].any()
    assert len(list(heldout_dataset(shards, SEQ, 8, 2))) == 2

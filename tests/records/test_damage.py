"""Unreadable records are left out one by one; all others keep their places."""

import contextlib
import json
import struct

import numpy as np
import pytest
import tensorflow as tf

from electra_pretrain.core.batch import SpecialIds
from electra_pretrain.core.errors import Damaged, UserError
from electra_pretrain.records.damage import leave_out_damaged, located_damage, record_problems
from electra_pretrain.records.input_pipeline import Records, heldout_dataset, train_dataset
from electra_pretrain.records.manifest import Shard
from electra_pretrain.records.tfrecord import encode_features, parse_records, write_records

SEQ, COUNT, NAME = 8, 2500, "train-00000-of-00001.tfrecord"
SPECIAL = SpecialIds(3, 1, 2, 0, 4)
VOCAB_SIZE = 5 + COUNT
ONES, ZEROS = np.ones(SEQ, np.int64), np.zeros(SEQ, np.int64)


def ids(number):
    return np.full(SEQ, 5 + number, np.int64)


@pytest.fixture
def shard(tmp_path):
    path = tmp_path / NAME
    write_records(str(path), (encode_features(ids(i), ONES, ZEROS) for i in range(COUNT)))
    return path


def offsets(content):
    """Where each record's payload begins."""
    found, place = [], 0
    while place < len(content):
        found.append(place + 12)
        place += 16 + struct.unpack_from("<Q", content, place)[0]
    return found


def damage(path, *, flipped=(), cut_before=None):
    content = bytearray(path.read_bytes())
    starts = offsets(content)
    for number in flipped:
        content[starts[number - 1] + 3] ^= 1
    path.write_bytes(content[: starts[cut_before - 1] + 5] if cut_before else content)


def left_out(folder, out):
    shards = [Shard(NAME, COUNT, (folder / NAME).stat().st_size, "")]
    return leave_out_damaged(str(folder), shards, SEQ, SPECIAL, VOCAB_SIZE, str(out))


def unreadable(path, examples):
    return sorted(record_problems(str(path), examples, SEQ, VOCAB_SIZE))


def read(path):
    return parse_records(tf.constant([record.numpy() for record in tf.data.TFRecordDataset(path)]), SEQ)


FEW = 20
GOOD = encode_features(ids(0), ONES, ZEROS)


def changed(values, place, value):
    values = values.copy()
    values[place] = value
    return values


def put(*records):
    """Records 7 and following are these."""
    return [GOOD] * 6 + list(records) + [GOOD] * (FEW - 6 - len(records))


WRONG = {
    f"record 7: id {VOCAB_SIZE} is not in the vocabulary": put(encode_features(changed(ids(0), 3, VOCAB_SIZE), ONES, ZEROS)),
    "record 7: id -1 is not in the vocabulary": put(encode_features(changed(ids(0), 0, -1), ONES, ZEROS)),
    "record 7: input_mask holds 2; it must be 0 or 1": put(encode_features(ids(0), ONES + 1, ZEROS)),
    "record 7: segment_ids holds -1; it must be 0 or 1": put(encode_features(ids(0), ONES, changed(ZEROS, 7, -1))),
    "record 7: segment_ids has 7 values instead of 8": put(encode_features(ids(0), ONES, ZEROS[1:])),
    "record 7: not a tf.train.Example": put(b"no example", b"none"),
    "record 20: missing: 19 of 20 records are there": [GOOD] * (FEW - 1),
    "record 1: missing: 0 of 20 records are there": [],
    "record 21: one more than the 20 that the manifest tells of": [GOOD] * (FEW + 1),
}


@pytest.mark.parametrize("kind", ["train", "heldout"])
@pytest.mark.parametrize("problem", [*WRONG, "missing; it is gone since the command began"])
def test_where_reading_fails_file_and_record_are_named(tmp_path, kind, problem):
    paths = [str(tmp_path / f"{number}.tfrecord") for number in range(2)]
    write_records(paths[0], [GOOD] * FEW)
    shards = [Shard("", FEW, len(GOOD) * FEW, "")] * 2
    if problem in WRONG:
        write_records(paths[1], WRONG[problem])
    records = Records((paths[0], paths[1]), (FEW, FEW), SEQ, VOCAB_SIZE, 1, 0)
    dataset = train_dataset(records, 4, 0) if kind == "train" else heldout_dataset(records, 4, 100)
    named = contextlib.nullcontext()
    if kind == "train" or "one more" not in problem:  # which nobody reads there
        named = pytest.raises(Damaged, match=rf"^{paths[1]}(, |: ){problem}.*; mend it$")
    with named, located_damage(paths, shards, SEQ, VOCAB_SIZE, "mend it"):
        assert len(list(dataset.take(3 * FEW // 4))) == 2 * FEW // 4


def test_what_is_no_fault_of_the_records_stays_what_it_is(shard):
    shards = [Shard(NAME, COUNT, shard.stat().st_size, "")]
    with pytest.raises(tf.errors.NotFoundError), located_damage([str(shard)], shards, SEQ, VOCAB_SIZE, ""):
        tf.io.read_file("/no/such/file")


def test_values_that_no_model_takes_are_left_out(tmp_path):
    path = tmp_path / NAME
    write_records(str(path), put(encode_features(ids(0) + VOCAB_SIZE, ONES, ZEROS), encode_features(ids(0), ONES, ONES * 3)))
    assert unreadable(path, FEW) == [7, 8]


def test_whole_shards_are_read_as_they_are(shard, tmp_path):
    assert unreadable(shard, COUNT) == []
    assert left_out(tmp_path, tmp_path / "out") == [str(shard)]


def test_every_other_record_keeps_its_place(shard, tmp_path, capfd):
    damage(shard, flipped=(1, 17, 1000, 1001), cut_before=2400)
    gone = [1, 17, 1000, 1001, *range(2400, COUNT + 1)]
    assert unreadable(shard, COUNT) == gone
    (path,) = left_out(tmp_path, tmp_path / "out")
    assert path == str(tmp_path / "out" / NAME)
    assert (
        f"{len(gone)} of {COUNT} records unreadable, left out: 1, 17, 1000, 1001, 2400 and 100 more" in capfd.readouterr().err
    )
    features = read(path)
    expected = np.stack([ids(i) for i in range(COUNT)])
    expected[np.array(gone) - 1] = SPECIAL.pad
    np.testing.assert_array_equal(features["input_ids"], expected)
    np.testing.assert_array_equal(features["input_mask"].numpy().any(1), expected[:, 0] != SPECIAL.pad)


def test_records_of_another_schema_are_left_out(tmp_path):
    path = tmp_path / NAME
    good = encode_features(ids(0), ONES, ZEROS)
    short = encode_features(ids(0)[1:], ONES, ZEROS)
    write_records(str(path), [good, short, b"no example", good])
    assert unreadable(path, 4) == [2, 3]


def test_a_wrong_length_loses_what_follows(shard):
    content = bytearray(shard.read_bytes())
    content[offsets(content)[9] - 12] ^= 1
    shard.write_bytes(content)
    assert unreadable(shard, COUNT) == list(range(10, COUNT + 1))


def test_examined_shards_are_not_examined_again(shard, tmp_path, monkeypatch):
    damage(shard, flipped=(5,))
    first = left_out(tmp_path, tmp_path / "out")
    monkeypatch.setattr("electra_pretrain.records.damage.record_problems", None)
    assert left_out(tmp_path, tmp_path / "out") == first
    examined = json.loads((tmp_path / "out" / "examined.json").read_text())
    assert examined[NAME]["left_out"] == [5]


def test_a_missing_shard_is_an_error(shard, tmp_path):
    shards = [Shard("gone.tfrecord", 1, 1, "")]
    with pytest.raises(UserError, match=r"gone.tfrecord: missing"):
        leave_out_damaged(str(tmp_path), shards, SEQ, SPECIAL, VOCAB_SIZE, str(tmp_path / "out"))

"""Unreadable records are left out one by one; all others keep their places."""

import json
import struct

import numpy as np
import pytest
import tensorflow as tf

from electra_pretrain.core.batch import SpecialIds
from electra_pretrain.core.errors import UserError
from electra_pretrain.records.damage import leave_out_damaged, unreadable
from electra_pretrain.records.manifest import Shard
from electra_pretrain.records.tfrecord import encode_features, parse_records, write_records

SEQ, COUNT, NAME = 8, 2500, "train-00000-of-00001.tfrecord"
SPECIAL = SpecialIds(3, 1, 2, 0, 4)


def ids(number):
    return np.full(SEQ, 5 + number, np.int64)


@pytest.fixture
def shard(tmp_path):
    path = tmp_path / NAME
    write_records(str(path), (encode_features(ids(i), np.ones(SEQ, np.int64), np.zeros(SEQ, np.int64)) for i in range(COUNT)))
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
    return leave_out_damaged(str(folder), shards, SEQ, SPECIAL, str(out))


def read(path):
    return parse_records(tf.constant([record.numpy() for record in tf.data.TFRecordDataset(path)]), SEQ)


def test_whole_shards_are_read_as_they_are(shard, tmp_path):
    assert unreadable(str(shard), COUNT, SEQ) == []
    assert left_out(tmp_path, tmp_path / "out") == [str(shard)]


def test_every_other_record_keeps_its_place(shard, tmp_path, capfd):
    damage(shard, flipped=(1, 17, 1000, 1001), cut_before=2400)
    gone = [1, 17, 1000, 1001, *range(2400, COUNT + 1)]
    assert unreadable(str(shard), COUNT, SEQ) == gone
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
    good = encode_features(ids(0), ids(0), ids(0))
    short = encode_features(ids(0)[1:], ids(0), ids(0))
    write_records(str(path), [good, short, b"no example", good])
    assert unreadable(str(path), 4, SEQ) == [2, 3]


def test_a_wrong_length_loses_what_follows(shard):
    content = bytearray(shard.read_bytes())
    content[offsets(content)[9] - 12] ^= 1
    shard.write_bytes(content)
    assert unreadable(str(shard), COUNT, SEQ) == list(range(10, COUNT + 1))


def test_examined_shards_are_not_examined_again(shard, tmp_path, monkeypatch):
    damage(shard, flipped=(5,))
    first = left_out(tmp_path, tmp_path / "out")
    monkeypatch.setattr("electra_pretrain.records.damage.unreadable", None)
    assert left_out(tmp_path, tmp_path / "out") == first
    examined = json.loads((tmp_path / "out" / "examined.json").read_text())
    assert examined[NAME]["left_out"] == [5]


def test_a_missing_shard_is_an_error(shard, tmp_path):
    shards = [Shard("gone.tfrecord", 1, 1, "")]
    with pytest.raises(UserError, match=r"gone.tfrecord: missing"):
        leave_out_damaged(str(tmp_path), shards, SEQ, SPECIAL, str(tmp_path / "out"))

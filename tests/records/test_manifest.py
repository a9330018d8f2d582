"""Shards as the manifest lists them: of a bucket's, all are asked for at once."""

import threading
import types

import pytest
import tensorflow as tf

from electra_pretrain.core import gfile
from electra_pretrain.core.errors import UserError
from electra_pretrain.records.manifest import Shard, check_shards

FOLDER, COUNT = "gs://bucket/data", 20
SHARDS = tuple(Shard(f"train-{number:05d}", 1, 100 + number, "") for number in range(COUNT))


class Bucket:
    """TensorFlow's file system before a bucket that answers no request before the last of the shards is asked for."""

    def __init__(self, sizes):
        self.asked, self.sizes, self._all = [], sizes, threading.Barrier(COUNT)

    def stat(self, path):
        self.asked.append(path)
        self._all.wait(10)
        if path not in self.sizes:
            raise tf.errors.NotFoundError(None, None, f"{path} not found")
        return types.SimpleNamespace(length=self.sizes[path])

    def exists(self, path):
        self.asked.append(path)
        return path in self.sizes


@pytest.fixture
def bucket(monkeypatch):
    bucket = Bucket({f"{FOLDER}/{shard.name}": shard.bytes for shard in SHARDS})
    monkeypatch.setattr(gfile, "_gfile", lambda: bucket)
    return bucket


def test_a_bucket_is_asked_for_all_shards_at_once_and_for_each_once(bucket):
    paths = [f"{FOLDER}/{shard.name}" for shard in SHARDS]
    assert check_shards(FOLDER, SHARDS) == paths
    assert sorted(bucket.asked) == paths


def test_the_first_fault_in_a_bucket_is_named_as_on_a_disk(bucket, tmp_path):
    for shard in SHARDS:
        (tmp_path / shard.name).write_bytes(bytes(shard.bytes))
    assert check_shards(str(tmp_path), SHARDS) == [str(tmp_path / shard.name) for shard in SHARDS]

    def both(message):
        for folder, shown in ((FOLDER, FOLDER), (str(tmp_path), tmp_path)):
            with pytest.raises(UserError) as error:
                check_shards(folder, SHARDS)
            assert str(error.value).startswith(f"{shown}/{message}")

    def put(number, size):
        bucket.sizes[f"{FOLDER}/{SHARDS[number].name}"] = size
        (tmp_path / SHARDS[number].name).write_bytes(bytes(size))

    del bucket.sizes[f"{FOLDER}/{SHARDS[17].name}"]
    (tmp_path / SHARDS[17].name).unlink()
    both("train-00017: missing, though the manifest lists it; copy it again or rebuild the data")
    put(9, 110)
    both("train-00009: changed (110 bytes, the manifest says 109); copy it again")
    put(3, 102)
    both("train-00003: truncated (102 bytes, the manifest says 103); copy it again")

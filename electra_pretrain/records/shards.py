"""The second step of a build: a shard takes from every block the records whose keys lie in its range of all keys."""

import dataclasses
import hashlib
import itertools
import math
from typing import NamedTuple

import numpy as np

from electra_pretrain.core import files
from electra_pretrain.execution.resume import Marker
from electra_pretrain.records.block_file import read_range
from electra_pretrain.records.blocks import BuildWork
from electra_pretrain.records.manifest import Shard, max_encoded_bytes
from electra_pretrain.records.rows import SPLITS

SHARD_NAMES = rf"(?:{'|'.join(SPLITS)})-\d{{5}}-of-\d{{5}}\.tfrecord"  # regular expression
MAX_SHARD_BYTES = 100_000_000
_RECORDS_A_WRITE = 1000


class ShardTask(NamedTuple):
    """Which shard of which split, of how many, and what it is made of.

    Attributes:
        fingerprint: of input, vocabulary and settings.
    """

    split: str
    number: int
    num_shards: int
    num_blocks: int
    fingerprint: str

    @property
    def name(self) -> str:
        return f"{self.split}-{self.number:05d}-of-{self.num_shards:05d}.tfrecord"


def shard_tasks(examples: list[int], num_blocks: int, fingerprint: str, max_seq_length: int) -> list[ShardTask]:
    """Plan the shards of all splits, given how many examples each split has."""
    # Keys are random, so that shards differ a little in size; the margin keeps the largest under the limit.
    per_shard = MAX_SHARD_BYTES // max_encoded_bytes(max_seq_length) * 0.98
    tasks = []
    for split, count in zip(SPLITS, examples, strict=True):
        num_shards = math.ceil(count / per_shard)
        tasks += [ShardTask(split, number, num_shards, num_blocks, fingerprint) for number in range(num_shards)]
    return tasks


def build_shard(task: ShardTask, work: BuildWork) -> Shard:
    """Collect a shard's records from all blocks, write them in the order of their keys, and leave a marker."""
    path = files.join(work.output, task.name)
    marker = Marker(files.join(work.work_dir, f"{task.name}.json"), task.fingerprint)
    if (saved := marker.result()) is not None and files.exists(path):
        return Shard(**saved)
    marker.remove()
    low, high = (2**32 * bound // task.num_shards for bound in (task.number, task.number + 1))
    found = [read_range(work.block_path(task.split, number), low, high) for number in range(task.num_blocks)]
    records = list(itertools.chain.from_iterable(of_block.records for of_block in found))
    order = np.argsort(np.concatenate([of_block.keys for of_block in found]), kind="stable").tolist()
    digest, size = hashlib.sha256(), 0
    with files.atomic_path(path) as temporary, files.open_raw(temporary, "wb") as file:
        for first in range(0, len(order), _RECORDS_A_WRITE):
            content = b"".join([records[index] for index in order[first : first + _RECORDS_A_WRITE]])
            file.write(content)
            digest.update(content)
            size += len(content)
    shard = Shard(task.name, len(order), size, digest.hexdigest())
    marker.save(dataclasses.asdict(shard))
    return shard

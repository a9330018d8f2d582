"""The second phase of a build: a shard takes from every block the records whose keys lie in its part of the key range."""

import dataclasses
import hashlib
import itertools
import json
import math
from typing import NamedTuple

import numpy as np

from electra_pretrain.core import files
from electra_pretrain.records.block_file import read_range
from electra_pretrain.records.blocks import SPLITS, Workplace, block_path
from electra_pretrain.records.manifest import Shard, max_encoded_bytes

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
    """The shards of all splits, given how many examples each split has."""
    # Keys are random, so that shards differ a little in size; the margin keeps the largest under the limit.
    per_shard = MAX_SHARD_BYTES // max_encoded_bytes(max_seq_length) * 0.98
    tasks = []
    for split, count in zip(SPLITS, examples, strict=True):
        num_shards = math.ceil(count / per_shard)
        tasks += [ShardTask(split, number, num_shards, num_blocks, fingerprint) for number in range(num_shards)]
    return tasks


def build_shard(task: ShardTask, workplace: Workplace) -> Shard:
    """Collect a shard's records from all blocks, write them in the order of their keys, and leave a marker."""
    path = files.join(workplace.output, task.name)
    marker = files.join(workplace.work_dir, f"{task.name}.json")
    if files.exists(marker) and files.exists(path):
        saved = json.loads(files.read_text(marker))
        if saved["fingerprint"] == task.fingerprint:
            return Shard(**saved["shard"])
    files.remove(marker)
    low, high = (2**32 * bound // task.num_shards for bound in (task.number, task.number + 1))
    parts = [read_range(block_path(workplace, task.split, number), low, high) for number in range(task.num_blocks)]
    records = list(itertools.chain.from_iterable(part.records for part in parts))
    order = np.argsort(np.concatenate([part.keys for part in parts]), kind="stable").tolist()
    digest, size = hashlib.sha256(), 0
    with files.atomic_path(path) as temporary, files.open_raw(temporary, "wb") as file:
        for first in range(0, len(order), _RECORDS_A_WRITE):
            content = b"".join([records[place] for place in order[first : first + _RECORDS_A_WRITE]])
            file.write(content)
            digest.update(content)
            size += len(content)
    shard = Shard(task.name, len(order), size, digest.hexdigest())
    files.write_text(marker, json.dumps({"fingerprint": task.fingerprint, "shard": dataclasses.asdict(shard)}))
    return shard

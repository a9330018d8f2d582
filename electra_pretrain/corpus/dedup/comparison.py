"""A comparison of all units with one another, once by their digests ("exact"), once by their signatures' bands ("near").

It is a sort of keys that lie in many files: of every block, cut by ranges of the first key that memory holds one at a time.
What it finds are links, from a unit to an earlier one.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from electra_pretrain.core import files
from electra_pretrain.corpus.dedup.arrays import load_array, load_one_of_several
from electra_pretrain.corpus.dedup.keys import key_range, links_within, unit_numbers

EXACT, NEAR = "exact", "near"
# Mapped files, keys, positions, order and scratch arrays at once: 96 as measured, where nine of ten records are repetitions.
SORT_BYTES_PER_RECORD = 100
MAX_BLOCKS_PER_GROUP = 64


class Comparison(NamedTuple):
    """A comparison, and where its files lie.

    Attributes:
        name: EXACT or NEAR.
        num_blocks: of the corpus.
        num_ranges: of the keys.
        blocks_per_group: where every look into a file is a request, files of single blocks are too many for each range to look
            into; keys and links of so many blocks then lie in one file. 0: on this machine's disk they need not.
    """

    name: str
    num_blocks: int
    num_ranges: int
    blocks_per_group: int = 0

    def groups(self) -> list[range]:
        """Return the blocks in groups; one by one if they are not grouped."""
        size = max(1, self.blocks_per_group)
        return [range(first, min(first + size, self.num_blocks)) for first in range(0, self.num_blocks, size)]

    def keys_path(self, work_dir: str, block: int) -> str:
        return files.join(work_dir, f"{self.name}-keys-{block:06d}.npy")

    def block_links_path(self, work_dir: str, block: int) -> str:
        return files.join(work_dir, f"{self.name}-links-in-{block:06d}.npy")

    def range_links_path(self, work_dir: str, number: int) -> str:
        """Name the file of one array, or of the groups' arrays."""
        return files.join(work_dir, f"{self.name}-links-{number:05d}-{self._cut()}")

    def group_keys_path(self, work_dir: str, group: range) -> str:
        """Name the file of the ranges' arrays."""
        return files.join(work_dir, f"{self.name}-keys-from-{group.start:06d}-{self._cut()}")

    def group_links_path(self, work_dir: str, group: range) -> str:
        """Name the file of the blocks' arrays."""
        return files.join(work_dir, f"{self.name}-links-from-{group.start:06d}-{self._cut()}")

    def range_records(self, work_dir: str, number: int) -> np.ndarray:
        """Return uint64 [K + 1, n]: every block's records of a range of the keys, in the order of the blocks or groups."""
        if not self.blocks_per_group:
            paths = (self.keys_path(work_dir, block) for block in range(self.num_blocks))
            return np.concatenate([key_range(load_array(path), number, self.num_ranges) for path in paths], axis=1)
        paths = (self.group_keys_path(work_dir, group) for group in self.groups())
        return np.concatenate([load_one_of_several(path, number, self.num_ranges) for path in paths], axis=1)

    def links_of_block(self, work_dir: str, block: int) -> np.ndarray:
        """Return uint64 [2, n]: every link from a unit of the block to an earlier unit."""
        within = load_array(self.block_links_path(work_dir, block))
        if not self.blocks_per_group:
            paths = [self.range_links_path(work_dir, number) for number in range(self.num_ranges)]
            across = [links_within(load_array(path), range(block, block + 1)) for path in paths]
            return np.concatenate([within, *across], axis=1)
        group = self.groups()[block // self.blocks_per_group]
        path = self.group_links_path(work_dir, group)
        return np.concatenate([within, load_one_of_several(path, block - group.start, len(group))], axis=1)

    def linked_units(self, work_dir: str, block: int) -> np.ndarray:
        """Return the sorted numbers, within the block, of its units that are linked to earlier ones."""
        return np.unique(unit_numbers(self.links_of_block(work_dir, block)[0]))

    def _cut(self) -> str:
        """Name what another cut of the same work does not share."""
        grouped = f"-by-{self.blocks_per_group}.arrays" if self.blocks_per_group else ".npy"
        return f"of-{self.num_ranges:05d}{grouped}"


def make_comparison(name: str, records: Sequence[int], memory_bytes: int, grouped: bool) -> Comparison:
    """Take as many ranges as it needs for one to be sorted in `memory_bytes`, and as many groups; `records` of every block."""
    fitting = memory_bytes // SORT_BYTES_PER_RECORD
    num_ranges = max(1, math.ceil(sum(records) * SORT_BYTES_PER_RECORD / memory_bytes))
    blocks_per_group = max(1, min(MAX_BLOCKS_PER_GROUP, fitting // max(1, *records))) if grouped else 0
    return Comparison(name, len(records), num_ranges, blocks_per_group)

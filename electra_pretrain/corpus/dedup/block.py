"""A block of text on its way through deduplication, as files in a work folder: the text itself, its keys, links between units.

A unit is what is compared: a line or a whole document. Steps of links are "exact" and "near".
"""

import io
import json
import math
from collections.abc import Iterator, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

import numpy as np
import zstandard

from electra_pretrain.core import files
from electra_pretrain.corpus.dedup.keys import key_range, links_within, unit_numbers
from electra_pretrain.corpus.dedup.pieces import read_piece
from electra_pretrain.corpus.reader import Document

# Mapped files, keys, places, order and scratch arrays at once: 96 as measured, where nine of ten records are repetitions.
SORT_BYTES_PER_RECORD = 100
MAX_BLOCKS_PER_GROUP = 64


class Size(NamedTuple):
    """Of a block of text."""

    documents: int
    lines: int
    units: int
    text_bytes: int  # UTF-8, line ends included


class Step(NamedTuple):
    """A comparison of all units with one another, cut by the first of their keys into parts that memory holds.

    Attributes:
        blocks_per_group: where every look into a file is a request, files of single blocks are too many for each part to look
            into; keys and links of so many blocks then lie in one file. 0: on this machine's disk they need not.
    """

    name: str
    num_blocks: int
    num_parts: int
    blocks_per_group: int = 0

    def groups(self) -> list[range]:
        """The blocks in groups; one by one if they are not grouped."""
        size = max(1, self.blocks_per_group)
        return [range(first, min(first + size, self.num_blocks)) for first in range(0, self.num_blocks, size)]

    def keys_path(self, work_dir: str, block: int) -> str:
        return files.join(work_dir, f"{self.name}-keys-{block:06d}.npy")

    def block_links_path(self, work_dir: str, block: int) -> str:
        return files.join(work_dir, f"{self.name}-links-in-{block:06d}.npy")

    def part_links_path(self, work_dir: str, part: int) -> str:
        """Of a .npy file, or of the groups' pieces."""
        return files.join(work_dir, f"{self.name}-links-{part:05d}-{self._cut()}")

    def group_keys_path(self, work_dir: str, group: range) -> str:
        """Of the parts' pieces."""
        return files.join(work_dir, f"{self.name}-keys-from-{group.start:06d}-{self._cut()}")

    def group_links_path(self, work_dir: str, group: range) -> str:
        """Of the blocks' pieces."""
        return files.join(work_dir, f"{self.name}-links-from-{group.start:06d}-{self._cut()}")

    def part_records(self, work_dir: str, part: int) -> np.ndarray:
        """uint64 [K + 1, n]: every block's records of a part of the keys, in the order of the blocks or groups of them."""
        if not self.blocks_per_group:
            paths = (self.keys_path(work_dir, block) for block in range(self.num_blocks))
            return np.concatenate([key_range(load_array(path), part, self.num_parts) for path in paths], axis=1)
        paths = (self.group_keys_path(work_dir, group) for group in self.groups())
        return np.concatenate([read_piece(path, part, self.num_parts) for path in paths], axis=1)

    def links_of_block(self, work_dir: str, block: int) -> np.ndarray:
        """uint64 [2, n]: every link from a unit of the block to an earlier unit."""
        within = load_array(self.block_links_path(work_dir, block))
        if not self.blocks_per_group:
            paths = [self.part_links_path(work_dir, part) for part in range(self.num_parts)]
            across = [links_within(load_array(path), range(block, block + 1)) for path in paths]
            return np.concatenate([within, *across], axis=1)
        group = self.groups()[block // self.blocks_per_group]
        path = self.group_links_path(work_dir, group)
        return np.concatenate([within, read_piece(path, block - group.start, len(group))], axis=1)

    def _cut(self) -> str:
        """What another cut of the same work does not share."""
        grouped = f"-by-{self.blocks_per_group}.pieces" if self.blocks_per_group else ".npy"
        return f"of-{self.num_parts:05d}{grouped}"


def make_step(name: str, records: Sequence[int], memory_bytes: int, grouped: bool) -> Step:
    """As many parts as it takes for one to be sorted in `memory_bytes`, and as many groups; `records` of every block."""
    fitting = memory_bytes // SORT_BYTES_PER_RECORD
    num_parts = max(1, math.ceil(sum(records) * SORT_BYTES_PER_RECORD / memory_bytes))
    blocks_per_group = max(1, min(MAX_BLOCKS_PER_GROUP, fitting // max(1, *records))) if grouped else 0
    return Step(name, len(records), num_parts, blocks_per_group)


def units(documents: Sequence[Document], by: str) -> list[str]:
    return ["\n".join(document) for document in documents] if by == "document" else [line for d in documents for line in d]


def repeated_units(step: Step, work_dir: str, block: int) -> np.ndarray:
    """Sorted numbers, within the block, of its units that an exact step found to have occurred before."""
    return np.unique(unit_numbers(step.links_of_block(work_dir, block)[0]))


def text_bytes(documents: Sequence[Document]) -> bytes:
    """Our text format: a line a sentence, an empty line between documents."""
    return "".join("\n".join(document) + "\n\n" for document in documents).encode("utf-8")


def save_text(path: str, content: bytes) -> None:
    files.write_bytes(path, zstandard.ZstdCompressor(level=1).compress(content))


def load_text(path: str) -> list[Document]:
    content = zstandard.ZstdDecompressor().decompress(files.read_bytes(path)).decode("utf-8")
    return [document.split("\n") for document in content.split("\n\n") if document]


def text_path(work_dir: str, block: int) -> str:
    return files.join(work_dir, f"text-{block:06d}.zst")


def save_array(path: str, array: np.ndarray) -> None:
    """Store an array atomically."""
    with files.atomic_path(path) as temporary, files.open_raw(temporary, "wb") as file:
        # Not the file itself: numpy would write it by a way that does not say why a disk refuses.
        np.save(cast(Any, SimpleNamespace(write=file.write)), array)


def load_array(path: str) -> np.ndarray:
    """A stored array: a local one mapped into memory, where a slice costs its own bytes; a remote one read."""
    if files.is_remote(path):
        return cast(np.ndarray, np.load(io.BytesIO(files.read_bytes(path))))
    return cast(np.ndarray, np.load(path, mmap_mode="r"))


def load_rows(path: str, rows: np.ndarray) -> np.ndarray:
    """Some rows, at least one, of a stored array [n, any]; of a remote one all between the first and the last are read."""
    if not files.is_remote(path):
        return np.asarray(load_array(path)[rows])
    with files.open_raw(path) as file:
        np.lib.format.read_magic(file)
        (_, width), _, dtype = np.lib.format.read_array_header_1_0(file)
        first, stop = int(rows.min()), int(rows.max()) + 1
        file.seek(file.tell() + first * width * dtype.itemsize)
        content = file.read((stop - first) * width * dtype.itemsize)
    return cast(np.ndarray, np.frombuffer(content, dtype).reshape(-1, width)[rows - first])


def save_json(path: str, value: Any) -> None:
    files.write_text(path, json.dumps(value))


def load_json(path: str) -> Any:
    return json.loads(files.read_text(path)) if files.exists(path) else None


def grouped(sizes: Sequence[int], limit: int) -> Iterator[range]:
    """Runs of successive items whose sizes together stay within a limit (a run of one may not)."""
    start, total = 0, 0
    for index, size in enumerate(sizes):
        if index > start and total + size > limit:
            yield range(start, index)
            start, total = index, 0
        total += size
    if start < len(sizes):
        yield range(start, len(sizes))

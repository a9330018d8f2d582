"""A block's framed records in one file, sorted by random key, behind an index: a range of keys is one stretch of the file.

Layout: n as uint64; keys, uint32 [n], ascending; where each record ends, uint64 [n]; the records.
"""

import itertools
import math
from collections.abc import Iterator, Sequence
from typing import BinaryIO, NamedTuple

import numpy as np

from electra_pretrain.core import files
from electra_pretrain.execution.work_files import read_exactly

_MERGED_AT_ONCE = 64_000_000  # bytes


class KeyRange(NamedTuple):
    """Some of a block's records."""

    keys: np.ndarray  # uint32 [n], ascending
    records: list[bytes]


def write_block(path: str, keys: np.ndarray, records: Sequence[bytes]) -> None:
    """Store records, which are in the order of their keys (uint32 [n]), atomically."""
    with files.atomic_path(path) as temporary, files.open_raw(temporary, "wb") as file:
        file.write(_index(keys, [len(record) for record in records]))
        file.write(b"".join(records))


def read_range(path: str, low: int, high: int) -> KeyRange:
    """Return the records with low <= key < high, which may be 2**32; besides them only their stretch of the index is read.

    Raises:
        Damaged: the file is cut short. That a record has changed is told by its own checksum, wherever it is read.
    """
    with files.open_raw(path) as file:
        count = int(np.frombuffer(read_exactly(file, 8, path), "<u8")[0])
        start, stop = (_first_from(file, count, key, path) for key in (low, high))
        file.seek(8 + 4 * start)
        keys = np.frombuffer(read_exactly(file, 4 * (stop - start), path), "<u4")
        # One more, where the first record begins; but for the file's first.
        before = min(start, 1)
        file.seek(8 + 4 * count + 8 * (start - before))
        ends = np.frombuffer(read_exactly(file, 8 * (stop - start + before), path), "<u8").astype(np.int64)
        ends = ends if before else np.concatenate([np.zeros(1, np.int64), ends])
        bounds = (ends - ends[0]).tolist()
        file.seek(8 + 12 * count + int(ends[0]))
        content = read_exactly(file, bounds[-1], path)
    return KeyRange(keys, [content[a:b] for a, b in itertools.pairwise(bounds)])


def _first_from(file: BinaryIO, count: int, key: int, path: str) -> int:
    """Find the index of the first key that is not below `key`: about where it must be, as keys are uniform, else among all."""
    expected, reach = count * key // 2**32, 8 * math.isqrt(count) + 8
    for start, stop in ((max(0, expected - reach), min(count, expected + reach)), (0, count)):
        file.seek(8 + 4 * start)
        window = np.frombuffer(read_exactly(file, 4 * (stop - start), path), "<u4").astype(np.int64)
        index = int(np.searchsorted(window, key))
        if (index > 0 or start == 0) and (index < len(window) or stop == count):
            return start + index
    raise AssertionError("all keys were looked at")


def merge_blocks(paths: Sequence[str], target: str) -> None:
    """Store the records of several blocks as one block, those of equal keys in the order of the blocks, a slice at a time."""
    slices = -(-sum(map(files.size, paths)) // _MERGED_AT_ONCE) or 1
    bounds = [2**32 * number // slices for number in range(slices + 1)]

    def merged() -> Iterator[tuple[np.ndarray, list[bytes]]]:
        for low, high in itertools.pairwise(bounds):
            found = [read_range(path, low, high) for path in paths]
            keys = np.concatenate([of_block.keys for of_block in found])
            order = np.argsort(keys, kind="stable")
            records = list(itertools.chain.from_iterable(of_block.records for of_block in found))
            yield keys[order], [records[index] for index in order.tolist()]

    index = [(keys, [len(record) for record in records]) for keys, records in merged()]
    with files.atomic_path(target) as temporary, files.open_raw(temporary, "wb") as file:
        file.write(_index(np.concatenate([keys for keys, _ in index]), [length for _, lengths in index for length in lengths]))
        for _, records in merged():
            file.write(b"".join(records))


def _index(keys: np.ndarray, lengths: Sequence[int]) -> bytes:
    ends = np.cumsum(lengths, dtype=np.uint64)
    return np.array([len(keys)], "<u8").tobytes() + keys.astype("<u4").tobytes() + ends.astype("<u8").tobytes()

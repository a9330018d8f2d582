"""A block's framed records in one file, sorted by random key, behind an index: a range of keys is one piece of the file.

Layout: n as uint64; keys, uint32 [n], ascending; where each record ends, uint64 [n]; the records.
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from electra_pretrain import files


class KeyRange(NamedTuple):
    """Some of a block's records."""

    keys: np.ndarray  # uint32 [n], ascending
    records: list[bytes]


def write_block(path: str, keys: np.ndarray, records: Sequence[bytes]) -> None:
    """Store records, which are in the order of their keys (uint32 [n]), atomically."""
    ends = np.cumsum([len(record) for record in records], dtype=np.uint64)
    index = np.array([len(keys)], "<u8").tobytes() + keys.astype("<u4").tobytes() + ends.astype("<u8").tobytes()
    with files.atomic_path(path) as temporary, files.open_raw(temporary, "wb") as file:
        file.write(index)
        file.write(b"".join(records))


def read_range(path: str, low: int, high: int) -> KeyRange:
    """The records with low <= key < high, which may be 2**32; only they and the index are read."""
    with files.open_raw(path) as file:
        count = int(np.frombuffer(file.read(8), "<u8")[0])
        keys = np.frombuffer(file.read(4 * count), "<u4")
        ends = np.concatenate([np.zeros(1, np.int64), np.frombuffer(file.read(8 * count), "<u8").astype(np.int64)])
        start, stop = np.searchsorted(keys.astype(np.int64), [low, high]).tolist()
        bounds = (ends[start : stop + 1] - ends[start]).tolist()
        file.seek(8 + 12 * count + int(ends[start]))
        content = file.read(bounds[-1])
    return KeyRange(keys[start:stop], [content[a:b] for a, b in itertools.pairwise(bounds)])

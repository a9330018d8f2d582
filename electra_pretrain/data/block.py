"""A block's examples as flat arrays, sorted by random key, in one file mapped into memory: a slice costs its own bytes."""

from typing import NamedTuple

import numpy as np

from electra_pretrain import files


class Block(NamedTuple):
    """Examples as flat arrays; example i is ids[splits[i]:splits[i + 1]], its first segment `first_lengths[i]` long."""

    keys: np.ndarray  # uint32 [n], ascending
    first_lengths: np.ndarray  # uint32 [n]
    splits: np.ndarray  # uint32 [n + 1]
    ids: np.ndarray  # uint32 [tokens]

    def __len__(self) -> int:
        return len(self.keys)

    def example(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        """Tokens of the first and the second segment."""
        start, stop = int(self.splits[index]), int(self.splits[index + 1])
        middle = start + int(self.first_lengths[index])
        return self.ids[start:middle], self.ids[middle:stop]

    def key_range(self, low: int, high: int) -> "Block":
        """The examples with low <= key < high."""
        # int64 bounds: `high` may be 2**32.
        start, stop = np.searchsorted(self.keys.astype(np.int64), [low, high])
        return Block(self.keys[start:stop], self.first_lengths[start:stop], self.splits[start : stop + 1], self.ids)


class BlockBuilder:
    """Collects examples before their keys are known."""

    def __init__(self) -> None:
        self._pairs: list[tuple[np.ndarray, np.ndarray]] = []

    def __len__(self) -> int:
        return len(self._pairs)

    def add(self, first: np.ndarray, second: np.ndarray) -> None:
        self._pairs.append((first, second))

    def sorted_by(self, keys: np.ndarray) -> "Block":
        """The block, in the order of `keys` (uint32, one an example)."""
        order = np.argsort(keys, kind="stable")
        pairs = [self._pairs[index] for index in order]
        splits = np.zeros(len(pairs) + 1, np.uint32)
        np.cumsum([len(first) + len(second) for first, second in pairs], out=splits[1:])
        tokens = [part for pair in pairs for part in pair]
        return Block(
            keys=keys[order],
            first_lengths=np.array([len(first) for first, _ in pairs], np.uint32),
            splits=splits,
            ids=np.concatenate(tokens).astype(np.uint32) if tokens else np.zeros(0, np.uint32),
        )


def write_block(path: str, block: Block) -> None:
    """Store a block atomically as one uint32 array: n, keys, first lengths, splits, ids."""
    flat = np.concatenate([np.array([len(block)], np.uint32), *block])
    with files.atomic_path(path) as temporary, open(temporary, "wb") as file:
        np.save(file, flat)


def read_block(path: str) -> Block:
    """Map a stored block into memory."""
    flat = np.load(path, mmap_mode="r")
    n = int(flat[0])
    keys, first_lengths, splits, ids = np.split(flat, [1 + n, 1 + 2 * n, 2 + 3 * n])[0:4]
    return Block(keys[1:], first_lengths, splits, ids)

"""Find texts that occurred before, exactly: digests as arrays of integers, sorted, so that equal ones lie side by side.

Two texts are equal if they are the same in Unicode's form NFC without the whitespace around them. A digest has 128 bits: among
n texts two different ones share one with a probability of n² / 2**129, 1.7e-22 for 340 million.
Arrays of keys are uint64 [K, n], most significant row first (a digest is K = 2). A position is where in the corpus a text is:
number of its block << 32 | number within the block.
"""

import hashlib
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from electra_pretrain.core import composing

BLOCK_SHIFT = np.uint64(32)


def normalized(text: str) -> str:
    """Return what of a text decides whether it is another one."""
    return composing.nfc(text.strip())


def digests(texts: Iterable[str]) -> np.ndarray:
    """Return uint64 [2, n]: BLAKE2b of every text, 128 bits; a digest that nobody can aim at hides no text behind another."""
    contents = (normalized(text).encode("utf-8") for text in texts)
    joined = b"".join(hashlib.blake2b(content, digest_size=16).digest() for content in contents)
    return np.ascontiguousarray(np.frombuffer(joined, "<u8").reshape(-1, 2).T)


def positions(block: int, units: np.ndarray) -> np.ndarray:
    """Return uint64 [n]: positions in the corpus of a block's units."""
    found: np.ndarray = units.astype(np.uint64)
    found |= np.uint64(block) << BLOCK_SHIFT
    return found


class Sorted(NamedTuple):
    """Keys sorted, with the first occurrence of each apart from its repetitions."""

    records: np.ndarray  # uint64 [K + 1, f]: every different key once, ascending; its first position in the last row
    links: np.ndarray  # uint64 [2, n - f]: positions that are not the first of their key, ascending; the first ones


def sort_keys(keys: np.ndarray, positions: np.ndarray) -> Sorted:
    """Tell first occurrences from repetitions.

    Args:
        keys: uint64 [K, n].
        positions: uint64 [n], of the keys; of equal keys the one that stands first here counts as the first.
    """
    order = np.lexsort(keys[::-1])  # stable
    is_first = np.zeros(len(order), bool)
    is_first[:1] = True
    for row in keys:
        ordered = row[order]
        is_first[1:] |= ordered[1:] != ordered[:-1]
    firsts = order[is_first]
    repeated = order[~is_first]
    originals = firsts[np.cumsum(is_first)[~is_first] - 1]
    links = np.stack([positions[repeated], positions[originals]])
    records = np.concatenate([keys[:, firsts], positions[None, firsts]])
    return Sorted(records, links[:, np.argsort(links[0], kind="stable")])


def key_range(records: np.ndarray, number: int, num_ranges: int) -> np.ndarray:
    """Copy those sorted records whose first key lies in one of `num_ranges` equal ranges of all 64-bit numbers."""
    bounds = [2**64 * bound // num_ranges for bound in (number, number + 1)]
    start, stop = (
        len(records[0]) if bound == 2**64 else int(np.searchsorted(records[0], np.uint64(bound))) for bound in bounds
    )
    return np.array(records[:, start:stop])


def links_within(links: np.ndarray, blocks: range) -> np.ndarray:
    """Copy those links whose repetition lies in some successive blocks."""
    bounds = np.array([blocks.start, blocks.stop], np.uint64) << BLOCK_SHIFT
    start, stop = np.searchsorted(links[0], bounds)
    return np.array(links[:, start:stop])


def unit_numbers(positions: np.ndarray) -> np.ndarray:
    """Return uint64 [n]: numbers within their blocks."""
    numbers: np.ndarray = positions & np.uint64(2**32 - 1)
    return numbers

"""Find texts that are nearly the same: MinHash signatures, locality-sensitive bands, clusters.

A text is the set of its runs of five characters, whitespace left out: Korean is written with and without spaces, has no word
list that fits chats and names, and five syllables are about a word and a half. Two texts are as near as their sets: common
runs / all runs (Jaccard). The share of equal numbers in two MinHash signatures estimates it; texts that agree in a whole band
of their signatures are candidates, which keeps the comparisons few.
"""

import importlib.metadata
from collections.abc import Sequence
from typing import Any

import numpy as np

from electra_pretrain.core import composing, optional

SHINGLE_CHARACTERS = 5
NUM_PERMUTATIONS = 128
# A pair as near as the threshold is to be found so often; what is found in vain is weeded out by comparing signatures.
BAND_RECALL = 0.99
_BATCH = 1000
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)


def shingles(text: str) -> str:
    """Return the characters whose runs are compared; at least one run's."""
    characters = "".join(composing.nfc(text).lower().split())
    return characters.ljust(SHINGLE_CHARACTERS, "\0")


def shingle_hashes(texts: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Hash every text's runs: the hashes, uint64 [runs], and where each text's begin, uint64 [n + 1]."""
    prepared = [shingles(text) for text in texts]
    joined = "".join(prepared).encode("utf-32-le", "surrogatepass")
    characters = np.frombuffer(joined, "<u4").astype(np.uint64)
    lengths = np.array([len(text) for text in prepared])
    counts = lengths - SHINGLE_CHARACTERS + 1
    splits = np.concatenate([[0], np.cumsum(counts)])
    begins = np.repeat(np.cumsum(lengths) - lengths - splits[:-1], counts) + np.arange(splits[-1])
    hashes = np.zeros(len(begins), np.uint64)
    for offset in range(SHINGLE_CHARACTERS):
        hashes = _mixed(hashes, characters[begins + offset])
    return hashes, splits.astype(np.uint64)


def signatures(texts: Sequence[str], seed: int) -> np.ndarray:
    """Return MinHash signatures, uint32 [n, NUM_PERMUTATIONS].

    Raises:
        UserError: `rensa` is not installed.
    """
    min_hash = _rensa().RMinHash
    result = np.zeros((len(texts), NUM_PERMUTATIONS), np.uint32)
    for start in range(0, len(texts), _BATCH):
        hashes, splits = shingle_hashes(texts[start : start + _BATCH])
        matrix = min_hash.digest_matrix_from_flat_token_hashes(hashes, splits, NUM_PERMUTATIONS, seed)
        result[start : start + _BATCH] = matrix.to_rows()
    return result


def rows_per_band(threshold: float) -> int:
    """Take as many as possible (fewer candidates in vain) such that a pair at the threshold meets in a band 99 times of 100."""
    fitting = (
        rows
        for rows in range(NUM_PERMUTATIONS, 1, -1)
        if 1 - (1 - threshold**rows) ** (NUM_PERMUTATIONS // rows) >= BAND_RECALL
    )
    return next(fitting, 1)


def band_keys(rows: np.ndarray, threshold: float) -> np.ndarray:
    """Return uint64 [n, bands]: a hash of the band's number and its rows of the signature."""
    width = rows_per_band(threshold)
    bands = NUM_PERMUTATIONS // width
    cut = rows[:, : bands * width].reshape(-1, bands, width)
    keys = np.broadcast_to(np.arange(bands, dtype=np.uint64), (len(rows), bands))
    for column in range(width):
        keys = _mixed(keys, cut[:, :, column].astype(np.uint64))
    return _mixed(keys, np.uint64(width))


def estimated_jaccard(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return float [n]: how near the texts are, by their signatures, uint32 [n, NUM_PERMUTATIONS] each."""
    return np.asarray((first == second).mean(axis=1))


class Clusters:
    """Texts joined by pairs; a cluster is named by its first text. Four bytes a text (union-find over arrays of pairs)."""

    def __init__(self, size: int) -> None:
        self._parents = np.arange(size, dtype=np.uint32)

    def join(self, first: np.ndarray, second: np.ndarray) -> None:
        """Put the two texts of every pair into one cluster."""
        while len(first):
            roots = self.names(first), self.names(second)
            apart = roots[0] != roots[1]
            first, second = np.minimum(*roots)[apart], np.maximum(*roots)[apart]
            # One text may be named in several pairs: the lowest wins, the next turn joins the rest.
            np.minimum.at(self._parents, second, first)

    def names(self, texts: np.ndarray) -> np.ndarray:
        """Return uint32 [n]: the first text of each one's cluster."""
        names: np.ndarray = self._parents[texts]
        while not np.array_equal(above := self._parents[names], names):
            names = above
        self._parents[texts] = names
        return names


def library_version() -> str:
    """Name the library and its version: another may give other signatures."""
    _rensa()
    return f"rensa {importlib.metadata.version('rensa')}"


def _mixed(state: np.ndarray, value: np.ndarray | np.uint64) -> np.ndarray:
    mixed: np.ndarray = (state ^ value) * _MULTIPLIER
    mixed ^= mixed >> np.uint64(32)
    return mixed


def _rensa() -> Any:
    return optional.load("rensa", "--near", extra="dedup")

"""How much repeats, in bounded memory: exactly for a few million different texts, by a sample of their hashes beyond.

The sample is M. Wegman's (Flajolet 1990, On adaptive sampling): kept are the texts whose hash lies below a threshold, with how
often each occurs; when they are too many, the threshold is halved. Which are kept in the end depends on the texts alone, not on
their order, so that any number of processes gives the same.
"""

import hashlib
import heapq
import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

MAX_DISTINCT = 1 << 21  # 2,097,152: 32 MB, some 250 while they are sorted
MAX_CANDIDATES = 10_000
MAX_TEXT = 200  # characters of a line that are kept to be shown


class Counted(NamedTuple):
    """Different texts and how often each occurs."""

    hashes: np.ndarray  # uint64 [n], ascending
    counts: np.ndarray  # int64 [n]

    @classmethod
    def of(cls, hashes: np.ndarray) -> "Counted":
        """Count hashes: uint64 [n]."""
        return cls(*np.unique(hashes, return_counts=True))


class Frequent(NamedTuple):
    """Lines of a block that occur in it more than once: hash, count, beginning; and whether any others were left out."""

    lines: list[tuple[int, int, str]]
    left_out: bool


def text_hashes(texts: Iterable[bytes]) -> np.ndarray:
    """Return uint64 [n]: a hash of every text, the same on every machine. Of n, two share one by a chance of n² / 2**65."""
    joined = b"".join([hashlib.blake2b(text, digest_size=8).digest() for text in texts])
    return np.frombuffer(joined, "<u8").astype(np.uint64)


def frequent_lines(lines: Sequence[str], hashes: np.ndarray) -> Frequent:
    """Choose from a block's lines, with their hashes uint64 [n], those that occur in it more than once."""
    unique, first, counts = np.unique(hashes, return_index=True, return_counts=True)
    repeated = np.flatnonzero(counts > 1)
    triples = [(int(unique[i]), int(counts[i]), lines[first[i]][:MAX_TEXT]) for i in repeated]
    return Frequent(triples, len(repeated) < len(unique))


class Repetition:
    """Counts texts by their hashes, block after block.

    Attributes:
        total: how many texts there were.
        level: how often the threshold was halved; at 0 everything is exact.
    """

    def __init__(self, max_distinct: int = MAX_DISTINCT) -> None:
        self._max_distinct = max_distinct
        self._kept = Counted(np.zeros(0, np.uint64), np.zeros(0, np.int64))
        self._waiting: list[Counted] = []
        self.total = self.level = 0

    def add(self, block: Counted) -> None:
        self.total += int(block.counts.sum())
        self._waiting.append(self._below_threshold(block))
        if sum(len(waiting.hashes) for waiting in self._waiting) > self._max_distinct:
            self._merge()

    @property
    def distinct(self) -> int:
        """Return how many different texts there are; an estimate unless the level is 0."""
        return len(self._merge().hashes) << self.level

    @property
    def share(self) -> float:
        """Return the share of the texts before which an equal one stands."""
        return max(0.0, 1 - self.distinct / self.total) if self.total else 0.0

    @property
    def error(self) -> float:
        """Return two standard errors of the share; 0 where it is exact. Each text is kept with a chance of 1 / 2**level."""
        kept = len(self._merge().hashes)
        return 2 * self.distinct / self.total * math.sqrt((1 - 0.5**self.level) / max(kept, 1)) if self.level else 0.0

    def count(self, hash: int) -> int | None:
        """Return how often a text occurs; None if it was not kept."""
        hashes, counts = self._merge()
        index = int(np.searchsorted(hashes, np.uint64(hash)))
        return int(counts[index]) if index < len(hashes) and int(hashes[index]) == hash else None

    def most_but(self, hashes: Iterable[int]) -> int | None:
        """Return how often the most frequent text occurs that is none of these; None if that is not known."""
        if self.level:
            return None
        kept = self._merge()
        others = kept.counts[~np.isin(kept.hashes, np.fromiter(hashes, np.uint64))]
        return int(others.max(initial=0))

    def _below_threshold(self, counted: Counted) -> Counted:
        if not self.level:
            return counted
        end = int(np.searchsorted(counted.hashes, np.uint64(1 << (64 - self.level))))
        return Counted(counted.hashes[:end].copy(), counted.counts[:end].copy())

    def _merge(self) -> Counted:
        if self._waiting:
            hashes, counts = (np.concatenate(arrays) for arrays in zip(self._kept, *self._waiting, strict=True))
            order = np.argsort(hashes)
            hashes, counts = hashes[order], counts[order]
            firsts = np.flatnonzero(np.concatenate([np.ones(min(len(hashes), 1), bool), hashes[1:] != hashes[:-1]]))
            merged = Counted(hashes[firsts], np.add.reduceat(counts, firsts) if len(firsts) else counts)
            self._waiting = []
            while len(merged.hashes) > self._max_distinct:
                self.level += 1
                merged = self._below_threshold(merged)
            self._kept = merged
        return self._kept


class FrequentLine(NamedTuple):
    """A line, how often it occurs, and whether that is exact or the least that it may be."""

    text: str
    times: int
    exact: bool


class MostFrequent:
    """Finds the most frequent lines with so many counters (Misra and Gries 1982).

    Attributes:
        lost: no line that has no counter, or whose count is not exact, occurred more often than was counted plus this.
    """

    def __init__(self, max_candidates: int = MAX_CANDIDATES) -> None:
        self._max_candidates = max_candidates
        self._counts: dict[int, int] = {}
        self._texts: dict[int, str] = {}
        self.lost = 0

    def add(self, block: Frequent) -> None:
        self.lost += block.left_out  # once each, at most
        for hash, count, text in block.lines:
            self._counts[hash] = self._counts.get(hash, 0) + count
            self._texts.setdefault(hash, text)
        if len(self._counts) > 2 * self._max_candidates:
            self._reduce()

    def top(self, number: int, repetition: Repetition) -> list[FrequentLine]:
        """List repeated lines, none of them rarer than one left out; counts are exact where the sample holds the line."""
        of_others = repetition.most_but(self._counts)
        bound = max(self.lost if of_others is None else of_others, 2)
        found = []
        for hash, least in self._counts.items():
            exact = repetition.count(hash)
            found.append(FrequentLine(self._texts[hash], least if exact is None else exact, exact is not None))
        certain = (line for line in found if line.times >= bound)
        return heapq.nsmallest(number, certain, key=lambda line: (-line.times, line.text))

    def _reduce(self) -> None:
        """Take from every counter as much as the first that has no room."""
        taken = sorted(self._counts.values(), reverse=True)[self._max_candidates]
        self._counts = {hash: count - taken for hash, count in self._counts.items() if count > taken}
        self._texts = {hash: self._texts[hash] for hash in self._counts}
        self.lost += taken

"""How long things are: counts by length in bounded memory, exact for short ones, within 0.4% for long ones."""

from typing import Any, NamedTuple

import numpy as np

# Lengths below 2**9 have a bin each; from there on every doubling has 256, so that a bin is at most 1/256 of its length wide.
_EXACT_BITS = 9
_PER_DOUBLING = 1 << (_EXACT_BITS - 1)
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95, 0.99)


class Lengths(NamedTuple):
    """Counts by length.

    Attributes:
        counts: int64 [bins, as many as occur].
        total: all lengths added up.
        longest: the largest length; exact, as the total is.
    """

    counts: np.ndarray
    total: int
    longest: int

    @classmethod
    def of(cls, values: np.ndarray) -> "Lengths":
        """Count lengths: int64 [n], none negative."""
        return cls(np.bincount(_bins(values)), int(values.sum()), int(values.max(initial=0)))

    def plus(self, other: "Lengths") -> "Lengths":
        longer, shorter = sorted((self.counts, other.counts), key=len, reverse=True)
        counts = longer.copy()
        counts[: len(shorter)] += shorter
        return Lengths(counts, self.total + other.total, max(self.longest, other.longest))

    @property
    def number(self) -> int:
        """Return how many there are."""
        return int(self.counts.sum())

    @property
    def values(self) -> np.ndarray:
        """Return the least length of every bin: int64 [bins]."""
        bins = np.arange(len(self.counts))
        shifts = np.maximum(bins // _PER_DOUBLING - 1, 0)
        values: np.ndarray = (bins - shifts * _PER_DOUBLING) << shifts
        return values

    def quantile(self, share: float) -> int:
        """Return the least length within which this share stays."""
        return int(self.values[np.searchsorted(np.cumsum(self.counts), share * self.number)])

    def as_json(self) -> dict[str, Any]:
        """Return mean, quantiles, the longest, and a histogram with a bin from every power of two to the next."""
        edges = [0, *(2**power for power in range(self.longest.bit_length()))]
        of_bins = np.searchsorted(edges, self.values, side="right") - 1
        heights = np.bincount(of_bins, self.counts, len(edges)).astype(int)
        return {
            "mean": self.total / max(self.number, 1),
            "quantiles": {str(share): self.quantile(share) for share in QUANTILES} if self.number else {},
            "longest": self.longest,
            "histogram": [[edge, height] for edge, height in zip(edges, heights.tolist(), strict=True)],
        }


def padding(tokens_per_unit: float, units: Lengths, max_seq_length: int) -> float:
    """Estimate what share of rows is padding, every row but a document's last being full.

    Args:
        tokens_per_unit: tokens of a character, say.
        units: how many of them documents have.
        max_seq_length: of a row, of which two or three tokens are special.
    """
    tokens = units.values * tokens_per_unit
    rows = np.ceil(tokens / (max_seq_length - 2.5))
    places = float(units.counts @ rows) * max_seq_length
    return 1 - float(units.counts @ (tokens + 2.5 * rows)) / places if places else 0.0


def _bins(values: np.ndarray) -> np.ndarray:
    shifts = np.maximum(np.frexp(values.astype(np.float64))[1] - _EXACT_BITS, 0)  # the exponent is the number of bits
    bins: np.ndarray = (values >> shifts) + shifts * _PER_DOUBLING
    return bins

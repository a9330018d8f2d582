"""The worst lines of a corpus: longest, least Hangul, longest run of one character, undecodable; with file and line."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from electra_pretrain.corpus.reader import LocatedDocument
from electra_pretrain.corpus.stats.kinds import VISIBLE, Kind
from electra_pretrain.corpus.stats.repetition import MAX_TEXT

MIN_VISIBLE = 20  # characters of a line whose share of Hangul is looked at
MIN_RUN = 5


class WorstLine(NamedTuple):
    """A line, why it is here, and where it stands.

    Attributes:
        rank: the lower, the worse.
        number: that of which the kind tells: characters, percent of Hangul, length of the run, characters U+FFFD.
        path: the file.
        line: number of the line, or of the row of a table.
        text: its beginning, or of a run the run's.
    """

    rank: tuple[float, ...]
    number: float
    path: str
    line: int
    text: str


Worst = dict[str, list[WorstLine]]


def worst_lines(
    documents: Sequence[LocatedDocument], lengths: np.ndarray, counts: np.ndarray, runs: np.ndarray, number: int
) -> Worst:
    """Choose the worst lines of a block, so many of each kind; of equally bad ones those that stand first.

    Args:
        documents: the block's.
        lengths: int64 [n], characters of every line.
        counts: int64 [n, K], of each kind.
        runs: int64 [2, n], length and beginning of each line's longest run of one visible character.
        number: how many.
    """
    visible = counts[:, VISIBLE].sum(1)
    share = counts[:, Kind.HANGUL] / np.maximum(visible, 1)
    bad = counts[:, Kind.REPLACEMENT]
    starts = np.cumsum([0, *(len(document.sentences) for document in documents)])

    def chosen(
        ranks: Sequence[np.ndarray], allowed: np.ndarray, values: np.ndarray, begin: Callable[[int], int]
    ) -> list[WorstLine]:
        indices = np.flatnonzero(allowed)
        order = indices[np.lexsort([rank[indices] for rank in reversed(ranks)])][:number]
        found = []
        for index in order.tolist():
            document = documents[int(np.searchsorted(starts, index, side="right")) - 1]
            within = index - int(starts[np.searchsorted(starts, index, side="right") - 1])
            text = document.sentences[within][begin(index) :][:MAX_TEXT]
            rank = tuple(float(rank[index]) for rank in ranks)
            found.append(WorstLine(rank, float(values[index]), document.path, document.numbers[within], text))
        return found

    def from_start(_: int) -> int:
        return 0

    return {
        "longest": chosen([-lengths], lengths > 0, lengths, from_start),
        "least_hangul": chosen([share, -visible], visible >= MIN_VISIBLE, 100 * share, from_start),
        "longest_run": chosen([-runs[0]], runs[0] >= MIN_RUN, runs[0], lambda index: int(runs[1, index])),
        "undecodable": chosen([-bad], bad > 0, bad, from_start),
    }


def merged(one: Worst, later: Worst, number: int) -> Worst:
    """Choose the worst of two stretches of a corpus."""
    return {kind: sorted(one[kind] + later[kind], key=lambda line: line.rank)[:number] for kind in one}

"""Choose documents at random, by a seed: a share of them, or no more text than memory should hold.

Each document draws a number; taken are those below a threshold. So a second reading finds the same documents, whatever their
number, and nothing but the threshold is remembered.
"""

from collections.abc import Iterable, Iterator

import numpy as np

from electra_pretrain.core import rng
from electra_pretrain.corpus.reader import Document

_CELLS = 65536  # how finely the threshold is told: the sample stays below its bound by about this share of the corpus


def sampled(documents: Iterable[Document], threshold: float, seed: int) -> Iterator[Document]:
    """Choose the documents that draw less than `threshold`, in order."""
    for document, drawn in _drawn(documents, seed):
        if drawn < threshold:
            yield document


def threshold(documents: Iterable[Document], fraction: float, max_bytes: int, seed: int) -> float:
    """Find the largest threshold, `fraction` at most, below which there are no more than `max_bytes` of text (as UTF-8)."""
    cells = np.zeros(_CELLS, np.int64)
    for document, drawn in _drawn(documents, seed):
        cells[int(drawn * _CELLS)] += utf8_bytes(document)
    fitting = int(np.searchsorted(np.cumsum(cells), max_bytes, side="right"))
    return fraction if fitting == _CELLS else min(fraction, fitting / _CELLS)


def utf8_bytes(document: Document) -> int:
    """Return a document's size as a text file, a sentence a line."""
    return sum(len(sentence.encode("utf-8", "replace")) + 1 for sentence in document)


def _drawn(documents: Iterable[Document], seed: int) -> Iterator[tuple[Document, float]]:
    draws = rng.Stream(seed, "vocabulary sample", 0)
    for document in documents:
        yield document, draws.uniform()

"""Measure a block of documents, with arrays over its characters; what comes of it adds up over blocks."""

import itertools
import re
import unicodedata
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from electra_pretrain.corpus.reader import LocatedDocument
from electra_pretrain.corpus.stats.kinds import LANGUAGES, VISIBLE, Kind, kinds_of_characters, languages
from electra_pretrain.corpus.stats.lengths import Lengths
from electra_pretrain.corpus.stats.repetition import Counted, Frequent, frequent_lines, text_hashes
from electra_pretrain.corpus.stats.worst import Worst, merged, worst_lines

# Hangul that was decoded wrongly: UTF-8 read as Latin-1 or Windows-1252 (안녕: ì•ˆë…•), or CP949 read as Latin-1 (¾È³çÇÏ).
_CONTINUATION = "\x80-\xbf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122\ufffd"
_MOJIBAKE = re.compile(f"(?:[\xea-\xed][{_CONTINUATION}]{{2}}){{2,}}|(?:[\xb0-\xc8][\xa1-\xfe]){{3,}}")


class Measured(NamedTuple):
    """What adds up over blocks.

    Attributes:
        documents, lines, characters: how many there are; line ends are not counted.
        document_lengths, line_lengths: in characters.
        document_visible: visible characters of documents.
        kinds: int64 [K], characters of each kind; a line's end is a space.
        lines_with: int64 [K], lines that hold any of the kind.
        languages: int64 [len(LANGUAGES)], lines.
        not_nfc: lines that are not in Unicode's form NFC.
        mojibake: lines that look as if Hangul had been decoded wrongly.
        worst: the worst lines.
    """

    documents: int
    lines: int
    characters: int
    document_lengths: Lengths
    line_lengths: Lengths
    document_visible: Lengths
    kinds: np.ndarray
    lines_with: np.ndarray
    languages: np.ndarray
    not_nfc: int
    mojibake: int
    worst: Worst

    def plus(self, later: "Measured", num_lines: int) -> "Measured":
        """Add what comes later in the corpus; of the worst lines keep so many of each kind."""
        pairs: list[Any] = list(zip(self[:-1], later[:-1], strict=True))
        added: list[Any] = [one.plus(other) if isinstance(one, Lengths) else one + other for one, other in pairs]
        return Measured._make([*added, merged(self.worst, later.worst, num_lines)])


class MeasuredBlock(NamedTuple):
    """What a worker hands back: sums, and hashes by which texts are compared with those of other blocks."""

    measured: Measured
    lines: Counted
    documents: Counted
    frequent: Frequent


def measure(documents: Sequence[LocatedDocument], num_lines: int) -> MeasuredBlock:
    """Measure a block.

    Args:
        documents: at least one, with lines that are not empty.
        num_lines: how many of the worst lines of each kind are kept.
    """
    lines = list(itertools.chain.from_iterable(document.sentences for document in documents))
    ends = np.cumsum([len(document.sentences) for document in documents])
    starts = ends - [len(document.sentences) for document in documents]
    text = "\n".join(lines) + "\n"
    codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")
    lengths = np.fromiter(map(len, lines), np.int64, len(lines))
    counts = _counts(codes, lengths)
    line_starts = np.cumsum(lengths + 1) - lengths - 1
    runs = _longest_runs(codes, line_starts)
    encoded = [line.encode("utf-8", "surrogatepass") for line in lines]
    hashes = text_hashes(encoded)
    of_lines = hashes.tobytes()
    document_hashes = text_hashes(of_lines[8 * a : 8 * b] for a, b in zip(starts.tolist(), ends.tolist(), strict=True))
    measured = Measured(
        documents=len(documents),
        lines=len(lines),
        characters=int(lengths.sum()),
        document_lengths=Lengths.of(np.add.reduceat(lengths, starts)),
        line_lengths=Lengths.of(lengths),
        document_visible=Lengths.of(np.add.reduceat(counts[:, VISIBLE].sum(1), starts)),
        kinds=counts.sum(0),
        lines_with=(counts > 0).sum(0),
        languages=np.bincount(languages(counts), minlength=len(LANGUAGES)),
        not_nfc=_not_nfc(text, lines),
        mojibake=_mojibake(lines, codes, line_starts),
        worst=worst_lines(documents, lengths, counts, runs, num_lines),
    )
    return MeasuredBlock(measured, Counted.of(hashes), Counted.of(document_hashes), frequent_lines(lines, hashes))


def _counts(codes: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Count each line's characters by kind: int64 [n, K]; its end is one more space."""
    rows = np.repeat(np.arange(0, len(lengths) * len(Kind), len(Kind)), lengths + 1)
    rows += kinds_of_characters()[codes]
    return np.bincount(rows, minlength=len(lengths) * len(Kind)).reshape(-1, len(Kind))


def _longest_runs(codes: np.ndarray, line_starts: np.ndarray) -> np.ndarray:
    """Find each line's longest run of one visible character, the first of several: int64 [2, n], length and beginning."""
    run_starts = np.concatenate([[0], np.flatnonzero(codes[1:] != codes[:-1]) + 1])
    run_lengths = np.diff(run_starts, append=len(codes))
    run_lengths[~np.isin(kinds_of_characters()[codes[run_starts]], VISIBLE)] = 0
    firsts = np.searchsorted(run_starts, line_starts)
    longest = np.maximum.reduceat(run_lengths, firsts)
    runs_in_lines = np.diff(firsts, append=len(run_starts))
    is_longest = np.flatnonzero(run_lengths == np.repeat(longest, runs_in_lines))
    first_longest = is_longest[np.searchsorted(is_longest, firsts)]
    return np.stack([longest, run_starts[first_longest] - line_starts])


def _not_nfc(text: str, lines: Sequence[str]) -> int:
    if unicodedata.is_normalized("NFC", text):
        return 0
    return sum(not unicodedata.is_normalized("NFC", line) for line in lines)


def _mojibake(lines: Sequence[str], codes: np.ndarray, line_starts: np.ndarray) -> int:
    """Count suspicious lines; the pattern, which is slow, is asked only of lines that hold enough of its first letters."""
    of_utf8 = np.add.reduceat((codes >= 0xEA) & (codes <= 0xED), line_starts, dtype=np.int64)
    of_cp949 = np.add.reduceat((codes >= 0xB0) & (codes <= 0xC8), line_starts, dtype=np.int64)
    suspects = np.flatnonzero((of_utf8 >= 2) | (of_cp949 >= 3)).tolist()
    return sum(_MOJIBAKE.search(lines[index]) is not None for index in suspects)

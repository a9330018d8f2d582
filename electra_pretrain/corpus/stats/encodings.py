"""Read files of any encoding: which one it is, is told by a file's beginning; bytes that are not of it become U+FFFD."""

import itertools
from collections.abc import Iterator
from typing import NamedTuple

from electra_pretrain.core import volumes
from electra_pretrain.corpus.contents import opened
from electra_pretrain.corpus.reader import Corpus, LocatedDocument, in_blocks

SAMPLE_LINES = 10_000
MAX_BAD_SHARE = 0.01  # of a file's lines; with more of them it is of no encoding
UTF_8, CP949, UTF_16, MIXED = "UTF-8", "CP949", "UTF-16", "mixed or damaged"
WITH_MARK = "UTF-8 with a byte order mark"
_MARKS = {b"\xef\xbb\xbf": WITH_MARK, b"\xff\xfe": UTF_16, b"\xfe\xff": UTF_16}


class FileEncoding(NamedTuple):
    """What encoding a file was found to be of.

    Attributes:
        path: the file.
        bytes: as stored.
        encoding: one of the names above.
        read_as: that in which it was read; None: it was not.
        lines: that were read.
        bad_lines: lines, or records of what is no text file, that hold bytes of another encoding.
    """

    path: str
    bytes: int
    encoding: str
    read_as: str | None
    lines: int
    bad_lines: int


class _Trial:
    """A file opened in an encoding, its first lines read."""

    def __init__(self, corpus: Corpus, encoding: str) -> None:
        self.encoding, self.corpus = encoding, corpus
        self._rest = corpus.located_documents()
        self._sample: list[LocatedDocument] = []
        lines = 0
        for document in self._rest:
            self._sample.append(document)
            lines += len(document.sentences)
            if lines >= SAMPLE_LINES:
                break
        self.bad_share = corpus.decoder.damaged / max(lines, 1)

    def documents(self) -> Iterator[LocatedDocument]:
        return itertools.chain(self._sample, self._rest)


class FileReader:
    """Reads the documents of all files in order, in blocks.

    Attributes:
        found: the encodings of the files that were read to their end.
    """

    def __init__(self, corpus: Corpus) -> None:
        self._corpus = corpus
        self._before = 0
        self._current: Corpus | None = None
        self.found: list[FileEncoding] = []

    @property
    def stored_bytes_read(self) -> int:
        return self._before + (self._current.stored_bytes_read if self._current else 0)

    def blocks(self, characters: int) -> Iterator[list[LocatedDocument]]:
        """Read documents in blocks of about so many characters.

        Raises:
            UserError: a file is damaged, or not of its format; it is named.
        """
        return in_blocks(itertools.chain.from_iterable(map(self._documents, self._corpus.paths)), characters)

    def _documents(self, path: str) -> Iterator[LocatedDocument]:
        size, mark = volumes.size(path), _mark(path)
        if mark == UTF_16:
            self.found.append(FileEncoding(path, size, UTF_16, None, 0, 0))
        else:
            trial = self._best_trial(path)
            self._current, lines = trial.corpus, 0
            for document in trial.documents():
                lines += len(document.sentences)
                yield document
            bad = trial.corpus.decoder.damaged
            encoding = MIXED if bad > MAX_BAD_SHARE * lines else mark or trial.encoding
            self.found.append(FileEncoding(path, size, encoding, trial.encoding, lines, bad))
        self._before, self._current = self._before + size, None

    def _best_trial(self, path: str) -> _Trial:
        """Open a file as UTF-8, or as CP949 if less of its beginning is damaged so."""
        trial = _Trial(self._opened(path, "utf-8"), UTF_8)
        return min(trial, _Trial(self._opened(path, "cp949"), CP949), key=_bad_share) if trial.bad_share else trial

    def _opened(self, path: str, encoding: str) -> Corpus:
        return Corpus([path], self._corpus.reading._replace(encoding=encoding, on_bad_bytes="replace"))


def _bad_share(trial: _Trial) -> float:
    return trial.bad_share


def _mark(path: str) -> str | None:
    """Tell the encoding that a file's first bytes name."""
    with volumes.open_whole(path) as raw, opened(path, raw) as file:
        begin = file.read(3)
    return next((name for mark, name in _MARKS.items() if begin.startswith(mark)), None)

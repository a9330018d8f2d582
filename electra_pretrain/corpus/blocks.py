"""Read a corpus in blocks of documents, the unit of parallel work, and hash its files on the way: the text is read once.

One process reads for many that work, and so does little: text stays bytes, cut where a block ends. Whoever works on a block
cuts it further and decodes it.
"""

import contextlib
import hashlib
import itertools
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO, NamedTuple, cast

from electra_pretrain.core import compression, files
from electra_pretrain.corpus.cut import BlockCutter
from electra_pretrain.corpus.formats import kind_of
from electra_pretrain.corpus.reader import MAX_DOCUMENT_CHARACTERS, Corpus, Document
from electra_pretrain.corpus.whitespace import tidy

BLOCK_CHARACTERS = 1_000_000
_CHUNK_BYTES = 1 << 20
_BYTE_ORDER_MARK = "\ufeff".encode()


class TextBlock(NamedTuple):
    """Some documents in a row.

    Attributes:
        number: of the block, from 0.
        key: hash of what was read of the corpus up to the block's end: the same key, the same text.
        text: the sentences of all its documents, one a line, in UTF-8; nothing after the last.
        document_ends: for each document, how many lines have gone by when it ends.
    """

    number: int
    key: str
    text: bytes
    document_ends: list[int]


class RawBlock(NamedTuple):
    """A block as it is read, and handed to whoever works on it.

    Attributes:
        number, key: as in `TextBlock`.
        content: its lines, each as `tidy` leaves it, with one or more empty ones between documents.
        paths: the text files that they are from.
    """

    number: int
    key: str
    content: bytes
    paths: tuple[str, ...]

    @contextlib.contextmanager
    def decoding(self) -> Iterator[None]:
        """Where its text is decoded within.

        Raises:
            UserError: a line is not UTF-8; file and line are named.
        """
        try:
            yield
        except UnicodeDecodeError:
            for _ in Corpus(self.paths).documents():  # which names the line
                pass
            raise

    def cut(self) -> TextBlock:
        """Its documents, not decoded."""
        documents = [stripped for document in self.content.split(b"\n\n") if (stripped := document.strip(b"\n"))]
        document_ends = itertools.accumulate(document.count(b"\n") + 1 for document in documents)
        return TextBlock(self.number, self.key, b"\n".join(documents), list(document_ends))

    def documents(self) -> list[Document]:
        """Its documents' sentences; raises as `decoding`."""
        block = self.cut()
        with self.decoding():
            lines = block.text.decode("utf-8").split("\n")
        return [lines[first:end] for first, end in itertools.pairwise([0, *block.document_ends])]


class BlockReader:
    """A corpus in blocks; the same for any number of workers.

    Attributes:
        sources: path, size and SHA-256 of every file that has been read to its end, as stored.
        bytes_read: how much has been read of all files, as stored, to show progress by.
    """

    def __init__(self, corpus: Corpus) -> None:
        self._corpus = corpus
        self.sources: list[dict[str, Any]] = []
        self._finished_bytes = 0
        self._file: _HashedFile | None = None
        self._text_paths: list[str] = []  # of the block that is being read

    @property
    def bytes_read(self) -> int:
        return self._finished_bytes + (self._file.bytes_read if self._file is not None else 0)

    def documents(self) -> Iterator[Document]:
        """Documents one after the other, as `Corpus.documents` gives them; raises as it does."""
        for block in self.blocks():
            yield from block.documents()

    def blocks(self, characters: int = BLOCK_CHARACTERS) -> Iterator[RawBlock]:
        """Blocks, each of which ends with the document that brings it to so many characters.

        Raises:
            UserError: as `Corpus.documents`; of text that is not UTF-8 whoever decodes the block tells.
        """
        cutter = BlockCutter(characters, MAX_DOCUMENT_CHARACTERS)
        number = 0
        try:
            for piece in self._pieces():
                for content in cutter.add(piece):
                    yield self._block(number, content)
                    number += 1
        except Exception:
            self._block(number, cutter.rest()).documents()  # what was read before may hold an earlier mistake
            raise
        if (content := cutter.rest()).strip(b"\n"):
            yield self._block(number, content)

    def _block(self, number: int, content: bytes) -> RawBlock:
        paths = tuple(self._text_paths)
        del self._text_paths[:-1]  # the next block may go on in the last of them
        return RawBlock(number, self._key(), content, paths)

    def _pieces(self) -> Iterator[bytes]:
        """The corpus as whole tidy lines; every file ends with an empty one."""
        for path in self._corpus.paths:
            with files.open_raw(path) as raw:
                self._file = _HashedFile(raw)
                if kind_of(path) == "text":
                    self._text_paths.append(path)
                    with compression.decompressed(path, cast(BinaryIO, self._file)) as file:
                        yield from map(tidy, _whole_lines(file))
                else:
                    # These are sought in, or take so long to read that a second look costs little.
                    self._file.read_rest()
                    yield from _as_text(Corpus([path], self._corpus.text_field).documents())
                self._file.read_rest()
            self._finished_bytes += self._file.bytes_read
            self.sources.append({"path": path, "bytes": self._file.bytes_read, "sha256": self._file.sha256()})
            self._file = None

    def _key(self) -> str:
        hashes = [source["sha256"] for source in self.sources] + ([self._file.sha256()] if self._file is not None else [])
        return hashlib.sha256(" ".join(hashes).encode("ascii")).hexdigest()


class _HashedFile:
    """What is read of an open file goes into a hash."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self._digest = hashlib.sha256()
        self.bytes_read = 0

    def read(self, size: int = -1) -> bytes:
        content = self._raw.read(size)
        self._digest.update(content)
        self.bytes_read += len(content)
        return content

    def read_rest(self) -> None:
        while self.read(_CHUNK_BYTES):
            pass

    def sha256(self) -> str:
        """Of what has been read so far."""
        return self._digest.hexdigest()


def _whole_lines(file: BinaryIO) -> Iterator[bytes]:
    """A text file's lines, many at a time, the last of which ends too; and an empty one."""
    rest, is_first = list[bytes](), True
    while chunk := file.read(_CHUNK_BYTES):
        end = chunk.rfind(b"\n") + 1
        rest.append(chunk[:end] if end else chunk)
        if end:
            lines = b"".join(rest)
            yield lines.removeprefix(_BYTE_ORDER_MARK) if is_first else lines
            rest, is_first = [chunk[end:]], False
    lines = b"".join([*rest, b"\n\n"])
    yield lines.removeprefix(_BYTE_ORDER_MARK) if is_first else lines


def _as_text(documents: Iterable[Document]) -> Iterator[bytes]:
    """Documents as tidy lines, about a chunk at a time, with an empty line after each document."""
    parts, length = list[str](), 0
    for document in documents:
        parts += [*document, ""]
        length += sum(map(len, document))
        if length >= _CHUNK_BYTES:
            yield "\n".join([*parts, ""]).encode("utf-8")
            parts, length = [], 0
    if parts:
        yield "\n".join([*parts, ""]).encode("utf-8")

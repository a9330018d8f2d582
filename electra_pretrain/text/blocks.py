"""Read a corpus in blocks of documents, the unit of parallel work, and hash its files on the way: the text is read once.

A text file is decoded a megabyte at a time, because a line at a time takes longer than to tokenise it.
"""

import hashlib
import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Any, BinaryIO, NamedTuple, cast

from electra_pretrain import files
from electra_pretrain.text.corpus import MAX_DOCUMENT_CHARACTERS, Corpus, Document

BLOCK_CHARACTERS = 1_000_000
_CHUNK_BYTES = 1 << 20


class TextBlock(NamedTuple):
    """Some documents in a row.

    Attributes:
        number: of the block, from 0.
        key: hash of what was read of the corpus up to the block's end: the same key, the same text.
        lines: the sentences of all its documents.
        document_ends: for each document, how many lines have gone by when it ends.
    """

    number: int
    key: str
    lines: list[str]
    document_ends: list[int]


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

    @property
    def bytes_read(self) -> int:
        return self._finished_bytes + (self._file.bytes_read if self._file is not None else 0)

    def documents(self) -> Iterator[Document]:
        """Documents one after the other; raises as `Corpus.documents`."""
        return itertools.chain.from_iterable(map(self._documents, self._corpus.paths))

    def blocks(self, characters: int = BLOCK_CHARACTERS) -> Iterator[TextBlock]:
        """Blocks of about `characters`.

        Raises:
            UserError: as `Corpus.documents`.
        """
        return in_blocks(self.documents(), self._key, characters)

    def _documents(self, path: str) -> Iterator[Document]:
        with files.open_raw(path) as raw:
            self._file = _HashedFile(raw)
            if _is_text(path):
                yield from _text_documents(self._corpus, path, self._file)
            else:
                # These are sought in, or take so long to read that a second look costs little.
                self._file.read_rest()
                yield from Corpus([path], self._corpus.text_field).documents()
            self._file.read_rest()
        self._finished_bytes += self._file.bytes_read
        self.sources.append({"path": path, "bytes": self._file.bytes_read, "sha256": self._file.sha256()})
        self._file = None

    def _key(self) -> str:
        hashes = [source["sha256"] for source in self.sources] + ([self._file.sha256()] if self._file is not None else [])
        return hashlib.sha256(" ".join(hashes).encode("ascii")).hexdigest()


def in_blocks(
    documents: Iterable[Document], key: Callable[[], str], characters: int, first_number: int = 0
) -> Iterator[TextBlock]:
    """Documents in blocks, each of which ends with the document that brings it to so many characters.

    Args:
        documents: none of them empty.
        key: of the block that ends when it is called.
        characters: of a block, at least.
        first_number: of the first block.
    """
    number, lines, document_ends, length = first_number, list[str](), list[int](), 0
    for document in documents:
        lines += document
        document_ends.append(len(lines))
        length += sum(map(len, document))
        if length >= characters:
            yield TextBlock(number, key(), lines, document_ends)
            number, lines, document_ends, length = number + 1, [], [], 0
    if lines:
        yield TextBlock(number, key(), lines, document_ends)


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


def _is_text(path: str) -> bool:
    for suffix in files.COMPRESSED_SUFFIXES:
        path = path.removesuffix(suffix)
    return not path.endswith((".jsonl", ".ndjson", ".csv", ".tsv", ".parquet"))


def _text_documents(corpus: Corpus, path: str, stored: _HashedFile) -> Iterator[Document]:
    """What `Corpus.documents` gives for a text file."""
    document: Document = []
    with files.decompressed(path, cast(BinaryIO, stored)) as file:
        for lines in _stripped_lines(corpus, path, file):
            for filled, group in itertools.groupby(lines, bool):
                if filled:
                    document += group
                elif document:
                    yield from _cut(document)
                    document = []
            # An endless document must not pile up: what is whole of it goes.
            if sum(map(len, document)) >= MAX_DOCUMENT_CHARACTERS:
                *whole, document = _cut(document)
                yield from whole
    if document:
        yield from _cut(document)


def _cut(document: Document) -> Iterator[Document]:
    """A document in parts that end with the line by which they reach `MAX_DOCUMENT_CHARACTERS`; nearly always, itself."""
    if sum(map(len, document)) < MAX_DOCUMENT_CHARACTERS:
        yield document
        return
    part: Document = []
    length = 0
    for sentence in document:
        part.append(sentence)
        length += len(sentence)
        if length >= MAX_DOCUMENT_CHARACTERS:
            yield part
            part, length = [], 0
    if part:
        yield part


def _stripped_lines(corpus: Corpus, path: str, file: BinaryIO) -> Iterator[Iterator[str]]:
    """The lines of a chunk after the other."""
    rest, is_first = b"", True
    while True:
        chunk = file.read(_CHUNK_BYTES)
        end = chunk.rfind(b"\n") + 1 if chunk else 0
        if chunk and not end:
            rest += chunk
            continue
        whole, rest = rest + chunk[:end], chunk[end:]
        try:
            text = whole.decode("utf-8")
        except UnicodeDecodeError:
            for _ in Corpus([path], corpus.text_field).documents():  # which names the line
                pass
            raise
        text = text.removeprefix("\ufeff") if is_first else text
        is_first = False
        # What follows the last line's end is no line of its own.
        yield map(str.strip, text.removesuffix("\n").split("\n"))
        if not chunk:
            return

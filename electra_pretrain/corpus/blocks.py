"""Read a corpus in blocks of documents as bytes, and hash its files on the way: the second of two readers, and the fast one.

Two readers, because one of them would cost speed. `reader.Corpus` splits every document into lines, decodes them one by one and
knows where each stands, which cleaning and deduplication need. A build needs none of that. Its one reading process feeds all
workers, so its text stays bytes: stripped and cut here (`whitespace`, `cut`) at 540 MB a second and core, where `Corpus` gives
137 (scripts/bench_corpus.py); a build with one process, its reading included, would lose an eighth of its speed. The layouts
are the same for both.

The two must agree on every document and on where each block ends. What proves it, over line ends, marks, kinds of white space,
long documents and several files: tests/corpus/test_blocks.py (`test_both_readers_give_the_same_blocks`; and
`test_files_read_apart_give_the_same_blocks`, for `partition`) and tests/corpus/test_whitespace.py (every character that
`str.strip` knows).

Two sizes of blocks, for two kinds of work. Neither may change: what is written depends on it.
"""

import codecs
import contextlib
import hashlib
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO, NamedTuple, cast

import numpy as np

from electra_pretrain.core import volumes
from electra_pretrain.core.hashing import HashedFile
from electra_pretrain.corpus.contents import is_sought, read_contents
from electra_pretrain.corpus.cut import BlockCutter
from electra_pretrain.corpus.layouts.layout import Content, Layout
from electra_pretrain.corpus.layouts.lines import whole_lines, with_newlines
from electra_pretrain.corpus.layouts.text import TEXT
from electra_pretrain.corpus.reader import MAX_DOCUMENT_CHARACTERS, Corpus, Document, documents_of
from electra_pretrain.corpus.reading import Reading
from electra_pretrain.corpus.whitespace import strip_lines
from electra_pretrain.execution.resume import Source, source

# In characters. A build's block holds its text, tokens and records in a worker's memory at once; its number seeds its examples.
RECORDS_BLOCK_CHARACTERS = 1_000_000
# Clean and deduplicated text is written in parts of whole blocks; a worker holds text alone, and fewer blocks are fewer files.
TEXT_BLOCK_CHARACTERS = 2_000_000
_CHUNK_BYTES = 1 << 20
_BLANK_LINES = re.compile(r"\n\s*\n")


class TextBlock(NamedTuple):
    """Some documents in a row.

    Attributes:
        number: of the block, from 0.
        key: hash of what was read of the corpus up to the block's end: the same key, the same text.
        lines: the sentences of all its documents, in UTF-8.
        document_ends: for each document, how many lines have gone by when it ends.
    """

    number: int
    key: str
    lines: list[bytes]
    document_ends: list[int]

    @classmethod
    def of_documents(cls, number: int, key: str, documents: Sequence[Document]) -> "TextBlock":
        """Make a block of documents that were decoded."""
        lines = [sentence.encode("utf-8") for sentence in itertools.chain.from_iterable(documents)]
        return cls(number, key, lines, list(itertools.accumulate(map(len, documents))))


class RawBlock(NamedTuple):
    """A block as it is read, and handed to whoever works on it.

    Attributes:
        number, key: as in `TextBlock`.
        content: its lines, each as `strip_lines` leaves it, with one or more empty ones between documents.
        paths: the files that they are from.
        reading: how those were read.
    """

    number: int
    key: str
    content: bytes
    paths: tuple[str, ...]
    reading: Reading

    @contextlib.contextmanager
    def decoding(self) -> Iterator[None]:
        """Decode its text within.

        Raises:
            UserError: a line is not UTF-8; file and line are named.
        """
        try:
            yield
        except UnicodeDecodeError:
            for _ in Corpus(self.paths, self.reading).documents():  # which names the line
                pass
            raise

    def cut(self) -> TextBlock:
        """Cut it into its documents, without decoding them."""
        lines = self.content.split(b"\n")
        is_sentence = np.fromiter(map(len, lines), np.int64, len(lines)) > 0
        gone_by = np.append(np.cumsum(is_sentence)[~is_sentence], np.count_nonzero(is_sentence))
        document_ends = np.unique(gone_by[gone_by > 0]).tolist()
        return TextBlock(self.number, self.key, list(filter(None, lines)), document_ends)

    def documents(self) -> list[Document]:
        """Return its documents' sentences; raises as `decoding`."""
        block = self.cut()
        with self.decoding():
            lines = b"\n".join(block.lines).decode("utf-8").split("\n")
        return [lines[first:end] for first, end in itertools.pairwise([0, *block.document_ends])]


def text_key(sha256s: Iterable[str]) -> str:
    """Return the key of text whose files, or what was read of them, have these hashes."""
    return hashlib.sha256(" ".join(sha256s).encode("ascii")).hexdigest()


class BlockReader:
    """A corpus in blocks; the same for any number of workers.

    Attributes:
        sources: path, size and SHA-256 of every file that has been read to its end, as stored.
        bytes_read: how much has been read of all files, as stored, to show progress by.
    """

    def __init__(self, corpus: Corpus) -> None:
        self._corpus = corpus
        self.sources: list[Source] = []
        self._finished_bytes = 0
        self._file: HashedFile | None = None
        self._paths: list[str] = []  # of the block that is being read

    @property
    def bytes_read(self) -> int:
        return self._finished_bytes + (self._file.bytes_read if self._file is not None else 0)

    def blocks(self, characters: int) -> Iterator[RawBlock]:
        """Read blocks, each of which ends with the document that brings it to so many characters.

        Raises:
            UserError: as `Corpus.documents`; of text that is not UTF-8 whoever decodes the block tells.
        """
        cutter = BlockCutter(characters, MAX_DOCUMENT_CHARACTERS)
        number = 0
        try:
            for lines in self._lines():
                for content in cutter.add(lines):
                    yield self._block(number, content)
                    number += 1
        except Exception:
            self._block(number, cutter.rest()).documents()  # what was read before may hold an earlier mistake
            raise
        if (content := cutter.rest()).strip(b"\n"):
            yield self._block(number, content)

    def _block(self, number: int, content: bytes) -> RawBlock:
        paths = tuple(self._paths)
        del self._paths[:-1]  # the next block may go on in the last of them
        read_so_far = [self._file.sha256()] if self._file is not None else []
        key = text_key([*(source["sha256"] for source in self.sources), *read_so_far])
        return RawBlock(number, key, content, paths, self._corpus.reading)

    def _lines(self) -> Iterator[bytes]:
        """Read the corpus as whole stripped lines, many at a time; every file ends with an empty one."""
        for path in self._corpus.paths:
            self._paths.append(path)
            with volumes.open_whole(path) as raw:
                yield from self._sought(path, raw) if is_sought(path, self._corpus.reading) else self._streamed(path, raw)

    def _streamed(self, path: str, raw: BinaryIO) -> Iterator[bytes]:
        """Hash a file while it is read; what of it a block's key is made of is never less than the block."""
        self._file = HashedFile(raw)
        yield from self._read(path, cast(BinaryIO, self._file))
        self._file.read_rest()
        self._finished_bytes += self._file.bytes_read
        self.sources.append({"path": path, "bytes": self._file.bytes_read, "sha256": self._file.sha256()})
        self._file = None

    def _sought(self, path: str, raw: BinaryIO) -> Iterator[bytes]:
        """Hash a file before it is read here and there."""
        self.sources.append(source(path))
        yield from self._read(path, raw)
        self._finished_bytes += self.sources[-1]["bytes"]

    def _read(self, path: str, raw: BinaryIO) -> Iterator[bytes]:
        corpus = self._corpus
        arguments = path, raw, corpus.reading, corpus.decoder, corpus.damage
        if corpus.reading.is_strict_utf8():
            return map(strip_lines, read_contents(*arguments, _lines_of))
        return _as_lines("\n".join(document.sentences) for document in read_contents(*arguments, documents_of))


def _lines_of(layout: Layout, content: Content) -> Iterator[bytes]:
    """Read whole lines, not stripped, with one or more empty ones behind each document."""
    if layout is TEXT:
        return _ended_lines(content.name, content.file)
    # Within a record an empty line separates paragraphs, not documents.
    return _as_lines(_BLANK_LINES.sub("\n", with_newlines(record.text.strip())) for record in layout.records(content))


def _ended_lines(path: str, file: BinaryIO) -> Iterator[bytes]:
    """Read a text file's lines, many at a time, the last of which ends too; and an empty one."""
    mark = codecs.BOM_UTF8
    for lines in whole_lines(path, file, _CHUNK_BYTES):
        lines = lines.removeprefix(mark)
        yield lines if lines.endswith(b"\n") else lines + b"\n"
        mark = b""
    yield b"\n"


def _as_lines(documents: Iterable[str]) -> Iterator[bytes]:
    """Give documents as lines, about a chunk at a time, with an empty one after each."""
    texts, length = list[str](), 0
    for document in documents:
        texts += [document, ""]
        length += len(document)
        if length >= _CHUNK_BYTES:
            yield "\n".join([*texts, ""]).encode("utf-8")
            texts, length = [], 0
    if texts:
        yield "\n".join([*texts, ""]).encode("utf-8")

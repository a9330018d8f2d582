"""Read documents from files: text (a sentence a line, an empty line between documents), JSON lines, tables.

Files may be compressed (.gz, .xz, .zst), local or on `gs://`.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from electra_pretrain.core import compression, files
from electra_pretrain.core.errors import UserError, first_of
from electra_pretrain.corpus.decoding import Decoder
from electra_pretrain.corpus.formats import Record, kind_of, lines, records

Document = list[str]  # its sentences, none of them empty


class LocatedDocument(NamedTuple):
    """A document, and where each of its sentences stands."""

    path: str
    numbers: list[int]  # of lines or rows, see formats.number_unit
    sentences: Document


# A corpus without empty lines would be one document that no memory holds; it is cut into documents of this size.
MAX_DOCUMENT_CHARACTERS = 1_000_000


class Corpus:
    """The documents of some files, in order; a file's end ends a document.

    Attributes:
        paths: the files.
        text_field: where a JSON object holds its text; the name of a table's column.
        decoder: how bytes become text; counts what was damaged.
        stored_bytes: size of all files as stored (compressed, where they are).
        stored_bytes_read: how much of that has been read, to show progress by.
    """

    def __init__(
        self, paths: Sequence[str], text_field: str = "text", encoding: str = "utf-8", on_bad_bytes: str = "error"
    ) -> None:
        self.paths = list(paths)
        self.text_field = text_field
        self.decoder = Decoder(encoding, on_bad_bytes)
        self.stored_bytes = sum(files.size(path) for path in self.paths)
        self.stored_bytes_read = 0

    def located_documents(self) -> Iterator[LocatedDocument]:
        """Read documents one after the other.

        Raises:
            UserError: a line is not of the encoding, or not of the file's format, or a compressed file is damaged; file and
                line are named.
        """
        before = 0
        for path in self.paths:
            with files.open_raw(path) as raw, compression.decompressed(path, raw) as file:
                if kind_of(path) == "text":
                    documents = _documents(path, lines(path, file, self.decoder))
                else:
                    documents = _documents_of_records(path, records(path, file, self.text_field, self.decoder))
                for document in documents:
                    self.stored_bytes_read = before + raw.tell()
                    yield document
            before += files.size(path)

    def documents(self) -> Iterator[Document]:
        """Read the same without where they stand."""
        return (document.sentences for document in self.located_documents())

    def blocks(self, characters: int) -> Iterator[list[Document]]:
        """Read documents in blocks of about `characters`: the unit of parallel work, the same for any number of workers."""
        for block in self.located_blocks(characters):
            yield [document.sentences for document in block]

    def located_blocks(self, characters: int) -> Iterator[list[LocatedDocument]]:
        """Read the same with where they stand."""
        return in_blocks(self.located_documents(), characters)


def in_blocks(documents: Iterable[LocatedDocument], characters: int) -> Iterator[list[LocatedDocument]]:
    """Collect documents in blocks, each of which ends with the document that brings it to so many characters."""
    block: list[LocatedDocument] = []
    length = 0
    for document in documents:
        block.append(document)
        length += sum(map(len, document.sentences))
        if length >= characters:
            yield block
            block, length = [], 0
    if block:
        yield block


def no_text(paths: Sequence[str]) -> UserError:
    """Return the error for files without a single document."""
    return UserError(f"{first_of(paths)}: the corpus is empty; there is no text in it: name files that hold some")


def _documents(path: str, found: Iterable[Record]) -> Iterator[LocatedDocument]:
    numbers: list[int] = []
    document: Document = []
    length = 0
    for number, line in found:
        sentence = line.strip()
        if sentence:
            document.append(sentence)
            numbers.append(number)
            length += len(sentence)
        if document and (not sentence or length >= MAX_DOCUMENT_CHARACTERS):
            yield LocatedDocument(path, numbers, document)
            numbers, document, length = [], [], 0
    if document:
        yield LocatedDocument(path, numbers, document)


def _documents_of_records(path: str, found: Iterable[Record]) -> Iterator[LocatedDocument]:
    for number, text in found:
        # Within a record an empty line separates paragraphs, not documents.
        yield from _documents(path, ((number, line) for line in text.split("\n") if line.strip()))

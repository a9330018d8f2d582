"""Read documents from files of every layout, compressed or in archives, local, on `gs://` or `hf://`."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from electra_pretrain.core import files, volumes
from electra_pretrain.core.errors import UserError, first_of
from electra_pretrain.corpus.contents import read_contents
from electra_pretrain.corpus.damage import Damage
from electra_pretrain.corpus.decoding import Decoder
from electra_pretrain.corpus.layouts.layout import Content, Layout
from electra_pretrain.corpus.layouts.lines import lines, with_newlines
from electra_pretrain.corpus.layouts.text import TEXT
from electra_pretrain.corpus.reading import Reading

Document = list[str]  # its sentences, none of them empty


class LocatedDocument(NamedTuple):
    """A document, and where each of its sentences stands.

    Attributes:
        path: of its file; of a member of an archive `archive.zip!member`.
        numbers: of each sentence: of the line, row or document that it stands in.
        sentences: none of them empty.
        unit: what `numbers` count.
        id, title: what the file calls it; "" where it does not.
    """

    path: str
    numbers: list[int]
    sentences: Document
    unit: str = "line"
    id: str = ""
    title: str = ""

    def origin(self, index: int) -> dict[str, Any]:
        """Tell where the sentence of that index is from: `file`, what `unit` names, and `id` and `title` where known."""
        names = {"id": self.id, "title": self.title}
        return {"file": self.path, self.unit: self.numbers[index], **{name: value for name, value in names.items() if value}}


# A corpus without empty lines would be one document that no memory holds; it is cut into documents of this size.
MAX_DOCUMENT_CHARACTERS = 1_000_000


class Corpus:
    """The documents of some files, in order; a file's end ends a document.

    Attributes:
        paths: the files; of one that was cut into volumes, the first of these.
        reading: how bytes become documents.
        decoder: how bytes become text; counts what was damaged.
        damage: what becomes of broken files and records; counts them.
        stored_bytes: size of all files as stored (compressed, where they are).
        stored_bytes_read: how much of that has been read, to show progress by.
    """

    def __init__(self, paths: Sequence[str], reading: Reading | None = None) -> None:
        self.paths = list(paths)
        reading = (reading or Reading()).checked()
        self.decoder = Decoder(reading.encoding, reading.on_bad_bytes)
        self.reading = reading._replace(encoding=self.decoder.encoding)
        self.damage = Damage(self.reading.on_bad_file)
        self.stored_bytes = sum(volumes.size(path) for path in self.paths)
        self.stored_bytes_read = 0

    def located_documents(self) -> Iterator[LocatedDocument]:
        """Read documents one after the other.

        Raises:
            UserError: a line is not of the encoding or of the file's layout, or a file is damaged; file and line are named.
        """
        before = 0
        for path in self.paths:
            with volumes.open_whole(path) as raw:
                for document in read_contents(path, raw, self.reading, self.decoder, self.damage, documents_of):
                    self.stored_bytes_read = before + raw.tell()
                    yield document
            before += volumes.size(path)

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


def documents_of(layout: Layout, content: Content) -> Iterator[LocatedDocument]:
    """Make documents of records; those of text are lines, which an empty one ends."""
    name = files.readable(content.name)
    if layout is TEXT:  # a record a line would take half as long again
        yield from _documents(name, lines(content.name, content.file, content.decoder))
        return
    for number, text, id, title, _ in layout.records(content):
        # Within a record an empty line separates paragraphs, not documents.
        sentences = [sentence for line in with_newlines(text).split("\n") if (sentence := line.strip())]
        if len(text) < MAX_DOCUMENT_CHARACTERS:
            if sentences:
                yield LocatedDocument(name, [number] * len(sentences), sentences, layout.unit, id, title)
            continue
        for found in _documents(name, ((number, sentence) for sentence in sentences)):
            yield found._replace(unit=layout.unit, id=id, title=title)


def _documents(path: str, found: Iterable[tuple[int, str]]) -> Iterator[LocatedDocument]:
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

"""Read documents from text files: one sentence a line, an empty line between documents; or JSON lines with a text field.

Files may be compressed (.gz, .xz, .zst), local or on `gs://`. Content is UTF-8.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import BinaryIO

from electra_pretrain import files
from electra_pretrain.errors import UserError

Document = list[str]  # its sentences, none of them empty

# A corpus without empty lines would be one document that no memory holds; it is cut into documents of this size.
MAX_DOCUMENT_CHARACTERS = 1_000_000
BLOCK_CHARACTERS = 2_000_000


class Corpus:
    """The documents of some files, in order; a file's end ends a document.

    Attributes:
        paths: the files.
        text_field: where a JSON object holds its text.
        stored_bytes: size of all files as stored (compressed, where they are).
        stored_bytes_read: how much of that has been read, to show progress by.
    """

    def __init__(self, paths: Sequence[str], text_field: str = "text") -> None:
        self.paths = list(paths)
        self.text_field = text_field
        self.stored_bytes = sum(files.size(path) for path in self.paths)
        self.stored_bytes_read = 0

    def documents(self) -> Iterator[Document]:
        """Documents one after the other.

        Raises:
            UserError: a line is not UTF-8, or not a JSON object with the text field, or a compressed file is damaged;
                file and line are named.
        """
        before = 0
        for path in self.paths:
            with files.open_raw(path) as raw, files.decompressed(path, raw) as file:
                lines = _decoded_lines(path, file)
                is_jsonl = _without_compression(path).endswith((".jsonl", ".ndjson"))
                for document in _jsonl_documents(path, lines, self.text_field) if is_jsonl else _text_documents(lines):
                    self.stored_bytes_read = before + raw.tell()
                    yield document
            before += files.size(path)

    def blocks(self, characters: int = BLOCK_CHARACTERS) -> Iterator[list[Document]]:
        """Documents in blocks of about `characters`: the unit of parallel work, the same for any number of workers."""
        block: list[Document] = []
        length = 0
        for document in self.documents():
            block.append(document)
            length += sum(map(len, document))
            if length >= characters:
                yield block
                block, length = [], 0
        if block:
            yield block


def _without_compression(path: str) -> str:
    for suffix in files.COMPRESSED_SUFFIXES:
        path = path.removesuffix(suffix)
    return path


def _decoded_lines(path: str, file: BinaryIO) -> Iterator[str]:
    for number, line in enumerate(file, start=1):
        try:
            text = line.decode("utf-8")
        except UnicodeDecodeError as error:
            raise UserError(
                f"{path}, line {number}: not UTF-8 (byte 0x{line[error.start]:02x} at column {error.start + 1}); "
                "convert the file, for example with: iconv -f cp949 -t utf-8"
            ) from error
        yield text.removeprefix("\ufeff") if number == 1 else text


def _text_documents(lines: Iterable[str]) -> Iterator[Document]:
    document: Document = []
    length = 0
    for line in lines:
        sentence = line.strip()
        if sentence:
            document.append(sentence)
            length += len(sentence)
        if document and (not sentence or length >= MAX_DOCUMENT_CHARACTERS):
            yield document
            document, length = [], 0
    if document:
        yield document


def _jsonl_documents(path: str, lines: Iterable[str], text_field: str) -> Iterator[Document]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            text = json.loads(line)[text_field]
        except json.JSONDecodeError as error:
            raise UserError(
                f"{path}, line {number}: not valid JSON ({error.msg}); one JSON object a line is expected"
            ) from error
        except (KeyError, TypeError, IndexError) as error:
            raise UserError(
                f'{path}, line {number}: no text field "{text_field}"; name the right one with --text_field'
            ) from error
        if not isinstance(text, str):
            raise UserError(f'{path}, line {number}: field "{text_field}" holds {type(text).__name__}, not text')
        # Within one JSON object an empty line separates paragraphs, not documents.
        yield from _text_documents(filter(str.strip, text.split("\n")))

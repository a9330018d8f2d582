"""A block of text on its way through deduplication: the text in the work folder, and the units that are compared.

A unit is a line or a whole document.
"""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import zstandard

from electra_pretrain.core import files
from electra_pretrain.corpus.reader import Document, LocatedDocument
from electra_pretrain.execution.work_files import damaged_work


class BlockSize(NamedTuple):
    """How much there is in a block."""

    documents: int
    lines: int
    units: int
    text_bytes: int  # UTF-8, line ends included


def units(documents: Sequence[Document], by: str) -> list[str]:
    """Return what is compared; `by` is "line" or "document"."""
    return ["\n".join(document) for document in documents] if by == "document" else [line for d in documents for line in d]


def text_bytes(documents: Sequence[Document]) -> bytes:
    """Return documents in our text format: a line a sentence, an empty line between documents."""
    return "".join("\n".join(document) + "\n\n" for document in documents).encode("utf-8")


def save_text(work_dir: str, block: int, content: bytes) -> None:
    _save(_text_path(work_dir, block), content)


def load_text(work_dir: str, block: int) -> list[Document]:
    content = _load(_text_path(work_dir, block)).decode("utf-8")
    return [document.split("\n") for document in content.split("\n\n") if document]


def save_origins(work_dir: str, block: int, documents: Sequence[LocatedDocument]) -> None:
    """Store where documents are from; they come without their text."""
    _save(_origins_path(work_dir, block), json.dumps(documents, ensure_ascii=False).encode("utf-8"))


def load_origins(work_dir: str, block: int, by: str) -> list[dict[str, Any]]:
    """Tell where each unit of a block is from; a document by its first line."""
    documents = [LocatedDocument(*values) for values in json.loads(_load(_origins_path(work_dir, block)))]
    if by == "document":
        return [document.origin(0) for document in documents]
    return [document.origin(index) for document in documents for index in range(len(document.numbers))]


def _save(path: str, content: bytes) -> None:
    files.write_bytes(path, zstandard.ZstdCompressor(level=1, write_checksum=True).compress(content))


def _load(path: str) -> bytes:
    frame = zstandard.ZstdDecompressor().decompressobj()  # `decompress` reads no frame whose header says that it is empty
    try:
        content = frame.decompress(files.read_bytes(path))
    except zstandard.ZstdError as error:
        raise damaged_work(path, str(error)) from error
    if not frame.eof:
        raise damaged_work(path, "it is cut short")
    return content


def _origins_path(work_dir: str, block: int) -> str:
    return files.join(work_dir, f"origins-{block:06d}.zst")


def _text_path(work_dir: str, block: int) -> str:
    return files.join(work_dir, f"text-{block:06d}.zst")

"""What kinds of files hold text, and how each gives it: record after record, with the number of its line or row.

Text files give lines (an empty one ends a document); in all others a record is a document, whose text may have lines.
"""

import csv
import io
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

from electra_pretrain.core import compression, optional
from electra_pretrain.core.errors import UserError, nearest
from electra_pretrain.corpus.decoding import Decoder

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAX_CELL_CHARACTERS = 10_000_000  # an unclosed quotation mark would take the rest of the file for one cell
_PARQUET_BATCH_ROWS, _PARQUET_BUFFER_BYTES = 1024, 1 << 20


Record = tuple[int, str]  # the number of its line or row, the first is 1; a text file's line, or the text of a record


def kind_of(path: str) -> str:
    """Tell "text", "jsonl", "csv", "tsv" or "parquet" by the suffix before that of the compression."""
    for suffix in compression.SUFFIXES:
        path = path.removesuffix(suffix)
    suffixes = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".tsv": "tsv", ".parquet": "parquet"}
    return next((kind for suffix, kind in suffixes.items() if path.endswith(suffix)), "text")


def number_unit(path: str) -> str:
    """Name what a record's number counts."""
    return "row" if kind_of(path) == "parquet" else "line"


def lines(path: str, file: BinaryIO, decoder: Decoder) -> Iterator[Record]:
    """Read the lines of a text file, those left out that the decoder skips."""
    where, encoding = f"{path}, line", decoder.encoding
    for number, line in enumerate(file, start=1):
        try:  # every line of the largest corpora goes through here
            text: str | None = line.decode(encoding)
        except UnicodeDecodeError:
            text = decoder.settle(decoder.decode(line, where, number), where, number)
        if text is not None:
            yield number, text.removeprefix("\ufeff") if number == 1 else text


def records(path: str, file: BinaryIO, field: str, decoder: Decoder) -> Iterator[Record]:
    """Read the texts of a file that is no text file: of an object's key, or of a table's column, named `field`.

    Raises:
        UserError: the file is damaged, or has no such field; file and line are named.
    """
    kind = kind_of(path)
    if kind == "parquet":
        yield from _parquet(path, file, field, decoder)
        return
    decoded = _decoded(path, file, decoder)
    found = _jsonl(path, decoded, field) if kind == "jsonl" else _table(path, decoded, field, kind)
    for number, text in found:
        settled = decoder.settle(text, f"{path}, line", number)
        if settled is not None:
            yield number, settled


def _decoded(path: str, file: BinaryIO, decoder: Decoder) -> Iterator[Record]:
    where = f"{path}, line"
    for number, line in enumerate(file, start=1):
        text = decoder.decode(line, where, number)
        yield number, text.removeprefix("\ufeff") if number == 1 else text


def _jsonl(path: str, decoded: Iterator[Record], field: str) -> Iterator[Record]:
    for number, line in decoded:
        if not line.strip():
            continue
        try:
            text = json.loads(line)[field]
        except json.JSONDecodeError as error:
            raise UserError(
                f"{path}, line {number}: not valid JSON ({error.msg}); one JSON object a line is expected"
            ) from error
        except (KeyError, TypeError, IndexError) as error:
            raise UserError(f'{path}, line {number}: no text field "{field}"; name the right one with --text_field') from error
        if not isinstance(text, str):
            raise UserError(f'{path}, line {number}: field "{field}" holds {type(text).__name__}, not text')
        yield number, text


def _table(path: str, decoded: Iterator[Record], field: str, kind: str) -> Iterator[Record]:
    """Read the cells of a column; a row's number is that of its first line. TSV knows no quotation marks."""
    csv.field_size_limit(MAX_CELL_CHARACTERS)
    texts = (text for _, text in decoded)
    reader = csv.reader(texts, strict=True) if kind == "csv" else csv.reader(texts, delimiter="\t", quoting=csv.QUOTE_NONE)
    start = 1
    try:
        header = next(reader, [])
        if field not in header:
            raise UserError(f'{path}, line 1: no column "{field}"; {nearest(field, header or ["a header row"])} Use --column')
        column = header.index(field)
        start = reader.line_num + 1
        for row in reader:
            if row and column >= len(row):
                raise UserError(f'{path}, line {start}: column {column + 1}, "{field}", is missing; mend or delete this row')
            if row:
                yield start, row[column]
            start = reader.line_num + 1
    except csv.Error as error:
        raise UserError(
            f"{path}, row from line {start}: not valid {kind.upper()} ({error}); mend or delete this row"
        ) from error


def _parquet(path: str, file: BinaryIO, field: str, decoder: Decoder) -> Iterator[Record]:
    pa = optional.load("pyarrow", path, extra="parquet")
    pq = optional.load("pyarrow.parquet", path, extra="parquet")
    strict = Decoder("utf-8", decoder.on_bad_bytes)  # Parquet's text is UTF-8, whatever other files are in
    number = 0
    try:
        table = pq.ParquetFile(_SeekableFile(file), buffer_size=_PARQUET_BUFFER_BYTES)
        if field not in table.schema_arrow.names:
            raise UserError(f'{path}: no column "{field}"; {nearest(field, table.schema_arrow.names)} Use --column')
        for batch in table.iter_batches(_PARQUET_BATCH_ROWS, columns=[field], use_threads=False):
            for cell in batch.column(0).cast(pa.large_binary()).to_pylist():
                number += 1
                if cell is None:
                    continue
                text = decoder.settle(strict.decode(cell, f"{path}, row", number), f"{path}, row", number)
                if text is not None:
                    yield number, text
    except pa.ArrowInvalid as error:
        raise UserError(f"{path}: damaged, or not Parquet ({str(error).splitlines()[0]}); fetch it again") from error
    except (pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
        raise UserError(
            f'{path}: column "{field}" holds no text ({str(error).splitlines()[0]}); name another with --column'
        ) from error


class _SeekableFile(io.RawIOBase):
    """What pyarrow asks of a file, for files that have less, such as TensorFlow's."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer") -> int:
        view = memoryview(buffer)
        content = self._file.read(len(view))
        view[: len(content)] = content
        return len(content)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._file.seek(offset, whence)
        return self._file.tell()

    def tell(self) -> int:
        return self._file.tell()

"""CSV and TSV: a row is a document, its text in a column."""

import csv
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from electra_pretrain.core.errors import UserError, nearest
from electra_pretrain.corpus.decoding import mended
from electra_pretrain.corpus.layouts.layout import Content, Layout, Record
from electra_pretrain.corpus.layouts.lines import unsettled_lines

MAX_CELL_CHARACTERS = 10_000_000  # an unclosed quotation mark would take the rest of the file for one cell
_NOWHERE = 1 << 30


class _Columns(NamedTuple):
    """Where in a row its text stands, and how it is called; `_NOWHERE` for what no column holds."""

    text: int
    id: int
    title: int
    thread: int


def _records(content: Content, kind: str) -> Iterator[Record]:
    """Read the cells of a column; a row's number is that of its first line. TSV knows no quotation marks."""
    csv.field_size_limit(MAX_CELL_CHARACTERS)
    path, decoder = content.name, content.decoder
    texts = (text for _, text in unsettled_lines(path, content.file, decoder))
    reader = csv.reader(texts, strict=True) if kind == "csv" else csv.reader(texts, delimiter="\t", quoting=csv.QUOTE_NONE)
    start = 1
    try:
        columns = _columns(content, next(reader, []))
        start = reader.line_num + 1
        for row in reader:
            if row and columns.text >= len(row):
                what = f'column {columns.text + 1}, "{content.text_field}"'
                raise UserError(f"{path}, line {start}: {what}, is missing; mend or delete this row")
            if row:
                text = decoder.settle(row[columns.text], f"{path}, line", start)
                if text is not None:
                    id, title, thread = (mended(row[at]) if at < len(row) else "" for at in columns[1:])
                    yield Record(start, text, id, title, thread)
            start = reader.line_num + 1
    except csv.Error as error:
        raise UserError(
            f"{path}, row from line {start}: not valid {kind.upper()} ({error}); mend or delete this row"
        ) from error


def _columns(content: Content, header: Sequence[str]) -> _Columns:
    """Find the columns; raises if that of the text, or of the thread where one is named, is missing."""
    for name, flag in ((content.text_field, "--column"), (content.thread_field, "--thread_field")):
        if name and name not in header:
            known = nearest(name, header or ["a header row"])
            raise UserError(f'{content.name}, line 1: no column "{name}"; {known} Use {flag}')
    names = (content.text_field, "id", "title", content.thread_field)
    return _Columns(*(header.index(name) if name in header else _NOWHERE for name in names))


CSV = Layout("csv", "line", lambda content: _records(content, "csv"))
TSV = Layout("tsv", "line", lambda content: _records(content, "tsv"))

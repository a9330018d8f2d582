"""CSV and TSV: a row is a document, its text in a column."""

import csv
from collections.abc import Iterator

from electra_pretrain.core.errors import UserError, nearest
from electra_pretrain.corpus.layouts.layout import Content, Layout, Record
from electra_pretrain.corpus.layouts.lines import unsettled_lines

MAX_CELL_CHARACTERS = 10_000_000  # an unclosed quotation mark would take the rest of the file for one cell


def _records(content: Content, kind: str) -> Iterator[Record]:
    """Read the cells of a column; a row's number is that of its first line. TSV knows no quotation marks."""
    csv.field_size_limit(MAX_CELL_CHARACTERS)
    path, field, decoder = content.name, content.text_field, content.decoder
    texts = (text for _, text in unsettled_lines(path, content.file, decoder))
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
                text = decoder.settle(row[column], f"{path}, line", start)
                if text is not None:
                    yield Record(start, text)
            start = reader.line_num + 1
    except csv.Error as error:
        raise UserError(
            f"{path}, row from line {start}: not valid {kind.upper()} ({error}); mend or delete this row"
        ) from error


CSV = Layout("csv", "line", lambda content: _records(content, "csv"))
TSV = Layout("tsv", "line", lambda content: _records(content, "tsv"))

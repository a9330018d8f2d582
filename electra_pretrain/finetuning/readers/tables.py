"""Tables (TSV, CSV) as the publishers of tasks ship them: columns found by the header's names, every row's width checked."""

import csv
from collections.abc import Iterator, Sequence

from electra_pretrain.core import compression
from electra_pretrain.core.errors import UserError, nearest
from electra_pretrain.corpus.layouts.tables import MAX_CELL_CHARACTERS
from electra_pretrain.finetuning.readers.rows import LeftOut, Row, Unlabelled
from electra_pretrain.finetuning.readers.text import text_lines

Names = str | tuple[str, ...]  # of a column: as files name it, the publisher's first
Cells = tuple[int, list[str]]  # the number of a row's first line, and its cells


def rows(
    path: str,
    encoding: str,
    texts: Sequence[Names],
    label: Names,
    only: tuple[str, str] | None = None,
    header_optional: bool = False,
    left_out: LeftOut | None = None,
) -> Iterator[Row]:
    """Yield the rows of a table, as CSV if it is named so, else as TSV.

    In TSV a quotation mark is a character like any other: publishers write them unpaired, and a reader that pairs them
    swallows lines.

    Args:
        path: of the file.
        encoding: of it.
        texts: columns that hold the texts.
        label: the column that holds the label.
        only: a column, and what it must hold; rows that hold something else are passed over.
        header_optional: the table may begin with its first row, if it has no columns but those, in their order.
        left_out: takes rows of a wrong width, where the publisher's file is known to hold some; None: they are an error.

    Raises:
        UserError: a column is missing, or a row is wider or narrower than the header; file and line are named.
        Unlabelled: the column that is missing is the label's.
    """
    wanted = [(names,) if isinstance(names, str) else names for names in (*texts, label)]
    table = _cells(path, encoding)
    number, header = next(table, (0, []))
    if not number:
        raise UserError(f"{path}: is empty; fetch it again")
    header = [name.strip() for name in header]
    _check_labelled(path, header, wanted, header_optional)
    if header_optional and len(header) == len(wanted) and not any(name in header for names in wanted for name in names):
        columns = list(range(len(wanted)))
        table = _cells(path, encoding)  # from the start: what was taken for the header is a row
    else:
        columns = [_column(f"{path}, line {number}", header, names) for names in wanted]
    filtered = (_column(f"{path}, line {number}", header, (only[0],)), only[1]) if only else None
    for number, cells in table:
        where = f"{path}, line {number}"
        if len(cells) != len(header):
            rule = f"{len(cells)} columns where {len(header)} are expected"
            if left_out is None:
                raise UserError(f"{where}: {rule}; mend or delete this row")
            left_out.add(where, rule)
        elif filtered is None or cells[filtered[0]] == filtered[1]:
            *row, value = (cells[column] for column in columns)
            yield Row(where, row, value)


def has_column(path: str, encoding: str, name: str) -> bool:
    """Tell whether the table's header names such a column."""
    return name in (cell.strip() for cell in next(_cells(path, encoding), (1, [""]))[1])


def _check_labelled(path: str, header: Sequence[str], wanted: Sequence[Sequence[str]], header_optional: bool) -> None:
    """Refuse a table that holds the texts and nothing else of what is wanted, whose last is the label's column."""
    *texts, label = wanted
    named = [any(name in header for name in names) for names in texts]
    without_header = header_optional and not any(named) and len(header) == len(texts)
    if (all(named) or without_header) and not any(name in header for name in label):
        columns = f"{len(header)} columns" if without_header else f"the columns {', '.join(name for name in header if name)}"
        raise Unlabelled(path, f'{columns} and none "{" or ".join(label)}"')


def _column(where: str, header: list[str], names: Sequence[str]) -> int:
    found = [header.index(name) for name in names if name in header]
    if not found:
        missing = f'{where}: no column "{" or ".join(names)}"'
        if len(header) == 1 and "," in header[0]:
            raise UserError(f"{missing}; its columns are parted by commas: put tabs in their place")
        known = list(dict.fromkeys(name for name in header if name))
        raise UserError(f"{missing}; {nearest(names[0], known)} Or is the header row missing?")
    return found[0]


def _cells(path: str, encoding: str) -> Iterator[Cells]:
    """Yield the rows that hold anything."""
    if _is_csv(path):
        yield from _csv(path, encoding)
        return
    for number, line in text_lines(path, encoding):
        if line.strip():
            yield number, line.split("\t")


def _is_csv(path: str) -> bool:
    return any(path.endswith(".csv" + suffix) for suffix in ("", *compression.SUFFIXES))


def _csv(path: str, encoding: str) -> Iterator[Cells]:
    csv.field_size_limit(MAX_CELL_CHARACTERS)
    reader = csv.reader((line + "\n" for _, line in text_lines(path, encoding)), strict=True)
    start = 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                yield start, cells
            start = reader.line_num + 1
    except csv.Error as error:
        raise UserError(f"{path}, row from line {start}: not valid CSV ({error}); mend or delete this row") from error

"""Parquet: a row is a document, its text in a column."""

from collections.abc import Iterator, Sequence
from typing import Any

from electra_pretrain.core import optional
from electra_pretrain.core.errors import Damaged, UserError, nearest, reason_of
from electra_pretrain.corpus.decoding import Decoder
from electra_pretrain.corpus.layouts.layout import Content, Layout, Record

_BATCH_ROWS, _BUFFER_BYTES = 1024, 1 << 20


def _records(content: Content) -> Iterator[Record]:
    """Read the cells of a column; nulls are passed over.

    Raises:
        Damaged: the file is cut short or broken, or something else.
        UserError: a column is missing, or holds no text.
    """
    path, field, decoder = content.name, content.text_field, content.decoder
    pa = optional.load("pyarrow", path, extra="parquet")
    pq = optional.load("pyarrow.parquet", path, extra="parquet")
    strict = Decoder("utf-8", decoder.on_bad_bytes)  # Parquet's text is UTF-8, whatever other files are in
    where, number = f"{path}, row", 0
    try:
        # Where pages have checksums; few writers give them any, and Snappy has none of its own.
        table = pq.ParquetFile(content.file, buffer_size=_BUFFER_BYTES, page_checksum_verification=True)
        names = _columns(pa, content, table.schema_arrow)
        for batch in table.iter_batches(_BATCH_ROWS, columns=sorted({field, *names} - {""}), use_threads=False):
            named = [_names(pa, batch.column(name)) if name else [""] * len(batch) for name in names]
            cells = batch.column(field).cast(pa.large_binary()).to_pylist()
            for cell, id, title, thread in zip(cells, *named, strict=True):
                number += 1
                if cell is None:
                    continue
                text = decoder.settle(strict.decode(cell, where, number), where, number)
                if text is not None:
                    yield Record(number, text, id, title, thread)
        if number != table.metadata.num_rows:
            rows = f"{number:,} rows instead of {table.metadata.num_rows:,}"
            raise Damaged(f"{path}: damaged, or not Parquet ({rows}); fetch it again")
    except (pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
        raise UserError(f'{path}: column "{field}" holds no text ({reason_of(error)}); name another with --column') from error
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        if isinstance(error, OSError) and error.errno is not None:  # the disk's own; pyarrow's have none
            raise
        raise Damaged(f"{path}: damaged, or not Parquet ({reason_of(error)}); fetch it again") from error


def _columns(pa: Any, content: Content, schema: Any) -> tuple[str, str, str]:
    """Name the columns of id, title and thread; "" for none.

    Raises:
        UserError: that of the text is missing, or that of the thread, where one is named, or it cannot name one.
    """
    for name, flag in ((content.text_field, "--column"), (content.thread_field, "--thread_field")):
        if name and name not in schema.names:
            raise UserError(f'{content.name}: no column "{name}"; {nearest(name, schema.names)} Use {flag}')
    thread = content.thread_field
    if thread and not _can_name(pa, schema, thread):
        raise UserError(
            f'{content.name}: column "{thread}" holds neither text nor whole numbers; name another with --thread_field'
        )
    id, title = (name if name in schema.names and _can_name(pa, schema, name) else "" for name in ("id", "title"))
    return id, title, thread


def _can_name(pa: Any, schema: Any, name: str) -> bool:
    kind = schema.field(name).type
    return any(is_kind(kind) for is_kind in (pa.types.is_string, pa.types.is_large_string, pa.types.is_integer))


def _names(pa: Any, column: Any) -> Sequence[str]:
    """Return the cells of a column of strings or whole numbers as text; "" for nulls."""
    if pa.types.is_integer(column.type):
        return ["" if cell is None else str(cell) for cell in column.to_pylist()]
    cells = column.cast(pa.large_binary()).to_pylist()  # pyarrow itself would end at bytes that are no UTF-8
    return [(cell or b"").decode("utf-8", "replace") for cell in cells]


PARQUET = Layout("parquet", "row", _records, is_sought=True)

"""Parquet: a row is a document, its text in a column."""

from collections.abc import Iterator

from electra_pretrain.core import optional
from electra_pretrain.core.errors import UserError, nearest
from electra_pretrain.corpus.decoding import Decoder
from electra_pretrain.corpus.layouts.layout import Content, Layout, Record

_BATCH_ROWS, _BUFFER_BYTES = 1024, 1 << 20


def _records(content: Content) -> Iterator[Record]:
    """Read the cells of a column; nulls are passed over."""
    path, field, decoder = content.name, content.text_field, content.decoder
    pa = optional.load("pyarrow", path, extra="parquet")
    pq = optional.load("pyarrow.parquet", path, extra="parquet")
    strict = Decoder("utf-8", decoder.on_bad_bytes)  # Parquet's text is UTF-8, whatever other files are in
    where, number = f"{path}, row", 0
    try:
        table = pq.ParquetFile(content.file, buffer_size=_BUFFER_BYTES)
        if field not in table.schema_arrow.names:
            raise UserError(f'{path}: no column "{field}"; {nearest(field, table.schema_arrow.names)} Use --column')
        for batch in table.iter_batches(_BATCH_ROWS, columns=[field], use_threads=False):
            for cell in batch.column(0).cast(pa.large_binary()).to_pylist():
                number += 1
                if cell is None:
                    continue
                text = decoder.settle(strict.decode(cell, where, number), where, number)
                if text is not None:
                    yield Record(number, text)
    except pa.ArrowInvalid as error:
        raise UserError(f"{path}: damaged, or not Parquet ({str(error).splitlines()[0]}); fetch it again") from error
    except (pa.ArrowNotImplementedError, pa.ArrowTypeError) as error:
        raise UserError(
            f'{path}: column "{field}" holds no text ({str(error).splitlines()[0]}); name another with --column'
        ) from error


PARQUET = Layout("parquet", "row", _records)

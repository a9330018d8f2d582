"""From a stored file to its contents: its bytes, decompressed, or those of an archive's members; and the layout of each."""

from collections.abc import Callable, Iterator
from typing import BinaryIO, TypeVar

from electra_pretrain.core import compression
from electra_pretrain.core.errors import Damaged
from electra_pretrain.corpus.damage import Damage
from electra_pretrain.corpus.decoding import Decoder
from electra_pretrain.corpus.layouts.layout import Content, Layout
from electra_pretrain.corpus.layouts.parquet import PARQUET
from electra_pretrain.corpus.layouts.registry import LAYOUTS, by_suffix, layout_of
from electra_pretrain.corpus.looking import look
from electra_pretrain.corpus.reading import Reading

T = TypeVar("T")
Read = Callable[[Layout, Content], Iterator[T]]


def read_contents(path: str, raw: BinaryIO, reading: Reading, decoder: Decoder, damage: Damage, read: Read[T]) -> Iterator[T]:
    """Give what `read` makes of every content of a file, in order.

    Args:
        path: of the file.
        raw: the file as stored.
        reading: how bytes become documents.
        decoder: makes text of them.
        damage: is told of what is broken.
        read: from a layout and a content to whatever is wanted. It reads within this function, which names damaged files.

    Raises:
        Damaged: the file, or a content of it, is cut short or broken, and that is an error.
        UserError: as `layout_of`, `Layout.records`.
    """
    found = 0
    try:
        with compression.decompressed(path, raw) as file:
            for item in _read(path, file, reading, decoder, damage, read):
                found += 1
                yield item
    except Damaged as error:
        damage.of_file(error, found)


def is_sought(path: str, reading: Reading) -> bool:
    """Tell whether a file is read here and there, not from beginning to end."""
    return PARQUET in (by_suffix(path), LAYOUTS.get(reading.layout))


def _read(name: str, file: BinaryIO, reading: Reading, decoder: Decoder, damage: Damage, read: Read[T]) -> Iterator[T]:
    head, file = look(file)
    layout = layout_of(name, head, reading.layout)
    content = Content(name, file, head, decoder, damage, reading.text_field, reading.thread_field, reading.form)
    yield from read(layout, content)

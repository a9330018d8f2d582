"""Lines of text, and of files of which each line is decoded by itself."""

from collections.abc import Iterator
from typing import BinaryIO

from electra_pretrain.corpus.decoding import Decoder

Line = tuple[int, str]  # its number, the first is 1; its text
BYTE_ORDER_MARK = "\ufeff"


def lines(path: str, file: BinaryIO, decoder: Decoder) -> Iterator[Line]:
    """Read the lines of a text file, those left out that the decoder skips."""
    where, encoding = f"{path}, line", decoder.encoding
    for number, line in enumerate(file, start=1):
        try:  # every line of the largest corpora goes through here
            text: str | None = line.decode(encoding)
        except UnicodeDecodeError:
            text = decoder.settle(decoder.decode(line, where, number), where, number)
        if text is not None:
            yield number, text.removeprefix(BYTE_ORDER_MARK) if number == 1 else text


def unsettled_lines(path: str, file: BinaryIO, decoder: Decoder) -> Iterator[Line]:
    """Read all lines; what is no character stays in them, for `Decoder.settle` when a record is whole."""
    where = f"{path}, line"
    for number, line in enumerate(file, start=1):
        text = decoder.decode(line, where, number)
        yield number, text.removeprefix(BYTE_ORDER_MARK) if number == 1 else text


def settled(path: str, decoder: Decoder, found: Iterator[tuple[int, str]], unit: str = "line") -> Iterator[Line]:
    """Settle texts, each with its number; those left out that the decoder skips."""
    where = f"{path}, {unit}"
    for number, text in found:
        mended = decoder.settle(text, where, number)
        if mended is not None:
            yield number, mended

"""Lines of text, and of files of which each line is decoded by itself."""

import io
import itertools
from collections.abc import Iterator
from typing import BinaryIO

from electra_pretrain.core.errors import UserError
from electra_pretrain.corpus.decoding import Decoder

Line = tuple[int, str]  # its number, the first is 1; its text
BYTE_ORDER_MARK = "\ufeff"
MAX_LINE_BYTES = 64 << 20  # no memory holds a file that is one line
_CHUNK_BYTES = 1 << 16


def lines(path: str, file: BinaryIO, decoder: Decoder) -> Iterator[Line]:
    """Read the lines of a text file, those left out that the decoder skips."""
    where, encoding = f"{path}, line", decoder.encoding
    for number, line in enumerate(_raw_lines(path, file), start=1):
        try:  # every line of the largest corpora goes through here
            text: str | None = line.decode(encoding)
        except UnicodeDecodeError:
            text = decoder.settle(decoder.decode(line, where, number), where, number)
        if text is not None:
            yield number, text.removeprefix(BYTE_ORDER_MARK) if number == 1 else text


def unsettled_lines(path: str, file: BinaryIO, decoder: Decoder) -> Iterator[Line]:
    """Read all lines; what is no character stays in them, for `Decoder.settle` when a record is whole."""
    where = f"{path}, line"
    for number, line in enumerate(_raw_lines(path, file), start=1):
        text = decoder.decode(line, where, number)
        yield number, text.removeprefix(BYTE_ORDER_MARK) if number == 1 else text


def whole_lines(path: str, file: BinaryIO, chunk_bytes: int) -> Iterator[bytes]:
    """Read a file's lines, many at a time: about `chunk_bytes`, more only where a line is longer; the last may lack its end.

    Raises:
        UserError: a line is longer than memory should hold.
    """
    rest, waiting, before = list[bytes](), 0, 0
    while chunk := file.read(chunk_bytes):
        if end := chunk.rfind(b"\n") + 1:
            rest.append(chunk[:end])
            lines = b"".join(rest)
            yield lines
            before += len(lines)
            rest, waiting, chunk = [], 0, chunk[end:]
        rest.append(chunk)
        waiting += len(chunk)
        if waiting > MAX_LINE_BYTES:
            raise UserError(
                f"{path}: from byte {before:,} on there is a line of more than {MAX_LINE_BYTES:,} bytes; "
                "is it text? Break it into lines"
            )
    if waiting:
        yield b"".join(rest)


def _raw_lines(path: str, file: BinaryIO) -> Iterator[bytes]:
    return itertools.chain.from_iterable(map(io.BytesIO, whole_lines(path, file, _CHUNK_BYTES)))

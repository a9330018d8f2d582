"""Lines of text, and of files of which each line is decoded by itself.

A line ends in LF, in CR LF, or in CR alone, as old Macs wrote. CRs before an LF are no ends, but white space of its line.
"""

import io
import itertools
import re
from collections.abc import Iterator
from typing import BinaryIO

from electra_pretrain.core.errors import UserError
from electra_pretrain.core.plain_text import BYTE_ORDER_MARK
from electra_pretrain.corpus.decoding import Decoder

Line = tuple[int, str]  # its number, the first is 1; its text
MAX_LINE_BYTES = 64 << 20  # no memory holds a file that is one line
_CHUNK_BYTES = 1 << 16
_ENDS_IN_CR = r"(?<!\r)\r+(?![\r\n])"
_CR, _CR_BYTES = re.compile(_ENDS_IN_CR), re.compile(_ENDS_IN_CR.encode())


def lines(path: str, file: BinaryIO, decoder: Decoder, end_in_cr: bool = True) -> Iterator[Line]:
    """Read the lines of a text file, those left out that the decoder skips; `end_in_cr` tells whether a CR alone ends one."""
    where, encoding = f"{path}, line", decoder.encoding
    for number, line in enumerate(_raw_lines(path, file, end_in_cr), start=1):
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


def whole_lines(path: str, file: BinaryIO, chunk_bytes: int, end_in_cr: bool = True) -> Iterator[bytes]:
    """Read a file's lines, many at a time: about `chunk_bytes`, more only where a line is longer; the last may lack its end.

    With `end_in_cr`, an LF stands in the place of every CR that ends a line.

    Raises:
        UserError: a line is longer than memory should hold.
    """
    rest, waiting, before = list[bytes](), 0, 0
    for chunk in _chunks(file, chunk_bytes) if end_in_cr else iter(lambda: file.read(chunk_bytes), b""):
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


def with_newlines(text: str) -> str:
    """Put an LF in the place of every CR that ends a line."""
    return _CR.sub(lambda run: "\n" * len(run[0]), text) if "\r" in text else text


def _chunks(file: BinaryIO, chunk_bytes: int) -> Iterator[bytes]:
    """Read a file in chunks, with an LF in the place of every CR that ends a line; no chunk ends in a CR that may be none."""
    held = b""
    while chunk := file.read(chunk_bytes):
        if held or chunk.endswith(b"\r"):
            chunk = held + chunk
            held = chunk[len(chunk.rstrip(b"\r")) :]
            chunk = chunk.removesuffix(held)
        if b"\r" in chunk and _has_lone_cr(chunk):
            chunk = _CR_BYTES.sub(lambda run: b"\n" * len(run[0]), chunk) if b"\n" in chunk else chunk.replace(b"\r", b"\n")
        yield chunk
    yield b"\n" * len(held)


def _has_lone_cr(chunk: bytes) -> bool:
    """Tell whether a CR stands before anything but an LF: where all lines end in CR LF, a pattern would take twice as long."""
    import numpy as np  # which finetune does without until it trains

    content = np.frombuffer(chunk, np.uint8)
    return bool(((content[:-1] == ord("\r")) & (content[1:] != ord("\n"))).any())


def _raw_lines(path: str, file: BinaryIO, end_in_cr: bool = True) -> Iterator[bytes]:
    return itertools.chain.from_iterable(map(io.BytesIO, whole_lines(path, file, _CHUNK_BYTES, end_in_cr)))

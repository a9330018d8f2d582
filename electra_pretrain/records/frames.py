"""TFRecord files frame by frame, each checksum compared, so that what is damaged can be named (TensorFlow stops at it).

A frame: length, its checksum, the payload, its checksum (tensorflow/core/lib/io/record_writer.h).
"""

import struct
from collections.abc import Callable, Iterator
from typing import NamedTuple

from electra_pretrain.core.errors import UserError

_HEADER, _CHECKSUM = struct.Struct("<QI"), struct.Struct("<I")
_MASK_DELTA = 0xA282EAD8
TRUNCATED = "truncated: the file ends within it"
WRONG_LENGTH = "the checksum of its length is wrong, so that nothing after it can be found"
WRONG_CONTENT = "its checksum is wrong: a byte of it has changed"


class Frame(NamedTuple):
    """A record as it lies in its file: its payload, or None and what is wrong with it."""

    payload: bytes | None
    problem: str = ""


def read_frames(read: Callable[[int], bytes]) -> Iterator[Frame]:
    """The frames of a TFRecord file, given how to read the next bytes. One of wrong length, or cut off, ends it.

    Raises:
        UserError: the package that computes the checksums is missing.
    """
    try:
        from google_crc32c import value as crc32c
    except ImportError as error:
        raise UserError("checking records needs a package that is missing; run: pip install google-crc32c") from error

    def matches(content: bytes, checksum: int) -> bool:
        crc: int = crc32c(content)
        return bool(((crc >> 15 | crc << 17) + _MASK_DELTA) & 0xFFFFFFFF == checksum)

    while header := read(_HEADER.size):
        if len(header) < _HEADER.size:
            yield Frame(None, TRUNCATED)
            return
        length, checksum = _HEADER.unpack(header)
        if not matches(header[:8], checksum):
            yield Frame(None, WRONG_LENGTH)
            return
        payload, tail = read(length), read(_CHECKSUM.size)
        if len(payload) < length or len(tail) < _CHECKSUM.size:
            yield Frame(None, TRUNCATED)
            return
        yield Frame(payload) if matches(payload, _CHECKSUM.unpack(tail)[0]) else Frame(None, WRONG_CONTENT)

"""A look at what a file begins with, without taking it away from whoever reads it."""

import io
from typing import TYPE_CHECKING, BinaryIO, cast

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

HEAD_BYTES, _BUFFER_BYTES = 1 << 16, 1 << 20


def look(file: BinaryIO) -> tuple[bytes, BinaryIO]:
    """Return what a file begins with, 64 KiB at most, and the file, to be read from its first byte; it seeks if `file` does."""
    head = _read(file, HEAD_BYTES)
    return head, cast(BinaryIO, io.BufferedReader(_LookedInto(head, file), HEAD_BYTES))


def buffered(file: BinaryIO) -> BinaryIO:
    """Read ahead in a file by a megabyte, for who reads it in small pieces."""
    return cast(BinaryIO, io.BufferedReader(_LookedInto(b"", file), _BUFFER_BYTES))


class _LookedInto(io.RawIOBase):
    """A file whose head was read before; it asks little of it, as TensorFlow's have no more."""

    def __init__(self, head: bytes, file: BinaryIO) -> None:
        self._file = file
        self._left = memoryview(head)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return hasattr(self._file, "seek")

    def readinto(self, buffer: "WriteableBuffer") -> int:
        view = memoryview(buffer).cast("B")
        content = self._left[: len(view)] if self._left else self._file.read(len(view))
        self._left = self._left[len(content) :]
        view[: len(content)] = content
        return len(content)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_CUR:
            offset -= len(self._left)
        self._left = memoryview(b"")
        self._file.seek(offset, whence)
        return self._file.tell()

    def tell(self) -> int:
        return self._file.tell() - len(self._left)


def _read(file: BinaryIO, size: int) -> bytes:
    """Read so many bytes; fewer only where the file ends, though it may give them in pieces."""
    pieces = list[bytes]()
    while size and (piece := file.read(size)):
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)

"""What reads each format of compressed files to its proven end, as Python's own readers of some do not."""

import bz2
import gzip
import lzma
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, cast

from electra_pretrain.core import optional

_BUFFER_BYTES = 1 << 16
_ZSTANDARD_BYTES = 1 << 13  # decompressed in one go; they become 256 MB at most
_ZSTANDARD_WINDOW_BYTES = 1 << 31  # of `zstd --long=31`, the largest; memory holds as much of it as there is text


def decompressor(path: str, suffix: str, raw: BinaryIO) -> BinaryIO:
    """Open the content of a file that is compressed as its suffix says; `path` is named where a package is missing."""
    if suffix == ".gz":
        return cast(BinaryIO, gzip.GzipFile(fileobj=raw))
    if suffix in (".xz", ".bz2"):
        return cast(BinaryIO, _Streams(raw, lzma.LZMADecompressor if suffix == ".xz" else bz2.BZ2Decompressor))
    return cast(BinaryIO, _ZstandardFile(raw, zstandard(path)))


def zstandard(path: str) -> Any:
    """Import the package that reads and writes .zst; `path` is what needs it."""
    return optional.load("zstandard", path)


class _Streams:
    """The content of a .xz or .bz2 file, stream after stream; Python's own readers take one that begins badly for the end."""

    def __init__(self, raw: BinaryIO, new: Callable[[], Any]) -> None:
        self._raw, self._new, self._stream = raw, new, new()

    def seekable(self) -> bool:
        return False

    def read(self, size: int) -> bytes:
        content = b""
        while not content:
            stored = b""
            if self._stream.eof:
                stored = self._next()
                if not stored:
                    return b""
                self._stream = self._new()
            elif self._stream.needs_input and not (stored := self._raw.read(_BUFFER_BYTES)):
                raise EOFError("the file ends within a stream")
            content = self._stream.decompress(stored, size)
        return content

    def _next(self) -> bytes:
        """Return what stands behind a stream, without the zero bytes that may fill up a file."""
        stored = self._stream.unused_data.lstrip(b"\0")
        while not stored and (more := self._raw.read(_BUFFER_BYTES)):
            stored = more.lstrip(b"\0")
        return cast(bytes, stored)


class _ZstandardFile:
    """The content of a .zst file, frame after frame; the package's own reader takes one that is cut short for whole."""

    def __init__(self, raw: BinaryIO, package: Any) -> None:
        self._raw = raw
        self._new: Callable[[], Any] = package.ZstdDecompressor(max_window_size=_ZSTANDARD_WINDOW_BYTES).decompressobj
        self._frame = self._new()
        self._within_frame = False
        self._left = memoryview(b"")

    def seekable(self) -> bool:
        return False

    def read(self, size: int) -> bytes:
        while not self._left:
            stored = self._raw.read(_ZSTANDARD_BYTES)
            if not stored and self._within_frame:
                raise EOFError("the file ends within a frame")
            if not stored:
                return b""
            self._left = memoryview(b"".join(self._decompressed(stored)))
        content, self._left = self._left[:size], self._left[size:]
        return bytes(content)

    def _decompressed(self, stored: bytes) -> Iterator[bytes]:
        while stored:
            yield self._frame.decompress(stored)
            self._within_frame = not self._frame.eof
            stored = self._frame.unused_data
            if self._frame.eof:
                self._frame = self._new()

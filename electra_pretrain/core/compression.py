"""Compressed files, told by their suffix: .gz, .xz, .zst, .bz2; broken ones and bombs are told in one line.

What is written here carries a checksum in every format, so that no changed byte is read as text. Files of others do so in all
but .zst, where it is optional, and .xz written with `--check=none`: of those only what breaks the format is noticed.
"""

import bz2
import contextlib
import gzip
import io
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from electra_pretrain.core import optional
from electra_pretrain.core.errors import Damaged, UserError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

SUFFIXES = (".gz", ".xz", ".zst", ".bz2")
# Text becomes 3 to 20 times smaller. What grows so much more, and to so much, is a bomb, or text that repeats itself endlessly.
MOST_GROWTH, GROWTH_ALLOWED_BYTES = 200, 1 << 30
_BUFFER_BYTES = 1 << 16
_ZSTANDARD_BYTES = 1 << 13  # decompressed in one go; they become 256 MB at most
_BROKEN: tuple[type[Exception], ...] = (EOFError, lzma.LZMAError, gzip.BadGzipFile, zlib.error)


def suffix_of(path: str | None) -> str:
    """Return the suffix that says how a file is compressed; "" where it is not."""
    return next((suffix for suffix in SUFFIXES if path and path.endswith(suffix)), "")


def compressed(path: str, content: bytes) -> bytes:
    """Compress content as the suffix of `path` promises, to the same bytes at any time; `decompressed` is its inverse."""
    if path.endswith(".gz"):
        return gzip.compress(content, mtime=0)
    if path.endswith(".xz"):
        return lzma.compress(content)
    if path.endswith(".bz2"):
        return bz2.compress(content)
    if path.endswith(".zst"):
        return cast(bytes, _zstandard(path).ZstdCompressor(write_checksum=True).compress(content))
    return content


@contextlib.contextmanager
def decompressed(path: str, raw: BinaryIO, suffix: str | None = None) -> Iterator[BinaryIO]:
    """Open the content of the file `raw`.

    Args:
        path: of the file, for messages.
        raw: the file as stored.
        suffix: that says how it is compressed; None for that of `path`.

    Raises:
        Damaged: the content is not what the suffix promises, or ends too early; reading raises it.
        UserError: it grows beyond all measure.
    """
    suffix = suffix_of(path) if suffix is None else suffix
    if not suffix:
        yield raw
        return
    counted, broken = _Counted(raw), _BROKEN
    if suffix == ".zst":
        broken += (_zstandard(path).ZstdError,)
    elif suffix == ".bz2":
        broken += (OSError,)  # all that it says of bytes that are not its own
    opened = _decompressor(path, suffix, cast(BinaryIO, counted))
    yield watched(path, opened, broken, lambda: counted.bytes_read, "damaged or truncated compressed file")


def watched(
    name: str, file: BinaryIO, broken: tuple[type[Exception], ...], stored_bytes: Callable[[], int], what: str
) -> BinaryIO:
    """Watch over the reading of what was compressed.

    Args:
        name: of the file, for messages.
        file: its content.
        broken: the exceptions by which the library says that it is broken.
        stored_bytes: tells how much it took as stored, so far or as a whole.
        what: the message says of a broken one.

    Raises:
        Damaged: it is broken; reading raises it.
        UserError: it grows beyond all measure.
    """
    return cast(BinaryIO, io.BufferedReader(_Watched(name, file, broken, stored_bytes, what), _BUFFER_BYTES))


class _Watched(io.RawIOBase):
    def __init__(
        self, name: str, file: BinaryIO, broken: tuple[type[Exception], ...], stored_bytes: Callable[[], int], what: str
    ) -> None:
        self._name, self._file, self._broken, self._stored_bytes, self._what = name, file, broken, stored_bytes, what
        self._given = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._file.seekable()

    def readinto(self, buffer: "WriteableBuffer") -> int:
        view = memoryview(buffer).cast("B")
        try:
            content = self._file.read(len(view))
        except self._broken as error:
            if isinstance(error, OSError) and error.errno is not None:  # the disk's own, or the network's
                raise
            raise Damaged(f"{self._name}: {self._what} ({error or type(error).__name__}); fetch it again") from error
        view[: len(content)] = content
        self._given += len(content)
        if self._given > GROWTH_ALLOWED_BYTES and self._given > MOST_GROWTH * self._stored_bytes():
            raise UserError(
                f"{self._name}: grows to more than {MOST_GROWTH} times its stored size, as no text does but a bomb; "
                "if it is meant, decompress it first and name what comes out"
            )
        return len(content)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._given = 0  # who seeks may read a stretch again and again
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()


class _Counted:
    """A file that counts what is read of it; all else is the file's. One of no bytes is cut short, whatever its format."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self.bytes_read = 0

    def read(self, size: int = -1) -> bytes:
        content = self._raw.read(size)
        if not content and not self.bytes_read:
            raise EOFError("the file is empty")
        self.bytes_read += len(content)
        return content

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)


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

    def __init__(self, raw: BinaryIO, zstandard: Any) -> None:
        self._raw = raw
        self._new: Callable[[], Any] = lambda: zstandard.ZstdDecompressor().decompressobj()
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


def _decompressor(path: str, suffix: str, raw: BinaryIO) -> BinaryIO:
    if suffix == ".gz":
        return cast(BinaryIO, gzip.GzipFile(fileobj=raw))
    if suffix in (".xz", ".bz2"):
        return cast(BinaryIO, _Streams(raw, lzma.LZMADecompressor if suffix == ".xz" else bz2.BZ2Decompressor))
    return cast(BinaryIO, _ZstandardFile(raw, _zstandard(path)))


def _zstandard(path: str) -> Any:
    return optional.load("zstandard", path)

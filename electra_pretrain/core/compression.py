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

from electra_pretrain.core import beginnings
from electra_pretrain.core.decompressors import decompressor, zstandard
from electra_pretrain.core.errors import Damaged, UserError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

SUFFIXES = (".gz", ".xz", ".zst", ".bz2")
# Text becomes 3 to 20 times smaller. What grows so much more, and to so much, is a bomb, or text that repeats itself endlessly.
MOST_GROWTH, GROWTH_ALLOWED_BYTES = 200, 1 << 30
_BUFFER_BYTES = 1 << 16
_ZSTANDARD_ADVICE = {  # by what the library says where nothing is damaged
    "Dictionary mismatch": "compressed with a dictionary, which is elsewhere; decompress it with that: zstd -d -D DICTIONARY",
    "Allocation error": "zstd --long needs more memory than there is; decompress it where there is more: zstd -d --long=31",
}
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
        return cast(bytes, zstandard(path).ZstdCompressor(write_checksum=True).compress(content))
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
        broken += (zstandard(path).ZstdError,)
    elif suffix == ".bz2":
        broken += (OSError,)  # all that it says of bytes that are not its own
    opened = decompressor(path, suffix, cast(BinaryIO, counted))
    yield watched(path, opened, broken, lambda: counted.bytes_read, lambda error: _what_is_wrong(suffix, counted, error))


def _what_is_wrong(suffix: str, counted: "_Counted", error: Exception) -> str:
    head = counted.read_head()
    known = [f"{advice} ({error})" for text, advice in _ZSTANDARD_ADVICE.items() if suffix == ".zst" and text in str(error)]
    return next(iter(known), "") or beginnings.misnamed(suffix, head) or broken_off("compressed file", error)


def broken_off(what: str, error: object) -> str:
    """Say that something is damaged, and what to do."""
    return f"damaged or truncated {what} ({error or type(error).__name__}); fetch it again"


def watched(
    name: str,
    file: BinaryIO,
    broken: tuple[type[Exception], ...],
    stored_bytes: Callable[[], int],
    explain: Callable[[Exception], str],
) -> BinaryIO:
    """Watch over the reading of what was compressed.

    Args:
        name: of the file, for messages.
        file: its content.
        broken: the exceptions by which the library says that it is broken.
        stored_bytes: tells how much it took as stored, so far or as a whole.
        explain: says of such an exception what is wrong, and what to do.

    Raises:
        Damaged: it is broken; reading raises it.
        UserError: it grows beyond all measure.
    """
    return cast(BinaryIO, io.BufferedReader(_Watched(name, file, broken, stored_bytes, explain), _BUFFER_BYTES))


class _Watched(io.RawIOBase):
    def __init__(
        self,
        name: str,
        file: BinaryIO,
        broken: tuple[type[Exception], ...],
        stored_bytes: Callable[[], int],
        explain: Callable[[Exception], str],
    ) -> None:
        self._name, self._file, self._broken, self._stored_bytes, self._explain = name, file, broken, stored_bytes, explain
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
            raise Damaged(f"{self._name}: {self._explain(error)}") from error
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
        self._head = b""
        self.bytes_read = 0

    def read(self, size: int = -1) -> bytes:
        content = self._raw.read(size)
        if not content and not self.bytes_read:
            raise EOFError("the file is empty")
        if self.bytes_read < beginnings.LONGEST:
            self._head += content[: beginnings.LONGEST]
        self.bytes_read += len(content)
        return content

    def read_head(self) -> bytes:
        """Return what the file begins with, though not all of it may have been read."""
        return self._head + (self._raw.read(beginnings.LONGEST) if len(self._head) < beginnings.LONGEST else b"")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._raw, name)

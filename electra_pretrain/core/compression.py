"""Compressed files, told by their suffix: .gz, .xz, .zst, .bz2."""

import bz2
import contextlib
import gzip
import io
import lzma
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

from electra_pretrain.core import optional
from electra_pretrain.core.errors import Damaged

SUFFIXES = (".gz", ".xz", ".zst", ".bz2")


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
        return cast(bytes, _zstandard(path).ZstdCompressor().compress(content))
    return content


@contextlib.contextmanager
def decompressed(path: str, raw: BinaryIO) -> Iterator[BinaryIO]:
    """Open the content of the file `raw`, decompressed according to the suffix of `path`.

    Raises:
        Damaged: the content is not what the suffix promises, or ends too early.
    """
    damage: tuple[type[Exception], ...] = (EOFError, lzma.LZMAError, gzip.BadGzipFile, zlib.error)
    if path.endswith(".zst"):
        damage += (_zstandard(path).ZstdError,)
    try:
        yield _decompressor(path, raw)
    except damage as error:
        raise _damaged(path, error) from error
    except OSError as error:
        if path.endswith(".bz2") and error.errno is None:  # all that bz2 says of bytes that are not its own
            raise _damaged(path, error) from error
        raise


def _damaged(path: str, error: Exception) -> Damaged:
    return Damaged(f"{path}: damaged or truncated compressed file ({error}); fetch it again")


def _decompressor(path: str, raw: BinaryIO) -> BinaryIO:
    if path.endswith(".gz"):
        return cast(BinaryIO, gzip.GzipFile(fileobj=raw))
    if path.endswith(".xz"):
        return cast(BinaryIO, lzma.LZMAFile(raw))
    if path.endswith(".bz2"):
        return cast(BinaryIO, bz2.BZ2File(raw))
    if path.endswith(".zst"):
        return io.BufferedReader(_zstandard(path).ZstdDecompressor().stream_reader(raw, read_across_frames=True))
    return raw


def _zstandard(path: str) -> Any:
    return optional.load("zstandard", path)

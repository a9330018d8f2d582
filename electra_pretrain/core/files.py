"""Files, local, `gs://` or `hf://` alike: open, glob, checksum, and writes that appear whole or not at all.

Each scheme has its module: `local_files`, `gfile` (TensorFlow's, imported only when such a path is met), `hub` (read only).
"""

import contextlib
import hashlib
import os
import re
import shutil
from collections.abc import Iterator, Sequence
from typing import BinaryIO, Protocol

from electra_pretrain.core import gfile, hub, local_files, temporaries
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.holder import LOCK_NAME
from electra_pretrain.core.progress import Progress


class _FileSystem(Protocol):
    """What each of the modules has."""

    def exists(self, path: str) -> bool: ...
    def is_dir(self, path: str) -> bool: ...
    def size(self, path: str) -> int: ...
    def list_dir(self, path: str) -> list[str]: ...
    def glob(self, pattern: str) -> list[str]: ...
    def walk(self, folder: str) -> list[str]: ...
    def open_raw(self, path: str, mode: str) -> BinaryIO: ...
    def make_dirs(self, path: str) -> None: ...
    def remove(self, path: str) -> None: ...
    def replace(self, source: str, target: str) -> None: ...


# `ram://`, TensorFlow's files in memory, is for tests.
_SYSTEMS: dict[str, _FileSystem] = {"gs": gfile, "ram": gfile, "hf": hub}
_SCHEME = re.compile(r"([A-Za-z][\w+.-]*)://")
_WAYS_OUT = {
    "file": "leave out file://",
    "http": "download it first: curl -O URL",
    "https": "download it first: curl -O URL",
    "s3": "copy it first: gcloud storage cp, or aws s3 cp",
}


def _system(path: str) -> _FileSystem:
    """Return what serves a path.

    Raises:
        UserError: nothing does.
    """
    scheme = _SCHEME.match(path)
    if scheme is None:
        return local_files
    if scheme[1] not in _SYSTEMS:
        way_out = _WAYS_OUT.get(scheme[1].lower(), "copy it to one of these first")
        raise UserError(
            f"{path}: {scheme[0]} is not known; there are local paths, gs://BUCKET/… and, to read, hf://datasets/…; {way_out}"
        )
    return _SYSTEMS[scheme[1]]


def is_remote(path: str) -> bool:
    return _SCHEME.match(path) is not None


def is_hub(path: str) -> bool:
    return path.startswith(hub.SCHEME)


def pinned(path: str) -> str:
    """Name what a path means now, whatever is uploaded later: on the Hub the commit, see `hub.pinned`; elsewhere the path."""
    return hub.pinned(path) if is_hub(path) else path


def join(folder: str, *names: str) -> str:
    return "/".join([folder.rstrip("/"), *names]) if is_remote(folder) else os.path.join(folder, *names)


def exists(path: str) -> bool:
    return _system(path).exists(path)


def is_dir(path: str) -> bool:
    return _system(path).is_dir(path)


def size(path: str) -> int:
    """Return the file's size in bytes."""
    return _system(path).size(path)


def check_regular(path: str) -> None:
    """Refuse what is no file, such as a folder, a pipe or a device, before a library reads it and waits for ever.

    Raises:
        UserError: it is none.
    """
    if not is_remote(path) and not os.path.isfile(path):
        raise UserError(f"{path}: is no regular file, and holds nothing to read; move it away")


def sizes(paths: Sequence[str]) -> list[int | None]:
    """Return the size of each file, None where there is none; of files in buckets many are asked for at once."""
    if paths and all(_system(path) is gfile for path in paths):
        return gfile.sizes(paths)
    return [size(path) if exists(path) else None for path in paths]


def list_dir(path: str) -> list[str]:
    """List the names in a folder, sorted, without trailing slashes; not that of its lock (see `locks`)."""
    return sorted(name.rstrip("/") for name in _system(path).list_dir(path) if name != LOCK_NAME)


def make_dirs(path: str) -> None:
    """Create a folder and its parents.

    Raises:
        UserError: the folder cannot be created or written to.
    """
    _system(path).make_dirs(path)


def make_parent(path: str) -> None:
    """Create the folder that a file is to lie in; raises as `make_dirs`."""
    make_dirs((path.rpartition("/")[0] if is_remote(path) else os.path.dirname(path)) or ".")


def remove(path: str) -> None:
    """Remove a file or a whole folder; nothing happens if it is absent."""
    _system(path).remove(path)


def replace(source: str, target: str) -> None:
    """Move a file into place, over what is there."""
    _system(target).replace(source, target)


temporary_name = temporaries.name_for


def remove_temporaries(folder: str, names: str, elsewhere: bool = True) -> None:
    """Remove what killed processes left half-written in a folder; what a live one writes stays.

    Args:
        folder: where to look; there may be none.
        names: regular expression of the files that were to be; another's stay.
        elsewhere: whether those of other machines go, too; not without a lock on the folder.
    """
    for name in list_dir(folder) if is_dir(folder) else ():
        if temporaries.is_left_over(name, names, elsewhere):
            remove(join(folder, name))


@contextlib.contextmanager
def atomic_path(path: str) -> Iterator[str]:
    """Give a temporary name to write to; move it to `path` if the block succeeds, remove it if it fails."""
    temporary = temporary_name(path)
    try:
        yield temporary
        replace(temporary, path)
    except BaseException as error:
        if isinstance(error, OSError) and error.filename is None:  # for instance, the disk is full
            error.filename = path
        with contextlib.suppress(Exception):
            remove(temporary)
        raise


def write_bytes(path: str, content: bytes) -> None:
    """Write a whole file atomically.

    Raises:
        UserError: the file cannot be written.
    """
    try:
        with atomic_path(path) as temporary, open_raw(temporary, "wb") as file:
            file.write(content)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror or error})") from error


@contextlib.contextmanager
def removed_if_empty(folder: str) -> Iterator[None]:
    """Leave no empty folder behind when the block fails; finished work stays, for the next try."""
    try:
        yield
    except BaseException:
        if not is_remote(folder):
            with contextlib.suppress(OSError):  # it is not there, or not empty
                os.rmdir(folder)
        raise


def concatenate(sources: Sequence[str], target: str) -> None:
    """Write the files' bytes one after the other, atomically; compressed files so joined are one compressed file."""
    with atomic_path(target) as temporary, open_raw(temporary, "wb") as file:
        for source in sources:
            with open_raw(source) as part:
                shutil.copyfileobj(part, file, 1 << 20)


def write_text(path: str, text: str) -> None:
    """Write a text atomically, as UTF-8; names of files in it as `readable` makes them."""
    write_bytes(path, readable(text).encode("utf-8"))


def readable(name: str) -> str:
    """Return a file's name as text that every file can hold: bytes that are not UTF-8 become U+FFFD."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def read_bytes(path: str) -> bytes:
    with open_raw(path) as file:
        return file.read()


def read_text(path: str) -> str:
    return read_bytes(path).decode("utf-8")


def sha256(path: str, progress: Progress | None = None) -> str:
    """Return the hexadecimal SHA-256 of the file's bytes as stored."""
    if is_hub(path) and (known := hub.sha256(path)) is not None:
        if progress is not None:
            progress.update(size(path) / 1e6)
        return known
    digest = hashlib.sha256()
    with open_raw(path) as file:
        while block := file.read(1 << 20):
            digest.update(block)
            if progress is not None:
                progress.update(len(block) / 1e6)
    return digest.hexdigest()


def open_raw(path: str, mode: str = "rb") -> BinaryIO:
    """Open a file as stored, without decompression."""
    return _system(path).open_raw(path, mode)


def matching(pattern: str) -> list[str]:
    """List the files and folders that one glob names, sorted; paths on the Hub are pinned: they name the commit."""
    place = pinned(pattern)
    if exists(place):
        return [place]
    return sorted(_system(place).glob(place))


def walk(folder: str) -> list[str]:
    """List all files beneath a folder, sorted; each folder once, however many links lead to it."""
    return sorted(_system(folder).walk(folder))

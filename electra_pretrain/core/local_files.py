"""This machine's files: what `core/files.py` asks of a file system."""

import glob as globs
import io
import os
import shutil
import stat
from typing import TYPE_CHECKING, BinaryIO, cast

from electra_pretrain.core.errors import UserError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


def exists(path: str) -> bool:
    return os.path.exists(path)


def is_dir(path: str) -> bool:
    return os.path.isdir(path)


def size(path: str) -> int:
    return os.path.getsize(path)


def list_dir(path: str) -> list[str]:
    return os.listdir(path)


def glob(pattern: str) -> list[str]:
    return globs.glob(pattern, recursive=True)


def walk(folder: str) -> list[str]:
    found, seen = list[str](), {os.path.realpath(folder)}
    for parent, folders, names in os.walk(folder, onerror=_raise, followlinks=True):
        found += [os.path.join(parent, name) for name in names]
        real = {os.path.realpath(os.path.join(parent, name)): name for name in sorted(folders, reverse=True)}
        folders[:] = [name for place, name in real.items() if place not in seen]
        seen.update(real)
    return found


def _raise(error: OSError) -> None:
    """Let no folder that cannot be listed pass for an empty one."""
    raise error


def open_raw(path: str, mode: str) -> BinaryIO:
    """Open a file; a pipe or a device is none: the first may wait for ever, the second may never end.

    Raises:
        UserError: it is asked to be read, and is no file.
        OSError: with the file's name, of reading too.
    """
    if mode != "rb":
        return cast(BinaryIO, open(path, mode))
    # Without waiting for whoever writes into a pipe; of files it means nothing.
    file = _Named(path, opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK))
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise UserError(f"{path}: is a device or a pipe where a file is needed; write what it gives to a file, and name that")
    return io.BufferedReader(file)


class _Named(io.FileIO):
    """A file to read whose errors say its name, as those of opening do."""

    def readinto(self, buffer: "WriteableBuffer") -> int | None:
        try:
            return super().readinto(buffer)
        except OSError as error:
            raise self._named(error) from None

    def readall(self) -> bytes:
        try:
            return super().readall()
        except OSError as error:
            raise self._named(error) from None

    def _named(self, error: OSError) -> OSError:
        error.filename = self.name
        return error


def make_dirs(path: str) -> None:
    if os.path.isfile(path):
        raise UserError(f"{path}: is a file where a folder is needed; choose another output path")
    try:
        os.makedirs(path, exist_ok=True)
    except OSError as error:
        raise UserError(f"{path}: cannot create this folder ({error.strerror}); choose another output path") from error
    if not os.access(path, os.W_OK):
        raise UserError(f"{path}: this folder is not writable; choose another output path or change its permissions")


def remove(path: str) -> None:
    if os.path.isdir(path):
        shutil.rmtree(path)
    elif os.path.exists(path):
        os.remove(path)


def replace(source: str, target: str) -> None:
    os.replace(source, target)

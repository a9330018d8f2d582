"""This machine's files: what `core/files.py` asks of a file system."""

import glob as globs
import io
import os
import shutil
import stat
from collections.abc import Iterable, Iterator, Sequence
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
    """List what a pattern names; `**` goes into each folder once, whatever links lead to it, and into none that is hidden."""
    names = pattern.split("/")
    if "**" not in names:
        return globs.glob(pattern)
    above, below = names[: names.index("**")], names[names.index("**") + 1 :]
    tops = sorted(globs.glob("/".join([*above, ""]))) if above else [""]
    found = dict[str, None]()
    for folder in _folders(tops, hidden=False):
        own = glob(os.path.join(globs.escape(folder), *below)) if below else [folder, *_shown(_entries(folder))]
        found |= dict.fromkeys(own)
    return [path for path in found if path]


def walk(folder: str) -> list[str]:
    return [path for each in _folders([folder]) for path, is_folder in _entries(each).items() if not is_folder]


def _folders(tops: Sequence[str], hidden: bool = True) -> Iterator[str]:
    """Give folders and those beneath them, the nearest first; each once: links may lead round in a circle."""
    seen, level = set[str](), list(tops)
    while level:
        beneath = list[str]()
        for folder in level:
            place = os.path.realpath(folder)
            if place not in seen:
                seen.add(place)
                yield folder
                entries = _entries(folder)
                beneath += [path for path in (entries if hidden else _shown(entries)) if entries[path]]
        level = beneath


def _entries(folder: str) -> dict[str, bool]:
    """List what is in a folder, sorted, and whether it is one; one that cannot be listed does not pass for an empty one."""
    with os.scandir(folder or ".") as entries:
        return {os.path.join(folder, entry.name): _is_folder(entry) for entry in sorted(entries, key=lambda entry: entry.name)}


def _is_folder(entry: "os.DirEntry[str]") -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself
        return False


def _shown(paths: Iterable[str]) -> list[str]:
    """Leave out what is hidden, as globs do."""
    return [path for path in paths if not os.path.basename(path).startswith(".")]


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

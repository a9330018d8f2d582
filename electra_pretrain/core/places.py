"""Where paths lead, however they are spelled: links, `..`, relative names, hard links, a bucket's names."""

import os
import posixpath
from typing import NamedTuple

from electra_pretrain.core import files

_Number = tuple[int, int]  # device and inode: by which the system knows a file or a folder


class Place(NamedTuple):
    """Where a path leads.

    Attributes:
        name: when every link is followed.
        numbers: its own and those of the folders above it, of what there is; a bucket has none.
        own: its own; None where there is nothing.
    """

    name: str
    numbers: frozenset[_Number] = frozenset()
    own: _Number | None = None

    def holds(self, other: "Place") -> bool:
        """Tell whether the other is the same file or folder, or anything in this folder."""
        return f"{other.name}/".startswith(f"{self.name.rstrip('/')}/") or self.own in other.numbers

    def within(self, other: "Place") -> str:
        """Return the other's path from this folder on."""
        return other.name[len(self.name.rstrip("/")) + 1 :]


def place(path: str, known: dict[str, frozenset[_Number]] | None = None) -> Place:
    """Find where a path leads.

    Args:
        path: of what there may be or not.
        known: keeps the numbers of folders from one call to the next, where many are asked for.
    """
    if files.is_remote(path):
        scheme, _, rest = path.partition("://")
        bucket, _, name = rest.partition("/")
        name = posixpath.normpath(f"/{name.lstrip('/')}")
        return Place(f"{scheme.lower()}://{bucket.lower()}{name}".rstrip("/"))
    name = os.path.realpath(path)
    own = _number(name)
    return Place(name, _above(os.path.dirname(name), {} if known is None else known) | ({own} if own else set()), own)


def holds(folder: str, path: str) -> bool:
    """Tell whether a path is a folder or anything in it."""
    return place(folder).holds(place(path))


def same(one: str, other: str) -> bool:
    """Tell whether two paths lead to the same file or folder, or would, if there were one."""
    return place(one).holds(place(other)) and place(other).holds(place(one))


def _above(folder: str, known: dict[str, frozenset[_Number]]) -> frozenset[_Number]:
    """Return the numbers of a folder and of all above it."""
    if folder not in known:
        parent = os.path.dirname(folder)
        own = _number(folder)
        known[folder] = (_above(parent, known) if parent != folder else frozenset()) | ({own} if own else set())
    return known[folder]


def _number(path: str) -> _Number | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino

"""Damage to files: a kind is a function whose name is the kind's.

It is given the file's path and a random number generator that was seeded, changes the file in place, and returns True if what
comes out may be another valid file all the same; None otherwise. It raises `NotApplicable` where the file is too small or lacks
what the kind damages.
"""

import random
from collections.abc import Callable
from pathlib import Path

Damage = Callable[[Path, random.Random], bool | None]


class NotApplicable(Exception):
    """There is nothing in this file for the kind to damage."""


def inflict(kind: Damage, path: Path, chance: random.Random) -> bool | None:
    """Damage a file, and return what the kind says of it.

    Raises:
        NotApplicable: the kind leaves this file as it is.
    """
    before = path.read_bytes()
    said = kind(path, chance)
    if path.is_file() and not path.is_symlink() and path.stat().st_mode & 0o400 and path.read_bytes() == before:
        raise NotApplicable("it changes nothing")
    return said

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

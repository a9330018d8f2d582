"""Something else where a file should be, or nothing."""

import os
import random
import shutil
from pathlib import Path

from tests.fuzz.damage import Damage, NotApplicable


def missing(path: Path, chance: random.Random) -> None:
    path.unlink()


def folder(path: Path, chance: random.Random) -> None:
    path.unlink()
    path.mkdir()


def full_folder(path: Path, chance: random.Random) -> None:
    content = path.read_bytes()
    folder(path, chance)
    (path / path.name).write_bytes(content)


def broken_link(path: Path, chance: random.Random) -> None:
    _link(path, "nowhere")


def link_to_itself(path: Path, chance: random.Random) -> None:
    _link(path, path.name)


def fifo(path: Path, chance: random.Random) -> None:
    """Nobody writes to it: who opens it waits for ever."""
    path.unlink()
    os.mkfifo(path)


def endless_device(path: Path, chance: random.Random) -> None:
    _link(path, "/dev/full")


def unreadable(path: Path, chance: random.Random) -> None:
    if os.geteuid() == 0:
        raise NotApplicable("root may read anything")
    path.chmod(0)


def broken_disk(path: Path, chance: random.Random) -> None:
    """Opens, and fails when it is read: a process's own memory holds nothing at its beginning."""
    _link(path, "/proc/self/mem")


def _link(path: Path, target: str) -> None:
    path.unlink()
    path.symlink_to(target)


def swapped(path: Path, chance: random.Random) -> None:
    """Swap with another file beside it, or else in a folder near it."""
    beside = sorted(each for each in path.parent.iterdir() if each.is_file() and each != path)
    near = beside or sorted(each for each in path.parent.parent.rglob("*") if each.is_file() and each != path)
    others = [each for each in near if each.read_bytes() != path.read_bytes()]
    if not others:
        raise NotApplicable("there is no other file")
    other, aside = chance.choice(others), path.with_name("aside")
    shutil.move(path, aside)
    shutil.move(other, path)
    shutil.move(aside, other)


PLACES: list[Damage] = [
    missing, folder, full_folder, broken_link, link_to_itself, fifo, endless_device, unreadable, broken_disk,
    swapped,
]  # fmt: skip

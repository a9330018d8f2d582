"""Damage to any file's bytes, as disks, cables and half-done copies do it."""

import random
from pathlib import Path

from tests.fuzz.damage import Damage, NotApplicable

BLOCK = 64


def truncated(path: Path, chance: random.Random) -> None:
    content = _content(path)
    path.write_bytes(content[: chance.randrange(len(content))])


def last_byte_cut(path: Path, chance: random.Random) -> None:
    path.write_bytes(_content(path)[:-1])


def bit_flipped(path: Path, chance: random.Random) -> None:
    content = bytearray(_content(path))
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    path.write_bytes(content)


def byte_changed(path: Path, chance: random.Random) -> None:
    content = bytearray(_content(path))
    content[chance.randrange(len(content))] ^= chance.randrange(1, 256)
    path.write_bytes(content)


def first_byte_changed(path: Path, chance: random.Random) -> None:
    content = bytearray(_content(path))
    content[0] ^= chance.randrange(1, 256)
    path.write_bytes(content)


def range_zeroed(path: Path, chance: random.Random) -> None:
    content = _content(path)
    start, size = _range(content, chance)
    _write_other(path, content, content[:start] + bytes(size) + content[start + size :])


def block_doubled(path: Path, chance: random.Random) -> None:
    content = _content(path)
    start, size = _range(content, chance)
    _write_other(path, content, content[: start + size] + content[start:])


def block_lost(path: Path, chance: random.Random) -> None:
    content = _content(path)
    start, size = _range(content, chance)
    path.write_bytes(content[:start] + content[start + size :])


def junk_appended(path: Path, chance: random.Random) -> None:
    path.write_bytes(_content(path) + chance.randbytes(BLOCK))


def doubled(path: Path, chance: random.Random) -> None:
    path.write_bytes(_content(path) * 2)


def emptied(path: Path, chance: random.Random) -> None:
    path.write_bytes(b"")


def random_bytes(path: Path, chance: random.Random) -> None:
    path.write_bytes(chance.randbytes(max(1, path.stat().st_size)))


def zero_bytes(path: Path, chance: random.Random) -> None:
    path.write_bytes(bytes(max(1, path.stat().st_size)))


def _content(path: Path) -> bytes:
    content = path.read_bytes()
    if not content:
        raise NotApplicable("the file is empty")
    return content


def _range(content: bytes, chance: random.Random) -> tuple[int, int]:
    start = chance.randrange(len(content))
    return start, min(chance.randint(1, BLOCK), len(content) - start)


def _write_other(path: Path, old: bytes, new: bytes) -> None:
    if new == old:
        raise NotApplicable("it would change nothing")
    path.write_bytes(new)


RAW: list[Damage] = [
    truncated, last_byte_cut, bit_flipped, byte_changed, first_byte_changed, range_zeroed, block_doubled, block_lost,
    junk_appended, doubled, emptied, random_bytes, zero_bytes,
]  # fmt: skip

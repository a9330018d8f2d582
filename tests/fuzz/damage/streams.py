"""Damage to compressed files that their own decoders are known to miss: what follows the first stream."""

import random
from pathlib import Path

from electra_pretrain.core.compression import compressed
from tests.fuzz.damage import Damage


def second_stream_cut(path: Path, chance: random.Random) -> None:
    second = _second(path)
    path.write_bytes(path.read_bytes() + second[: chance.randrange(1, len(second))])


def second_stream_flipped(path: Path, chance: random.Random) -> None:
    second = bytearray(_second(path))
    # The magic number and what follows it: a broken head is what decoders take for the end.
    second[chance.randrange(4)] ^= 1 << chance.randrange(8)
    path.write_bytes(path.read_bytes() + second)


def second_stream_of_another_kind(path: Path, chance: random.Random) -> None:
    other = ".gz" if path.suffix != ".gz" else ".bz2"
    path.write_bytes(path.read_bytes() + compressed(f"x{other}", "다른 글\n".encode()))


def plain_text(path: Path, chance: random.Random) -> None:
    """Never compressed, whatever its name says."""
    path.write_bytes("이것은 그냥 글이다.\n".encode() * 20)


def _second(path: Path) -> bytes:
    return compressed(path.name, "둘째 흐름의 글이다.\n".encode() * 20)


STREAMS: list[Damage] = [second_stream_cut, second_stream_flipped, second_stream_of_another_kind, plain_text]

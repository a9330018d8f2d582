"""Damage that only a text can have: other encodings, characters that are none, lines that are no lines."""

import random
from collections.abc import Callable
from pathlib import Path

from tests.fuzz.damage import Damage, NotApplicable

LONG_LINE_BYTES = 2_000_000
CONTROLS = "\x00\x01\x07\x08\x0b\x0c\x1b[31m\x7f\x85\u2028\u200b\u202e\ufeff\ufffd\uffff"
SURROGATE = b"\xed\xa0\x80"  # half of a pair, as no UTF-8 has it


def byte_order_mark(path: Path, chance: random.Random) -> bool:
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    return True


def utf16(path: Path, chance: random.Random) -> bool:
    return _encoded(path, "utf-16")


def utf32_without_mark(path: Path, chance: random.Random) -> bool:
    return _encoded(path, "utf-32-le")


def cp949(path: Path, chance: random.Random) -> bool:
    return _encoded(path, "cp949")


def latin1(path: Path, chance: random.Random) -> bool:
    path.write_bytes(path.read_bytes() + "é".encode("latin-1"))
    return True


def nul(path: Path, chance: random.Random) -> bool:
    return _inserted(path, chance, lambda: b"\0")


def bare_carriage_returns(path: Path, chance: random.Random) -> bool:
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r"))
    return True


def windows_line_ends(path: Path, chance: random.Random) -> bool:
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    return True


def lone_surrogate(path: Path, chance: random.Random) -> bool:
    return _inserted(path, chance, lambda: SURROGATE)


def half_a_character(path: Path, chance: random.Random) -> bool:
    return _inserted(path, chance, lambda: "가".encode()[: chance.randint(1, 2)])


def control_characters(path: Path, chance: random.Random) -> bool:
    return _inserted(path, chance, lambda: chance.choice(CONTROLS).encode())


def endless_line(path: Path, chance: random.Random) -> bool:
    path.write_bytes(path.read_bytes().replace(b"\n", b" ") + b"a" * LONG_LINE_BYTES)
    return True


def white_space_only(path: Path, chance: random.Random) -> bool:
    path.write_bytes(b" \n\t\n\n")
    return True


def _encoded(path: Path, encoding: str) -> bool:
    try:
        path.write_bytes(path.read_bytes().decode("utf-8").encode(encoding))
    except UnicodeError as error:
        raise NotApplicable("it cannot be encoded so") from error
    return True


def _inserted(path: Path, chance: random.Random, piece: Callable[[], bytes]) -> bool:
    """Put pieces at a few places between characters."""
    text = path.read_bytes()
    places = [place for place in range(len(text)) if text[place] & 0xC0 != 0x80] or [0]
    for place in sorted(chance.choices(places, k=3), reverse=True):
        text = text[:place] + piece() + text[place:]
    path.write_bytes(text)
    return True


TEXT: list[Damage] = [
    byte_order_mark, utf16, utf32_without_mark, cp949, latin1, nul, bare_carriage_returns, windows_line_ends, lone_surrogate,
    half_a_character, control_characters, endless_line, white_space_only,
]  # fmt: skip

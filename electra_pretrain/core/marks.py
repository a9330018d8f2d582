"""Marks by which a command knows again the files that it made, so that it takes the place of no other.

A page, a picture, a table and a program say it in their first lines; JSON lines by the names that theirs begin with.
"""

import re
from collections.abc import Callable

from electra_pretrain.core import compression, files

Recogniser = Callable[[str], bool]  # of a path: whether what lies there was made by the command
_HEAD_BYTES = 1 << 14
_VALUE = rb'(?:"(?:[^"\\]|\\.)*"|\d+)'


def maker(command: str) -> str:
    """Return how a file names the command that made it."""
    return f"electra_pretrain {command}"


def of_page(command: str) -> str:
    return f'<meta name="generator" content="{maker(command)}">\n'


def of_markdown(command: str) -> str:
    return f"<!-- {maker(command)} -->\n"


def of_program(command: str) -> str:
    return f"// {maker(command)}\n"


def made_by(command: str) -> Recogniser:
    """Recognise the pages, PNG pictures, tables and programs that a command made."""
    beginning = (of_markdown(command).encode(), of_program(command).encode())
    within = (of_page(command).encode(), b"Software\0" + maker(command).encode())

    def is_ours(path: str) -> bool:
        with files.open_raw(path) as file:
            head = file.read(_HEAD_BYTES)
        is_page_or_picture = head.startswith((b"<!DOCTYPE html>", b"\x89PNG\r\n"))
        return head.startswith(beginning) or (is_page_or_picture and any(mark in head for mark in within))

    return is_ours


def json_lines(*names: str) -> Recogniser:
    """Recognise lines of JSON, compressed as their file's suffix says, whose objects begin with these names; or no line."""
    keys = (f'"{re.escape(name)}": '.encode() for name in names)
    beginning = re.compile(rb"\{" + (_VALUE + b", ").join(keys))

    def is_ours(path: str) -> bool:
        with files.open_raw(path) as raw, compression.decompressed(path, raw) as file:
            head = file.read(_HEAD_BYTES)
        return not head or beginning.match(head) is not None

    return is_ours

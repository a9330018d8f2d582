"""The one loader of JSON: what Python's own lets through, or fails on in its own ways, is refused in one line."""

import json
import math
import re
from collections.abc import Iterable
from typing import Any

from electra_pretrain.core import files, plain_text
from electra_pretrain.core.errors import UserError

MAX_DEPTH = 100  # of lists and objects in one another; what reads, copies or writes them recurses
_SHOWN = 60  # characters of a value that a message quotes
# Escapes of a backslash and of whole pairs are met, and passed over, so that what is left is half of one.
_HALVES = re.compile(r"\\(?:\\|u[dD][89abAB]..\\u[dD][c-fC-F]..|(?P<half>u[dD][89a-fA-F]..))")


class NotJson(UserError):
    """The text breaks the grammar of JSON; whoever takes plain text as well may take it as that."""


def read_object(path: str) -> dict[str, Any]:
    """Read a file that holds one object; raises as `read`, and of another value."""
    values = read(path)
    if not isinstance(values, dict):
        raise UserError(f"{path}: must hold one JSON object, not {shown(values)}")
    return values


def read(path: str) -> Any:
    """Read a file.

    Raises:
        UserError: there is no such file, it is a folder, or `parse` refuses what it holds.
    """
    if not files.exists(path):
        raise UserError(f"{path}: no such file")
    if files.is_dir(path):
        raise UserError(f"{path}: is a folder where a JSON file is needed")
    return parse(files.read_bytes(path), path)


def parse(text: str | bytes, where: str) -> Any:
    """Return what a text says.

    A byte order mark is passed over. A key that an object has twice is refused: readers differ in which of the two they take.

    Args:
        text: JSON; bytes are UTF-8.
        where: it stands, named in errors.

    Raises:
        NotJson: it breaks the grammar of JSON.
        UserError: bytes that are not UTF-8, numbers beyond what a float holds, NaN, half a surrogate pair, a key that comes
            twice, or lists and objects more than `MAX_DEPTH` deep.
    """
    text = _decoded(text, where)
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_int=_whole, parse_float=_number, parse_constant=_number)
    except json.JSONDecodeError as error:
        place = f", line {error.lineno}, column {error.colno}" if text.strip() else ""
        raise NotJson(f"{where}{place}: not valid JSON ({error.msg if place else 'it is empty'})") from error
    except RecursionError as error:
        raise _too_deep(where) from error
    except _Refused as error:
        raise UserError(f"{where}: {error}") from error
    if half := next(filter(None, (found["half"] for found in _HALVES.finditer(text))), None):
        raise UserError(f"{where}: holds \\{half}, half a surrogate pair, which is no character")
    if _is_deep(value):
        raise _too_deep(where)
    return value


def shown(value: Any) -> str:
    """Return a value as JSON, on one line and cut if it is long: how a message quotes it."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


class _Refused(Exception):
    """What is valid JSON and of no use: the message says what."""


def _decoded(text: str | bytes, where: str) -> str:
    content = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text  # what is no UTF-8 may come by argument
    return plain_text.decoded(content, where)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for number, key in enumerate(keys) if key in keys[:number])
        raise _Refused(f"the key {shown(twice)} comes twice in one object; delete one")
    return values


def _whole(digits: str) -> int:
    _number(digits)  # first: Python itself refuses to convert thousands of digits
    return int(digits)


def _number(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise _Refused(f"{text[:_SHOWN]}{'…' * (len(text) > _SHOWN)} is no finite number")
    return value


def _is_deep(value: Any) -> bool:
    """Tell, level by level, whether lists and objects lie more than `MAX_DEPTH` deep in one another."""
    level = _containers([value])
    for _ in range(MAX_DEPTH):
        level = [inner for outer in level for inner in _containers(outer.values() if isinstance(outer, dict) else outer)]
    return bool(level)


def _containers(values: Iterable[Any]) -> list[Any]:
    return [value for value in values if isinstance(value, dict | list)]


def _too_deep(where: str) -> UserError:
    return UserError(f"{where}: lists and objects lie more than {MAX_DEPTH} deep in one another")

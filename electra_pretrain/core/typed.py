"""JSON values read into types: what a file must hold is said once, by the annotations of what it becomes.

Known are dataclasses and NamedTuples, lists, tuples of one kind or of a fixed length, dicts with keys that are text,
`X | None`, the scalars, `Any`, and `Annotated[X, Check(...)]`, of which some that many files need stand here.
"""

import dataclasses
import functools
import math
import re
import types
import typing
from collections.abc import Callable, Sequence
from typing import Annotated, Any, NamedTuple, TypeVar

from electra_pretrain.core.errors import FEW, UserError, first_of, nearest
from electra_pretrain.core.json_files import shown

T = TypeVar("T")
_NAMES = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}
_WHOLE = range(-(2**63), 2**63)  # what arrays and records can hold


class Check(NamedTuple):
    """What a value must satisfy beside its type; `text` is what a message says where it does not hold."""

    holds: Callable[[Any], bool]
    text: str


def _matches(pattern: str, text: str) -> Check:
    return Check(lambda value: re.fullmatch(pattern, value) is not None, text)


Count = Annotated[int, Check(lambda value: value >= 0, "must not be negative")]
Size = Annotated[int, Check(lambda value: value >= 1, "must be at least 1")]
Amount = Annotated[float, Check(lambda value: value >= 0, "must not be negative")]
Share = Annotated[float, Check(lambda value: 0 <= value <= 1, "must lie in 0..1")]
# One that opens a file in the folder it was found in, and no other.
FileName = Annotated[str, _matches(r"(?!\.\.?$)[^/\\\0]+", "must be the plain name of a file")]
Sha256 = Annotated[str, _matches("[0-9a-f]{64}", "must be a SHA-256, 64 hexadecimal digits")]


class Place(NamedTuple):
    """Where a value stands: its file, or what else it came from, and the way there within, such as `train_shards[0].bytes`."""

    source: str
    way: str = ""

    def __str__(self) -> str:
        return f"{self.source}: {self.way}" if self.way else self.source

    def field(self, name: str) -> "Place":
        if not name.isidentifier():
            return self._replace(way=f"{self.way}[{shown(name)}]")
        return self._replace(way=f"{self.way}.{name}" if self.way else name)

    def item(self, number: int) -> "Place":
        return self._replace(way=f"{self.way}[{number}]")


def read(kind: type[T], value: Any, place: Place) -> T:
    """Return a value as its type; a whole number will do for a float, a key that has a default may be missing.

    Args:
        kind: the type.
        value: what JSON held, or what `dataclasses.asdict` made.
        place: named in errors.

    Raises:
        UserError: the first thing that is not of its type, a check that does not hold, a key that is missing or unknown
            (its nearest neighbours are named).
    """
    return typing.cast(T, _read(kind, value, place))


def read_known(kind: type[T], value: Any, place: Place) -> T:
    """Read an object of which others have more to say: its unknown keys are passed over; else as `read`."""
    if isinstance(value, dict):
        value = {key: value[key] for key in _fields(typing.cast(Any, kind)) if key in value}
    return read(kind, value, place)


def refuse_unknown(values: dict[str, Any], known: Sequence[str], where: object) -> None:
    """Refuse keys that are not known.

    Raises:
        UserError: the first of them, with the nearest that are known.
    """
    for key in values:
        if key not in known:
            raise UserError(f"{where}: unknown key {shown(key)}; {nearest(key, known)}")


def _read(kind: Any, value: Any, place: Place) -> Any:
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if kind is Any:
        return value
    if origin is Annotated:
        found = _read(inner[0], value, place)
        for check in inner[1:]:
            _refuse_unless(check.holds(found), value, place, check.text)
        return found
    if origin in (typing.Union, types.UnionType):  # of a type and None
        return None if value is None else _read(next(each for each in inner if each is not types.NoneType), value, place)
    if origin in (list, tuple):
        return origin(_read_items(inner, value, place))
    if origin is dict:
        _refuse_unless(isinstance(value, dict), value, place, "must be a JSON object")
        return {_read(inner[0], key, place): _read(inner[1], each, place.field(key)) for key, each in value.items()}
    return _read_scalar(kind, value, place) if kind in _NAMES else _read_object(kind, value, place)


def _read_items(kinds: tuple[Any, ...], value: Any, place: Place) -> list[Any]:
    _refuse_unless(isinstance(value, list | tuple), value, place, "must be a JSON list")
    if len(kinds) == 1 or kinds[1] is ...:
        kinds = kinds[:1] * len(value)
    _refuse_unless(len(kinds) == len(value), value, place, f"must be a JSON list of {len(kinds)}")
    return [_read(kind, each, place.item(number)) for number, (kind, each) in enumerate(zip(kinds, value, strict=True))]


def _read_scalar(kind: type, value: Any, place: Place) -> Any:
    if kind is float and type(value) is int:
        value = float(value)
    _refuse_unless(type(value) is kind, value, place, f"must be {_NAMES[kind]}")
    _refuse_unless(kind is not int or value in _WHOLE, value, place, "must be a whole number of 64 bits")
    _refuse_unless(kind is not float or math.isfinite(value), value, place, "must be a finite number")
    return value


def _read_object(kind: Any, value: Any, place: Place) -> Any:
    _refuse_unless(isinstance(value, dict), value, place, "must be a JSON object")
    fields = _fields(kind)
    refuse_unknown(value, list(fields), place)
    if missing := [name for name, field in fields.items() if field.needed and name not in value]:
        raise UserError(f"{place}: lacks {first_of(missing, FEW)}")
    return kind(**{name: _read(fields[name].kind, each, place.field(name)) for name, each in value.items()})


class _Field(NamedTuple):
    kind: Any
    needed: bool  # it has no default


@functools.cache
def _fields(kind: Any) -> dict[str, _Field]:
    hints = typing.get_type_hints(kind, include_extras=True)
    if dataclasses.is_dataclass(kind):
        missing = dataclasses.MISSING
        return {
            each.name: _Field(hints[each.name], each.default is missing and each.default_factory is missing)
            for each in dataclasses.fields(kind)
        }
    return {name: _Field(hints[name], name not in kind._field_defaults) for name in kind._fields}


def _refuse_unless(holds: bool, value: Any, place: Place, rule: str) -> None:
    if not holds:
        raise UserError(f"{place} = {shown(value)}: {rule}")

"""Frozen dataclasses whose fields carry their rules, and JSON objects read into them: one loader for every kind of config."""

import dataclasses
import json
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from electra_pretrain.core.errors import UserError, nearest

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")


class Rule(NamedTuple):
    """What a field's value must satisfy.

    Attributes:
        holds: of the value and of the whole config that it is in.
        text: what a message says where it does not hold.
    """

    holds: Callable[[Any, Any], bool]
    text: str


AT_LEAST_1 = Rule(lambda value, _: value >= 1, "must be at least 1")
POSITIVE = Rule(lambda value, _: value > 0, "must be above 0")
NOT_NEGATIVE = Rule(lambda value, _: value >= 0, "must not be negative")
SHARE = Rule(lambda value, _: 0 <= value < 1, "must be at least 0 and below 1")
SEED = Rule(lambda value, _: 0 <= value < 2**32, f"must lie in 0..{2**32 - 1}")
_TYPE_NAMES = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


def required(*rules: Rule) -> Any:
    """Declare a dataclass field that has no default: every file says it."""
    return dataclasses.field(metadata={"rules": rules})


def ruled(default: Any, *rules: Rule) -> Any:
    """Declare a dataclass field with its default and its rules."""
    return dataclasses.field(default=default, metadata={"rules": rules})


def build(kind: type[T], values: Any, source: str, section: str = "") -> T:
    """Build a dataclass from a JSON object and check its types.

    Args:
        kind: a dataclass whose fields are bool, int, float or str.
        values: the object.
        source: named in errors.
        section: what the object is called within its file; "" if it is the whole.

    Raises:
        UserError: no object, an unknown key (its nearest neighbours are named), a missing one, or a wrong type.
    """
    where = f"{source}: {section}" if section else source
    if not isinstance(values, dict):
        raise UserError(f"{where}: must be a JSON object, not {values!r}")
    fields = {field.name: field for field in dataclasses.fields(kind)}
    refuse_unknown(values, list(fields), where)
    needed = [name for name, field in fields.items() if field.default is dataclasses.MISSING]
    if missing := [name for name in needed if name not in values]:
        raise UserError(f"{where}: lacks {', '.join(missing)}; every field must be said")
    prefix = f"{where}." if section else f"{where}: "
    return kind(**{key: typed(value, fields[key].type, prefix + key) for key, value in values.items()})


def check_rules(part: Any, whole: Any, source: str, section: str = "") -> None:
    """Hold a dataclass's rules against its values.

    Args:
        part: the dataclass.
        whole: the config that it is part of, which rules may look at.
        source: named in errors.
        section: as in `build`.

    Raises:
        UserError: the first rule that is broken.
    """
    prefix = f"{source}: {section}." if section else f"{source}: "
    for field in dataclasses.fields(part):
        value = getattr(part, field.name)
        for rule in field.metadata.get("rules", ()):
            if not rule.holds(value, whole):
                raise UserError(f"{prefix}{field.name} = {value}: {rule.text}")


def refuse_unknown(values: dict[str, Any], known: list[str], where: str) -> None:
    """Refuse keys that are not known.

    Raises:
        UserError: the first of them, with the nearest that are known.
    """
    for key in values:
        if key not in known:
            raise UserError(f'{where}: unknown key "{key}"; {nearest(key, known)}')


def parse_override(text: str, form: str) -> tuple[str, Any]:
    """Split a `--set` into its target and its value, which is JSON, or text where it is none.

    Args:
        text: what was given.
        form: what it must look like, for the message.

    Raises:
        UserError: there is no "=".
    """
    target, equals, value = text.partition("=")
    if not equals:
        raise UserError(f"--set {text}: must read {form}")
    try:
        return target, json.loads(value)
    except json.JSONDecodeError:
        return target, value


def typed(value: Any, expected: Any, where: str) -> Any:
    """Return the value as its field's type; a whole number will do for a float.

    Raises:
        UserError: it is of another type, or not finite.
    """
    if expected is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise UserError(f"{where} = {value}: must be a finite number")
    if not isinstance(value, expected) or (isinstance(value, bool) and expected is not bool):
        raise UserError(f"{where} = {json.dumps(value, ensure_ascii=False)}: must be {_TYPE_NAMES[expected]}")
    return value

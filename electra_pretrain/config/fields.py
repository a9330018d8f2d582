"""Frozen dataclasses whose fields carry their rules: for every kind of config. Their types are read by `core/typed.py`."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from electra_pretrain.core import json_files
from electra_pretrain.core.errors import UserError


class Rule(NamedTuple):
    """What a field's value must satisfy.

    Attributes:
        holds: of the value and of the whole config that it is in.
        text: what a message says where it does not hold.
    """

    holds: Callable[[Any, Any], bool]
    text: str


_FLOAT32 = 3.4e38  # networks and optimisers compute in it; what lies beyond is infinite there, what is below 1.2e-38 is 0


def at_least(least: float) -> Rule:
    return Rule(lambda value, _: value >= least, f"must be at least {least}")


def at_most(most: float, why: str) -> Rule:
    return Rule(lambda value, _: value <= most, f"must be at most {most} ({why})")


def one_of(names: Sequence[str]) -> Rule:
    return Rule(lambda value, _: value in names, f"must be one of {', '.join(names)}")


AT_LEAST_1 = at_least(1)
POSITIVE = Rule(lambda value, _: 1.2e-38 <= value <= _FLOAT32, "must be above 0, and a number that float32 holds")
NOT_NEGATIVE = Rule(lambda value, _: 0 <= value <= _FLOAT32, "must not be negative, and a number that float32 holds")
SHARE = Rule(lambda value, _: 0 <= value < 1, "must be at least 0 and below 1")
FRACTION = Rule(lambda value, _: 0 < value <= 1, "must be above 0 and at most 1")
SEED = Rule(lambda value, _: 0 <= value < 2**32, f"must lie in 0..{2**32 - 1}")
# Bounds of what config files and options say alike. They are far above all that is of use, and below what makes the libraries
# beneath fail, each in its own way.
STEPS = at_most(2**32 - 2, "steps are counted in 32 bits")
LENGTH = at_most(2**16, "attention grows with its square")
WIDTH = at_most(2**16, "weights grow with its square")
ROWS = at_most(2**20, "no memory holds a batch of more")
TOKENS = at_most(2**24, "no vocabulary has more, and each token has its vector")
HELD = at_most(10**9, "as much is held in memory")


def required(*rules: Rule) -> Any:
    """Declare a dataclass field that has no default: every file says it."""
    return dataclasses.field(metadata={"rules": rules})


def ruled(default: Any, *rules: Rule) -> Any:
    """Declare a dataclass field with its default and its rules."""
    return dataclasses.field(default=default, metadata={"rules": rules})


def check_rules(part: Any, whole: Any, source: str, section: str = "") -> None:
    """Hold a dataclass's rules against its values.

    Args:
        part: the dataclass.
        whole: the config that it is part of, which rules may look at.
        source: named in errors.
        section: what the dataclass is called within its file; "" if it is the whole.

    Raises:
        UserError: the first rule that is broken.
    """
    prefix = f"{source}: {section}." if section else f"{source}: "
    for field in dataclasses.fields(part):
        value = getattr(part, field.name)
        for rule in field.metadata.get("rules", ()):
            if not rule.holds(value, whole):
                raise UserError(f"{prefix}{field.name} = {json_files.shown(value)}: {rule.text}")


def parse_override(text: str, form: str) -> tuple[str, Any]:
    """Split a `--set` into its target and its value, which is JSON, or text where it is none.

    Args:
        text: what was given.
        form: what it must look like, for the message.

    Raises:
        UserError: there is no "=", or JSON that cannot be read.
    """
    target, equals, value = text.partition("=")
    if not equals:
        raise UserError(f"--set {text}: must read {form}")
    try:
        return target, json_files.parse(value, f"--set {target}")
    except json_files.NotJson:
        return target, value

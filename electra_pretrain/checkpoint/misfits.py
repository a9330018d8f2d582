"""What keeps values from being those of a model's variables: names, shapes, types, and what is no number."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from electra_pretrain.checkpoint.names import STEP_NAME
from electra_pretrain.core.errors import FEW, UserError, first_of


def check_numbers(origin: str, values: Mapping[str, np.ndarray]) -> None:
    """Refuse weights and moments that are no float32, or hold what is infinite or not a number.

    Raises:
        UserError: the names of those.
    """
    values = {name: value for name, value in values.items() if name != STEP_NAME}
    if wrong := [name for name, value in values.items() if value.dtype != np.float32]:
        raise UserError(
            f"{origin}: holds {values[wrong[0]].dtype} instead of float32, in {listed(wrong)}; use another checkpoint"
        )
    check_finite(origin, values)


def check_finite(origin: str, values: Mapping[str, np.ndarray]) -> None:
    """Refuse what is infinite or not a number.

    Raises:
        UserError: the names of what holds it.
    """
    if bad := [name for name, value in values.items() if value.dtype.kind == "f" and not np.all(np.isfinite(value))]:
        raise UserError(f"{origin}: holds values that are not finite, in {listed(bad)}; use another checkpoint")


def misfits(values: Mapping[str, np.ndarray], variables: Mapping[str, tf.Variable]) -> list[str]:
    """Return what keeps values from being those of the variables; nothing if they fit."""
    known = {name: variable for name, variable in variables.items() if name in values}
    kinds = {name: (values[name].dtype.name, variable.dtype.base_dtype.name) for name, variable in known.items()}
    shapes = {name: (list(values[name].shape), variable.shape.as_list()) for name, variable in known.items()}
    found = {
        "missing": [name for name in variables if name not in values],
        "left over": [name for name in values if name not in variables],
    }
    problems = [f"{kind}: {listed(names)}" for kind, names in found.items() if names]
    problems += [f"{names} has shape {has} instead of {wanted}" for names, has, wanted in _differing(shapes)]
    return problems + [f"{names} holds {has} instead of {wanted}" for names, has, wanted in _differing(kinds)]


def _differing(pairs: Mapping[str, tuple[Any, Any]]) -> Iterator[tuple[str, Any, Any]]:
    """Yield the names, joined, of each two things that differ, and these."""
    names: dict[str, list[str]] = {}
    for name, pair in pairs.items():
        if pair[0] != pair[1]:
            names.setdefault(str(pair), []).append(name)
    for alike in names.values():
        yield listed(alike), *pairs[alike[0]]


def listed(names: Iterable[str]) -> str:
    """Name the first of many: those that differ in the layer's number alone are told once, with their count."""
    alike: dict[str, list[str]] = {}
    for name in names:
        alike.setdefault(re.sub(r"layer_\d+", "layer_*", name), []).append(name)
    return first_of([found[0] if len(found) == 1 else f"{name} ({len(found)})" for name, found in alike.items()], FEW)

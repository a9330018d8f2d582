"""From a run's rows to curves: which metrics there are, smoothing, thinning, and what the runs are called.

A curve's steps are int64 [points], ascending; its values are float64 [points].
"""

import math
import os
from typing import Any, NamedTuple

import numpy as np

from electra_pretrain.config.schema import Config
from electra_pretrain.core import files
from electra_pretrain.core.errors import UserError

KINDS = ("train", "heldout")


class Run(NamedTuple):
    """What is known of one run.

    Attributes:
        label: what it is called beside the others.
        rows: its metrics, the rows of `metrics.jsonl`.
        config: its resolved config; None where there is none that can be read.
    """

    label: str
    rows: list[dict[str, Any]]
    config: Config | None


class Curve(NamedTuple):
    steps: np.ndarray
    values: np.ndarray

    def since(self, step: int) -> "Curve":
        """Cut off what lies before a step."""
        first = int(np.searchsorted(self.steps, step))
        return Curve(self.steps[first:], self.values[first:])


def metric_names(rows: list[dict[str, Any]], kinds: tuple[str, ...] = KINDS) -> list[str]:
    """List the metrics in rows of these kinds, in the order in which they first occur."""
    found = {name: None for row in rows if row["kind"] in kinds for name, value in row.items() if _is_number(value)}
    return [name for name in found if name != "step"]


def curve(rows: list[dict[str, Any]], kind: str, metric: str) -> Curve:
    """Collect one metric of one kind of rows; where a step occurs twice, its last row counts."""
    points = {row["step"]: row[metric] for row in rows if row["kind"] == kind and _is_number(row.get(metric))}
    steps = sorted(points)
    return Curve(np.array(steps, np.int64), np.array([points[step] for step in steps], np.float64))


def smoothed(raw: Curve, weight: float) -> Curve:
    """Take the exponential moving mean: each point has `weight` of what came before it.

    The first points are weighted among themselves only, so that the curve does not start from zero.
    """
    values = np.empty_like(raw.values)
    total = weights = 0.0
    for index, value in enumerate(raw.values):
        total = weight * total + (1 - weight) * value
        weights = weight * weights + (1 - weight)
        values[index] = total / weights
    return Curve(raw.steps, values)


def thinned(whole: Curve, limit: int = 1000) -> Curve:
    """Choose at most some `limit` points of the same outline: ends, and the lowest and the highest of each stretch."""
    if len(whole.steps) <= limit:
        return whole
    stretches = np.array_split(np.arange(len(whole.steps)), limit // 2)
    extremes = {int(each[pick(whole.values[each])]) for each in stretches for pick in (np.argmin, np.argmax)}
    chosen = sorted({0, len(whole.steps) - 1} | extremes)
    return Curve(whole.steps[chosen], whole.values[chosen])


def labels(folders: list[str]) -> list[str]:
    """Call each run by as much of its path's end as tells it from the others.

    Raises:
        UserError: a folder is given twice.
    """
    paths = [(folder.rstrip("/") if files.is_remote(folder) else os.path.abspath(folder)).split("/") for folder in folders]
    for folder, path in zip(folders, paths, strict=True):
        if paths.count(path) > 1:
            raise UserError(f"{folder}: is given more than once; name each run's folder once")
    return [_printable(_shortest_ending(path, [other for other in paths if other is not path])) for path in paths]


def _shortest_ending(path: list[str], others: list[list[str]]) -> str:
    length = next(length for length in range(1, len(path) + 1) if all(path[-length:] != other[-length:] for other in others))
    return "/".join(path[-length:]) or "/"


def _printable(text: str) -> str:
    """Escape line breaks, bytes that are not UTF-8, and marks that turn the writing direction, which a name may hold."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)

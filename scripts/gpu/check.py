"""Is the step right on this device? Its results beside those of the CPU, in what a folder of bench_gpu.py carries of them.

What is expected was computed by TensorFlow on a CPU in float32, and how far rounding may lead was measured there too: the same
step in the run's own dtype, whose distance from float32 is the unit of what is allowed here.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from plan import Plan

SAMPLES = 1024  # elements of each variable that travel
# How many times the CPU's own rounding; another order of additions, other samples where two words are all but equally likely.
ROUNDING_FACTOR = 4.0
# Beside that, of what is expected, and of what the median variable of its kind changes: some gradients are rounding alone.
SHARE, SHARE_OF_KIND = 0.02, 0.02
# Sums that count what does not depend on rounding.
EXACT = ("masked_lm_slots", "disc_tokens", "cloze_tokens", "steps", "nonfinite_steps")
COMPARED = ("loss", "grad_norm")


class Summary(NamedTuple):
    """What is kept of a step's results.

    Attributes:
        sums: float64 [sums], each one's total.
        norms: float64 [variables], of the change that the step made.
        samples: float64 [all samples], of the change, variable after variable.
    """

    sums: np.ndarray
    norms: np.ndarray
    samples: np.ndarray


class Expected(NamedTuple):
    """The CPU's step, in float32 and in the run's dtype."""

    exact: Summary
    rounded: Summary


def summarize(plan: Plan, sums: Sequence[np.ndarray], variables: Sequence[np.ndarray]) -> Summary:
    """Return what is kept of results, in the plan's order."""
    norms, samples = [], []
    for variable, value in zip(plan.variables, variables, strict=True):
        change = (value.astype(np.float64) - variable.values().astype(np.float64)).reshape(-1)
        norms.append(float(np.linalg.norm(change)))
        samples.append(change[positions(change.size)])
    totals = [float(np.sum(each, dtype=np.float64)) for each in sums]
    return Summary(np.array(totals), np.array(norms), np.concatenate(samples))


def positions(size: int) -> np.ndarray:
    """Return which elements of a variable travel, evenly spaced."""
    return np.unique(np.linspace(0, size - 1, min(size, SAMPLES)).astype(np.int64))


def write(expected: Expected, path: Path) -> None:
    """Write what is expected; samples as float32."""
    arrays = {
        f"{kind}_{name}": value.astype(np.float32) if name == "samples" else value
        for kind, summary in expected._asdict().items()
        for name, value in summary._asdict().items()
    }
    np.savez_compressed(path, allow_pickle=False, **arrays)


def read(path: Path) -> Expected:
    """Read what `write` wrote."""
    with np.load(path) as file:
        kinds = (Summary(*(file[f"{kind}_{name}"] for name in Summary._fields)) for kind in Expected._fields)
        return Expected(*kinds)


def failures(plan: Plan, expected: Expected, got: Summary) -> tuple[list[str], float]:
    """Return one line for each result that is wrong, and the largest share of its tolerance that any result used."""
    found, used = [], 0.0
    for name, distance, allowed in [*_sums(plan, expected, got), *_variables(plan, expected, got)]:
        if not distance <= allowed:  # so that what is not a number fails, too
            found.append(f"{name} is off by {distance:.3g}, allowed is {allowed:.3g}")
        if allowed:
            used = max(used, distance / allowed)
    return found, used


def _sums(plan: Plan, expected: Expected, got: Summary) -> list[tuple[str, float, float]]:
    rows = []
    for sum_, exact, rounded, value in zip(plan.sums, expected.exact.sums, expected.rounded.sums, got.sums, strict=True):
        if sum_.name in EXACT:
            rows.append((f"sum {sum_.name}", abs(value - exact), 0.0))
        elif sum_.name.endswith(COMPARED):
            rows.append((f"sum {sum_.name}", abs(value - exact), ROUNDING_FACTOR * abs(rounded - exact) + SHARE * abs(exact)))
    return rows


def _variables(plan: Plan, expected: Expected, got: Summary) -> list[tuple[str, float, float]]:
    rows, typical = [], _typical(plan, expected.exact)
    start = 0
    for index, variable in enumerate(plan.variables):
        size = math.prod(variable.shape)
        part = slice(start, start := start + len(positions(size)))
        exact, rounded, values = (each.samples[part] for each in (expected.exact, expected.rounded, got))
        if not np.issubdtype(np.dtype(variable.dtype), np.floating):
            rows.append((variable.name, float(np.abs(values - exact).max()), 0.0))
            continue
        allowed = ROUNDING_FACTOR * float(np.linalg.norm(rounded - exact)) + SHARE * float(np.linalg.norm(exact))
        # An element's change is known no better than float32 holds the element.
        last_place = float(np.spacing(np.float32(abs(variable.offset) + variable.scale)))
        allowed += (SHARE_OF_KIND * typical.get(_kind(variable.name), 0.0) + last_place) * len(exact) ** 0.5
        rows.append((variable.name, float(np.linalg.norm(values - exact)), allowed))
        # The whole of it, by its norm: no further off than the samples may be, in proportion.
        whole = allowed * (size / len(exact)) ** 0.5
        rows.append((f"norm of {variable.name}", abs(got.norms[index] - expected.exact.norms[index]), whole))
    return rows


def _kind(name: str) -> str:
    last = name.rpartition("/")[2]
    return last if last in ("adam_m", "adam_v") else "weights"


def _typical(plan: Plan, summary: Summary) -> dict[str, float]:
    """Return by how much an element changes, root mean square, in the median variable of a kind."""
    changes: dict[str, list[float]] = {}
    for variable, norm in zip(plan.variables, summary.norms, strict=True):
        if variable.shape:
            changes.setdefault(_kind(variable.name), []).append(float(norm) / math.prod(variable.shape) ** 0.5)
    return {kind: float(np.median(values)) for kind, values in changes.items()}

"""What results say together: each variant read at the same tokens and the same minutes, and its difference to the baseline.

Runs of one seed see the same rows and begin with the same weights as far as their variants let them, so that differences are
taken seed by seed.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from ablation.results import Result
from ablation.studies import BASELINE, STUDIES

TOKENS, MINUTES = "the same tokens", "the same minutes"


class Metric(NamedTuple):
    """A number that runs are compared by.

    Attributes:
        name: in `results.Look`; of what is known of a run's end alone, in `results.Result`.
        title: in tables and drawings.
        up: whether more is better.
        digits: behind the point.
        of_the_end: whether only the last checkpoint has it.
    """

    name: str
    title: str
    up: bool
    digits: int
    of_the_end: bool = False


METRICS = (
    Metric("masked_lm_loss", "generator loss", False, 4),
    Metric("disc_loss", "discriminator loss", False, 4),
    Metric("disc_auc", "AUC", True, 4),
    Metric("shared_auc", "AUC, shared", True, 4, of_the_end=True),
    Metric("task_scores", "NSMC", True, 2, of_the_end=True),
)


class Difference(NamedTuple):
    """A variant's distance to the baseline, in one metric.

    Attributes:
        by_seed: the seeds' differences.
        mean: of them.
        error: standard error of the mean; NaN of a single seed.
        word: what may be said.
    """

    by_seed: tuple[float, ...]
    mean: float
    error: float
    word: str


def variants_of(results: Iterable[Result]) -> dict[str, dict[int, Result]]:
    """Sort one study's results: variant -> seed -> result, variants as the study has them, the baseline first."""
    found: dict[str, dict[int, Result]] = {}
    for result in sorted(results, key=_order):
        found.setdefault(result.variant, {})[result.seed] = result
    return found


def _order(result: Result) -> tuple[int, str, int]:
    known = list(STUDIES[result.study].variants)
    return (known.index(result.variant) if result.variant in known else len(known)), result.variant, result.seed


def seconds_a_step(runs: Mapping[int, Result]) -> float:
    """Return what a variant's step takes: as timed in turns; else the median of all its seeds, whose steps are alike."""
    in_turns = [run.turn_seconds for run in runs.values() if run.turn_seconds is not None]
    return in_turns[-1] if in_turns else float(np.median([run.step_seconds for run in runs.values()]))


def place(run: Result, reading: str, step_seconds: float) -> np.ndarray:
    """Return where a run's checkpoints lie: real tokens read, or minutes of training; float64 [checkpoints]."""
    if reading == TOKENS:
        return np.array([look.tokens for look in run.looks], np.float64)
    return np.array([look.step * step_seconds / 60 for look in run.looks], np.float64)


def furthest_common(variants: Mapping[str, Mapping[int, Result]], seed: int, reading: str) -> float:
    """Return the furthest place that all variants reached which have this seed."""
    return min(float(place(runs[seed], reading, seconds_a_step(runs))[-1]) for runs in variants.values() if seed in runs)


def values(variants: Mapping[str, Mapping[int, Result]], metric: Metric, reading: str) -> dict[str, dict[int, float]]:
    """Read a metric of every run at the furthest place that all variants of its seed reached; variant -> seed -> value.

    Between two checkpoints it is in proportion to their distance. A run that has not the metric, or none so early, is left out.
    """
    found: dict[str, dict[int, float]] = {}
    for name, runs in variants.items():
        where = {seed: furthest_common(variants, seed, reading) for seed in runs}
        read = {seed: _value(run, metric, reading, seconds_a_step(runs), where[seed]) for seed, run in runs.items()}
        found[name] = {seed: value for seed, value in read.items() if value is not None}
    return found


def _value(run: Result, metric: Metric, reading: str, seconds: float, where: float) -> float | None:
    if metric.of_the_end:
        known = getattr(run, metric.name)
        if known is None or known == ():
            return None
        return float(np.mean(known))
    places = place(run, reading, seconds)
    if where < places[0]:
        return None
    return float(np.interp(where, places, [getattr(look, metric.name) for look in run.looks]))


def differences(read: Mapping[str, Mapping[int, float]], up: bool) -> dict[str, Difference]:
    """Compare each variant with the baseline, seed by seed.

    A difference is called one if its mean is beyond twice its standard error, and beyond twice the one that all variants' seeds
    together give, and if all seeds agree on its sign.

    Args:
        read: variant -> seed -> value.
        up: whether more is better.
    """
    baseline = read.get(BASELINE, {})
    by_seed = {
        name: [value - baseline[seed] for seed, value in sorted(of_seeds.items()) if seed in baseline]
        for name, of_seeds in read.items()
        if name != BASELINE
    }
    by_seed = {name: found for name, found in by_seed.items() if found}
    pooled = _pooled_deviation(list(by_seed.values()))
    return {name: _difference(found, pooled, up) for name, found in by_seed.items()}


def _difference(found: Sequence[float], pooled: float, up: bool) -> Difference:
    mean, count = float(np.mean(found)), len(found)
    if count < 2:
        return Difference(tuple(found), mean, math.nan, "one seed")
    error = float(np.std(found, ddof=1)) / math.sqrt(count)
    is_real = abs(mean) > 2 * max(error, pooled / math.sqrt(count)) and len({each > 0 for each in found}) == 1
    word = "no difference" if not is_real else "better" if (mean > 0) == up else "worse"
    return Difference(tuple(found), mean, error, word)


def _pooled_deviation(groups: Sequence[Sequence[float]]) -> float:
    """Return the deviation within groups, all of them taken to have the same; 0 where no group has two members."""
    squares = sum(float(np.var(group, ddof=1)) * (len(group) - 1) for group in groups if len(group) > 1)
    freedom = sum(len(group) - 1 for group in groups)
    return math.sqrt(squares / freedom) if freedom else 0.0


def spread(found: Sequence[float]) -> float | None:
    """Return the sample deviation over seeds; None of a single one."""
    return float(np.std(found, ddof=1)) if len(found) > 1 else None

"""Curves of runs that went well, measured here or published, each with its source: `healthy.json`; the band around them.

`scripts/healthy_band.py` writes what was measured.
"""

import dataclasses
import functools
import math
import operator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from electra_pretrain.config.load import load_config
from electra_pretrain.config.objective import ObjectiveConfig
from electra_pretrain.config.schema import Config
from electra_pretrain.core import json_files, typed
from electra_pretrain.plot.curves import Run

PATH = Path(__file__).with_name("healthy.json")
_BAND_POINTS = 100
# What of a config its losses do not hang on, or not beyond the band's width.
_GENERATOR_SIZE = {"generator_hidden_size", "generator_layers"}
_WEIGHTS = {"gen_weight", "disc_weight"}
_SIZES = ("model.num_hidden_layers", "model.hidden_size")


class Curve(NamedTuple):
    """One metric of some runs.

    Attributes:
        factor: how far around them the band goes: from the lowest run divided by it to the highest times it.
        steps: of the points, ascending.
        runs: each one's values, a value a step.
    """

    factor: float
    steps: tuple[int, ...]
    runs: tuple[tuple[float, ...], ...]


class Recipe(NamedTuple):
    """Runs of one recipe that went well.

    Attributes:
        name: short.
        source: where the curves are from.
        width: of what the band's width makes allowance for, in words.
        like: the config that ships whose sizes and objective a run must have to be of this recipe.
        fields: further ones of its fields, with dots, that the run must have as well.
        batch_factor: by how much the run's tokens a step may differ from that config's, at most.
        off_chance_by: the step from which on no discriminator of these runs was at chance; 0: not known.
        off_unigram_by: the step from which on every generator was better than guessing by frequency; 0: not known.
        curves: metric -> its curves.
    """

    name: str
    source: str
    width: str
    like: str
    fields: tuple[str, ...]
    batch_factor: float
    off_chance_by: int
    off_unigram_by: int
    curves: dict[str, Curve]


class Band(NamedTuple):
    """Where a healthy run's metric lies: steps, and float64 [points] below and above."""

    steps: np.ndarray
    low: np.ndarray
    high: np.ndarray


class _Healthy(NamedTuple):
    recipes: tuple[Recipe, ...]


@functools.cache
def recipes() -> tuple[Recipe, ...]:
    """Read `healthy.json`."""
    return typed.read(_Healthy, json_files.read(str(PATH)), typed.Place(str(PATH))).recipes


def recipe_of(config: Config) -> Recipe | None:
    """Find the recipe whose losses a run's may be held against; None where there is none: sizes, batch or objective differ.

    How it is optimised does not matter: that is what the band is to show.
    """
    return next((recipe for recipe in recipes() if not config.training.init_from and _fits(recipe, config, set())), None)


def recipe_of_run(run: Run) -> Recipe | None:
    """Find the recipe of a run by its config; None, too, where it began with trained weights."""
    # Those are scored before the first step.
    began_trained = bool(run.rows) and run.rows[0]["kind"] == "heldout"
    return None if run.config is None or began_trained else recipe_of(run.config)


def band_of(run: Run) -> str:
    """Say behind which metrics of a run a band is drawn, or that there is none."""
    if run.config is None:
        return "no band is drawn: its config cannot be read"
    if (recipe := recipe_of_run(run)) is None:
        return (
            f"no band is drawn: no runs that went well are known of its recipe (known: {', '.join(r.name for r in recipes())})"
        )
    return f"the band is of {recipe.name}, {', '.join(recipe.curves)}: {recipe.source}; its width: {recipe.width}"


def pace_of(config: Config) -> Recipe | None:
    """Find the recipe by whose steps a run may be expected to learn, whatever the losses weigh."""
    return next((recipe for recipe in recipes() if _fits(recipe, config, _WEIGHTS)), None)


def tokens_a_step(config: Config) -> int:
    """Count a batch's positions."""
    return config.training.train_batch_size * config.data.max_seq_length


def band(recipe: Recipe, metric: str, first: int, last: int) -> Band | None:
    """Return the band of a metric between two steps, its points interpolated over the logarithm of the step.

    It ends where the curves end; None where the recipe has no curves of the metric, or none in between.
    """
    curve = recipe.curves.get(metric)
    if curve is None:
        return None
    start, stop = max(first, curve.steps[0]), min(last, curve.steps[-1])
    if start > stop:
        return None
    inside = [step for step in curve.steps if start <= step <= stop]
    steps = np.unique(np.concatenate([np.geomspace(start, stop, _BAND_POINTS), inside]))
    runs = np.array(curve.runs)
    low, high = runs.min(axis=0) / curve.factor, runs.max(axis=0) * curve.factor
    known = np.log(curve.steps)
    return Band(steps, np.interp(np.log(steps), known, low), np.interp(np.log(steps), known, high))


def _fits(recipe: Recipe, config: Config, ignored: set[str]) -> bool:
    if config.distillation is not None:
        return False
    like = load_config(recipe.like)
    objective = [
        f"objective.{field.name}"
        for field in dataclasses.fields(ObjectiveConfig)
        if field.name not in _GENERATOR_SIZE | ignored
    ]
    if any(
        operator.attrgetter(name)(config) != operator.attrgetter(name)(like) for name in (*_SIZES, *objective, *recipe.fields)
    ):
        return False
    ratios = [tokens_a_step(phase.config) / tokens_a_step(like) for phase in config.all_phases()]
    return all(abs(math.log(ratio)) <= math.log(recipe.batch_factor) + 1e-9 for ratio in ratios)

"""A study in a drawing: each variant's differences to the baseline, or all variants' curves against minutes of training."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ablation.compare import METRICS, MINUTES, TOKENS, Metric, differences, place, seconds_a_step, values
from ablation.results import Result
from ablation.studies import BASELINE, Study
from electra_pretrain.plot.chart import look_of, saved

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Variants = Mapping[str, Mapping[int, Result]]
WIDTH, LINE, PANEL = 2.7, 0.28, 3.4  # inches: of a panel of differences, of a variant in it, of a panel of curves
_GREY = "#666666"


def draw(study: Study, variants: Variants) -> bytes:
    """Draw a study's picture as PNG.

    Raises:
        UserError: matplotlib is not installed.
    """
    figure = _curves if study.picture == "curves" else _differences
    return saved(lambda: figure(study, variants), "png", "ablate")


def _differences(study: Study, variants: Variants) -> "Figure":
    """Draw a dot for each seed, the mean and two standard errors to both sides; right of the line is better."""
    from matplotlib.figure import Figure

    names = [name for name in variants if name != BASELINE]
    read = {metric: values(variants, metric, TOKENS) for metric in METRICS}
    metrics = [metric for metric in METRICS if differences(read[metric], metric.up)]
    size = (1.6 + WIDTH * max(1, len(metrics)), 1.1 + LINE * len(names))
    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(1, max(1, len(metrics)), sharey=True, squeeze=False).flatten()
    for axis, metric in zip(axes, metrics, strict=False):
        _draw_differences(axis, metric, names, differences(read[metric], metric.up))
    axes[0].set_yticks(range(len(names)), [study.names.get(name, name) for name in names])
    axes[0].set_ylim(len(names) - 0.5, -0.5)
    return figure


def _draw_differences(axis: "Axes", metric: Metric, names: list[str], compared: Mapping[str, Any]) -> None:
    look = look_of(0)["color"]
    axis.axvline(0, color=_GREY, linewidth=1.0)
    for line, name in enumerate(names):
        if name not in compared:
            continue
        one = compared[name]
        axis.scatter(one.by_seed, [line] * len(one.by_seed), s=10, color=look, alpha=0.5, linewidths=0)
        error = 0.0 if np.isnan(one.error) else 2 * one.error
        axis.errorbar([one.mean], [line], xerr=[error], fmt="o", color=look, markersize=5, capsize=3, linewidth=1.4)
    if not metric.up:
        axis.invert_xaxis()
    axis.locator_params(axis="x", nbins=4)
    axis.tick_params(axis="x", labelsize=8)
    axis.set_title(metric.title, loc="left", fontsize=9)
    axis.set_xlabel("better →", loc="right", fontsize=8, color=_GREY)


def _curves(study: Study, variants: Variants) -> "Figure":
    """Draw a line through the seeds' means, a band of one deviation to both sides."""
    from matplotlib.figure import Figure

    metrics = [metric for metric in METRICS if not metric.of_the_end and metric.name != "disc_loss"]
    figure = Figure(figsize=(PANEL * 1.25 * len(metrics), PANEL), layout="constrained")
    axes = figure.subplots(1, len(metrics), squeeze=False).flatten()
    for axis, metric in zip(axes, metrics, strict=True):
        for index, (name, runs) in enumerate(variants.items()):
            _draw_curve(axis, metric, study.names.get(name, name), runs, index)
        axis.set_title(metric.title, loc="left")
        axis.set_xlabel("minutes of training steps")
    axes[0].legend(fontsize=8)
    return figure


def _draw_curve(axis: "Axes", metric: Metric, name: str, runs: Mapping[int, Result], index: int) -> None:
    longest = max(runs.values(), key=lambda run: len(run.looks))
    alike = [run for run in runs.values() if [look.step for look in run.looks] == [look.step for look in longest.looks]]
    found = np.array([[getattr(look, metric.name) for look in run.looks] for run in alike], np.float64)  # [seeds, checkpoints]
    minutes, means = place(longest, MINUTES, seconds_a_step(runs)), found.mean(axis=0)
    deviations = found.std(axis=0, ddof=1) if len(found) > 1 else np.zeros_like(means)
    look = look_of(index)
    axis.plot(minutes, means, **look, linewidth=1.5, markersize=4, label=name)
    axis.fill_between(minutes, means - deviations, means + deviations, color=look["color"], alpha=0.15, linewidth=0)

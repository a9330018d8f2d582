"""Curves of scores: how good a run's checkpoints are at a task, against the step of pretraining."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from electra_pretrain.plot.chart import font_families, look_of, saved, short

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_SIZE = (6.6, 4.2)  # inches


class ScoreCurve(NamedTuple):
    """One run's scores at one task.

    Attributes:
        label: what the run is called beside the others.
        scores: step -> the seeds' scores, at least one.
        baselines: what weights that were not trained are called, and the seeds' scores of them.
    """

    label: str
    scores: dict[int, list[float]]
    baselines: Mapping[str, Sequence[float]] = {}

    def spread(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return steps, ascending, means, and sample deviations, 0 where there is one seed: int64 and 2 x float64 [steps]."""
        steps = sorted(self.scores)
        means = [np.mean(self.scores[step]) for step in steps]
        deviations = [np.std(self.scores[step], ddof=1) if len(self.scores[step]) > 1 else 0.0 for step in steps]
        return np.array(steps, np.int64), np.array(means, np.float64), np.array(deviations, np.float64)


def score_chart(title: str, curves: Sequence[ScoreCurve]) -> bytes:
    """Draw, as PNG, for each run a line through the means, a band of one deviation to both sides, and a dot for each seed.

    Random weights are a dashed line across, other baselines dotted ones. The same input gives the same bytes.

    Args:
        title: the task and its metric.
        curves: at least one; in the order of their colours.

    Raises:
        UserError: matplotlib is not installed.
    """

    def draw() -> "Figure":
        from matplotlib.figure import Figure
        from matplotlib.ticker import FuncFormatter, MaxNLocator

        figure = Figure(figsize=_SIZE, layout="constrained")
        axis = figure.subplots()
        for index, curve in enumerate(curves):
            _draw_curve(axis, curve, index)
        axis.set_title(title, loc="left", fontfamily=font_families())
        axis.set_xlabel("pretraining step")
        axis.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
        axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: short(value)))
        if len(curves) > 1 or any(curve.baselines for curve in curves):
            _add_legend(figure, curves)
        return figure

    return saved(draw, "png")


def _draw_curve(axis: "Axes", curve: ScoreCurve, index: int) -> None:
    look = look_of(index)
    steps, means, deviations = curve.spread()
    axis.plot(steps, means, **look, linewidth=1.6, markersize=5)
    axis.fill_between(steps, means - deviations, means + deviations, color=look["color"], alpha=0.15, linewidth=0)
    # A single checkpoint has no band to be seen.
    axis.errorbar(steps, means, deviations, fmt="none", ecolor=look["color"], elinewidth=1.0, capsize=3)
    dots = [(step, score) for step in curve.scores for score in curve.scores[step]]
    axis.scatter([step for step, _ in dots], [score for _, score in dots], s=10, color=look["color"], alpha=0.5, linewidths=0)
    for name, scores in curve.baselines.items():
        axis.axhline(float(np.mean(scores)), color=look["color"], linestyle=_line_style(name), linewidth=1.2)


def _line_style(baseline: str) -> str:
    return "--" if baseline.startswith("random") else ":"


def _add_legend(figure: "Figure", curves: Sequence[ScoreCurve]) -> None:
    from matplotlib.lines import Line2D

    keys, names = [], []
    for index, curve in enumerate(curves):
        look = look_of(index)
        keys.append(Line2D([], [], **look))
        names.append(curve.label)
        for name in curve.baselines:
            keys.append(Line2D([], [], color=look["color"], linestyle=_line_style(name)))
            names.append(f"{curve.label}, {name}")
    legend = figure.legend(keys, ["run"] * len(keys), loc="outside lower left", ncols=2, fontsize=9)
    for text, name in zip(legend.get_texts(), names, strict=True):
        text.set_text(name)
        text.set_fontfamily(font_families())

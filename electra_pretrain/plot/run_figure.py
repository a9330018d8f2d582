"""The drawing of pretraining runs: a panel for each metric, a colour for each run."""

import math
import textwrap
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from electra_pretrain.core.errors import UserError, nearest
from electra_pretrain.plot.chart import font_families, look_of, saved, short
from electra_pretrain.plot.curves import Curve, Run, curve, metric_names, smoothed, thinned
from electra_pretrain.plot.healthy import Band, Recipe, band, recipe_of_run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARKERS_A_CURVE = 20
BEHIND = 1.5  # lines are at 2: raw curves of one run never hide smooth ones of another
PANEL_WIDTH, PANEL_HEIGHT, LINE_HEIGHT = 4.6, 3.0, 0.22  # inches
BAND_LOOK: dict[str, Any] = {"color": "#444444", "alpha": 0.13, "linewidth": 0, "zorder": 0.5}  # behind the grid's lines
LETTERS_AN_INCH, LETTERS_OF_A_KEY = 10, 8  # how wide a run's name and the line before it may be, measured in its letters


class Panel(NamedTuple):
    """One metric's axes.

    Attributes:
        title: what it shows.
        metric: its name in `metrics.jsonl`.
        baseline: name of a metric drawn dashed beside it, if any.
        baseline_title: what that one shows.
        noisy: whether training curves of it are smoothed.
    """

    title: str
    metric: str
    baseline: str | None = None
    baseline_title: str = ""
    noisy: bool = True


PANELS = (
    Panel("Total loss", "total_loss"),
    Panel("Generator loss (masked LM)", "masked_lm_loss", "masked_lm_baseline_loss", "guessing by frequency"),
    Panel("Generator loss (every token)", "cloze_loss"),
    Panel("Generator accuracy", "masked_lm_accuracy"),
    Panel("Discriminator loss", "disc_loss"),
    Panel("Discriminator accuracy", "disc_accuracy", "disc_baseline_accuracy", "calling every token original"),
    Panel("Discriminator AUC", "disc_auc"),
    Panel("Distillation loss (teacher's probabilities)", "distil_loss"),
    Panel("Cosine loss (last hidden states)", "cosine_loss"),
    Panel("Agreement with the teacher", "teacher_agreement"),
    Panel("Learning rate", "learning_rate", noisy=False),
    Panel("Sequences per second", "sequences_per_second"),
)


def choose_panels(runs: list[Run], wanted: list[str] | None) -> list[Panel]:
    """Choose panels for the metrics that are asked for, or for the usual ones that at least one run has.

    Raises:
        UserError: no run has a metric of that name.
    """
    known = list(dict.fromkeys(name for run in runs for name in metric_names(run.rows)))
    if wanted is None:
        return [panel for panel in PANELS if panel.metric in known] or [Panel(name, name) for name in known]
    for name in wanted:
        if name not in known:
            raise UserError(f'--metrics: no run has a metric "{name}"; {nearest(name, known)}')
    usual = {panel.metric: panel for panel in PANELS}
    return [usual.get(name, Panel(name, name)) for name in dict.fromkeys(wanted)]


def render(runs: list[Run], panels: list[Panel], smoothing: float, from_step: int, format: str) -> bytes:
    """Draw runs.

    Args:
        runs: what to draw, in the order of their colours.
        panels: from `choose_panels`.
        smoothing: how much of its past a training curve keeps, below 1; 0 draws it as it is.
        from_step: where the curves begin.
        format: "png" or "svg".

    Raises:
        UserError: matplotlib is not installed.
    """
    return saved(lambda: _draw(runs, panels, smoothing, from_step), format, "plot_run")


def _draw(runs: list[Run], panels: list[Panel], smoothing: float, from_step: int) -> "Figure":
    from matplotlib.figure import Figure

    columns = 1 if len(panels) == 1 else 2 if len(panels) <= 4 else 3
    lines = math.ceil(len(panels) / columns)
    width = PANEL_WIDTH * columns * (1.5 if columns == 1 else 1)
    letters = int(width * LETTERS_AN_INCH)
    names = [textwrap.fill(run.label, letters - LETTERS_OF_A_KEY) for run in runs]
    names_a_line = max(1, letters // (LETTERS_OF_A_KEY + max(len(name.split("\n")[0]) for name in names)))
    name_lines = math.ceil(len(names) / names_a_line) + sum(name.count("\n") for name in names)
    recipes = recipes_of(runs, panels, from_step)
    bands = "\n".join(textwrap.fill(_band_title(recipe), letters) for recipe in recipes)
    key_lines = 3 + (bands.count("\n") + 1 if bands else 0)
    figure = Figure(figsize=(width, PANEL_HEIGHT * lines + LINE_HEIGHT * (name_lines + key_lines)), layout="constrained")
    axes = figure.subplots(lines, columns, sharex=True, squeeze=False).flatten()
    for axis, panel in zip(axes, panels, strict=False):
        for recipe in recipes:
            _draw_band(axis, panel, recipe, runs, from_step)
        _draw_panel(axis, panel, runs, smoothing, from_step)
    for axis in axes[len(panels) :]:
        axis.remove()
    baselines = [panel.baseline_title for panel in panels if any(panel.baseline in row for run in runs for row in run.rows)]
    _add_legends(figure, names, names_a_line, smoothing, baselines, bands)
    return figure


def recipes_of(runs: list[Run], panels: list[Panel], from_step: int) -> list[Recipe]:
    """List the recipes of which a band is drawn: those of the runs, where they have curves of a panel's metric."""
    found = {recipe.name: recipe for run in runs if (recipe := recipe_of_run(run)) is not None}
    return [recipe for recipe in found.values() if any(_band(panel, recipe, runs, from_step) for panel in panels)]


def _band(panel: Panel, recipe: Recipe, runs: list[Run], from_step: int) -> Band | None:
    """Return a recipe's band as far as the runs have come, so that a run at its beginning does not shrink to a dot."""
    own = [run for run in runs if (found := recipe_of_run(run)) is not None and found.name == recipe.name]
    reached = max((row["step"] for run in own for row in run.rows if panel.metric in row), default=0)
    return band(recipe, panel.metric, max(1, from_step), reached)


def _band_title(recipe: Recipe) -> str:
    return f"grey: where healthy runs of {recipe.name} lie; source: {recipe.source}; width: {recipe.width}"


def _draw_band(axis: "Axes", panel: Panel, recipe: Recipe, runs: list[Run], from_step: int) -> None:
    if (place := _band(panel, recipe, runs, from_step)) is not None:
        axis.fill_between(place.steps, place.low, place.high, **BAND_LOOK)


def _draw_panel(axis: "Axes", panel: Panel, runs: list[Run], smoothing: float, from_step: int) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    weight = smoothing if panel.noisy else 0.0
    for index, run in enumerate(runs):
        look = look_of(index)
        marker = look.pop("marker")
        raw = curve(run.rows, "train", panel.metric)
        if weight:
            _line(axis, raw.since(from_step), **look, linewidth=0.7, alpha=0.3, zorder=BEHIND)
        _line(axis, smoothed(raw, weight).since(from_step), **look, linewidth=1.0)
        _line(axis, curve(run.rows, "heldout", panel.metric).since(from_step), **look, linewidth=1.6, marker=marker)
        if panel.baseline:
            trained = smoothed(curve(run.rows, "train", panel.baseline), weight)
            heldout = curve(run.rows, "heldout", panel.baseline)
            look["linestyle"] = "--"
            _line(axis, trained.since(from_step), **look, linewidth=1.0)
            _line(axis, heldout.since(from_step), **look, linewidth=1.6, marker=marker, markerfacecolor="white")
    axis.set_title(panel.title, loc="left")
    if panel.title != panel.metric:
        axis.set_title(panel.metric, loc="right", fontsize=8, fontweight="normal", color="#666666")
    axis.tick_params(labelbottom=True)
    axis.set_xlabel("step", loc="right", fontsize=8, color="#666666", labelpad=1)
    axis.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    for side in (axis.xaxis, axis.yaxis):
        side.set_major_formatter(FuncFormatter(lambda value, _: short(value)))


def _line(axis: "Axes", points: Curve, marker: str = "", **look: Any) -> None:
    """Draw a curve; where it has one point only, the point."""
    if not len(points.steps):
        return
    points = thinned(points)
    where = np.unique(np.linspace(0, len(points.steps) - 1, MARKERS_A_CURVE).round().astype(int))
    if len(points.steps) == 1:
        marker = marker or "."
    axis.plot(points.steps, points.values, marker=marker, markersize=4.5, markevery=where.tolist(), **look)


def _add_legends(figure: "Figure", names: list[str], columns: int, smoothing: float, baselines: list[str], bands: str) -> None:
    """Tell above the panels which colour is whose, below them which line is what, and whose the band is."""
    from matplotlib.lines import Line2D

    colours = [Line2D([], [], linewidth=2, **look_of(index)) for index in range(len(names))]
    legend = figure.legend(colours, ["run"] * len(names), loc="outside upper left", ncols=columns)
    for text, name in zip(legend.get_texts(), names, strict=True):
        text.set_text(name)  # given to `legend` directly, a name that begins with an underscore would be left out
        text.set_fontfamily(font_families())
    grey: dict[str, Any] = {"color": "#444444"}
    kinds = {f"training, smoothed by {smoothing:g}" if smoothing else "training": Line2D([], [], linewidth=1.0, **grey)}
    if smoothing:
        kinds["training as it was"] = Line2D([], [], linewidth=0.7, alpha=0.4, **grey)
    kinds["held-out"] = Line2D([], [], linewidth=1.6, marker="o", markersize=4.5, **grey)
    if baselines:
        kinds[", ".join(baselines)] = Line2D([], [], linewidth=1.2, linestyle="--", **grey)
    lower: dict[str, Any] = {"loc": "outside lower left", "ncols": min(len(kinds), 4), "fontsize": 9}
    if bands:
        lower |= {"title": bands, "title_fontsize": 9, "alignment": "left"}
    figure.legend(list(kinds.values()), list(kinds), **lower)

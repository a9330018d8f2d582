"""Draw runs: a panel for each metric, a colour for each run; the same input gives the same bytes."""

import io
import math
import sys
import textwrap
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from electra_pretrain.core.errors import UserError
from electra_pretrain.plot.curves import Curve, Run, curve, smoothed, thinned
from electra_pretrain.plot.panels import Panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INSTALL = "'electra_pretrain[plot]'"
# The colours of Okabe and Ito, which colour-blind readers tell apart too; yellow, too pale for lines on white, is left out.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
STROKES = ("-", ":", "-.")  # of the first seven runs, the next, and the next; dashes are the baselines'
MARKERS_A_CURVE = 20
BEHIND = 1.5  # lines are at 2: raw curves of one run never hide smooth ones of another
PANEL_WIDTH, PANEL_HEIGHT, LINE_HEIGHT = 4.6, 3.0, 0.22  # inches
LETTERS_AN_INCH, LETTERS_OF_A_KEY = 10, 8  # how wide a run's name and the line before it may be, measured in its letters
# Fonts that have Hangul, for the names of runs; the first one that is installed helps out.
HANGUL_FONTS = ("NanumGothic", "Noto Sans CJK KR", "Noto Sans KR", "Malgun Gothic", "AppleGothic", "UnDotum", "Baekmuk Gulim")
STYLE = {
    "figure.dpi": 100,
    "savefig.dpi": 100,
    "font.size": 10,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.xmargin": 0.02,
    "grid.color": "#e0e0e0",
    "legend.frameon": False,
    "text.parse_math": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "electra_pretrain",
}
# Without what changes from day to day or from one release of matplotlib to the next.
METADATA: dict[str, dict[str, Any]] = {
    "png": {"Software": None},
    "svg": {"Date": None, "Creator": None, "Format": None, "Type": None},
}


def render(runs: list[Run], panels: list[Panel], smoothing: float, from_step: int, format: str) -> bytes:
    """The drawing in "png" or "svg".

    Args:
        runs: what to draw, in the order of their colours.
        panels: from `choose_panels`.
        smoothing: how much of its past a training curve keeps, below 1; 0 draws it as it is.
        from_step: where the curves begin.
        format: "png" or "svg".

    Raises:
        UserError: matplotlib is not installed.
    """
    return saved(lambda: _draw(runs, panels, smoothing, from_step), format)


def saved(draw: "Callable[[], Figure]", format: str) -> bytes:
    """What `draw` draws, in the package's style, as "png" or "svg".

    Raises:
        UserError: matplotlib is not installed.
    """
    try:
        from matplotlib import style
    except ModuleNotFoundError as error:
        raise UserError(f"drawing needs matplotlib, which is not installed; run: pip install {INSTALL}") from error

    picture = io.BytesIO()
    # Neither the reader's own matplotlib settings nor pyplot's state have a say.
    with style.context(["default", STYLE]), warnings.catch_warnings(record=True) as caught:
        draw().savefig(picture, format=format, metadata=METADATA[format])
    _report(caught, format)
    return picture.getvalue()


def _draw(runs: list[Run], panels: list[Panel], smoothing: float, from_step: int) -> "Figure":
    from matplotlib.figure import Figure

    columns = 1 if len(panels) == 1 else 2 if len(panels) <= 4 else 3
    lines = math.ceil(len(panels) / columns)
    width = PANEL_WIDTH * columns * (1.5 if columns == 1 else 1)
    letters = int(width * LETTERS_AN_INCH)
    names = [textwrap.fill(run.label, letters - LETTERS_OF_A_KEY) for run in runs]
    names_a_line = max(1, letters // (LETTERS_OF_A_KEY + max(len(name.split("\n")[0]) for name in names)))
    name_lines = math.ceil(len(names) / names_a_line) + sum(name.count("\n") for name in names)
    figure = Figure(figsize=(width, PANEL_HEIGHT * lines + LINE_HEIGHT * (name_lines + 3)), layout="constrained")
    axes = figure.subplots(lines, columns, sharex=True, squeeze=False).flatten()
    for axis, panel in zip(axes, panels, strict=False):
        _draw_panel(axis, panel, runs, smoothing, from_step)
    for axis in axes[len(panels) :]:
        axis.remove()
    _add_legends(figure, names, names_a_line, smoothing, any(panel.baseline for panel in panels))
    return figure


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
    """A curve; where it has one point only, the point."""
    if not len(points.steps):
        return
    points = thinned(points)
    where = np.unique(np.linspace(0, len(points.steps) - 1, MARKERS_A_CURVE).round().astype(int))
    if len(points.steps) == 1:
        marker = marker or "."
    axis.plot(points.steps, points.values, marker=marker, markersize=4.5, markevery=where.tolist(), **look)


def _add_legends(figure: "Figure", names: list[str], columns: int, smoothing: float, with_baseline: bool) -> None:
    """Above the panels which colour is whose, below them which line is what."""
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
    if with_baseline:
        kinds["calling every token original"] = Line2D([], [], linewidth=1.2, linestyle="--", **grey)
    figure.legend(list(kinds.values()), list(kinds), loc="outside lower left", ncols=min(len(kinds), 4), fontsize=9)


def font_families() -> list[str]:
    """For text that may hold Hangul; matplotlib takes each letter from the first that has it."""
    from matplotlib.font_manager import get_font_names

    installed = set(get_font_names())
    return ["DejaVu Sans", *[name for name in HANGUL_FONTS if name in installed][:1]]


def look_of(index: int) -> dict[str, Any]:
    """What tells a run from the others, also where colours are not seen."""
    return {
        "color": COLOURS[index % len(COLOURS)],
        "linestyle": STROKES[index // len(COLOURS) % len(STROKES)],
        "marker": MARKERS[index % len(MARKERS)],
    }


def short(value: float) -> str:
    """A number on an axis: 250, 2.5K, 1.25M, 0.0002."""
    for size, unit in ((1e6, "M"), (1e3, "K")):
        if abs(value) >= size:
            return f"{value / size:.6g}{unit}"
    return f"{value:.6g}"


def _report(caught: list[warnings.WarningMessage], format: str) -> None:
    """Warnings as usual, but one line for all letters that no font has; in an SVG the browser finds them one."""
    missing = [warning for warning in caught if "missing from font" in str(warning.message)]
    if missing and format == "png":
        print("plot_run: matplotlib knows no font for some letters of the runs' names; a .html shows them", file=sys.stderr)
    for warning in caught:
        if warning not in missing:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)

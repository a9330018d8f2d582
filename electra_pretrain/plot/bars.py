"""Charts of counts as SVG: how long examples are, how often tokens occur."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from electra_pretrain.core.errors import UserError
from electra_pretrain.plot.figure import COLOURS, INSTALL, saved, short

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BARS = 64
_SIZE = (6.6, 3.4)  # inches


def check_installed() -> None:
    """Raise a UserError where matplotlib is missing, before the work that the chart would show."""
    try:
        import matplotlib  # noqa: F401
    except ModuleNotFoundError as error:
        raise UserError(f"drawing needs matplotlib, which is not installed; run: pip install {INSTALL}") from error


def length_histogram(lengths: np.ndarray) -> bytes:
    """SVG of how many examples have so many tokens; int64 [S + 1], drawn in at most 64 bars."""
    width = -(-len(lengths) // _BARS)
    padded = np.pad(lengths, (0, -len(lengths) % width))
    heights = padded.reshape(-1, width).sum(1)

    def draw(figure: "Figure") -> None:
        axis = figure.subplots()
        axis.bar(np.arange(len(heights)) * width, heights, width=width, align="edge", color=COLOURS[0])
        axis.set_yscale("symlog", linthresh=1)
        axis.set_ylim(bottom=0)
        axis.set_xlim(0, len(padded))
        axis.set_title("Examples by length", loc="left")
        axis.set_xlabel(f"tokens of an example, {width} a bar" if width > 1 else "tokens of an example")
        axis.set_ylabel("examples")
        axis.yaxis.set_major_formatter(lambda value, _: short(value))

    return _svg(draw)


def rank_frequency(counts: np.ndarray) -> bytes:
    """SVG of how often the most frequent token, the next, and so on occur; int64 [V]. In text it is about a straight line."""
    ordered = np.sort(counts[counts > 0])[::-1]
    # Evenly spaced along the logarithmic axis, a few hundred points look like all of them.
    ranks = np.unique(np.geomspace(1, max(len(ordered), 1), 300).astype(np.int64))[: len(ordered)]

    def draw(figure: "Figure") -> None:
        axis = figure.subplots()
        axis.plot(ranks, ordered[ranks - 1], color=COLOURS[1], linewidth=1.6)
        axis.set_xscale("log")
        axis.set_yscale("log")
        axis.set_title("Occurrences by rank", loc="left")
        axis.set_xlabel("rank of the token")
        axis.set_ylabel("occurrences")
        for side in (axis.xaxis, axis.yaxis):
            side.set_major_formatter(lambda value, _: short(value))

    return _svg(draw)


def _svg(draw: Callable[["Figure"], None]) -> bytes:
    def drawn() -> "Figure":
        from matplotlib.figure import Figure

        figure = Figure(figsize=_SIZE, layout="constrained")
        draw(figure)
        return figure

    return saved(drawn, "svg")

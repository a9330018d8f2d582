"""How every chart looks and how it is saved: the same input gives the same bytes."""

import io
import logging
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from electra_pretrain.core import marks, optional

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_log = logging.getLogger(__name__)

EXTRA = "plot"  # installs matplotlib
# The colours of Okabe and Ito, which colour-blind readers tell apart too; yellow, too pale for lines on white, is left out.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
STROKES = ("-", ":", "-.")  # of the first seven runs, the next, and the next; dashes are the baselines'
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
_SVG_METADATA: dict[str, Any] = {"Date": None, "Creator": None, "Format": None, "Type": None}


def check_installed() -> None:
    """Refuse to begin the work that a chart would show where it could not be drawn.

    Raises:
        UserError: matplotlib is not installed.
    """
    optional.load("matplotlib", "drawing", extra=EXTRA)


def saved(draw: "Callable[[], Figure]", format: str, command: str | None = None) -> bytes:
    """Save what `draw` draws, in the package's style, as "png" or "svg"; a PNG tells the command that makes it.

    Raises:
        UserError: matplotlib is not installed.
    """
    check_installed()
    from matplotlib import style

    picture = io.BytesIO()
    metadata = {"Software": command and marks.maker(command)} if format == "png" else _SVG_METADATA
    # Neither the reader's own matplotlib settings nor pyplot's state have a say.
    with style.context(["default", STYLE]), warnings.catch_warnings(record=True) as caught:
        draw().savefig(picture, format=format, metadata=metadata)
    _report(caught, format)
    return picture.getvalue()


def font_families() -> list[str]:
    """List fonts for text that may hold Hangul; matplotlib takes each letter from the first that has it."""
    from matplotlib.font_manager import get_font_names

    installed = set(get_font_names())
    return ["DejaVu Sans", *[name for name in HANGUL_FONTS if name in installed][:1]]


def look_of(index: int) -> dict[str, Any]:
    """Return what tells a run from the others, also where colours are not seen."""
    return {
        "color": COLOURS[index % len(COLOURS)],
        "linestyle": STROKES[index // len(COLOURS) % len(STROKES)],
        "marker": MARKERS[index % len(MARKERS)],
    }


def short(value: float) -> str:
    """Write a number as an axis shows it: 250, 2.5K, 1.25M, 0.0002."""
    for size, unit in ((1e6, "M"), (1e3, "K")):
        if abs(value) >= size:
            return f"{value / size:.6g}{unit}"
    return f"{value:.6g}"


def _report(caught: list[warnings.WarningMessage], format: str) -> None:
    """Pass warnings on, but in one line for all letters that no font has; in an SVG the browser finds them one."""
    missing = [warning for warning in caught if "missing from font" in str(warning.message)]
    if missing and format == "png":
        _log.warning("matplotlib knows no font for some letters of the runs' names; a .html shows them")
    for warning in caught:
        if warning not in missing:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)

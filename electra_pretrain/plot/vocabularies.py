"""Vocabularies side by side: bars for each measure, the lengths of their pieces, and of lines in tokens."""

import html
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from electra_pretrain.plot.chart import COLOURS, saved
from electra_pretrain.plot.page import coloured_table, document, drawing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS, _WIDTH, _HEIGHT = 3, 13.8, 8.0
_LINE_BINS = 40
_ROOM_FOR_BARS = 4  # fewer bars are not drawn thicker


class Vocabulary(NamedTuple):
    """What is drawn of one vocabulary.

    Attributes:
        label: what it is called beside the others.
        bars: title -> value; the same titles for all.
        piece_lengths: shares of the tokens of 0, 1, 2, … characters, the last also of all longer ones.
        line_lengths: tokens in a line -> how many lines.
        unknown: what stands behind [UNK], in words.
    """

    label: str
    bars: dict[str, float]
    piece_lengths: list[float]
    line_lengths: dict[int, int]
    unknown: str


def vocabularies_page(vocabularies: list[Vocabulary], rows: list[tuple[str, list[str]]], corpus: str) -> str:
    """Write one page that stands alone: charts, the table, the characters behind [UNK].

    Raises:
        UserError: matplotlib is not installed.
    """
    svg = saved(lambda: _draw(vocabularies), "svg")
    labels = [vocabulary.label for vocabulary in vocabularies]
    unknown = "".join(
        f"<h3>{html.escape(vocabulary.label)}</h3>\n<p>{html.escape(vocabulary.unknown)}</p>\n" for vocabulary in vocabularies
    )
    sections = (
        f"<h2>Measures</h2>\n<p>Text: {html.escape(corpus)}</p>\n{coloured_table('', labels, rows)}"
        f"<h2>Characters behind [UNK], how often</h2>\n{unknown}"
    )
    return document("inspect_vocab", "Vocabularies compared", drawing(svg) + sections)


def _draw(vocabularies: list[Vocabulary]) -> "Figure":
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    figure = Figure(figsize=(_WIDTH, _HEIGHT), layout="constrained")
    axes = figure.subplots(2, _COLUMNS).flatten()
    for axis, title in zip(axes, vocabularies[0].bars, strict=False):
        _bars(axis, title, [vocabulary.bars[title] for vocabulary in vocabularies])
    _piece_lengths(axes[-2], vocabularies)
    _line_lengths(axes[-1], vocabularies)
    colours = [Patch(color=_colour(index)) for index in range(len(vocabularies))]
    legend = figure.legend(colours, ["vocabulary"] * len(vocabularies), loc="outside upper left", ncols=2)
    for text, vocabulary in zip(legend.get_texts(), vocabularies, strict=True):
        text.set_text(vocabulary.label)  # given to `legend`, a label that begins with an underscore would be left out
    return figure


def _bars(axis: "Axes", title: str, values: list[float]) -> None:
    positions = range(len(values))
    drawn = axis.barh(positions, values, 0.6, color=[_colour(position) for position in positions])
    is_share = max(values) <= 1
    axis.bar_label(drawn, labels=[f"{value:.3%}" if is_share else f"{value:.3f}" for value in values], padding=3)
    axis.set_title(title, loc="left")
    axis.set_yticks([])
    axis.set_xticks([])
    axis.grid(False)
    axis.spines["bottom"].set_visible(False)
    axis.set_xlim(0, max(*values, 1e-9) * 1.3)
    axis.set_ylim(max(len(values), _ROOM_FOR_BARS) - 0.4, -0.6)


def _piece_lengths(axis: "Axes", vocabularies: list[Vocabulary]) -> None:
    width = 0.8 / len(vocabularies)
    for index, vocabulary in enumerate(vocabularies):
        positions = np.arange(len(vocabulary.piece_lengths)) + (index - (len(vocabularies) - 1) / 2) * width
        axis.bar(positions, [100 * share for share in vocabulary.piece_lengths], width, color=_colour(index))
    longest = len(vocabularies[0].piece_lengths) - 1
    axis.set_xticks(range(longest + 1), [*map(str, range(longest)), f"{longest}+"])
    axis.set_title("Characters in a piece, % of the tokens", loc="left")
    axis.grid(False, axis="x")
    axis.set_axisbelow(True)


def _line_lengths(axis: "Axes", vocabularies: list[Vocabulary]) -> None:
    # Up to what nearly all lines of all vocabularies have: a few long ones would press the rest together.
    ends = [_quantile(vocabulary.line_lengths, 0.99) for vocabulary in vocabularies]
    edges = np.arange(0, max(ends) + 2, max(1, (max(ends) + 1) // _LINE_BINS))
    for index, vocabulary in enumerate(vocabularies):
        lengths, counts = list(vocabulary.line_lengths), list(vocabulary.line_lengths.values())
        axis.hist(lengths, bins=edges.tolist(), weights=counts, histtype="step", linewidth=1.6, color=_colour(index))
    axis.set_title("Tokens in a line, lines", loc="left")


def _quantile(counts: dict[int, int], share: float) -> int:
    values = sorted(counts)
    below = np.cumsum([counts[value] for value in values])
    return values[int(np.searchsorted(below, share * below[-1]))]


def _colour(index: int) -> str:
    return COLOURS[index % len(COLOURS)]

"""The page of a folder of records: what it holds, what is wrong with it, charts, frequent tokens, examples to read."""

import html
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from electra_pretrain.plot.chart import COLOURS, saved, short
from electra_pretrain.plot.page import document, drawing, table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

UNKNOWN = "[UNK]"
_BARS = 64
_SIZE = (6.6, 3.4)  # inches
CHARTS_CSS = ".charts { display: flex; flex-wrap: wrap; gap: 1rem; margin-top: 2rem } .charts figure { flex: 1 1 26rem }"
_CSS = (
    CHARTS_CSS
    + """
td { text-align: left } .right td:nth-child(n+2), .right th:nth-child(n+2) { text-align: right }
.fault { color: #a00 }
.example { border-left: 4px solid #ddd; margin: 1rem 0; padding: .2rem 1rem }
.example h3 { font-size: 13px; margin: 0; color: #555 }
.example p { margin: .4rem 0; line-height: 1.9; overflow-wrap: anywhere }
.example b { color: #0072B2; margin-right: .6em } .example p.B b { color: #D55E00 }
.word { margin-right: .45em }
.word i { font-style: normal; background: #eef3f8; border-radius: 3px; padding: .1em .15em; margin-right: 1px }
.word i:nth-child(even) { background: #d8e4ef } .word i.unk { background: #c00; color: #fff }
"""
)


class Frequency(NamedTuple):
    """How often a token occurs, and its share of all tokens that came from text."""

    token: str
    occurrences: int
    share: float


class ShownExample(NamedTuple):
    """A row to read: where it stands, and for each segment of each document in it the words, each a list of its pieces."""

    title: str
    documents: list[list[list[list[str]]]]

    def named_segments(self) -> list[tuple[str, list[list[str]]]]:
        """List the segments, called A and B; where there are several documents, with the number of theirs before it."""
        several = len(self.documents) > 1
        return [
            (f"{number}{name}" if several else name, words)
            for number, segments in enumerate(self.documents, 1)
            for name, words in zip("AB", segments, strict=False)
        ]


class DataFacts(NamedTuple):
    """What the page tells of a folder of records."""

    folder: str
    summary: list[tuple[str, str]]
    faults: list[str]
    lengths: np.ndarray  # int64 [S + 1]: documents in rows, of so many tokens
    token_counts: np.ndarray  # int64 [V]: occurrences in text
    frequent: list[Frequency]
    examples: list[ShownExample]


def data_page(facts: DataFacts) -> str:
    """Write the whole page.

    Raises:
        UserError: matplotlib is not installed.
    """
    faults = "".join(f"<li>{html.escape(fault)}</li>\n" for fault in facts.faults)
    frequent = [[each.token, f"{each.occurrences:,}", f"{each.share:.2%}"] for each in facts.frequent]
    charts = drawing(length_histogram(facts.lengths)) + drawing(rank_frequency(facts.token_counts))
    sections = [
        table("", facts.summary),
        f'<h2>Faults</h2>\n<ul class="fault">\n{faults}</ul>\n' if faults else "",
        f'<div class="charts">\n{charts}</div>\n',
        "<h2>Examples</h2>\n" + "".join(map(_example, facts.examples)) if facts.examples else "",
        '<h2>Most frequent tokens</h2>\n<div class="right">'
        + table("<th>token</th><th>occurrences</th><th>share</th>", frequent)
        + "</div>\n"
        if frequent
        else "",
    ]
    return document("inspect_data", f"Records: {facts.folder}", "".join(sections), _CSS)


def _example(example: ShownExample) -> str:
    segments = "".join(
        f'<p class="{name[-1]}"><b>{name}</b>{"".join(map(_word, words))}</p>\n'
        for name, words in example.named_segments()
        if words
    )
    return f'<div class="example"><h3>{html.escape(example.title)}</h3>\n{segments}</div>\n'


def _word(pieces: list[str]) -> str:
    """Write a word, its pieces set apart by their shade."""
    marked = ("<i" + (' class="unk"' if piece == UNKNOWN else "") + f">{html.escape(piece)}</i>" for piece in pieces)
    return f'<span class="word">{"".join(marked)}</span> '


def length_histogram(lengths: np.ndarray) -> bytes:
    """Draw, as SVG, how many examples have so many tokens; int64 [S + 1], in at most 64 bars."""
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

    return svg(draw)


def rank_frequency(counts: np.ndarray) -> bytes:
    """Draw, as SVG, how often the most frequent token, the next, and so on occur; int64 [V]; in text about a straight line."""
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

    return svg(draw)


def svg(draw: Callable[["Figure"], None]) -> bytes:
    """Draw on a figure of a chart's size, and save it as SVG."""

    def drawn() -> "Figure":
        from matplotlib.figure import Figure

        figure = Figure(figsize=_SIZE, layout="constrained")
        draw(figure)
        return figure

    return saved(drawn, "svg")

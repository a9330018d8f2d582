"""The page of a corpus: sizes, charts of lengths, and tables of what is in it, the worst lines last."""

import html
from typing import TYPE_CHECKING, NamedTuple

from electra_pretrain.plot.chart import COLOURS, short
from electra_pretrain.plot.data_page import CHARTS_CSS, svg
from electra_pretrain.plot.page import document, drawing, table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_CSS = (
    CHARTS_CSS
    + """
td { text-align: left } td:last-child { overflow-wrap: anywhere }
.note { color: #555; max-width: 60rem }
"""
)


class Section(NamedTuple):
    """A table with a title and a note under it; each may be empty."""

    title: str
    head: list[str]
    rows: list[list[str]]
    note: str = ""


class Bars(NamedTuple):
    """How many there are from each edge up to the next; the last ends at twice its edge."""

    title: str
    unit: str
    edges: list[int]
    heights: list[int]


class CorpusFacts(NamedTuple):
    """What the page tells of a corpus; the first section stands above the charts."""

    corpus: str
    sections: list[Section]
    lengths: list[Bars]


def corpus_page(facts: CorpusFacts) -> str:
    """Write the whole page.

    Raises:
        UserError: matplotlib is not installed.
    """
    first, *others = map(_section, facts.sections)
    charts = "".join(drawing(length_bars(bars)) for bars in facts.lengths)
    body = [first, f'<div class="charts">\n{charts}</div>\n', *others]
    return document("corpus_stats", f"Corpus: {facts.corpus}", "".join(body), _CSS)


def length_bars(bars: Bars) -> bytes:
    """Draw, as SVG, how many there are by length, each bar twice as long as the one before."""

    def draw(figure: "Figure") -> None:
        axis = figure.subplots()
        places = range(len(bars.heights))
        axis.bar(places, bars.heights, width=0.9, align="edge", color=COLOURS[0])
        axis.set_xticks(list(places), [f"{edge:,}" for edge in bars.edges])
        axis.tick_params(axis="x", labelsize=8, rotation=45)
        axis.set_title(bars.title, loc="left")
        axis.set_xlabel("characters, from here to the next mark")
        axis.set_ylabel(bars.unit)
        axis.yaxis.set_major_formatter(lambda value, _: short(value))

    return svg(draw)


def _section(section: Section) -> str:
    head = "".join(f"<th>{html.escape(cell)}</th>" for cell in section.head)
    title = f"<h2>{html.escape(section.title)}</h2>\n" if section.title else ""
    note = f'<p class="note">{html.escape(section.note)}</p>\n' if section.note else ""
    return title + table(head, section.rows) + note

"""One HTML page that stands alone, of drawings and tables: nothing is fetched, no script runs."""

import html
from collections.abc import Sequence

from electra_pretrain.core.marks import of_page
from electra_pretrain.plot.chart import COLOURS

_POLICY = "default-src 'none'; style-src 'unsafe-inline'"
_CSS = """
body { font: 15px/1.5 'DejaVu Sans', Verdana, sans-serif; color: #222; margin: 1.5rem auto; max-width: 1400px; padding: 0 1rem }
h1 { font-size: 1.4rem; overflow-wrap: anywhere } h2 { font-size: 1.1rem; margin-top: 2rem }
figure { margin: 0 } svg { max-width: 100%; height: auto }
.wide { overflow-x: auto }
table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums }
th, td { padding: .3rem .8rem; text-align: right; border-bottom: 1px solid #ddd; vertical-align: bottom }
th { max-width: 16rem; overflow-wrap: break-word }
th:first-child, td:first-child { text-align: left }
.colour { display: inline-block; width: .8em; height: .8em; margin-right: .5em }
"""


def document(command: str, title: str, body: str, css: str = "") -> str:
    """Write a whole page.

    Args:
        command: that makes it, by which it knows it again.
        title: text, escaped here.
        body: HTML, in which every name is escaped already.
        css: rules of this page alone.
    """
    escaped = html.escape(title)
    return (
        f'<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n{of_page(command)}'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escaped}</title>\n<style>{_CSS}{css}</style>\n</head>\n<body>\n<h1>{escaped}</h1>\n"
        f"{body}</body>\n</html>\n"
    )


def drawing(svg: bytes) -> str:
    """Write an SVG as part of a page."""
    text = svg.decode("utf-8")
    return f"<figure>\n{text[text.index('<svg') :]}</figure>\n"  # an XML prologue has no place within HTML


def coloured_table(corner: str, labels: list[str], rows: list[tuple[str, list[str]]]) -> str:
    """Write a line for each row, a column for each label, with its colour; everything is escaped."""
    colours = [
        f'<span class="colour" style="background:{COLOURS[index % len(COLOURS)]}"></span>' for index in range(len(labels))
    ]
    heads = [f"<th>{colour}{html.escape(label)}</th>" for colour, label in zip(colours, labels, strict=True)]
    return table(f"<th>{corner}</th>{''.join(heads)}", [[name, *cells] for name, cells in rows])


def table(head: str, rows: Sequence[Sequence[str]]) -> str:
    """Write a table, given its head line's cells as HTML ("" for none) and its rows as text."""
    lines = [head] if head else []
    lines += ["".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in rows]
    return '<div class="wide"><table>\n' + "".join(f"<tr>{line}</tr>\n" for line in lines) + "</table></div>\n"

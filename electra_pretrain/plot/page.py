"""One HTML page that stands alone; of runs: the drawing, the last held-out metrics, in which fields the configs differ."""

import html
import json
from collections.abc import Sequence
from typing import Any

from electra_pretrain.config.load import differences
from electra_pretrain.config.schema import SECTIONS, Config
from electra_pretrain.plot.curves import Run, metric_names
from electra_pretrain.plot.figure import COLOURS

# Of the page's own making: nothing is fetched, no script runs.
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
ABSENT = "–"
NAMES_IN_TITLE = 3


def document(title: str, body: str, css: str = "") -> str:
    """A whole page.

    Args:
        title: text, escaped here.
        body: HTML, in which every name is escaped already.
        css: rules of this page alone.
    """
    escaped = html.escape(title)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escaped}</title>\n<style>{_CSS}{css}</style>\n</head>\n<body>\n<h1>{escaped}</h1>\n"
        f"{body}</body>\n</html>\n"
    )


def drawing(svg: bytes) -> str:
    """An SVG as part of a page."""
    text = svg.decode("utf-8")
    return f"<figure>\n{text[text.index('<svg') :]}</figure>\n"  # an XML prologue has no place within HTML


def page(runs: list[Run], svg: bytes) -> str:
    """The page of some runs."""
    names = ", ".join(run.label for run in runs) if len(runs) <= NAMES_IN_TITLE else f"{len(runs)} runs"
    sections = [_heldout(runs), *([_configs(runs)] if len(runs) > 1 else [])]
    return document(f"Pretraining: {names}", drawing(svg) + "".join(sections))


def _heldout(runs: list[Run]) -> str:
    """How far each run has come, and what its last evaluation said."""
    names = list(dict.fromkeys(name for run in runs for name in metric_names(run.rows, ("heldout",))))
    last: list[dict[str, Any]] = [next((row for row in reversed(run.rows) if row["kind"] == "heldout"), {}) for run in runs]
    rows = [
        ("reached step", [f"{max(row['step'] for row in run.rows):,}" for run in runs]),
        ("scored at step", [f"{row['step']:,}" if row else ABSENT for row in last]),
        *((name, [_number(row.get(name)) for row in last]) for name in names),
    ]
    return "<h2>Last held-out metrics</h2>\n" + coloured_table("metric", [run.label for run in runs], rows)


def _configs(runs: list[Run]) -> str:
    """The fields in which the runs' configs differ."""
    known = [run.config for run in runs if run.config is not None]
    fields = list(dict.fromkeys(field for config in known[1:] for field in differences(known[0], config)))
    order = [*SECTIONS, "phases"]
    fields.sort(key=lambda field: order.index(field.split(".")[0]))
    text = "<h2>Configs</h2>\n"
    if len(known) < len(runs):
        text += f"<p>{len(runs) - len(known)} of {len(runs)} cannot be read.</p>\n"
    if not fields:
        return text + ("<p>They do not differ.</p>\n" if len(known) > 1 else "")
    return text + coloured_table(
        "field", [run.label for run in runs], [(field, [_field(run.config, field) for run in runs]) for field in fields]
    )


def _field(config: Config | None, field: str) -> str:
    if config is None:
        return ABSENT
    value: Any = config.to_dict()
    for name in field.split("."):
        value = value[name]
    return json.dumps(value)


def coloured_table(corner: str, labels: list[str], rows: list[tuple[str, list[str]]]) -> str:
    """A line for each row, a column for each label, with its colour; everything is escaped."""
    colours = [
        f'<span class="colour" style="background:{COLOURS[index % len(COLOURS)]}"></span>' for index in range(len(labels))
    ]
    heads = [f"<th>{colour}{html.escape(label)}</th>" for colour, label in zip(colours, labels, strict=True)]
    return table(f"<th>{corner}</th>{''.join(heads)}", [[name, *cells] for name, cells in rows])


def table(head: str, rows: Sequence[Sequence[str]]) -> str:
    """A table, given its head line's cells as HTML ("" for none) and its rows as text."""
    lines = [head] if head else []
    lines += ["".join(f"<td>{html.escape(cell)}</td>" for cell in row) for row in rows]
    return '<div class="wide"><table>\n' + "".join(f"<tr>{line}</tr>\n" for line in lines) + "</table></div>\n"


def _number(value: Any) -> str:
    return ABSENT if value is None else f"{value:.4f}" if abs(value) < 1000 else f"{value:.6g}"

"""Pretraining runs as a picture, or as a page: the drawing, the last held-out metrics, in which fields the configs differ."""

import json
from typing import Any, NamedTuple

from electra_pretrain.config.load import differences
from electra_pretrain.config.schema import ALL_SECTIONS, Config
from electra_pretrain.core.errors import UserError
from electra_pretrain.plot.curves import Run, metric_names
from electra_pretrain.plot.page import coloured_table, document, drawing, table
from electra_pretrain.plot.run_figure import choose_panels, render

ABSENT = "–"
NAMES_IN_TITLE = 3


class RunDrawing(NamedTuple):
    """What a file shall hold, and the metrics that are drawn in it."""

    content: bytes
    metrics: list[str]


def draw_runs(
    runs: list[Run],
    metrics: list[str] | None,
    smoothing: float,
    from_step: int,
    as_page: bool,
    health: list[tuple[str, str]],
) -> RunDrawing:
    """Draw runs, as a PNG or as an HTML page.

    Args:
        runs: what to draw, in the order of their colours.
        metrics: by their names in `metrics.jsonl`; None: the usual ones.
        smoothing: as `run_figure.render` takes it.
        from_step: where the curves begin.
        as_page: whether to write a page instead of a PNG.
        health: what the page says of the runs' health: whose it is, and a sentence.

    Raises:
        UserError: no run has such a metric, no run has come as far as `from_step`, or matplotlib is not installed.
    """
    panels = choose_panels(runs, metrics)
    reached = max(row["step"] for run in runs for row in run.rows if any(panel.metric in row for panel in panels))
    if from_step > reached:
        raise UserError(f"--from_step {from_step}: no run has come so far; the last step to draw is {reached}")
    content = render(runs, panels, smoothing, from_step, "svg" if as_page else "png")
    if as_page:
        content = page(runs, content, health).encode("utf-8")
    return RunDrawing(content, [panel.metric for panel in panels])


def page(runs: list[Run], svg: bytes, health: list[tuple[str, str]]) -> str:
    """Write the page of some runs around their drawing."""
    names = ", ".join(run.label for run in runs) if len(runs) <= NAMES_IN_TITLE else f"{len(runs)} runs"
    sections = [_heldout(runs), f"<h2>Is it learning?</h2>\n{table('', health)}", *([_configs(runs)] if len(runs) > 1 else [])]
    return document("plot_run", f"Pretraining: {names}", drawing(svg) + "".join(sections))


def _heldout(runs: list[Run]) -> str:
    """Tell how far each run has come, and what its last evaluation said."""
    names = list(dict.fromkeys(name for run in runs for name in metric_names(run.rows, ("heldout",))))
    last: list[dict[str, Any]] = [next((row for row in reversed(run.rows) if row["kind"] == "heldout"), {}) for run in runs]
    rows = [
        ("reached step", [f"{max(row['step'] for row in run.rows):,}" for run in runs]),
        ("scored at step", [f"{row['step']:,}" if row else ABSENT for row in last]),
        *((name, [_number(row.get(name)) for row in last]) for name in names),
    ]
    return "<h2>Last held-out metrics</h2>\n" + coloured_table("metric", [run.label for run in runs], rows)


def _configs(runs: list[Run]) -> str:
    """Tabulate the fields in which the runs' configs differ."""
    known = [run.config for run in runs if run.config is not None]
    fields = list(dict.fromkeys(field for config in known[1:] for field in differences(known[0], config)))
    order = [*ALL_SECTIONS, "phases"]
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
        value = None if value is None else value[name]
    return json.dumps(value)


def _number(value: Any) -> str:
    return ABSENT if value is None else f"{value:.4f}" if abs(value) < 1000 else f"{value:.6g}"

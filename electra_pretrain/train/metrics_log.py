"""Read a run's `metrics.jsonl`: its metrics up to now, without TensorFlow, also while the run is still going."""

import contextlib
from typing import Any, NamedTuple

from electra_pretrain.core import files, json_files, typed
from electra_pretrain.core.errors import UserError

METRICS_NAME = "metrics.jsonl"


class _Head(NamedTuple):
    """What every row has; beside it there are numbers alone."""

    kind: str
    step: typed.Count


def read_rows(folder: str) -> list[dict[str, Any]]:
    """Return the rows of `metrics.jsonl`, none if there is no such file; a damaged line costs its own metrics, not the run."""
    path = files.join(folder, METRICS_NAME)
    rows = []
    for line in files.read_bytes(path).splitlines() if files.exists(path) else []:
        with contextlib.suppress(UserError):
            rows.append(_checked(json_files.parse(line, path), typed.Place(path)))
    return rows


def last_metrics(folder: str, kind: str, step: int) -> dict[str, float] | None:
    """Return the newest metrics of a kind, not after `step`; None if there are none."""
    rows = [row for row in read_rows(folder) if row["kind"] == kind and row["step"] <= step]
    return {name: value for name, value in rows[-1].items() if name != "kind"} if rows else None


def _checked(row: Any, place: typed.Place) -> dict[str, Any]:
    head = typed.read_known(_Head, row, place)
    numbers = typed.read(dict[str, float], {name: value for name, value in row.items() if name not in head._fields}, place)
    return {**head._asdict(), **numbers}

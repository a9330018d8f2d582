"""Read a run's `metrics.jsonl`: its metrics up to now, without TensorFlow, also while the run is still going."""

import contextlib
import json
from typing import Any

from electra_pretrain.core import files

METRICS_NAME = "metrics.jsonl"


def read_rows(folder: str) -> list[dict[str, Any]]:
    """Return the rows of `metrics.jsonl`, none if there is no such file; a damaged line costs its own metrics, not the run."""
    path = files.join(folder, METRICS_NAME)
    rows = []
    for line in files.read_bytes(path).splitlines() if files.exists(path) else []:
        with contextlib.suppress(ValueError):
            row = json.loads(line)
            if isinstance(row, dict) and "kind" in row and isinstance(row.get("step"), int):
                rows.append(row)
    return rows


def last_metrics(folder: str, kind: str, step: int) -> dict[str, float] | None:
    """Return the newest metrics of a kind, not after `step`; None if there are none."""
    rows = [row for row in read_rows(folder) if row["kind"] == kind and row["step"] <= step]
    return {name: value for name, value in rows[-1].items() if name != "kind"} if rows else None

"""What a run's `metrics.jsonl` says of its way: the real tokens read up to each step, and what a step took."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from electra_pretrain.core.errors import UserError


def step_seconds(rows: Sequence[dict[str, Any]], batch: int) -> float:
    """Return what a step takes on the device, the median over the run's loops.

    Evaluation and saving are no part of a loop, and a loop that compiles or was disturbed moves no median.

    Args:
        rows: of `metrics.jsonl`.
        batch: rows of a step.
    """
    return float(np.median([batch / row["sequences_per_second"] for row in _loops(rows)]))


def tokens_until(rows: Sequence[dict[str, Any]], steps: Sequence[int], batch: int) -> list[float]:
    """Return how many real tokens were read up to each of these steps, which lie between the loops' ends in proportion.

    Args:
        rows: of `metrics.jsonl`.
        steps: none beyond the last loop's.
        batch: rows of a step.
    """
    loops = _loops(rows)
    ends = np.array([0, *(row["step"] for row in loops)], np.float64)
    per_row = np.array([row["tokens_per_second"] / row["sequences_per_second"] for row in loops], np.float64)
    tokens = np.concatenate([[0.0], np.cumsum(np.diff(ends) * batch * per_row)])
    return [float(each) for each in np.interp(steps, ends, tokens)]


def _loops(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Choose the rows of loops, ascending.

    Raises:
        UserError: there is none.
    """
    loops = {row["step"]: row for row in rows if row["kind"] == "train" and "sequences_per_second" in row}
    if not loops:
        raise UserError("metrics.jsonl: tells of no loop of training; remove the run's folder and run it again")
    return [loops[step] for step in sorted(loops)]

"""The scores of one fine-tuning, read from its `results.json` and checked; and what several seeds say together."""

import math
from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

import numpy as np

from electra_pretrain.core import json_files, typed
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.typed import Check, Count, Place


class Result(NamedTuple):
    """One fine-tuning's scores.

    Attributes:
        task: its name.
        model: what was fine-tuned: a folder, or a name on the hub.
        metrics: name -> 0 to 100.
        metric: the name of the one that is compared.
        seed: of the new layer and the order of the examples.
        steps: updates made; None where the file does not tell, as the following ones.
        max_steps: the limit, where it was cut short of its config's epochs; None if it was not.
        select: "last", or "best" where the scored weights were chosen among checkpoints.
        split: the examples that were scored.
        stuck_at_chance: whether training did not get off the ground, so that the score says nothing of the model.
    """

    task: Annotated[str, Check(str.isidentifier, "must be the name of a task")]
    model: str
    metrics: dict[str, float]
    metric: str
    seed: Count
    steps: Count | None = None
    max_steps: Count | None = None
    select: str | None = None
    split: str | None = None
    stuck_at_chance: bool = False


class Score(NamedTuple):
    """Several seeds' scores.

    Attributes:
        mean: of them.
        deviation: of the sample (divisor n - 1); None of a single one.
        seeds: how many.
    """

    mean: float
    deviation: float | None
    seeds: int


def read_result(path: str) -> Result:
    """Read the scores in a `results.json` of finetune.

    Raises:
        UserError: the file is no such thing.
    """
    try:
        values = json_files.read(path)
    except UserError as error:
        raise UserError(f"{error}; remove it and run the same command again") from error
    return parse(values, Place(path))


def parse(values: Any, place: Place) -> Result:
    """Read a result from its JSON object, which has more to say; raises as `read_result`."""
    try:
        result = typed.read_known(Result, values, place)
    except UserError as error:
        raise UserError(f"{error}; name the output of finetune") from error
    if result.metric not in result.metrics:
        raise UserError(f"{place}: metrics lacks {result.metric}, which is its metric; name the output of finetune")
    return result


def summary(values: Sequence[float]) -> Score:
    """Sum up the scores of seeds, at least one."""
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return Score(float(np.mean(values)), deviation, len(values))


def shown(results: Sequence[Result], metrics: Sequence[str]) -> str:
    """Write a cell of a table: "58.04 ± 0.31 / 86.76 ± 0.20", marked where seeds were stuck at chance; "–" of no results."""
    if not results:
        return "–"
    scores = [summary([result.metrics[name] for result in results if name in result.metrics] or [math.nan]) for name in metrics]
    text = " / ".join(
        f"{score.mean:.2f}" + ("" if score.deviation is None else f" ± {score.deviation:.2f}") for score in scores
    )
    return text + "†" * any(result.stuck_at_chance for result in results)

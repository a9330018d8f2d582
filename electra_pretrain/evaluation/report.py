"""What an evaluation found, written out: all scores in one file, a table, and a drawing for each task."""

import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from electra_pretrain.core import files, json_files, typed
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.typed import Count, Place
from electra_pretrain.evaluation.cells import RANDOM_STEP, Cell, done
from electra_pretrain.evaluation.markdown import aligned
from electra_pretrain.evaluation.published import Column, column_of
from electra_pretrain.evaluation.results import Result, parse, shown, summary
from electra_pretrain.finetuning import record
from electra_pretrain.plot.curves import labels
from electra_pretrain.plot.scores import ScoreCurve, score_chart

TABLE_NAME = "table.md"


def write_report(output: str, run: str, tasks: Sequence[str], seeds: int, beside: Sequence[str] = ()) -> None:
    """Write `results.json`, `table.md` and TASK.png of everything that is done.

    Args:
        output: folder of the cells.
        run: folder of the pretraining run.
        tasks: these come first in tables.
        seeds: how many a score should be the mean of.
        beside: other such folders, drawn over each other with this one.

    Raises:
        UserError: one of the others has no results.
    """
    cells = done(output)
    if not cells:
        return
    runs = dict(zip(labels([output, *beside]), [cells, *map(read_cells, beside)], strict=True))
    text = json.dumps(summed_up(cells, run, tasks), ensure_ascii=False, indent=2) + "\n"
    files.write_text(files.join(output, record.RESULTS), text)
    files.write_text(files.join(output, TABLE_NAME), table(cells, tasks, seeds))
    for column in columns(cells.values(), tasks):
        metric = column.metrics[-1]
        if curves := [made for label, each in runs.items() if (made := curve(label, each, column.task, metric))]:
            title = f"{column.head}: {metric}" if len(column.metrics) > 1 else column.head
            files.write_bytes(files.join(output, f"{column.task}.png"), score_chart(title, curves))


def read_cells(output: str) -> dict[Cell, Result]:
    """Read the cells of an evaluation's output; raises as `read_evaluation`."""
    return read_evaluation(files.join(output, record.RESULTS)).cells


class Evaluation(NamedTuple):
    """What an evaluation found: the folder of the pretraining run, and the cells."""

    run: str
    cells: dict[Cell, Result]


class _File(NamedTuple):
    run: str
    cells: tuple[dict[str, Any], ...]


class _Step(NamedTuple):
    step: Count


def read_evaluation(path: str) -> Evaluation:
    """Read the `results.json` of an evaluation.

    Raises:
        UserError: it is no such thing.
    """
    place = Place(path)
    try:
        run, rows = typed.read_known(_File, json_files.read(path), place)
        steps = [typed.read_known(_Step, row, place.field("cells").item(number)).step for number, row in enumerate(rows)]
    except UserError as error:
        raise UserError(f"{error}; name the --output of evaluate_checkpoints") from error
    results = [parse(row, place.field("cells").item(number)) for number, row in enumerate(rows)]
    return Evaluation(run, {Cell(step, each.task, each.seed): each for step, each in zip(steps, results, strict=True)})


def curve(label: str, cells: dict[Cell, Result], task: str, metric: str) -> ScoreCurve | None:
    """Make one run's curve of one task; None where it has no checkpoint scored."""
    scores: dict[int, list[float]] = {}
    for cell, result in cells.items():
        if cell.task == task and metric in result.metrics:
            scores.setdefault(cell.step, []).append(result.metrics[metric])
    baseline = scores.pop(RANDOM_STEP, [])
    return ScoreCurve(label, scores, baseline) if scores else None


def columns(results: Iterable[Result], first: Sequence[str]) -> list[Column]:
    """Choose a column for each task that has results, as it is published; those named in `first` come first."""
    by_task = {result.task: result for result in results}
    order = [*(task for task in first if task in by_task), *sorted(set(by_task) - set(first))]
    return [column_of(task, by_task[task].metric, by_task[task].split) for task in order]


def table(cells: dict[Cell, Result], first: Sequence[str], seeds: int) -> str:
    """Write, as Markdown, a row a checkpoint, a column a task, mean ± deviation over seeds, and what is not as it should be.

    Args:
        cells: what is done.
        first: tasks in the order of the columns.
        seeds: how many a cell of the table should be the mean of.
    """
    heads = columns(cells.values(), first)
    rows, short = [], []
    for step in sorted({cell.step for cell in cells}):
        row = [f"{step:,}" if step != RANDOM_STEP else "0 (random weights)"]
        for column in heads:
            results = [result for cell, result in cells.items() if (cell.step, cell.task) == (step, column.task)]
            row.append(shown(results, column.metrics))
            if len(results) < seeds:
                short.append(f"{column.task} at step {step:,} ({len(results)})")
        rows.append(row)
    notes = [f"Mean ± sample standard deviation over {seeds} seeds."] if seeds > 1 else []
    notes += [f"Of fewer seeds: {', '.join(short)}."] if short else []
    notes += ["† a seed was stuck at chance."] if any(result.stuck_at_chance for result in cells.values()) else []
    notes += _cut_short(cells.values())
    return aligned(["step", *(column.head for column in heads)], rows) + "".join(f"\n{note}\n" for note in notes)


def _cut_short(results: Iterable[Result]) -> list[str]:
    limits = sorted({result.max_steps for result in results if result.max_steps is not None})
    return (
        [f"Fine-tuned for at most {', '.join(map(str, limits))} steps, not for as long as the config says."] if limits else []
    )


def summed_up(cells: dict[Cell, Result], run: str, first: Sequence[str]) -> dict[str, Any]:
    """Gather what `results.json` of the whole folder holds: the run, every cell, and the means.

    Args:
        cells: what is done.
        run: folder of the pretraining run.
        first: tasks in the order of the columns.
    """
    means = []
    for step in sorted({cell.step for cell in cells}):
        for column in columns(cells.values(), first):
            results = [result for cell, result in cells.items() if (cell.step, cell.task) == (step, column.task)]
            for metric in results[0].metrics if results else ():
                score = summary([result.metrics[metric] for result in results])
                means.append({"step": step, "task": column.task, "metric": metric, **score._asdict()})
    return {"run": run, "cells": [{"step": cell.step, **result._asdict()} for cell, result in cells.items()], "means": means}

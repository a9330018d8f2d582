"""Many fine-tunings in one folder: checkpoints by tasks by seeds, and which of them are done.

A cell is one fine-tuning, `cells/step-STEP/TASK/seed-SEED/`; it is done when its `results.json` lies there.
"""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from electra_pretrain import files
from electra_pretrain.config import read_object
from electra_pretrain.downstream.markdown import aligned
from electra_pretrain.downstream.published import Column, column_of
from electra_pretrain.downstream.results import RESULTS_NAME, Result, read_result, shown, summary
from electra_pretrain.errors import UserError

SETTINGS_NAME, TABLE_NAME = "settings.json", "table.md"
RANDOM_STEP = 0  # the row of random weights
LOG_NAME = "log.txt"
_CELLS = "cells"


class Cell(NamedTuple):
    step: int
    task: str
    seed: int

    def folder(self, output: str) -> str:
        return files.join(output, _CELLS, f"step-{self.step}", self.task, f"seed-{self.seed}")

    def result(self, output: str) -> str:
        """Path of its scores, which is there once the cell is done."""
        return files.join(self.folder(output), RESULTS_NAME)


def done(output: str) -> dict[Cell, Result]:
    """Every cell of the folder that is done, in the order of steps, tasks and seeds.

    Raises:
        UserError: a `results.json` is damaged.
    """
    found = {}
    for step in _numbered(files.join(output, _CELLS), "step"):
        of_step = files.join(output, _CELLS, f"step-{step}")
        for task in files.list_dir(of_step):
            for seed in _numbered(files.join(of_step, task), "seed"):
                cell = Cell(step, task, seed)
                if files.exists(cell.result(output)):
                    found[cell] = read_result(cell.result(output))
    return found


def _numbered(folder: str, prefix: str) -> list[int]:
    if not files.is_dir(folder):
        return []
    matches = (re.fullmatch(rf"{prefix}-(\d+)", name) for name in files.list_dir(folder))
    return sorted(int(match.group(1)) for match in matches if match)


def check_settings(output: str, settings: dict[str, Any]) -> None:
    """Record the settings of a folder's cells; those of tasks that are new to it are added.

    Args:
        output: the folder.
        settings: name -> value; of what belongs to one task alone, "data.TASK".

    Raises:
        UserError: cells were made with other settings, each of which is named.
    """
    path = files.join(output, SETTINGS_NAME)
    earlier = read_object(path) if files.exists(path) else {}
    new = {name for name in {**earlier, **settings} if _of_a_task(name) and not (name in earlier and name in settings)}
    changed = [
        f"{name} was {_json(earlier.get(name))}, is {_json(settings.get(name))}"
        for name in {**earlier, **settings}
        if earlier and name not in new and earlier.get(name) != settings.get(name)
    ]
    if changed:
        raise UserError(f"{output}: holds scores of other settings: {'; '.join(changed)}; use those, or another --output")
    files.write_text(path, json.dumps({**earlier, **settings}, ensure_ascii=False, indent=2) + "\n")


def _of_a_task(name: str) -> bool:
    return name.startswith("data.")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def columns(results: Iterable[Result], first: Sequence[str]) -> list[Column]:
    """A column for each task that has results, as it is published; those named in `first` come first."""
    by_task = {result.task: result for result in results}
    order = [*(task for task in first if task in by_task), *sorted(set(by_task) - set(first))]
    return [column_of(task, by_task[task].metric, by_task[task].split) for task in order]


def table(cells: dict[Cell, Result], first: Sequence[str], seeds: int) -> str:
    """Markdown: a row a checkpoint, a column a task, mean ± deviation over seeds, and what is not as it should be.

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
        [f"Fine-tuned for at most {', '.join(map(str, limits))} steps, not for as long as the recipe says."] if limits else []
    )


def report(cells: dict[Cell, Result], run: str, first: Sequence[str]) -> dict[str, Any]:
    """What `results.json` of the whole folder holds: the run, every cell, and the means.

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

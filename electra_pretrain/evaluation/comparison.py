"""Our scores beside published ones, in the published tables' columns."""

from collections.abc import Sequence
from typing import NamedTuple

from electra_pretrain.core import files, json_files
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.typed import Place
from electra_pretrain.evaluation.cells import RANDOM_STEP
from electra_pretrain.evaluation.markdown import aligned
from electra_pretrain.evaluation.published import Column, Table, column_of, tables
from electra_pretrain.evaluation.report import read_evaluation
from electra_pretrain.evaluation.results import Result, parse, shown
from electra_pretrain.finetuning import record
from electra_pretrain.plot.curves import labels


class Ours(NamedTuple):
    """A row of ours: a model, and every result of it."""

    label: str
    results: list[Result]


def load(paths: Sequence[str], all_steps: bool) -> list[Ours]:
    """Read rows from outputs of finetune, folders of them, and outputs of evaluate_checkpoints.

    Args:
        paths: folders, or `results.json` itself.
        all_steps: a row for each checkpoint of an evaluation; else its last one.

    Raises:
        UserError: there is nothing, or two results of the same model, task, split and seed.
    """
    rows: dict[tuple[str, int | None], list[Result]] = {}
    for path in dict.fromkeys(file for given in paths for file in _results_files(given)):
        values = json_files.read_object(path)
        if "cells" not in values:
            result = parse(values, Place(path))
            rows.setdefault((result.model, None), []).append(result)
            continue
        run, cells = read_evaluation(path)
        last = max((cell.step for cell in cells), default=RANDOM_STEP)
        for cell, result in cells.items():
            if all_steps or cell.step == last:
                rows.setdefault((run, cell.step), []).append(result)
    for (model, _), results in rows.items():
        _refuse_repetitions(model, results)
    models = list(dict.fromkeys(model for model, _ in rows))
    names = dict(zip(models, labels(models), strict=True))
    return [Ours(names[model] + _at(step), results) for (model, step), results in rows.items()]


def _results_files(path: str) -> list[str]:
    """Find the `results.json` that is meant: itself, a folder's own, or else all in the folders below."""
    if not files.exists(path):
        raise UserError(f"{path}: no such file or folder")
    if not files.is_dir(path):
        return [path]
    if files.exists(own := files.join(path, record.RESULTS)):
        return [own]
    found, folders = [], [path]
    while folders:
        folder = folders.pop(0)
        below = [files.join(folder, name) for name in files.list_dir(folder)]
        if (own := files.join(folder, record.RESULTS)) in below:
            found.append(own)
        else:
            folders += [each for each in below if files.is_dir(each)]
    if not found:
        raise UserError(f"{path}: holds no {record.RESULTS}; name an output of finetune or evaluate_checkpoints")
    return found


def _refuse_repetitions(model: str, results: list[Result]) -> None:
    kinds = [(result.task, result.split, result.seed) for result in results]
    for task, split, seed in kinds:
        if kinds.count((task, split, seed)) > 1:
            raise UserError(
                f"{model}: two results of {task} ({split}) with seed {seed}; name one of them, or seeds that differ"
            )


def _at(step: int | None) -> str:
    if step is None:
        return ""
    return ", random weights" if step == RANDOM_STEP else f", step {step:,}"


def compare(ours: Sequence[Ours], with_published: bool) -> str:
    """Write a section of Markdown for each published table that has a task of ours (without ours: of each), then of others."""
    mine = {result.task for row in ours for result in row.results}
    sections = [
        _section(table, ours, with_published)
        for table in tables()
        if not ours or mine & {column.task for column in table.columns}
    ]
    if others := sorted(mine - {column.task for table in tables() for column in table.columns}):
        metric = {result.task: result.metric for row in ours for result in row.results}
        columns = tuple(column_of(task, metric[task]) for task in others)
        sections.append(_section(Table("other", "Other tasks", "", columns, {}, ()), ours, False))
    return "\n".join(sections)


def _section(table: Table, ours: Sequence[Ours], with_published: bool) -> str:
    placed = [{column: _of_column(row.results, column, table.columns) for column in table.columns} for row in ours]
    columns = [column for column in table.columns if with_published or any(cells[column] for cells in placed)]
    numbers = {name: f"[{number}]" for number, name in enumerate(table.sources, 1)} if with_published else {}
    head = ["model", *(column.head for column in columns), *(["source"] if numbers else [])]
    rows = []
    if numbers:
        rows = [[row.model, *(score or "–" for score in row.scores), numbers[row.source]] for row in table.rows]
    for row, cells in zip(ours, placed, strict=True):
        if any(cells.values()):
            scores = [f"**{shown(cells[column], column.metrics)}**" if cells[column] else "–" for column in columns]
            rows.append([f"**{row.label}**", *scores, *(["ours"] if numbers else [])])
    notes = [note for row, cells in zip(ours, placed, strict=True) for note in _notes(row.label, cells)]
    if numbers:
        notes.append(f"Published: {table.note}")
        notes += [f"{numbers[name]} {source.title}: {source.address}" for name, source in table.sources.items()]
    return f"## {table.title}\n\n{aligned(head, rows)}" + ("\n" + "".join(f"- {note}\n" for note in notes) if notes else "")


def _of_column(results: Sequence[Result], column: Column, columns: Sequence[Column]) -> list[Result]:
    """Choose the results of a column: those of its split, or whose split no column has, if it is the task's first."""
    same_task = [each for each in columns if each.task == column.task]
    splits = [each.split for each in same_task]
    return [
        result
        for result in results
        if result.task == column.task
        and (result.split == column.split or (result.split not in splits and column == same_task[0]))
    ]


def _notes(label: str, cells: dict[Column, list[Result]]) -> list[str]:
    """Note what to know of a row before it is compared."""
    results = [result for column in cells for result in cells[column]]
    if not results:
        return []
    counts = sorted({len(found) for found in cells.values() if found})
    seeds = " to ".join(map(str, dict.fromkeys((counts[0], counts[-1]))))
    notes = [f"{label}: {'one seed' if seeds == '1' else f'mean ± sample standard deviation of {seeds} seeds'}."]
    for column, found in cells.items():
        if others := sorted({str(each.split) for each in found if column.split is not None and each.split != column.split}):
            notes.append(f"{label}, {column.task}: scored on {', '.join(others)}; published is {column.split}.")
    if limits := sorted({each.max_steps for each in results if each.max_steps is not None}):
        notes.append(
            f"{label}: fine-tuned for at most {', '.join(map(str, limits))} steps, not for as long as the config says."
        )
    if any(each.select == "best" for each in results):
        notes.append(f"{label}: the best of several checkpoints of a fine-tuning, chosen by examples that are not scored.")
    if any(each.stuck_at_chance for each in results):
        notes.append(f"{label}: † a seed was stuck at chance; its score is in the mean.")
    return notes

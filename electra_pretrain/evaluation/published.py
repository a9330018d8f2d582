"""Scores that others published, each with its source, and the columns of their tables: `published.json`.

Every number stands there as its source prints it, as text: "91.168" stays what it is, and so does "65.5 (64.4)".
"""

import functools
from pathlib import Path
from typing import NamedTuple

from electra_pretrain.core import json_files, typed


class Column(NamedTuple):
    """One column of a table.

    Attributes:
        task: name of the task.
        head: as the table's head names it, with its metrics.
        metrics: what its cells hold, in order.
        split: the examples scored; None where the source does not tell.
    """

    task: str
    head: str
    metrics: tuple[str, ...]
    split: str | None


class Source(NamedTuple):
    title: str
    address: str


class Row(NamedTuple):
    """A model's scores, one a column; None where its source has none."""

    model: str
    source: str
    scores: tuple[str | None, ...]


class Table(NamedTuple):
    """One benchmark.

    Attributes:
        name: short.
        title: in words.
        note: what to know before comparing.
        columns: of every row.
        sources: name -> where rows were copied from.
        rows: the models.
    """

    name: str
    title: str
    note: str
    columns: tuple[Column, ...]
    sources: dict[str, Source]
    rows: tuple[Row, ...]


class _Published(NamedTuple):
    tables: tuple[Table, ...]


@functools.cache
def tables() -> tuple[Table, ...]:
    """Read all tables of `published.json`."""
    path = str(Path(__file__).with_name("published.json"))
    return typed.read(_Published, json_files.read(path), typed.Place(path)).tables


def column_of(task: str, metric: str, split: str | None = None) -> Column:
    """Find the published column of a task, of this split if there is one; else make one with the metric alone."""
    found = [column for table in tables() for column in table.columns if column.task == task]
    same_split = [column for column in found if column.split == split]
    return (same_split or found or [Column(task, f"{task} ({metric})", (metric,), split)])[0]

"""What a task is: its files, how they are read, its labels, and how it is scored."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Literal, Protocol

from electra_pretrain.finetuning.examples import Example


class Reader(Protocol):
    """Reads one file of a task."""

    def __call__(self, path: str, encoding: str = ..., /) -> list[Example]: ...


Kind = Literal["classification", "regression", "tagging", "question_answering"]


@dataclasses.dataclass(frozen=True)
class Task:
    """One task, as its publisher ships it.

    Attributes:
        name: as `--task` takes it.
        title: as the head of a table's column names it.
        kind: what is predicted: a class, a score, a tag a unit, or a stretch of a context.
        files: split (`train`, `dev`, `test`) -> the names that its file may have in the task's folder, the publisher's first;
            each may also be compressed (`.gz`, `.xz`). Some tasks have no `dev` or no `test`.
        scored: the split whose scores were published.
        read: path of a file, and its encoding -> its examples; raises UserError, which names file and line, and Unlabelled
            where the file holds no labels.
        labels: of classes or tags, in the order of their ids; empty for scores and stretches.
        metrics: names of the metrics, all 0 to 100 and better when higher; the first is the one that is compared.
        further_files: split -> names of files that belong to it too, read after the one of `files`, in whose folder they lie.
    """

    name: str
    title: str
    kind: Kind
    files: Mapping[str, Sequence[str]]
    scored: str
    read: Reader
    labels: tuple[str, ...]
    metrics: tuple[str, ...]
    further_files: Mapping[str, Sequence[str]] = dataclasses.field(default_factory=dict)

    @property
    def metric(self) -> str:
        """Name the metric that is compared."""
        return self.metrics[0]


def klue_files(stem: str, suffix: str) -> Mapping[str, Sequence[str]]:
    """Name KLUE's files by split, version 1.1 first, each also in KLUE's own folder for it; the test sets are not published."""
    return {
        split: [
            folder + f"{stem}-{version}_{split}.{suffix}" for version in ("v1.1", "v1") for folder in ("", f"{stem}-{version}/")
        ]
        for split in ("train", "dev")
    }

"""Rows, of a table or of JSON, made into examples; what is wrong with one is told with its place."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from electra_pretrain.core.errors import UserError
from electra_pretrain.finetuning.examples import Example, TextExample
from electra_pretrain.finetuning.readers.left_out import LeftOut

Value = Callable[[str], int | float]  # a cell -> its label; raises ValueError, which says the rule


class Row(NamedTuple):
    """What a file holds of one example.

    Attributes:
        where: the file, and the line or record.
        texts: one, or two.
        label: as the file writes it.
    """

    where: str
    texts: Sequence[str]
    label: str


def examples(rows: Iterable[Row], value: Value, left_out: LeftOut | None = None) -> list[Example]:
    """An example a row.

    Args:
        rows: with one text each, or two.
        value: what a label means.
        left_out: takes rows with an empty text, where the publisher's file is known to hold some; None: they are an error.

    Raises:
        UserError: a text is empty, a label is none of the task's, or nothing is left; the row is named.
    """
    found: list[Example] = []
    for row in rows:
        if not all(text.strip() for text in row.texts):
            if left_out is None:
                raise UserError(f"{row.where}: a text is empty; fill it in or delete this row")
            left_out.add(row.where, "a text is empty")
            continue
        try:
            label = value(row.label)
        except ValueError as error:
            raise UserError(f"{row.where}: {error}; mend or delete this row") from error
        found.append(TextExample(row.texts[0], row.texts[1] if len(row.texts) > 1 else None, label))
    if left_out is not None:
        left_out.check(len(found))
    return found


def class_of(labels: Sequence[str], other_names: Mapping[str, str] | None = None) -> Value:
    """A label's index in `labels`; `other_names` maps what some file writes to one of them."""
    ids = {label: index for index, label in enumerate(labels)}
    ids.update({name: ids[label] for name, label in (other_names or {}).items()})

    def value(cell: str) -> int:
        if cell.strip() not in ids:
            raise ValueError(f'label "{cell.strip()}" is none of {", ".join(ids)}')
        return ids[cell.strip()]

    return value


def score_between(least: float, most: float) -> Value:
    """A number within the two."""

    def value(cell: str) -> float:
        try:
            score = float(cell)
        except ValueError:
            score = math.nan
        if not least <= score <= most:  # nor is NaN
            raise ValueError(f'score "{cell.strip()}" is no number from {least:g} to {most:g}')
        return score

    return value

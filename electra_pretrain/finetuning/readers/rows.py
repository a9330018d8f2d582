"""Rows, of a table or of JSON, made into examples; what is wrong with one is told with its place.

Flaws that a publisher's own file is known to hold are passed over, counted and told of, and an error where they are many.
"""

import logging
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from electra_pretrain.core.errors import UserError
from electra_pretrain.finetuning.examples import Example, TextExample

Value = Callable[[str], int | float]  # a cell -> its label; raises ValueError, which says the rule
_FEW = 10  # so many flaws are no sign of a broken file, however short it is
_log = logging.getLogger(__name__)


class Unlabelled(UserError):
    """A file holds examples, but not what is right: a publisher's test set, as a rule.

    Args:
        path: of the file.
        lacks: what shows it.
    """

    def __init__(self, path: str, lacks: str) -> None:
        super().__init__(f"{path}: holds no labels ({lacks}), and so can be neither scored nor learnt from")


class LeftOut:
    """Counts what of one file is passed over, or mended.

    Args:
        path: of the file.
        what: became of it.
        share: of the file; more, and it is not the file that its publisher ships.

    Attributes:
        count: so many so far.
    """

    def __init__(self, path: str, what: str = "left out", share: float = 0.01) -> None:
        self._path, self._what, self._share = path, what, share
        self.count = 0
        self._first = ""

    def add(self, where: str, rule: str) -> None:
        """Count one more: its place, and the rule that it breaks."""
        self.count += 1
        self._first = self._first or f"{where}: {rule}"

    def check(self, good: int) -> None:
        """Tell how many there were, once the whole file is read, of which all but `good` were such.

        Raises:
            UserError: they are more than the flaws of a published file.
        """
        total = self.count + good
        if self.count > max(_FEW, self._share * total):
            raise UserError(
                f"{self._first}; that is so {self.count:,} times among {total:,}, more often than in its publisher's file: "
                "fetch it again, or mend it"
            )
        if self.count:
            _log.info(f"{self._path}: {self._what}: {self.count:,} of {total:,}; the first: {self._first}")


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


def examples(rows: Iterable[Row], value: Value, left_out: LeftOut | None = None, may_be_empty: bool = False) -> list[Example]:
    """Make an example of each row.

    Args:
        rows: with one text each, or two.
        value: what a label means.
        left_out: takes rows with an empty text, where the publisher's file is known to hold some; None: they are an error.
        may_be_empty: an empty text is an example like any other.

    Raises:
        UserError: a text is empty, a label is none of the task's, or nothing is left; the row is named.
    """
    found: list[Example] = []
    for row in rows:
        if not may_be_empty and not all(text.strip() for text in row.texts):
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
    """Take a label's index in `labels`; `other_names` maps what some file writes to one of them."""
    ids = {label: index for index, label in enumerate(labels)}
    ids.update({name: ids[label] for name, label in (other_names or {}).items()})

    def value(cell: str) -> int:
        if cell.strip() not in ids:
            raise ValueError(f'label "{cell.strip()}" is none of {", ".join(ids)}')
        return ids[cell.strip()]

    return value


def score_between(least: float, most: float) -> Value:
    """Take a number within the two."""

    def value(cell: str) -> float:
        try:
            score = float(cell)
        except ValueError:
            score = math.nan
        if not least <= score <= most:  # nor is NaN
            raise ValueError(f'score "{cell.strip()}" is no number from {least:g} to {most:g}')
        return score

    return value

"""A Markdown table whose columns also stand one below the other in a terminal, Korean names included."""

import unicodedata
from collections.abc import Sequence


def aligned(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Write a table; the first column to the left, scores to the right."""
    cells = [[cell.replace("|", "\\|") for cell in row] for row in [head, *rows]]
    widths = [max(3, *map(_width, column)) for column in zip(*cells, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = [
        [_padded(cell, width, number == 0) for number, (cell, width) in enumerate(zip(row, widths, strict=True))]
        for row in cells
    ]
    return "".join(f"| {' | '.join(line)} |\n" for line in [lines[0], rule, *lines[1:]])


def _padded(text: str, width: int, to_the_left: bool) -> str:
    space = " " * (width - _width(text))
    return text + space if to_the_left else space + text


def _width(text: str) -> int:
    """Count the columns that a terminal gives it: two for Hangul and Chinese characters, none for a combining mark."""
    return sum(
        2 if unicodedata.east_asian_width(letter) in "WF" else 0 if unicodedata.combining(letter) else 1 for letter in text
    )

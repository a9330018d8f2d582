"""What every compiler's answer has: memory that a step holds, and its figures as lines for people."""

from collections.abc import Sequence
from typing import Any

from electra_pretrain.core.errors import UserError

LARGEST_BUFFERS = 3


class OutOfMemory(UserError):
    """The step does not fit a replica's memory; told in one line."""


def held_bytes(result: dict[str, Any]) -> int:
    """Add up what `xla.compile.memory_of` says; a result that takes an argument's place takes none of its own."""
    total: int = result["arguments"] + result["temporaries"] + result["outputs"] - result["aliased"]
    return total


def lines(title: str, figures: Sequence[tuple[str, str]], end: str) -> str:
    """Return lines for a terminal: a title, names and what is said of them, and what to bear in mind."""
    return "\n".join((title, *(f"  {name:<16}{text}" for name, text in figures), end))

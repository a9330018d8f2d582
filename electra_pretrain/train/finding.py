"""What the checks before a run find."""

import enum
from collections.abc import Iterator
from typing import NamedTuple

from electra_pretrain.core.errors import UserError


class Level(enum.Enum):
    OK = "ok"
    WARNING = "warning"
    FAILURE = "FAILED"


class Finding(NamedTuple):
    """What a check found."""

    level: Level
    text: str

    @property
    def is_failure(self) -> bool:
        return self.level is Level.FAILURE


def collect(*checks: Iterator[Finding]) -> list[Finding]:
    """Go through checks one after the other; a user's error is a finding and ends its check."""
    found: list[Finding] = []
    for check in checks:
        try:
            found.extend(check)
        except UserError as error:
            found.append(Finding(Level.FAILURE, str(error)))
    return found

"""What checks find before something starts, and tables of facts that they go by."""

import dataclasses
import enum
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Generic, NamedTuple, TypeVar

from electra_pretrain.core.errors import UserError

Known = TypeVar("Known")
_log = logging.getLogger(__name__)


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


@dataclasses.dataclass(frozen=True)
class Fact(Generic[Known]):
    """What may ruin a run and is known before it: a row of a table. `docs/pretraining.md` shows all but the sentences.

    Attributes:
        told: from which limit on it is told, in words.
        reason: of that limit.
        sentence: from what is known to what is told, with the way out; None where all is well.
        level: a failure where nothing can come of it.
    """

    told: str
    reason: str
    sentence: Callable[[Known], str | None]
    level: Level = Level.WARNING


def tell(facts: Sequence[Fact[Known]], known: Known) -> Iterator[Finding]:
    """Go through a table, and yield what is to be told."""
    for fact in facts:
        if text := fact.sentence(known):
            yield Finding(fact.level, text)


def collect(*checks: Iterator[Finding]) -> list[Finding]:
    """Go through checks one after the other; a user's error is a finding and ends its check; none is found twice."""
    found: dict[Finding, None] = {}  # in order
    for check in checks:
        try:
            for finding in check:
                found[finding] = None
        except UserError as error:
            found[Finding(Level.FAILURE, str(error))] = None
    return list(found)


def heed(findings: Iterable[Finding]) -> None:
    """Warn of what was found to be amiss, and leave unsaid what is in order.

    Raises:
        UserError: there is a failure; all of them are told, and no warning.
    """
    found = list(findings)
    if failures := [finding.text for finding in found if finding.is_failure]:
        raise UserError("; ".join(failures))
    for finding in found:
        if finding.level is Level.WARNING:
            _log.warning("%s", finding.text)

"""What finished cells gave: a file of JSON lines, one a cell, which is never seen half-written."""

import contextlib
import dataclasses
import fcntl
import json
from collections.abc import Iterator
from typing import Annotated

from electra_pretrain.core import files, json_files, typed
from electra_pretrain.core.typed import Amount, Count, Place, Size


@dataclasses.dataclass(frozen=True)
class Cell:
    """One run: a study's variant with a seed."""

    study: str
    variant: str
    seed: Count

    def __str__(self) -> str:
        return f"{self.study} {self.variant} {self.seed}"


@dataclasses.dataclass(frozen=True)
class Look:
    """A checkpoint, scored on held-out records under the one objective that all runs are scored under.

    Attributes:
        step: updates done.
        tokens: read until then, padding aside.
        masked_lm_loss: the generator's, in nats.
        disc_loss: the discriminator's, on its own generator's replacements.
        disc_auc: its AUC on them.
    """

    step: Size
    tokens: Amount
    masked_lm_loss: float
    disc_loss: float
    disc_auc: float


@dataclasses.dataclass(frozen=True)
class Result:
    """What one cell gave.

    Attributes:
        study, variant, seed: which.
        overrides: by which the run differs from the study's config.
        looks: its checkpoints, ascending.
        step_seconds: median over the run of the seconds that a step took on the device.
        turn_seconds: the same of steps that were timed in turns with the other variants'; None before they were.
        cpu_seconds: of pretraining, all threads, start and all; None where it was stopped in between.
        wall_seconds: of the whole cell, None likewise.
        hardware: in words.
        task_metric: what `task_scores` are; "" before it was fine-tuned.
        task_scores: one for each fine-tuning.
        shared_auc: of the last checkpoint on replacements by the baseline's generator of this seed; None before there was one.
        versions: of this package and TensorFlow.
    """

    study: str
    variant: str
    seed: Count
    overrides: tuple[str, ...]
    looks: Annotated[tuple[Look, ...], typed.Check(lambda looks: bool(looks), "must not be empty")]
    step_seconds: Amount
    cpu_seconds: Amount | None
    wall_seconds: Amount | None
    hardware: str
    task_metric: str = ""
    task_scores: tuple[float, ...] = ()
    shared_auc: float | None = None
    turn_seconds: Amount | None = None
    versions: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def cell(self) -> Cell:
        """Say which cell it is of."""
        return Cell(self.study, self.variant, self.seed)


def read(path: str) -> dict[Cell, Result]:
    """Read a file of results, in its order; none where there is no such file.

    Raises:
        UserError: a line is no result.
    """
    found: dict[Cell, Result] = {}
    lines = files.read_text(path).splitlines() if files.exists(path) else []
    for number, line in enumerate(lines, 1):
        place = Place(f"{path}, line {number}")
        result = typed.read(Result, json_files.parse(line, place.source), place)
        found[result.cell] = result
    return found


def put(path: str, result: Result) -> None:
    """Add a cell's line, or put it in the place of the one that it has."""
    files.make_parent(path)
    with _alone(path):
        known = read(path)
        known[result.cell] = result
        text = "".join(json.dumps(dataclasses.asdict(each), ensure_ascii=False) + "\n" for each in known.values())
        files.write_text(path, text)


@contextlib.contextmanager
def _alone(path: str) -> Iterator[None]:
    """Wait until no other process changes the file."""
    with open(f"{path}.lock", "a") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        yield

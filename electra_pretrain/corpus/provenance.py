"""How a folder of text came about: each command that made or filtered it adds a step to `corpus.json` beside the text.

The steps are handed on: to the next folder of text, to the manifest of the records, to the model card.
"""

import json
import os
from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

from electra_pretrain.core import files, json_files, typed
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.typed import Check
from electra_pretrain.execution import resume

PROVENANCE_NAME = "corpus.json"
# "command", and what that command wishes to be known: recipe, counts, settings
Step = Annotated[dict[str, Any], Check(lambda step: isinstance(step.get("command"), str), 'must say its "command"')]


def read_steps(paths: Sequence[str]) -> list[Step]:
    """Read the steps that made these files: those of every folder among them, in order, each folder once; none if none is told.

    Raises:
        UserError: a `corpus.json` is damaged.
    """
    steps: list[Step] = []
    for folder in dict.fromkeys(os.path.dirname(path) for path in paths):
        path = files.join(folder, PROVENANCE_NAME) if folder else PROVENANCE_NAME
        if files.exists(path):
            steps += _load(path)
    return steps


def write_steps(folder: str, steps: Sequence[Step]) -> None:
    """Write `corpus.json` into a folder of text: the steps of what it was made from, and the newest last."""
    text = json.dumps({"steps": list(steps)}, ensure_ascii=False, indent=2)
    files.write_text(files.join(folder, PROVENANCE_NAME), text + "\n")


def finished_step(folder: str, command: str, fingerprint: str, dropped: str | None, counts: type) -> Step | None:
    """Return the step of an earlier run of a command that wrote the same text into a folder; None if no text is finished there.

    Args:
        folder: the output.
        command: the name of the command.
        fingerprint: of its input and settings.
        dropped: the file for what is dropped.
        counts: what the step's "counts" must be.

    Raises:
        UserError: the folder holds other text, what was dropped is not there, or `corpus.json` is damaged.
    """
    path = files.join(folder, PROVENANCE_NAME)
    steps = read_steps([path])
    if not steps:
        return None
    last = steps[-1]
    resume.check_fingerprint(folder, str(last.get("fingerprint")) if last["command"] == command else "", fingerprint, "text")
    place = typed.Place(path, f"steps[{len(steps) - 1}]")
    typed.read(counts, typed.read_known(_Counted, last, place).counts, place.field("counts"))
    if dropped and not files.exists(dropped):
        raise UserError(
            f"{dropped}: not there, though {folder} is finished; put it back, or make both again in another --output"
        )
    return last


class _Counted(NamedTuple):
    """What a step of a command that filters has."""

    counts: dict[str, Any]


class _Steps(NamedTuple):
    """The file."""

    steps: tuple[Step, ...]


def _load(path: str) -> tuple[Step, ...]:
    try:
        return typed.read_known(_Steps, json_files.read(path), typed.Place(path)).steps
    except UserError as error:
        raise UserError(f"{error}; mend or delete it") from error

"""Which checkpoints of an unfinished fine-tuning are whole: each is sealed, when written, with its files' checksums."""

import json
import os
import re
from typing import NamedTuple

from electra_pretrain.core import files, json_files, typed
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.typed import FileName, Sha256

SEAL = "checksums.json"
STATE = "trainer_state.json"  # as `transformers` calls it
_NAME = re.compile(r"checkpoint-(\d+)")


def seal(folder: str) -> None:
    """Note the checksums of a checkpoint that has been written; without this it counts as half."""
    sums = {name: files.sha256(os.path.join(folder, name)) for name in sorted(os.listdir(folder)) if name != SEAL}
    files.write_text(os.path.join(folder, SEAL), json.dumps(sums, indent=1))


def prune(folder: str, best: str | None) -> None:
    """Remove all but the two newest checkpoints and the best one; call it once the newest is sealed."""
    for step, name in _numbered(folder)[2:]:
        if best is None or step != step_of(best):
            files.remove(os.path.join(folder, name))


def newest_whole(folder: str) -> tuple[str | None, list[str]]:
    """Find the newest whole checkpoint of a folder, and the newer ones that are damaged or half-written.

    A checkpoint whose best predecessor, which it names, is not whole is of no use either: the choice of the best could not be
    made as it would have been.
    """
    damaged: list[str] = []
    for _, name in _numbered(folder):
        path = os.path.join(folder, name)
        if _is_whole(path) and _best_is_whole(path):
            return path, damaged
        damaged.append(path)
    return None, damaged


def _numbered(folder: str) -> list[tuple[int, str]]:
    """List the steps and names of a folder's checkpoints, the newest first."""
    names = os.listdir(folder) if os.path.isdir(folder) else []
    return sorted(((step_of(name), name) for name in names if _NAME.fullmatch(name)), reverse=True)


def step_of(path: str) -> int:
    return int(path.rpartition("-")[2])


def _is_whole(path: str) -> bool:
    seal = os.path.join(path, SEAL)
    try:
        sums = typed.read(dict[FileName, Sha256], json_files.read(seal), typed.Place(seal))
        return STATE in sums and all(files.sha256(os.path.join(path, name)) == digest for name, digest in sums.items())
    except (OSError, UserError):
        return False


class _State(NamedTuple):
    best_model_checkpoint: str | None = None


def _best_is_whole(path: str) -> bool:
    state = os.path.join(path, STATE)
    try:
        best = typed.read_known(_State, json_files.read(state), typed.Place(state)).best_model_checkpoint
    except UserError:  # sealed as it is: not of `transformers`
        return False
    if best is None:
        return True
    beside = os.path.join(os.path.dirname(path), os.path.basename(best))  # the whole output may have been moved
    return beside == path or _is_whole(beside)

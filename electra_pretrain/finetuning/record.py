"""What a fine-tuning's folder says of itself: `run.json`, what was asked for, and at the end `results.json`."""

import json
import os
from typing import Any, NamedTuple

from electra_pretrain.core import files, json_files, typed
from electra_pretrain.core.errors import FEW, UserError, first_of
from electra_pretrain.core.typed import Count

RUN, RESULTS, CHECKPOINTS, MODEL = "run.json", "results.json", "checkpoints", "model"


def finished(output: str, asked: dict[str, Any]) -> dict[str, Any] | None:
    """Return the results of a folder that already has them; note at once what is asked for in one that is new.

    Args:
        output: the folder.
        asked: all that decides what comes out; nested objects are compared field by field.

    Raises:
        UserError: the folder holds work of a run that was asked for something else.
    """
    path = os.path.join(output, RUN)
    if not os.path.exists(path):
        if os.path.isdir(output) and files.list_dir(output):
            raise UserError(f"{output}: holds other files and no {RUN}; choose a new folder")
        files.make_dirs(output)
        files.write_text(path, _text(asked))
        return None
    found = _read(path)
    before, now = flat(found), flat(asked)
    if "data" in found:  # a pretraining's bears the same name
        raise UserError(f"{path}: is no fine-tuning's, and would be lost; choose a new folder")
    changed = [key for key in sorted(before.keys() | now.keys()) if before.get(key) != now.get(key)]
    results = os.path.join(output, RESULTS)
    if changed and not os.path.exists(results) and not os.path.isdir(os.path.join(output, CHECKPOINTS)):
        files.write_text(path, _text(asked))  # that run ended before its first checkpoint: nothing of it is lost
    elif changed:
        told = [f"{key} {_short(before.get(key))} there, {_short(now.get(key))} asked for" for key in changed]
        raise UserError(f"{output}: holds a run with other settings ({first_of(told, FEW, '; ')}); choose another --output")
    return _read_results(results) if os.path.exists(results) else None


def write_results(output: str, results: dict[str, Any]) -> None:
    files.write_text(os.path.join(output, RESULTS), _text(results))


def flat(values: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten nested objects to `outer.inner` -> value; notes are left out."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict):
            found |= flat(value, f"{prefix}{key}.")
        elif key != "notes":
            found[prefix + key] = value
    return found


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:77]}..."


def _text(values: dict[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False, indent=2) + "\n"


class _Scores(NamedTuple):
    """What is shown of results."""

    task: str
    split: str
    metrics: dict[str, float]
    examples: Count
    seed: Count


def _read_results(path: str) -> dict[str, Any]:
    results = _read(path)
    try:
        typed.read_known(_Scores, results, typed.Place(path))
    except UserError as error:
        raise UserError(f"{error}; remove it and run again") from error
    return results


def _read(path: str) -> dict[str, Any]:
    try:
        return json_files.read_object(path)
    except UserError as error:
        raise UserError(f"{error}; choose another --output, or move this folder away") from error

"""What lies in the folder of a sweep: cells, which are checkpoints by tasks by seeds, and which of them are done.

A cell is one fine-tuning: `cells/step-STEP/TASK/seed-SEED/` is finetune's own folder, `seed-SEED.log` what it said. The cell is
done when its `results.json` lies there.
"""

import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from electra_pretrain.core import files, json_files
from electra_pretrain.core.errors import UserError, first_of
from electra_pretrain.evaluation.results import Result, read_result
from electra_pretrain.finetuning import record

SETTINGS_NAME = "settings.json"
RANDOM_STEP = 0  # the row of random weights
_CELLS = "cells"


class Cell(NamedTuple):
    """One fine-tuning: of which checkpoint, for which task, with which seed."""

    step: int
    task: str
    seed: int

    def folder(self, output: str) -> str:
        return files.join(output, _CELLS, f"step-{self.step}", self.task, f"seed-{self.seed}")

    def result(self, output: str) -> str:
        """Return the path of its scores, which are there once the cell is done."""
        return files.join(self.folder(output), record.RESULTS)

    def log(self, output: str) -> str:
        """Return the path of what finetune said."""
        return f"{self.folder(output)}.log"


def done(output: str) -> dict[Cell, Result]:
    """Read every cell of the folder that is done, in the order of steps, tasks and seeds.

    Raises:
        UserError: a `results.json` is damaged.
    """
    found = {}
    for step in _numbered(files.join(output, _CELLS), "step"):
        of_step = files.join(output, _CELLS, f"step-{step}")
        for task in files.list_dir(of_step):
            for seed in _numbered(files.join(of_step, task), "seed"):
                cell = Cell(step, task, seed)
                if files.exists(cell.result(output)):
                    found[cell] = read_result(cell.result(output))
    return found


def _numbered(folder: str, prefix: str) -> list[int]:
    if not files.is_dir(folder):
        return []
    matches = (re.fullmatch(rf"{prefix}-(\d+)", name) for name in files.list_dir(folder))
    return sorted(int(match.group(1)) for match in matches if match)


def check_foreign(output: str, names: Sequence[str]) -> None:
    """Refuse a folder that no evaluation was begun in, and in which something lies that one would write over.

    Args:
        output: the folder.
        names: of what is written into it, beside the cells.

    Raises:
        UserError: there is such a file or folder.
    """
    if files.exists(files.join(output, SETTINGS_NAME)):
        return
    if found := [name for name in (record.RESULTS, _CELLS, *names) if files.exists(files.join(output, name))]:
        raise UserError(f"{output}: holds {first_of(found)}, and no evaluation was begun there; choose another --output")


def check_settings(output: str, settings: dict[str, Any]) -> None:
    """Record the settings of a folder's cells; those of tasks that are new to it are added.

    Args:
        output: the folder.
        settings: name -> value, objects are compared field by field; "data" has a field for each task.

    Raises:
        UserError: cells were made with other settings, each of which is named.
    """
    path = files.join(output, SETTINGS_NAME)
    settings = record.flat(settings)
    earlier = json_files.read_object(path) if files.exists(path) else {}
    new = {name for name in {**earlier, **settings} if _of_a_task(name) and not (name in earlier and name in settings)}
    changed = [
        f"{name} was {_json(earlier.get(name))}, is {_json(settings.get(name))}"
        for name in {**earlier, **settings}
        if earlier and name not in new and earlier.get(name) != settings.get(name)
    ]
    if changed:
        raise UserError(f"{output}: holds scores of other settings: {'; '.join(changed)}; use those, or another --output")
    files.write_text(path, json.dumps({**earlier, **settings}, ensure_ascii=False, indent=2) + "\n")


def _of_a_task(name: str) -> bool:
    return name.startswith("data.")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)

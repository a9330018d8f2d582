"""What lies in the folder of a sweep: cells, which are checkpoints by tasks by seeds, and which of them are done.

A cell is one fine-tuning: `cells/step-STEP/TASK/seed-SEED/` is finetune's own folder, `seed-SEED.log` what it said. The cell is
done when its `results.json` lies there. `step-0` is of random weights, `imported` of a checkpoint of step 0: a run saves none
itself, so it holds the weights from elsewhere that the run began with.
"""

import json
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from electra_pretrain.core import files, json_files
from electra_pretrain.core.errors import FEW, UserError, first_of
from electra_pretrain.core.typed import Count
from electra_pretrain.evaluation.results import Result, read_result
from electra_pretrain.finetuning import record

SETTINGS_NAME = "settings.json"
RANDOM_STEP = 0  # the row of random weights
IMPORTED_STEP = -1  # that of the checkpoint of step 0
BASELINES = {RANDOM_STEP: "random weights", IMPORTED_STEP: "imported weights"}
_IMPORTED = "imported"
_CELLS = "cells"


class Cell(NamedTuple):
    """One fine-tuning: of which checkpoint, for which task, with which seed."""

    step: int
    task: str
    seed: int

    def folder(self, output: str) -> str:
        return files.join(output, _CELLS, folder_name(self.step), self.task, f"seed-{self.seed}")

    def result(self, output: str) -> str:
        """Return the path of its scores, which are there once the cell is done."""
        return files.join(self.folder(output), record.RESULTS)

    def log(self, output: str) -> str:
        """Return the path of what finetune said."""
        return f"{self.folder(output)}.log"


def folder_name(step: int) -> str:
    """Name the folder of a step's cells, and of its export."""
    return _IMPORTED if step == IMPORTED_STEP else f"step-{step}"


def found_steps(folder: str) -> list[int]:
    """List the steps of which there are such folders, ascending."""
    imported = files.is_dir(files.join(folder, _IMPORTED))
    return ([IMPORTED_STEP] if imported else []) + _numbered(folder, "step")


def shown_step(step: int) -> str:
    """Write a step as a row of a table is called."""
    return f"0 ({BASELINES[step]})" if step in BASELINES else f"{step:,}"


class Step(NamedTuple):
    """A step as `results.json` has it; one of 0 is of random weights where no more is said, as earlier versions left it."""

    step: Count
    weights: str = ""

    @property
    def key(self) -> int:
        """Return what a cell has."""
        return IMPORTED_STEP if self.weights == _IMPORTED else self.step


def to_json(step: int) -> dict[str, Any]:
    """Write a cell's step as `Step` reads it."""
    return Step(max(step, 0), BASELINES[step].split()[0] if step in BASELINES else "trained")._asdict()


def done(output: str) -> dict[Cell, Result]:
    """Read every cell of the folder that is done, in the order of steps, tasks and seeds.

    Raises:
        UserError: a `results.json` is damaged.
    """
    found = {}
    for step in found_steps(files.join(output, _CELLS)):
        of_step = files.join(output, _CELLS, folder_name(step))
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
        UserError: cells were made with other settings; the first of them are named.
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
        raise UserError(
            f"{output}: holds scores of other settings: {first_of(changed, FEW, '; ')}; use those, or another --output"
        )
    files.write_text(path, json.dumps({**earlier, **settings}, ensure_ascii=False, indent=2) + "\n")


def _of_a_task(name: str) -> bool:
    return name.startswith("data.")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)

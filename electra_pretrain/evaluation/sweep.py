"""Fine-tune a run's checkpoints, one cell after the other, while the run may still be going; what is done is not done twice.

Each cell is finetune in a process of its own: one that fails, for example out of memory, costs no other.
"""

import dataclasses
import logging
import os
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from electra_pretrain.checkpoint import listing
from electra_pretrain.config.load import CONFIG_NAME, load_config
from electra_pretrain.core import files, json_files
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.progress import Progress
from electra_pretrain.evaluation.cells import IMPORTED_STEP, RANDOM_STEP, Cell, check_foreign, check_settings, shown_step
from electra_pretrain.evaluation.data import check_data
from electra_pretrain.evaluation.exports import Exports, Failed, Vanished, exported_steps
from electra_pretrain.evaluation.report import TABLE_NAME, read_cells, write_report
from electra_pretrain.execution.child import last_line, run_logged
from electra_pretrain.finetuning.config import load_finetune_config, size_of
from electra_pretrain.finetuning.registry import find_task

FINETUNE = "electra_pretrain.finetune"
POLL_SECONDS = 30.0
_log = logging.getLogger(__name__)


class Options(NamedTuple):
    """What finetune is given besides model, task, data and seed, by the names of its arguments; None: its own default.

    Attributes:
        max_steps: in place of the config's epochs.
        config: name or path.
        overrides: `field=value`, over the config.
        select: "last" or "best".
        split: which one is scored.
        encoding: of the tasks' files.
    """

    max_steps: int | None = None
    config: str | None = None
    overrides: tuple[str, ...] = ()
    select: str | None = None
    split: str | None = None
    encoding: str | None = None

    def arguments(self) -> list[str]:
        """Return them as finetune takes them on its command line."""
        names = ("max_steps", "config", "select", "split", "encoding")
        given = [f"--{name}={value}" for name in names if (value := getattr(self, name)) is not None]
        return given + [f"--set={text}" for text in self.overrides]

    def settings(self) -> dict[str, Any]:
        """Return what the cells' scores depend on; of a config in a file, its fields."""
        in_a_file = self.config is not None and files.exists(self.config)
        return {
            "max_steps": self.max_steps,
            "select": self.select,
            "split": self.split,
            "encoding": self.encoding,
            "config": json_files.read_object(str(self.config)) if in_a_file else self.config,
            "set": dict(text.partition("=")[::2] for text in self.overrides),
        }


@dataclasses.dataclass(frozen=True)
class Plan:
    """What is to be done.

    Attributes:
        model_dir: folder of the run.
        last_step: at which the run ends.
        output: folder of the scores.
        data: task -> its folder, in the order of the tasks.
        seeds: how many.
        options: for finetune.
        every: checkpoints of steps that this divides are scored.
        random: whether random weights are scored too.
        watch: whether to wait for the checkpoints to come until the run ends.
        beside: outputs of other sweeps, drawn with this one.
        keep_exports: whether exported models stay.
        origin: of the weights that the run began with; "" for random ones.
    """

    model_dir: str
    last_step: int
    output: str
    data: dict[str, str]
    seeds: int
    options: Options
    every: int = 1
    random: bool = False
    watch: bool = False
    beside: tuple[str, ...] = ()
    keep_exports: bool = False
    origin: str = ""

    def unfinished(self, step: int) -> list[Cell]:
        """List the cells of a step that are still to be done."""
        cells = [Cell(step, task, seed) for task in self.data for seed in range(self.seeds)]
        return [cell for cell in cells if not files.exists(cell.result(self.output))]

    def run_has_ended(self) -> bool:
        return listing.steps(self.model_dir)[-1:] >= [self.last_step]

    def settings(self) -> dict[str, Any]:
        """Return what all cells of the output have in common."""
        return {
            "model_dir": _absolute(self.model_dir),
            **self.options.settings(),
            "data": {task: _absolute(folder) for task, folder in self.data.items()},
        }


class Outcome(NamedTuple):
    """The table of all that is done ("" of nothing), and a line for each cell or export that failed."""

    table: str
    failed: list[str]


def sweep(plan: Plan) -> Outcome:
    """Do what is planned and not done yet; write tables and drawings after each checkpoint.

    Raises:
        UserError: cells of other settings lie in the output, or files of others; finetune would not take its options or files.
    """
    _check_options(plan)
    check_foreign(plan.output, [TABLE_NAME, *(f"{task}.png" for task in plan.data)])
    files.make_dirs(plan.output)
    check_settings(plan.output, plan.settings())
    exports = Exports(plan.model_dir, plan.output, lambda step: step in listing.steps(plan.model_dir))
    failed: list[str] = []
    tried: set[int] = set()
    while True:
        finished = not plan.watch or plan.run_has_ended()
        steps = _wanted_steps(plan, exports.steps(), with_last=finished)
        if new := [step for step in steps if step not in tried]:
            failed += _score_steps(plan, exports, new)
            tried.update(new)
        elif not finished:
            _log.info("waits for the next checkpoint of %s", plan.model_dir)
        if finished:
            break
        while _wanted_steps(plan, exports.steps(), with_last=False) == steps and not plan.run_has_ended():
            time.sleep(POLL_SECONDS)
    _report(plan)
    table = files.join(plan.output, TABLE_NAME)
    return Outcome(files.read_text(table) if files.exists(table) else "", failed)


def _check_options(plan: Plan) -> None:
    """Refuse before the first export what every cell, or the report, would end with."""
    hidden_size = load_config(files.join(plan.model_dir, CONFIG_NAME)).model.hidden_size
    for task in map(find_task, plan.data):
        load_finetune_config(plan.options.config or f"{task.name}_{size_of(hidden_size)}", list(plan.options.overrides))
        if plan.options.split is not None and plan.options.split not in task.files:
            raise UserError(f"--split {plan.options.split}: {task.name} has {', '.join(task.files)}")
    for folder in plan.beside:
        read_cells(folder)
    steps = _wanted_steps(plan, exported_steps(plan.output), with_last=True)
    for name in dict.fromkeys(cell.task for step in steps for cell in plan.unfinished(step)):
        check_data(name, plan.data[name], plan.options.split, plan.options.encoding)


def _wanted_steps(plan: Plan, exported: Sequence[int], with_last: bool) -> list[int]:
    """List the steps to score, ascending, so that what the run would remove first is exported first.

    Args:
        plan: what is to be done.
        exported: of which an earlier call has left exports, unfinished; they are wanted even if the checkpoint is gone.
        with_last: whether the newest checkpoint counts whatever its step.
    """
    steps = [step or IMPORTED_STEP for step in listing.steps(plan.model_dir)]
    wanted = {step for step in steps if step == IMPORTED_STEP or step % plan.every == 0} | set(exported)
    return sorted(wanted | set(steps[-1:] if with_last else []) | ({RANDOM_STEP} if plan.random else set()))


def _score_steps(plan: Plan, exports: Exports, steps: list[int]) -> list[str]:
    """Score these steps; return a line for each cell that failed."""
    failed = []
    total = len(steps) * len(plan.data) * plan.seeds
    left = sum(len(plan.unfinished(step)) for step in steps)
    with Progress("fine-tuning", total, "cells", total - left) as progress:
        for step in steps:
            if cells := plan.unfinished(step):
                failed += _score_step(plan, exports, step, cells, progress)
                _report(plan)
            elif not plan.keep_exports:
                exports.remove(step)
    return failed


def _score_step(plan: Plan, exports: Exports, step: int, cells: list[Cell], progress: Progress) -> list[str]:
    try:
        model = exports.export(step)
    except Vanished as vanished:
        _log.warning("%s", vanished)
        return []
    except Failed as error:
        _log.warning("%s", error)
        return [str(error)]
    failed = []
    for cell in cells:
        if error_line := _score_cell(plan, cell, model):
            _log.warning("%s", error_line)
            failed.append(error_line)
        progress.update(1, f"step {shown_step(step)}, {cell.task}")
    # A failed cell is tried again with this export, whatever became of the checkpoint.
    if not failed and not plan.keep_exports:
        exports.remove(step)
    return failed


def _score_cell(plan: Plan, cell: Cell, model: str) -> str | None:
    """Run one cell in a process of its own; return None, or the line that says why it failed."""
    folder, log = cell.folder(plan.output), cell.log(plan.output)
    files.make_dirs(os.path.dirname(folder))
    where = ["--model", model, "--task", cell.task, "--data", plan.data[cell.task], "--output", folder]
    code = run_logged(FINETUNE, [*where, "--seed", str(cell.seed), "--no-save_model", *plan.options.arguments()], log)
    if not code and files.exists(cell.result(plan.output)):
        return None
    step = shown_step(cell.step)
    return f"step {step}, {cell.task}, seed {cell.seed}: finetune ended with code {code}: {last_line(log)} (see {log})"


def _report(plan: Plan) -> None:
    write_report(plan.output, plan.model_dir, list(plan.data), plan.seeds, plan.beside, plan.origin)


def _absolute(path: str) -> str:
    return path.rstrip("/") if files.is_remote(path) else os.path.abspath(path)

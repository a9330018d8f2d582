"""Fine-tune a run's checkpoints, finished or still going: a table of scores by pretraining step, and a curve for each task.

    python -m electra_pretrain.evaluate_checkpoints --model_dir runs/base_v3 --tasks nsmc,korsts --data tasks \\
        --output scores/base_v3 --every 100000 --seeds 3

Run again, it goes on where it stopped: what is done is not done twice. See docs/evaluation.md.
"""  # fmt: skip

import argparse
import logging
import os
import signal
import time
from types import FrameType
from typing import Any, NamedTuple

from electra_pretrain.checkpoint import listing
from electra_pretrain.cli.arguments import command_parser
from electra_pretrain.cli.run import run_command
from electra_pretrain.config.load import CONFIG_NAME, load_config
from electra_pretrain.core import files
from electra_pretrain.core.errors import Stopped, UserError
from electra_pretrain.core.progress import Progress
from electra_pretrain.evaluation import sweep
from electra_pretrain.evaluation.exports import Exports, Failed, Vanished
from electra_pretrain.evaluation.report import TABLE_NAME, write_report
from electra_pretrain.evaluation.sweep import RANDOM_STEP, Cell
from electra_pretrain.execution.child import last_line, run_logged
from electra_pretrain.plot.bars import check_installed

FINETUNE = "electra_pretrain.finetune"
POLL_SECONDS = 30.0
_log = logging.getLogger(__name__)


class Plan(NamedTuple):
    """What is to be done.

    Attributes:
        model_dir: folder of the run.
        output: folder of the scores.
        data: task -> its folder, in the order of the tasks.
        seeds: how many.
        every: checkpoints of steps that this divides are scored.
        finetune: more arguments for finetune.
        random: whether random weights are scored too.
        keep_exports: whether exported models stay.
        last_step: of the run.
    """

    model_dir: str
    output: str
    data: dict[str, str]
    seeds: int
    every: int
    finetune: list[str]
    random: bool
    keep_exports: bool
    last_step: int

    def cells(self, step: int) -> list[Cell]:
        return [Cell(step, task, seed) for task in self.data for seed in range(self.seeds)]

    def unfinished(self, step: int) -> list[Cell]:
        return [cell for cell in self.cells(step) if not files.exists(cell.result(self.output))]


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = command_parser("evaluate_checkpoints", __doc__)
    parser.add_argument("--model_dir", required=True, metavar="DIR", help="folder of a run, made by run_pretraining")
    parser.add_argument("--tasks", required=True, metavar="TASK,TASK", help="what finetune takes as --task")
    parser.add_argument(
        "--data", required=True, metavar="DIR|TASK=DIR,…", help="a folder with one for each task in it, or each task's folder"
    )
    parser.add_argument("--output", required=True, metavar="DIR", help="folder for scores, tables and drawings")
    parser.add_argument(
        "--every", type=int, default=1, metavar="N", help="only checkpoints of a multiple of this step, and the last one"
    )
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="fine-tunings a score, seeds 0 to N - 1 (default 3)")
    parser.add_argument("--random", action="store_true", help="score random weights too, as step 0")
    parser.add_argument("--watch", action="store_true", help="wait for new checkpoints until the run is finished")
    parser.add_argument("--beside", action="append", default=[], metavar="DIR", help="draw this other --output too; repeatable")
    parser.add_argument("--keep_exports", action="store_true", help="leave the exported models in the output")
    group = parser.add_argument_group("as finetune takes them")
    group.add_argument("--max_steps", type=int, metavar="N")
    group.add_argument("--config", metavar="NAME|FILE")
    group.add_argument("--set", action="append", default=[], metavar="field=value")
    group.add_argument("--select", choices=("last", "best"))
    group.add_argument("--split", metavar="NAME")
    return parser.parse_args(argv)


def evaluate_checkpoints(args: argparse.Namespace) -> None:
    """Do what the arguments ask for and is not done yet; write tables and drawings after each checkpoint.

    Raises:
        UserError: the arguments will not do, cells of other settings lie in the output, or some cells failed: the others are
            done all the same.
    """
    plan = make_plan(args)
    sweep.check_settings(plan.output, settings(args, plan))
    exports = Exports(plan.model_dir, plan.output, lambda step: step in listing.steps(plan.model_dir))
    failed: list[str] = []
    tried: set[int] = set()
    while True:
        finished = not args.watch or listing.steps(plan.model_dir)[-1:] >= [plan.last_step]
        steps = wanted_steps(plan, exports, finished)
        if new := [step for step in steps if step not in tried]:
            failed += evaluate_steps(plan, exports, new, args.beside)
            tried.update(new)
        elif not finished:
            _log.info("waits for the next checkpoint of %s", plan.model_dir)
        if finished:
            break
        while wanted_steps(plan, exports, False) == steps and listing.steps(plan.model_dir)[-1:] < [plan.last_step]:
            time.sleep(POLL_SECONDS)
    _write_report(plan, args.beside)
    if files.exists(table := files.join(plan.output, TABLE_NAME)):
        print(files.read_text(table), end="")
    if failed:
        raise UserError(
            f"{len(failed)} failed, the rest is done; mend what the lines above name and run the same command again"
        )


def make_plan(args: argparse.Namespace) -> Plan:
    """The arguments, checked; raises as `evaluate_checkpoints`."""
    from electra_pretrain.finetuning.finetune import require_packages
    from electra_pretrain.finetuning.registry import find_task

    for name in ("every", "seeds", "max_steps"):
        if (value := getattr(args, name)) is not None and value < 1:
            raise UserError(f"--{name} {value}: must be at least 1")
    if files.is_remote(args.output):
        raise UserError(f"--output {args.output}: must be a local folder; copy it to the bucket when it is done")
    check_installed()
    require_packages()
    tasks = [find_task(name.strip()).name for name in args.tasks.split(",")]
    config_path = files.join(args.model_dir, CONFIG_NAME)
    if not files.exists(config_path):
        raise UserError(f"{config_path}: no such file; {args.model_dir} is not the --model_dir of a run")
    last_step = load_config(config_path).training.num_train_steps
    data = data_folders(args.data, tasks)
    files.make_dirs(args.output)
    finetune = [
        f"--{name}={getattr(args, name)}"
        for name in ("max_steps", "config", "select", "split")
        if getattr(args, name) is not None
    ]
    finetune += [f"--set={text}" for text in args.set]
    return Plan(args.model_dir, args.output, data, args.seeds, args.every, finetune, args.random, args.keep_exports, last_step)


def data_folders(data: str, tasks: list[str]) -> dict[str, str]:
    """Task -> its folder, from `--data`.

    Raises:
        UserError: a task has none.
    """
    given = dict(part.strip().split("=", 1) for part in data.split(",") if "=" in part) if "=" in data else None
    folders = {task: files.join(data, task) if given is None else given.get(task, "") for task in tasks}
    for task, folder in folders.items():
        if not folder:
            raise UserError(f"--data {data}: names no folder for {task}; add {task}=DIR")
        if not files.is_dir(folder):
            raise UserError(f"--data: {folder}: no such folder; put the files of {task} there, or name theirs as {task}=DIR")
    return folders


def settings(args: argparse.Namespace, plan: Plan) -> dict[str, Any]:
    """What all cells of an output have in common; of a recipe in a file, its fields."""
    in_a_file = args.config is not None and files.exists(args.config)
    return {
        "model_dir": _absolute(plan.model_dir),
        "max_steps": args.max_steps,
        "select": args.select,
        "split": args.split,
        "config": files.read_json_object(args.config) if in_a_file else args.config,
        "set": dict(text.partition("=")[::2] for text in args.set),
        "data": {task: _absolute(folder) for task, folder in plan.data.items()},
    }


def _absolute(path: str) -> str:
    return path.rstrip("/") if files.is_remote(path) else os.path.abspath(path)


def wanted_steps(plan: Plan, exports: Exports, with_last: bool) -> list[int]:
    """Steps to score, ascending, so that what the run would remove first is exported first.

    Args:
        plan: what is to be done.
        exports: what an earlier call has exported and not finished is wanted, even if its checkpoint is gone.
        with_last: whether the newest checkpoint counts whatever its step.
    """
    steps = listing.steps(plan.model_dir)
    wanted = {step for step in steps if step % plan.every == 0} | set(exports.steps())
    return sorted(wanted | set(steps[-1:] if with_last else []) | ({RANDOM_STEP} if plan.random else set()))


def evaluate_steps(plan: Plan, exports: Exports, steps: list[int], beside: list[str]) -> list[str]:
    """Score these steps; a line for each cell that failed."""
    failed = []
    total = len(steps) * len(plan.data) * plan.seeds
    left = sum(len(plan.unfinished(step)) for step in steps)
    with Progress("evaluate_checkpoints", total, "cells", total - left) as progress:
        for step in steps:
            if cells := plan.unfinished(step):
                failed += _evaluate_step(plan, exports, step, cells, progress)
                _write_report(plan, beside)
            elif not plan.keep_exports:
                exports.remove(step)
    return failed


def _evaluate_step(plan: Plan, exports: Exports, step: int, cells: list[Cell], progress: Progress) -> list[str]:
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
        if error_line := finetune(plan, cell, model):
            _log.warning("%s", error_line)
            failed.append(error_line)
        progress.update(1, f"step {step:,}, {cell.task}")
    # A failed cell is tried again with this export, whatever became of the checkpoint.
    if not failed and not plan.keep_exports:
        exports.remove(step)
    return failed


def finetune(plan: Plan, cell: Cell, model: str) -> str | None:
    """Run one cell in a process of its own; None, or the line that says why it failed."""
    folder, log = cell.folder(plan.output), cell.log(plan.output)
    files.make_dirs(os.path.dirname(folder))
    where = ["--model", model, "--task", cell.task, "--data", plan.data[cell.task], "--output", folder]
    code = run_logged(FINETUNE, [*where, "--seed", str(cell.seed), "--no-save_model", *plan.finetune], log)
    if not code and files.exists(cell.result(plan.output)):
        return None
    return f"step {cell.step:,}, {cell.task}, seed {cell.seed}: finetune ended with code {code}: {last_line(log)} (see {log})"


def _write_report(plan: Plan, beside: list[str]) -> None:
    write_report(plan.output, plan.model_dir, list(plan.data), plan.seeds, beside)


def _stop(number: int, frame: FrameType | None) -> None:
    raise Stopped("stopped; run the same command again to go on")


def main() -> None:
    def command(args: argparse.Namespace) -> None:
        signal.signal(signal.SIGTERM, _stop)
        evaluate_checkpoints(args)

    run_command("evaluate_checkpoints", parse_args, command)


if __name__ == "__main__":
    main()

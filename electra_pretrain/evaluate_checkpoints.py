"""Fine-tune a run's checkpoints, finished or still going: a table of scores by pretraining step, and a curve for each task.

    python -m electra_pretrain.evaluate_checkpoints --model_dir runs/base_v3 --tasks nsmc,korsts --data tasks \\
        --output scores/base_v3 --every 100000 --seeds 3

Run again, it goes on where it stopped: what is done is not done twice. See docs/evaluation.md.
"""  # fmt: skip

import argparse
import re
import signal
from types import FrameType

from electra_pretrain.checkpoint.vocabulary import check_folder
from electra_pretrain.cli.arguments import command_parser
from electra_pretrain.cli.outputs import named_file
from electra_pretrain.cli.run import run_command
from electra_pretrain.core import files, locks
from electra_pretrain.core.errors import Stopped, UserError
from electra_pretrain.core.outputs import Input, OutputFolder, check, files_of
from electra_pretrain.evaluation.runs import last_step, origin
from electra_pretrain.evaluation.sweep import Options, Plan, sweep
from electra_pretrain.finetuning.packages import require_packages
from electra_pretrain.finetuning.registry import TASKS, find_task
from electra_pretrain.plot.chart import check_installed

OWN_NAMES = r".*\.png|table\.md|results\.json|settings\.json"


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
    parser.add_argument("--random", action="store_true", help="score random weights too, whatever the run began with")
    parser.add_argument("--watch", action="store_true", help="wait for new checkpoints until the run is finished")
    parser.add_argument("--beside", action="append", default=[], metavar="DIR", help="draw this other --output too; repeatable")
    parser.add_argument("--keep_exports", action="store_true", help="leave the exported models in the output")
    group = parser.add_argument_group("as finetune takes them")
    group.add_argument("--max_steps", type=int, metavar="N")
    group.add_argument("--config", metavar="NAME|FILE")
    group.add_argument("--set", action="append", default=[], metavar="field=value")
    group.add_argument("--select", choices=("last", "best"))
    group.add_argument("--split", metavar="NAME")
    group.add_argument("--encoding", metavar="NAME")
    return parser.parse_args(argv)


def evaluate_checkpoints(args: argparse.Namespace) -> None:
    """Do what the arguments ask for and is not done yet; print the table of all that is done.

    Raises:
        UserError: the arguments will not do, cells of other settings lie in the output, or some cells failed: the others are
            done all the same.
    """
    if files.is_remote(args.output):
        raise UserError(f"--output {args.output}: must be a local folder; copy it to the bucket when it is done")
    check_installed()
    require_packages()
    tasks = [find_task(name, "--tasks").name for word in args.tasks.split(",") if (name := word.strip())]
    if not tasks:
        raise UserError("--tasks: names no task; give some, for example --tasks nsmc,korsts")
    check_folder(args.model_dir)
    data = data_folders(args.data, tasks)
    folders = [*(Input("--data", folder) for folder in data.values()), *(Input("--beside", folder) for folder in args.beside)]
    read = [*files_of("--model_dir", args.model_dir), *folders, named_file("--config", args.config)]
    check([OutputFolder("--output", args.output, OWN_NAMES)], read)
    plan = Plan(
        model_dir=args.model_dir,
        last_step=last_step(args.model_dir),
        origin=origin(args.model_dir),
        output=args.output,
        data=data,
        seeds=args.seeds,
        options=Options(args.max_steps, args.config, tuple(args.set), args.select, args.split, args.encoding),
        every=args.every,
        random=args.random,
        watch=args.watch,
        beside=tuple(args.beside),
        keep_exports=args.keep_exports,
    )
    with locks.held(args.output, "evaluate_checkpoints", OWN_NAMES):
        outcome = sweep(plan)
    print(outcome.table, end="")
    if outcome.failed:
        raise UserError(
            f"{len(outcome.failed)} failed, the rest is done; mend what the lines above name and run the same command again"
        )


def data_folders(data: str, tasks: list[str]) -> dict[str, str]:
    """Read `--data`: task -> its folder. Paths may hold `=` and commas: an entry begins with a task's name.

    Raises:
        UserError: a task has none.
    """
    given = None if files.is_dir(data) else _folders_by_task(data)
    folders = {task: files.join(data, task) if given is None else given.get(task, "") for task in tasks}
    for task, folder in folders.items():
        if not folder:
            raise UserError(f"--data {data}: names no folder for {task}; add {task}=DIR")
        if not files.is_dir(folder):
            raise UserError(f"--data: {folder}: no such folder; put the files of {task} there, or name theirs as {task}=DIR")
    return folders


def _folders_by_task(data: str) -> dict[str, str] | None:
    """Cut `TASK=DIR,…` where names of tasks stand; None where it begins with none."""
    entry = re.compile(rf"(?:^|,)\s*({'|'.join(map(re.escape, TASKS))})=")
    starts = list(entry.finditer(data))
    if not starts or starts[0].start():
        return None
    ends = [*(start.start() for start in starts[1:]), len(data)]
    return {start[1]: data[start.end() : end].strip() for start, end in zip(starts, ends, strict=True)}


def _stop(number: int, frame: FrameType | None) -> None:
    raise Stopped("stopped; run the same command again to go on")


def main() -> None:
    def command(args: argparse.Namespace) -> None:
        signal.signal(signal.SIGTERM, _stop)
        evaluate_checkpoints(args)

    run_command("evaluate_checkpoints", parse_args, command)


if __name__ == "__main__":
    main()

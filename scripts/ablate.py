"""Does an option pay? Runs that differ in one field, several seeds of each, scored alike, compared seed by seed.

    python scripts/ablate.py run --study tiny --corpus reviews.txt.xz --nsmc tasks/nsmc --split dev --folder ablation --jobs 2
    python scripts/ablate.py list --study tiny --folder ablation --jobs 2
    python scripts/ablate.py time --study tiny --folder ablation
    python scripts/ablate.py report --results ablation/results.jsonl --page docs/ablations.md

Studies stand in scripts/ablation/studies.py. A cell is one run: pretrained, its checkpoints scored on held-out records under
one objective, its discriminator fine-tuned. Stopped or killed at any moment, the same command goes on; a finished cell is a
line of the results, and is not run again. docs/ablations.md tells how to read what comes out.
"""  # fmt: skip

import argparse
import dataclasses
import os
import sys

from ablation.plan import Plan, check_settings
from ablation.prepare import check_text, prepare
from ablation.results import put, read
from ablation.studies import STUDIES
from ablation.turns import Run, seconds_in_turns
from ablation.workers import deadline, overview, take_cores, work_alone, work_together

from electra_pretrain.cli.run import run_command
from electra_pretrain.core.errors import UserError

RESULTS_NAME = "results.jsonl"


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.set_defaults(quiet=False, verbose=False)
    commands = parser.add_subparsers(dest="command", required=True, metavar="run|list|time|report")
    run = commands.add_parser("run", help="do the cells that are not done yet")
    show = commands.add_parser("list", help="say which cells are done, which are left, and how long those will take")
    clock = commands.add_parser("time", help="time the variants' steps in turns, on a machine that does nothing else")
    report = commands.add_parser("report", help="write tables and drawings into a page")
    for command in (run, show, clock):
        _add_study(command)
    _add_work(run)
    clock.add_argument("--rounds", type=int, default=20, metavar="N", help="turns of each variant (default %(default)s)")
    clock.add_argument("--tpu", metavar="NAME", help="as run_pretraining takes it")
    report.add_argument("--results", required=True, metavar="FILE", help="what run wrote")
    report.add_argument("--page", required=True, metavar="FILE", help="a page with a line <!-- ablate STUDY --> for each study")
    return parser.parse_args()


def _add_study(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--study", required=True, choices=list(STUDIES), help="what is compared")
    parser.add_argument("--folder", required=True, metavar="DIR", help="for all that is made")
    parser.add_argument("--results", metavar="FILE", help=f"lines of finished cells (default: {RESULTS_NAME} in --folder)")
    parser.add_argument("--only", action="append", default=[], metavar="NAME[,NAME…]", help="these variants (default: all)")
    parser.add_argument("--seeds", type=int, metavar="N", help="how many seeds (default: as many as the study says)")
    parser.add_argument("--jobs", type=int, default=1, metavar="N", help="cells at a time, on cores of their own")
    parser.add_argument("--set", action="append", default=[], metavar="SECTION.FIELD=VALUE", help="in all the study's runs")
    parser.add_argument("--corpus", nargs="+", action="extend", default=[], metavar="GLOB", help="text to make records from")
    parser.add_argument("--data", metavar="DIR", help="records that there are already, in place of --corpus")
    parser.add_argument("--nsmc", metavar="DIR", help="NSMC's files, to fine-tune for it (default: runs are not fine-tuned)")


def _add_work(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--split", metavar="NAME", help="of NSMC that is scored (default: test)")
    parser.add_argument("--hours", type=float, metavar="H", help="begin no cell that would not end within these")
    parser.add_argument("--tpu", metavar="NAME", help="as run_pretraining takes it; with --jobs 1")
    parser.add_argument("--discard", action="store_true", help="remove a finished run's checkpoints, where no other needs them")


def ablate(args: argparse.Namespace) -> None:
    """Do what the command says.

    Raises:
        UserError: bad arguments, results or settings that do not belong together, or cells that failed.
    """
    if args.command == "report":
        report(args.results, args.page)
        return
    if args.jobs < 1:
        raise UserError(f"--jobs {args.jobs}: must be at least 1")
    plan = make_plan(args)
    if args.command == "list":
        print(overview(plan, args.jobs))
        return
    if args.command == "time":
        time_steps(plan, args.rounds)
        return
    if args.tpu and args.jobs > 1:
        raise UserError(f"--jobs {args.jobs}: a TPU trains one run at a time; leave it out")
    is_worker, end = take_cores(), deadline(args.hours)
    if not is_worker:
        plan.cells(), plan.finished()
        check_text(plan)
        check_settings(plan)
        prepare(plan)
    if args.jobs > 1 and not is_worker:
        if code := work_together(args.jobs, sys.argv, end):
            raise UserError(f"a worker ended with code {code}; its words stand above; run the same command again to go on")
    elif failed := work_alone(plan, end):
        raise UserError(f"{len(failed)} cells failed: {failed[0]}; mend that and run the same command again")
    if not is_worker:
        print(overview(plan, args.jobs))


def make_plan(args: argparse.Namespace) -> Plan:
    only = tuple(name for names in args.only for name in names.split(","))
    results = args.results or os.path.join(args.folder, RESULTS_NAME)
    given = {name: getattr(args, name, None) for name in ("data", "nsmc", "split", "tpu")}
    discard = getattr(args, "discard", False)
    return Plan(
        args.study, args.folder, results, tuple(args.set), args.seeds, only, tuple(args.corpus), discard=discard, **given
    )


def time_steps(plan: Plan, rounds: int) -> None:
    """Time what is finished, and note it in its lines.

    Raises:
        UserError: nothing is finished, or not all of what is asked for; or there are no rounds.
    """
    if rounds < 1:
        raise UserError(f"--rounds {rounds}: must be at least 1")
    done = plan.finished()
    if unfinished := [cell for cell in plan.cells() if cell not in done]:
        raise UserError(f"{unfinished[0]}: is not finished; run it first, or name what is with --only and --seeds")
    configs = {cell.variant: plan.config(cell) for cell in plan.cells() if cell.seed == 0}
    runs = {variant: Run(config, plan.records(config.data.short_documents)) for variant, config in configs.items()}
    for variant, seconds in seconds_in_turns(runs, rounds, plan.tpu).items():
        print(f"{variant}: {1000 * seconds:.2f} ms a step")
        for cell, result in done.items():
            if cell.variant == variant:
                put(plan.results, dataclasses.replace(result, turn_seconds=float(f"{seconds:.6g}")))


def report(results: str, page: str) -> None:
    """Write a page's tables and drawings.

    Raises:
        UserError: there are no results, or the page has no place for them.
    """
    from ablation.page import write

    found = list(read(results).values())
    if not found:
        raise UserError(f"{results}: holds no results; name what `ablate.py run` wrote")
    print(f"{page}: {', '.join(write(page, found, results))}")


def main() -> None:
    args = parse_args()
    run_command("ablate", lambda: args, ablate)


if __name__ == "__main__":
    main()

"""The arguments of commands that work on a cluster, if they are told to."""

import argparse
import contextlib
from collections.abc import Iterator

from electra_pretrain.core.errors import UserError
from electra_pretrain.execution.processes import Runner


def add_runner(parser: argparse.ArgumentParser) -> None:
    """Add `--runner`, `--beam_args` and `--work_dir`: the work on a cluster instead of this machine's processes."""
    group = parser.add_argument_group("on a cluster, through Apache Beam (see docs/cluster.md)")
    group.add_argument(
        "--runner",
        metavar="NAME",
        help="DaskRunner, DataflowRunner, FlinkRunner, SparkRunner, PortableRunner, DirectRunner; --num_processes is not used",
    )
    group.add_argument("--beam_args", metavar="FLAGS", help="the runner's own flags, in one string after an =")
    group.add_argument(
        "--work_dir",
        metavar="DIR",
        help="folder for unfinished work, gs:// or mounted, that all machines see (default: the output's)",
    )


def check_runner(args: argparse.Namespace) -> None:
    """Refuse what goes with `--runner` only.

    Raises:
        UserError: it was given without.
    """
    if args.runner is None and (args.beam_args is not None or args.work_dir is not None):
        raise UserError("--beam_args and --work_dir: are for --runner; this machine's processes need neither")


@contextlib.contextmanager
def chosen_runner(args: argparse.Namespace) -> Iterator[tuple[Runner, str | None]]:
    """Open what maps over tasks, processes or a cluster, and name the folder that all its machines see (None: this machine).

    Raises:
        UserError: Apache Beam is asked for and not installed.
    """
    from electra_pretrain.execution.beam import beam_runner
    from electra_pretrain.execution.processes import worker_pool

    shared_dir = None if args.runner is None else args.work_dir or args.output
    opened = (
        worker_pool(args.num_processes) if shared_dir is None else beam_runner(args.runner, args.beam_args or "", shared_dir)
    )
    with opened as run:
        yield run, shared_dir

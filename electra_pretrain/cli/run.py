"""What all commands share: a user's mistake ends in one clear line and an exit code, not in a traceback."""

import argparse
import contextlib
import itertools
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NoReturn

from electra_pretrain.config import schema as configs
from electra_pretrain.config.hparams import load_hparams
from electra_pretrain.core.errors import Stopped, Unavailable, UserError, first_of

if TYPE_CHECKING:
    from electra_pretrain.execution.processes import Runner

# What a supervisor goes by. 1: only the user can mend it. The rest as sysexits.h has it: 69, a service did not answer; 70, an
# error of ours or of the machine's, which Python itself would end with 1; 75, try again: stopped in good order.
EXIT_USER_ERROR, EXIT_UNAVAILABLE, EXIT_CRASHED, EXIT_TRY_AGAIN, EXIT_INTERRUPTED = 1, 69, 70, 75, 130
# How TensorFlow's file system tells that the service was not reached: no address, no connection, no answer in time, cut off.
_UNREACHABLE = re.compile(r"libcurl code (?:5|6|7|28|35|52|55|56)\b")
# Take one word each, in commands that take no others: a second word comes from a glob that the shell has expanded.
_GLOB_OPTIONS = ("--corpus",)
# Needed by some commands only; a TPU machine may lack them.
_INSTALLABLE = {
    "tensorflow": "tensorflow (on a TPU VM: tensorflow-tpu)",
    "tokenizers": "tokenizers",
    "safetensors": "safetensors",
}


def add_config_arguments(parser: argparse.ArgumentParser, default: str | None = None) -> None:
    """`--config`, and `--set`; where there is no default, one of `--config` and `--hparams` must be given."""
    given = parser.add_mutually_exclusive_group(required=default is None)
    given.add_argument(
        "--config",
        default=default,
        metavar="NAME|FILE",
        help="a config that ships with the package, or a path" + (" (default %(default)s)" if default else ""),
    )
    if default is None:
        given.add_argument(
            "--hparams",
            metavar="FILE",
            help="a hyperparameter file of the released ELECTRA code instead, flat JSON, as KoELECTRA published",
        )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="section.field=value",
        help="change a field of the config; may be repeated",
    )


def load_config(args: argparse.Namespace) -> configs.Config:
    """The config that the arguments name; of a hyperparameter file, what became of each key is told first.

    Raises:
        UserError: there is no such config, or a rule is broken.
    """
    if args.hparams is None:
        config = configs.load(args.config, args.set)
        if defaults := configs.left_out(args.config, args.set):
            print(f"{args.config} leaves out, so these hold: {', '.join(defaults)}", file=sys.stderr, flush=True)
        return config
    config, lines = load_hparams(args.hparams, args.set)
    print("\n".join(f"{args.hparams}: {line}" for line in lines), file=sys.stderr, flush=True)
    return config


def add_runner_arguments(parser: argparse.ArgumentParser) -> None:
    """`--runner`, `--beam_args` and `--work_dir`: the work on a cluster instead of this machine's processes."""
    group = parser.add_argument_group("on a cluster, through Apache Beam (see docs/cluster.md)")
    group.add_argument(
        "--runner",
        metavar="NAME",
        help="DataflowRunner, FlinkRunner, SparkRunner, PortableRunner or DirectRunner; --num_processes is then not used",
    )
    group.add_argument("--beam_args", default="", metavar="FLAGS", help="the runner's own flags, in one string after an =")
    group.add_argument(
        "--work_dir",
        metavar="DIR",
        help="folder for unfinished work, gs:// or mounted, that all machines see (default: the output's)",
    )


def check_runner_arguments(args: argparse.Namespace) -> None:
    """Refuse what goes with `--runner` only.

    Raises:
        UserError: it was given without.
    """
    if args.runner is None and (args.beam_args or args.work_dir is not None):
        raise UserError("--beam_args and --work_dir: are for --runner; this machine's processes need neither")


@contextlib.contextmanager
def chosen_runner(args: argparse.Namespace) -> Iterator[tuple["Runner", str | None]]:
    """What maps over tasks: this machine's processes or a cluster; and the folder that all machines see, None for this one.

    Raises:
        UserError: Apache Beam is asked for and not installed.
    """
    from electra_pretrain.execution.beam import beam_runner
    from electra_pretrain.execution.processes import worker_pool

    shared_dir = None if args.runner is None else args.work_dir or args.output
    opened = worker_pool(args.num_processes) if shared_dir is None else beam_runner(args.runner, args.beam_args, shared_dir)
    with opened as run:
        yield run, shared_dir


def run_command(name: str, main: Callable[[], None]) -> NoReturn:
    """Run `main` and leave the process with its exit code."""
    try:
        _run(name, main)
    except Exception:
        traceback.print_exc()
        sys.exit(EXIT_CRASHED)


def _run(name: str, main: Callable[[], None]) -> NoReturn:
    try:
        _check_globs(sys.argv[1:])
        main()
        sys.exit(0)
    except Unavailable as error:
        _fail(name, str(error), EXIT_UNAVAILABLE)
    except UserError as error:
        _fail(name, str(error))
    except Stopped as stopped:
        print(f"{name}: {stopped}", file=sys.stderr)
        sys.exit(EXIT_TRY_AGAIN)
    except KeyboardInterrupt:
        print(f"{name}: interrupted; run the same command again", file=sys.stderr)
        sys.exit(EXIT_INTERRUPTED)
    except ModuleNotFoundError as error:
        if error.name not in _INSTALLABLE:
            raise
        _fail(name, f"a package is missing; run: pip install {_INSTALLABLE[error.name]}")
    except OSError as error:
        if error.strerror is None:
            raise
        reason = f"{error.filename or 'file system'}: {error.strerror}"
        _fail(name, f"{reason}; what was finished is kept: mend this and run the same command again")
    except Exception as error:
        if not _is_remote_file_error(error):
            raise
        unavailable = type(error).__name__ == "UnavailableError" or _UNREACHABLE.search(str(error))
        code = EXIT_UNAVAILABLE if unavailable else EXIT_USER_ERROR
        _fail(name, f"remote path: {str(error).splitlines()[0]}; check the path, the credentials and the network", code)


def _check_globs(words: Sequence[str]) -> None:
    """Refuse a glob that was not quoted before the parser does, which names the words left over and not the reason.

    Raises:
        UserError: several words follow an option that takes one.
    """
    for place, option in enumerate(words):
        if option in _GLOB_OPTIONS:
            given = list(itertools.takewhile(lambda word: not word.startswith("-"), words[place + 1 :]))
            if len(given) > 1:
                raise UserError(
                    f"{option}: must be one word, was {len(given):,} ({first_of(given)}); quote the glob, for example "
                    f"{option} 'corpus/*.txt', or join names by commas"
                )


def _fail(name: str, message: str, code: int = EXIT_USER_ERROR) -> NoReturn:
    print(f"{name}: error: {message}", file=sys.stderr)
    sys.exit(code)


def _is_remote_file_error(error: Exception) -> bool:
    """Whether TensorFlow's file system, which serves gs://, refused."""
    if "tensorflow" not in sys.modules:
        return False
    import tensorflow as tf

    kinds = (
        tf.errors.NotFoundError,
        tf.errors.PermissionDeniedError,
        tf.errors.UnavailableError,
        tf.errors.FailedPreconditionError,
    )
    return isinstance(error, kinds) and "://" in str(error)

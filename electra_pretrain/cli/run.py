"""Run a command: a user's mistake ends in one clear line and an exit code, not in a traceback."""

import argparse
import itertools
import logging
import platform
import re
import shlex
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from typing import NamedTuple, NoReturn

from electra_pretrain import __version__
from electra_pretrain.cli.arguments import verbosity
from electra_pretrain.core import messages
from electra_pretrain.core.errors import Stopped, Unavailable, UserError, first_of
from electra_pretrain.core.progress import duration

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


_log = logging.getLogger(__name__)


class Ending(NamedTuple):
    """Why a command ends before it is done: the line that says so, and the exit code."""

    line: str
    code: int


def run_command(
    name: str, parse_args: Callable[[], argparse.Namespace], command: Callable[[argparse.Namespace], None]
) -> NoReturn:
    """Parse the arguments, do what they ask for, and leave the process with its exit code.

    Args:
        name: of the command, with which its messages begin.
        parse_args: gives the process's own arguments, parsed by a `cli.arguments.command_parser`.
        command: does the work; prints results on standard output.
    """
    messages.configure(name)
    try:
        _check_globs(sys.argv[1:])
        args = parse_args()
        messages.configure(name, verbosity(args))
        _log.debug("electra_pretrain %s, Python %s: %s", __version__, platform.python_version(), shlex.join(sys.argv[1:]))
        began = time.monotonic()
        command(args)
        _log.debug("done in %s", duration(time.monotonic() - began))
    except (Exception, KeyboardInterrupt) as error:
        ending = _ending(error)
        if ending is None:
            traceback.print_exc()
            sys.exit(EXIT_CRASHED)
        print(f"{name}: {_in_one_line(ending.line)}", file=sys.stderr, flush=True)  # whatever the verbosity
        sys.exit(ending.code)
    sys.exit(0)


def _ending(error: BaseException) -> Ending | None:
    """Explain an error in one line; None for an error of ours, which keeps its traceback."""
    if isinstance(error, Stopped):
        return Ending(str(error), EXIT_TRY_AGAIN)
    if isinstance(error, KeyboardInterrupt):
        return Ending("interrupted; run the same command again", EXIT_INTERRUPTED)
    if isinstance(error, UserError):
        return Ending(f"error: {error}", EXIT_UNAVAILABLE if isinstance(error, Unavailable) else EXIT_USER_ERROR)
    if isinstance(error, ModuleNotFoundError) and error.name in _INSTALLABLE:
        return Ending(f"error: a package is missing; run: pip install {_INSTALLABLE[error.name]}", EXIT_USER_ERROR)
    if isinstance(error, OSError) and error.strerror is not None:
        reason = f"{error.filename or 'file system'}: {error.strerror}"
        return Ending(f"error: {reason}; what was finished is kept: mend this and run the same command again", EXIT_USER_ERROR)
    if _is_remote_file_error(error):
        unavailable = type(error).__name__ == "UnavailableError" or _UNREACHABLE.search(str(error))
        return Ending(
            f"error: remote path: {str(error).splitlines()[0]}; check the path, the credentials and the network",
            EXIT_UNAVAILABLE if unavailable else EXIT_USER_ERROR,
        )
    return None


def _in_one_line(text: str) -> str:
    """Spell out what cannot be seen or breaks a line: a file or a key may be called so."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in text)


def _check_globs(words: Sequence[str]) -> None:
    """Refuse a glob that was not quoted before the parser does, which names the words left over and not the reason.

    Raises:
        UserError: several words follow an option that takes one.
    """
    for index, option in enumerate(words):
        if option in _GLOB_OPTIONS:
            given = list(itertools.takewhile(lambda word: not word.startswith("-"), words[index + 1 :]))
            if len(given) > 1:
                raise UserError(
                    f"{option}: must be one word, was {len(given):,} ({first_of(given)}); quote the glob, for example "
                    f"{option} 'corpus/*.txt', or join names by commas"
                )


def _is_remote_file_error(error: BaseException) -> bool:
    """Whether TensorFlow's file system, which serves gs://, refused."""
    if "tensorflow" not in sys.modules:
        return False
    import tensorflow as tf

    kinds = (
        tf.errors.NotFoundError,
        tf.errors.PermissionDeniedError,
        tf.errors.UnavailableError,
        tf.errors.FailedPreconditionError,
        tf.errors.UnimplementedError,  # a scheme that it does not know, such as hf://
    )
    return isinstance(error, kinds) and "://" in str(error)

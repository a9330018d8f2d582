"""Run a command: a user's mistake ends in one clear line and an exit code, not in a traceback."""

import argparse
import itertools
import re
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import NoReturn

from electra_pretrain.cli.arguments import verbosity
from electra_pretrain.core import messages
from electra_pretrain.core.errors import Stopped, Unavailable, UserError, first_of

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
        _run(name, parse_args, command)
    except Exception:
        traceback.print_exc()
        sys.exit(EXIT_CRASHED)


def _run(name: str, parse_args: Callable[[], argparse.Namespace], command: Callable[[argparse.Namespace], None]) -> NoReturn:
    try:
        _check_globs(sys.argv[1:])
        args = parse_args()
        messages.configure(name, verbosity(args))
        command(args)
        sys.exit(0)
    except Unavailable as error:
        _fail(name, str(error), EXIT_UNAVAILABLE)
    except UserError as error:
        _fail(name, str(error))
    except Stopped as stopped:
        _end(name, str(stopped), EXIT_TRY_AGAIN)
    except KeyboardInterrupt:
        _end(name, "interrupted; run the same command again", EXIT_INTERRUPTED)
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
    for index, option in enumerate(words):
        if option in _GLOB_OPTIONS:
            given = list(itertools.takewhile(lambda word: not word.startswith("-"), words[index + 1 :]))
            if len(given) > 1:
                raise UserError(
                    f"{option}: must be one word, was {len(given):,} ({first_of(given)}); quote the glob, for example "
                    f"{option} 'corpus/*.txt', or join names by commas"
                )


def _fail(name: str, message: str, code: int = EXIT_USER_ERROR) -> NoReturn:
    _end(name, f"error: {message}", code)


def _end(name: str, message: str, code: int) -> NoReturn:
    """Say why the command ends, whatever the verbosity."""
    print(f"{name}: {message}", file=sys.stderr, flush=True)
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

"""Run a command: a user's mistake ends in one clear line and an exit code, not in a traceback."""

import argparse
import contextlib
import logging
import platform
import shlex
import sys
import time
import traceback
from collections.abc import Callable
from typing import NoReturn

from electra_pretrain import __version__
from electra_pretrain.cli.arguments import verbosity
from electra_pretrain.cli.endings import EXIT_CRASHED, EXIT_UNREAD, ending_of
from electra_pretrain.core import messages, streams
from electra_pretrain.core.progress import duration

_log = logging.getLogger(__name__)


def run_command(
    name: str, parse_args: Callable[[], argparse.Namespace], command: Callable[[argparse.Namespace], None]
) -> NoReturn:
    """Parse the arguments, do what they ask for, and leave the process with its exit code.

    Args:
        name: of the command, with which its messages begin.
        parse_args: gives the process's own arguments, parsed by a `cli.arguments.command_parser`.
        command: does the work; prints results on standard output.
    """
    streams.prepare()
    messages.configure(name)
    try:
        args = parse_args()
        messages.configure(name, verbosity(args))
        _log.debug("electra_pretrain %s, Python %s: %s", __version__, platform.python_version(), shlex.join(sys.argv[1:]))
        began = time.monotonic()
        command(args)
        sys.stdout.flush()
        _log.debug("done in %s", duration(time.monotonic() - began))
    except (Exception, KeyboardInterrupt) as error:
        sys.exit(_tell(name, error))
    finally:
        streams.settle()
    sys.exit(0)


def _tell(name: str, error: BaseException) -> int:
    """Say why a command ends, whatever the verbosity, and return its exit code."""
    if isinstance(error, BrokenPipeError) and streams.has_lost_its_reader():
        return EXIT_UNREAD  # without a word, as other programs end behind `| head -1`
    ending = ending_of(error)
    with contextlib.suppress(OSError):  # nobody hears it
        if ending is None:
            traceback.print_exc()
        else:
            print(f"{name}: {messages.in_one_line(ending.line)}", file=sys.stderr, flush=True)
    return EXIT_CRASHED if ending is None else ending.code

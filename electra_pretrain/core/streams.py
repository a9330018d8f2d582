"""Standard output and standard error as every command needs them: there, and able to show every character and every name."""

import codecs
import contextlib
import io
import json
import os
import select
import sys
from collections.abc import Callable
from typing import Any, TextIO

_SPELLED = "electra_pretrain.spelled"


def prepare() -> None:
    """Make the three standard streams safe to write to, before anything else is opened.

    One that the shell has closed (`2>&-`) is /dev/null from now on: its number would go to the next file that is opened, and
    whoever writes to standard error, C++ among them, would write into that. What a terminal cannot show (Korean on one that
    knows ASCII only, a byte of a file's name that is not UTF-8) is spelled as JSON would, `\\uac00`.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one
    sys.stdout = sys.stdout or os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", encoding="utf-8", closefd=False)
    codecs.register_error(_SPELLED, _spell)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a notebook's and a test's may be something else
            stream.reconfigure(errors=_SPELLED)
    _name_errors(sys.stdout, "standard output")


def _name_errors(stream: TextIO, name: str) -> None:
    """Have an error of a stream bear its name: where it is not buffered, `print` itself fails, and no file is named."""

    def named(method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any) -> Any:
            try:
                return method(*arguments)
            except OSError as error:
                error.filename = error.filename or name
                raise

        return call

    for method in ("write", "flush"):
        setattr(stream, method, named(getattr(stream, method)))


def settle() -> None:
    """Write what can still be written, and give up the rest: the interpreter, at its end, would try again and complain."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            with contextlib.suppress(OSError, ValueError), open(os.devnull, "w") as nowhere:
                os.dup2(nowhere.fileno(), stream.fileno())


def has_lost_its_reader() -> bool:
    """Tell whether standard output is a pipe whose reader has gone, as after `| head -1`."""
    try:
        number = sys.stdout.fileno()
    except (OSError, ValueError):  # a stand-in without a file
        return False
    poll = select.poll()
    poll.register(number, 0)
    return any(event & select.POLLERR for _, event in poll.poll(0))


def _spell(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return json.dumps(error.object[error.start : error.end])[1:-1], error.end

"""Run one of this package's commands in a process of its own, which never outlives this one."""

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import IO

from electra_pretrain.core import files

_GRACE_SECONDS = 60.0  # to save a checkpoint
_PR_SET_PDEATHSIG = 1


def run_logged(module: str, arguments: Sequence[str], log: str, environment: Mapping[str, str] | None = None) -> int:
    """Run `python -m MODULE ARGUMENTS` with its output in a file, and return its exit code.

    Args:
        module: name of the command's module.
        arguments: its command line.
        log: local file, to which all that it prints is added; its folder is there.
        environment: variables added to this process's own.
    """
    with open(log, "ab") as file:
        return _run([sys.executable, "-m", module, *arguments], {**os.environ, **(environment or {})}, file)


def run_shown(module: str, arguments: Sequence[str]) -> int:
    """Run `python -m MODULE ARGUMENTS` with its output where this process's goes, and return its exit code.

    Of a child that a signal ended, the code is what a shell would tell: 128 and the signal's number.
    """
    code = _run([sys.executable, "-m", module, *arguments], os.environ, None)
    return code if code >= 0 else 128 - code


def _run(command: Sequence[str], environment: Mapping[str, str], output: IO[bytes] | None) -> int:
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=None if output is None else subprocess.STDOUT,
        env=environment,
        # Ctrl-C reaches this process alone, which asks the child once: a second time would cut its saving short.
        start_new_session=True,
        preexec_fn=_end_with_parent if _LIBC else None,
    )
    try:
        return process.wait()
    except BaseException:
        _end(process)
        raise


def last_line(log: str) -> str:
    """Return the last line that says something; of a failed command that is the reason."""
    lines = files.read_bytes(log).decode("utf-8", "replace").strip().splitlines()
    return lines[-1].strip() if lines else "it said nothing"


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


# Linux ends the child even if this process is killed outright: two would otherwise work in one folder after a restart.
_LIBC = ctypes.CDLL(None) if sys.platform == "linux" else None


def _end_with_parent() -> None:
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

"""Run a command as a user's shell would, in milliseconds: in a fork of a process that has imported everything already.

A fork may crash, hang, fill the memory or close its own streams, and the next knows nothing of it.
"""

import contextlib
import functools
import importlib
import multiprocessing
import multiprocessing.connection
import multiprocessing.context
import multiprocessing.forkserver
import os
import resource
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

SECONDS, CPU_SECONDS = 60.0, 20  # a command here takes less than one, where the machine is not busy
MEMORY_BYTES, FILE_BYTES = 3 << 30, 1 << 28
HANGS = "hangs"
# Whoever starts a process asks for the ends of all others, and each end can be asked for by one thread alone.
_one_at_a_time = threading.Lock()
# Where the outputs go, so that nothing of them lies among what is looked at.
STDOUT, STDERR, TEMPORARY = "stdout.txt", "stderr.txt", "tmp"


class Outcome(NamedTuple):
    """How a command ended: its exit code, or the name of the signal that ended it, or `HANGS`; and what it said."""

    code: int | str
    stdout: str
    stderr: str
    seconds: float


def run(command: str, words: Sequence[str], folder: Path, stream: str = "", seconds: float | None = None) -> Outcome:
    """Run a command.

    Args:
        command: its name; or that of a module with a `main`.
        words: of its command line.
        folder: in which it is run; what it says and its temporary files go to the folder beside it, `FOLDER.said`.
        stream: one of `STREAMS` or "".
        seconds: it may take; None for `SECONDS`.
    """
    said = said_by(folder)
    (said / TEMPORARY).mkdir(parents=True)
    context = _fork_server()
    began = time.monotonic()
    child = context.Process(target=_main, args=(command, list(words), str(folder), str(said), stream))
    with _one_at_a_time:
        child.start()
    multiprocessing.connection.wait([child.sentinel], SECONDS if seconds is None else seconds)
    with _one_at_a_time:
        ended = child.exitcode
    _kill_group(child.pid)  # or workers that it may have left
    if ended is None:
        multiprocessing.connection.wait([child.sentinel])
        code: int | str = HANGS
    else:
        code = ended if ended >= 0 else signal.Signals(-ended).name
    if code == "SIGXCPU":
        code = HANGS
    texts = [(said / name).read_bytes().decode("utf-8", "backslashreplace") for name in (STDOUT, STDERR)]
    return Outcome(code, *texts, time.monotonic() - began)


@functools.cache
def _fork_server() -> multiprocessing.context.ForkServerContext:
    """Start the process that all are forked from, in an environment of its own: one thread, no GPU, no network."""
    quiet = {"OMP_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1", "HF_HUB_OFFLINE": "1"}
    quiet |= {"MPLBACKEND": "agg", "TOKENIZERS_PARALLELISM": "false"}
    context, before = multiprocessing.get_context("forkserver"), dict(os.environ)
    context.set_forkserver_preload(["tests.fuzz.preload"])
    os.environ.update(quiet)
    multiprocessing.forkserver.ensure_running()
    os.environ.clear()
    os.environ.update(before)
    return context


def said_by(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.said")


def _kill_group(pid: int | None) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid or 0, signal.SIGKILL)


def _main(command: str, words: list[str], folder: str, said: str, stream: str) -> None:
    os.setsid()
    os.chdir(folder)
    os.environ["TMPDIR"] = tempfile.tempdir = os.path.join(said, TEMPORARY)
    _redirect(said, stream)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MEMORY_BYTES,) * 2)
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.argv = [command, *words]
    try:
        importlib.import_module(command if "." in command else f"electra_pretrain.{command}").main()
    finally:
        _end()


def _end() -> None:
    """End as Python does: what cannot be written at last makes 120 of any exit code."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except (OSError, ValueError):
        os._exit(120)


def _redirect(said: str, stream: str) -> None:
    """Let the process have streams of its own, as Python would have opened them; `stream` says how they are broken."""
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    for number, name in ((1, STDOUT), (2, STDERR)):
        file = os.open(os.path.join(said, name), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(file, number)
        os.close(file)
    if stream == "stdout_nobody_reads":  # as behind `| head -1` that has ended
        reader, writer = os.pipe()
        os.close(reader)
        os.dup2(writer, 1)
    elif stream == "stdout_on_a_full_disk":
        os.dup2(os.open("/dev/full", os.O_WRONLY), 1)
    closed = {"stdout_closed": 1, "stderr_closed": 2}.get(stream)
    if closed:
        os.close(closed)
    # Of a terminal that knows ASCII alone: `LC_ALL=C PYTHONUTF8=0 PYTHONCOERCECLOCALE=0`.
    encoding, errors = ("ascii", "surrogateescape") if stream == "ascii" else ("utf-8", "strict")
    sys.stdout = None if closed == 1 else open(1, "w", encoding=encoding, errors=errors, closefd=False)  # noqa: SIM115
    sys.stderr = None if closed == 2 else open(2, "w", 1, encoding, "backslashreplace", closefd=False)  # noqa: SIM115


STREAMS = ("ascii", "stdout_closed", "stderr_closed", "stdout_nobody_reads", "stdout_on_a_full_disk")

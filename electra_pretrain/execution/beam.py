"""The same work on Apache Beam: a runner that hands tasks to a cluster, and takes results from a folder that all machines see.

Beam decides where a task runs and how often it is tried; what a task does, and that its output appears whole or not at all, is
the task's own affair. So the bytes are those of a local pool. Tasks and results lie in files, not in the job: a job's
description is limited, and what a task carries may be text.
"""

import contextlib
import functools
import logging
import os
import pickle
import re
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, wait
from typing import Any, NamedTuple

from electra_pretrain.core import files
from electra_pretrain.core.errors import Unavailable, UserError
from electra_pretrain.core.progress import LOG_INTERVAL_SECONDS
from electra_pretrain.execution import dask_cluster
from electra_pretrain.execution.beam_options import pipeline_options
from electra_pretrain.execution.processes import Runner

FOLDER_PREFIX = ".beam-"
TASK_FILE_BYTES = 1_000_000  # small tasks share a file up to this; one that carries text has its own
LOOK_SECONDS = 2.0  # from one look at what is finished to the next
_RESULT = re.compile(r"result-\d+-\d+\.pickle")
_log = logging.getLogger(__name__)


class StoredTask(NamedTuple):
    """Where a task is stored."""

    file: int
    number: int  # among the file's tasks


@contextlib.contextmanager
def beam_runner(runner: str, beam_args: str, shared_dir: str) -> Iterator[Runner]:
    """Give a function that maps over argument tuples, in order, on Beam.

    Args:
        runner: Beam's name of it: DaskRunner, DirectRunner, DataflowRunner, FlinkRunner, SparkRunner, PortableRunner.
        beam_args: its flags, as on a command line.
        shared_dir: a folder, gs:// or mounted, that this machine and all workers write to and read.

    Raises:
        UserError: Beam is not installed, there is no such runner, a flag is wrong, a machine is unlike this one, a task failed
            by a user's mistake, or the job failed.
        Unavailable: Dask's scheduler does not answer.
    """
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    options = pipeline_options(runner, beam_args)
    if dask_cluster.is_meant(runner):
        dask_cluster.check(options)
    _remove_abandoned(shared_dir)
    yield lambda function, tasks: _map(function, tasks, options, shared_dir)


def _map(function: Callable[..., Any], tasks: Iterable[tuple[Any, ...]], options: Any, shared_dir: str) -> Iterator[Any]:
    """Run all tasks, and read their results one by one as they come."""
    # Another name each time: a worker that lives on keeps what it read under an earlier one.
    folder = files.join(shared_dir, f"{_folder_prefix()}{os.getpid()}-{secrets.token_hex(4)}")
    with contextlib.nullcontext() if files.exists(shared_dir) else files.removed_if_empty(shared_dir):
        files.make_dirs(folder)
        try:
            stored = _store(function, tasks, folder)
            if stored:
                with _job(folder, function.__name__, stored, options) as job:
                    yield from _results(folder, function.__name__, stored, job)
        finally:
            files.remove(folder)


def _store(function: Callable[..., Any], tasks: Iterable[tuple[Any, ...]], folder: str) -> list[StoredTask]:
    """Store tasks as they come, some to a file; this machine holds one file's at a time."""
    stored: list[StoredTask] = []
    held: list[bytes] = []
    file = size = 0
    for task in tasks:
        stored.append(StoredTask(file, len(held)))
        held.append(pickle.dumps(task))
        size += len(held[-1])
        if size >= TASK_FILE_BYTES:
            files.write_bytes(_tasks_path(folder, file), pickle.dumps((function, held)))
            file, size, held = file + 1, 0, []
    if held:
        files.write_bytes(_tasks_path(folder, file), pickle.dumps((function, held)))
    return stored


@contextlib.contextmanager
def _job(folder: str, name: str, stored: list[StoredTask], options: Any) -> Iterator["Future[Any]"]:
    """Do the tasks stored in a folder; give what tells when the job is over, and how it ended."""
    import apache_beam as beam

    pipeline = beam.Pipeline(options=options)
    numbers = pipeline | "Number" >> beam.Create([tuple(task) for task in stored]) | "Spread" >> beam.Reshuffle()
    numbers | name >> beam.Map(_work, folder)
    with _said_in_a_line():
        job = pipeline.run()
    over = _in_background(job.wait_until_finish)
    try:
        yield over
        wait([over])  # all results are there, maybe a moment before the runner knows
    except BaseException:
        with contextlib.suppress(Exception):  # not all runners can, and some of them have ended
            job.cancel()
        raise
    finally:
        if hasattr(job, "client"):  # Dask's, a new one for every job
            job.client.close()


def _in_background(function: Callable[[], Any]) -> "Future[Any]":
    """Call a function in a thread that keeps nobody from leaving: whom a signal interrupts does not wait for a cluster."""
    future: Future[Any] = Future()

    def call() -> None:
        try:
            future.set_result(function())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=call, daemon=True).start()
    return future


def _results(folder: str, name: str, stored: list[StoredTask], job: "Future[Any]") -> Iterator[Any]:
    """Read the results in order, each as soon as it is there; a runner works in an order of its own, so say what is done."""
    there: set[str] = set()
    said = time.monotonic()
    for task in stored:
        while _result_name(task) not in there and not job.done():
            wait([job], LOOK_SECONDS)
            # The folder is listed: a network's file system may remember for a while that a file was asked for and missing.
            there = {found for found in files.list_dir(folder) if _RESULT.fullmatch(found)}
            if time.monotonic() - said >= LOG_INTERVAL_SECONDS:
                _log.info("%s: the workers have done %d of %d tasks", name, len(there), len(stored))
                said = time.monotonic()
        if job.done():
            with _said_in_a_line():
                state = job.result()
            if state not in (None, "DONE"):
                raise UserError(f"the Beam job ended as {state}; see its log, then run the same command again to go on")
        result, mistake = pickle.loads(files.read_bytes(files.join(folder, _result_name(task))))
        if mistake:
            raise UserError(mistake)
        yield result


@contextlib.contextmanager
def _said_in_a_line() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        if dask_cluster.is_gone(error):
            raise Unavailable("the Dask scheduler is gone; start it, then run the same command again to go on") from error
        raise UserError(f"the Beam job failed ({_reason(error)}); run the same command again to go on") from error


def _work(numbers: tuple[int, int], folder: str) -> None:
    """Do one task, on a worker. A user's mistake is a result: to try again would not mend it."""
    task = StoredTask(*numbers)
    path = files.join(folder, _result_name(task))
    if files.exists(path):  # with a lost worker Dask takes all for lost that was done there
        return
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"  # as in a local pool's workers
    function, tasks = _load(_tasks_path(folder, task.file))
    try:
        result = (function(*pickle.loads(tasks[task.number])), "")
    except UserError as error:
        result = (None, str(error))
    files.write_bytes(path, pickle.dumps(result))


@functools.lru_cache(maxsize=1)
def _load(path: str) -> Any:
    return pickle.loads(files.read_bytes(path))


def _tasks_path(folder: str, file: int) -> str:
    return files.join(folder, f"tasks-{file:06d}.pickle")


def _result_name(task: StoredTask) -> str:
    return f"result-{task.file:06d}-{task.number:06d}.pickle"


def _folder_prefix() -> str:
    return f"{FOLDER_PREFIX}{socket.gethostname()}-"


def _remove_abandoned(shared_dir: str) -> None:
    """Remove the tasks of commands that were killed on this machine; those of others may be at work."""
    for name in files.list_dir(shared_dir) if files.is_dir(shared_dir) else []:
        found = re.fullmatch(rf"{re.escape(_folder_prefix())}(\d+)-[0-9a-f]+", name)
        if found and not _is_alive(int(found[1])):
            files.remove(files.join(shared_dir, name))


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # it is another user's
        return True
    return True


def _reason(error: Exception) -> str:
    """Find the line of a worker's traceback that names the error."""
    if known := dask_cluster.reason(error):
        return known
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return next((line for line in reversed(lines) if "Error" in line), lines[-1] if lines else type(error).__name__)

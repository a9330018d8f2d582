"""The same work on Apache Beam: a runner that hands tasks to a cluster, and takes results from a folder that all machines see.

Beam decides where a task runs and how often it is tried; what a task does, and that its output appears whole or not at all, is
the task's own affair. So the bytes are those of a local pool. Tasks and results lie in files, not in the job: a job's
description is limited, and what a task carries may be text.
"""

import contextlib
import functools
import os
import pickle
import re
import secrets
import shlex
import socket
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from electra_pretrain.core import files, optional
from electra_pretrain.core.errors import UserError
from electra_pretrain.execution.processes import Runner

FOLDER_PREFIX = ".beam-"
TASK_FILE_BYTES = 1_000_000  # small tasks share a file up to this; one that carries text has its own


class StoredTask(NamedTuple):
    """Where a task is stored."""

    file: int
    number: int  # among the file's tasks


@contextlib.contextmanager
def beam_runner(runner: str, beam_args: str, shared_dir: str) -> Iterator[Runner]:
    """Give a function that maps over argument tuples, in order, on Beam.

    Args:
        runner: Beam's name of it: DirectRunner, DataflowRunner, FlinkRunner, SparkRunner, PortableRunner.
        beam_args: its flags, as on a command line.
        shared_dir: a folder, gs:// or mounted, that this machine and all workers write to and read.

    Raises:
        UserError: Beam is not installed, a task failed by a user's mistake, or the job failed.
    """
    beam_options = optional.load(
        "apache_beam.options.pipeline_options", f"--runner {runner}", extra="beam", package="Apache Beam"
    )
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    flags = [f"--runner={runner}", "--default_sdk_harness_log_level=WARNING", *shlex.split(beam_args)]
    options = beam_options.PipelineOptions(flags)
    _remove_abandoned(shared_dir)
    yield lambda function, tasks: _map(function, tasks, options, shared_dir)


def _map(function: Callable[..., Any], tasks: Iterable[tuple[Any, ...]], options: Any, shared_dir: str) -> Iterator[Any]:
    """Run all tasks, then read their results one by one."""
    # Another name each time: a worker that lives on keeps what it read under an earlier one.
    folder = files.join(shared_dir, f"{_folder_prefix()}{os.getpid()}-{secrets.token_hex(4)}")
    with contextlib.nullcontext() if files.exists(shared_dir) else files.removed_if_empty(shared_dir):
        files.make_dirs(folder)
        try:
            stored = _store(function, tasks, folder)
            if stored:
                _run_job(folder, function.__name__, stored, options)
            for task in stored:
                result, mistake = pickle.loads(files.read_bytes(_result_path(folder, task)))
                if mistake:
                    raise UserError(mistake)
                yield result
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


def _run_job(folder: str, name: str, stored: list[StoredTask], options: Any) -> None:
    """Do the tasks stored in a folder."""
    import apache_beam as beam

    pipeline = beam.Pipeline(options=options)
    numbers = pipeline | "Number" >> beam.Create([tuple(task) for task in stored]) | "Spread" >> beam.Reshuffle()
    numbers | name >> beam.Map(_work, folder)
    try:
        state = pipeline.run().wait_until_finish()
    except Exception as error:
        raise UserError(f"the Beam job failed ({_reason(error)}); run the same command again to go on") from error
    if state not in (None, "DONE"):
        raise UserError(f"the Beam job ended as {state}; see its log, then run the same command again to go on")


def _work(numbers: tuple[int, int], folder: str) -> None:
    """Do one task, on a worker. A user's mistake is a result: to try again would not mend it."""
    task = StoredTask(*numbers)
    function, tasks = _load(_tasks_path(folder, task.file))
    try:
        result = (function(*pickle.loads(tasks[task.number])), "")
    except UserError as error:
        result = (None, str(error))
    files.write_bytes(_result_path(folder, task), pickle.dumps(result))


@functools.lru_cache(maxsize=1)
def _load(path: str) -> Any:
    return pickle.loads(files.read_bytes(path))


def _tasks_path(folder: str, file: int) -> str:
    return files.join(folder, f"tasks-{file:06d}.pickle")


def _result_path(folder: str, task: StoredTask) -> str:
    return files.join(folder, f"result-{task.file:06d}-{task.number:06d}.pickle")


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
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return next((line for line in reversed(lines) if "Error" in line), lines[-1] if lines else type(error).__name__)

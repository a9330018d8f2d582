"""The same work on Apache Beam: a runner that hands tasks to a cluster, and takes results from a folder that all machines see.

Beam decides where a task runs and how often it is tried; what a task does, and that its output appears whole or not at all, is
the task's own affair. So the bytes are those of a local pool.
"""

import contextlib
import functools
import os
import pickle
import shlex
from collections.abc import Callable, Iterator
from typing import Any

from electra_pretrain import files
from electra_pretrain.data.processes import Runner
from electra_pretrain.errors import UserError

INSTALL = "'electra_pretrain[beam]'"
TASKS_NAME = "tasks.pickle"


@contextlib.contextmanager
def beam_runner(runner: str, beam_args: str, shared_dir: str) -> Iterator[Runner]:
    """A function that maps over argument tuples, in order, on Beam.

    Args:
        runner: Beam's name of it: DirectRunner, DataflowRunner, FlinkRunner, SparkRunner, PortableRunner.
        beam_args: its flags, as on a command line.
        shared_dir: a folder, gs:// or mounted, that this machine and all workers write to and read.

    Raises:
        UserError: Beam is not installed, a task failed by a user's mistake, or the job failed.
    """
    try:
        from apache_beam.options.pipeline_options import PipelineOptions
    except ImportError as error:
        raise UserError(f"--runner {runner}: needs Apache Beam, which is not installed; run: pip install {INSTALL}") from error
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    options = PipelineOptions([f"--runner={runner}", "--default_sdk_harness_log_level=WARNING", *shlex.split(beam_args)])
    folder = files.join(shared_dir, f".beam-{os.getpid()}")
    yield lambda function, tasks: _map(function, list(tasks), options, folder)


def _map(function: Callable[..., Any], tasks: list[tuple[Any, ...]], options: Any, folder: str) -> Iterator[Any]:
    """Run all tasks, then read their results one by one."""
    if not tasks:
        return
    files.make_dirs(folder)
    try:
        # Not within the job's own description, whose size Dataflow limits; and under a name that no worker has in its cache.
        path = files.join(folder, f"{function.__name__}-{TASKS_NAME}")
        files.write_bytes(path, pickle.dumps((function, tasks)))
        _run_job(path, function.__name__, len(tasks), options)
        for number in range(len(tasks)):
            result, mistake = pickle.loads(files.read_bytes(_result_path(path, number)))
            if mistake:
                raise UserError(mistake)
            yield result
    finally:
        files.remove(folder)


def _run_job(path: str, name: str, num_tasks: int, options: Any) -> None:
    """Do the tasks stored in `path`."""
    import apache_beam as beam

    pipeline = beam.Pipeline(options=options)
    numbers = pipeline | "Number" >> beam.Create(range(num_tasks)) | "Spread" >> beam.Reshuffle()
    numbers | name >> beam.Map(_work, path)
    try:
        state = pipeline.run().wait_until_finish()
    except Exception as error:
        raise UserError(f"the Beam job failed ({_reason(error)}); run the same command again to go on") from error
    if state not in (None, "DONE"):
        raise UserError(f"the Beam job ended as {state}; see its log, then run the same command again to go on")


def _work(number: int, path: str) -> None:
    """On a worker: one task. A user's mistake is a result: to try again would not mend it."""
    function, tasks = _load(path)
    try:
        result = (function(*tasks[number]), "")
    except UserError as error:
        result = (None, str(error))
    files.write_bytes(_result_path(path, number), pickle.dumps(result))


@functools.lru_cache(maxsize=1)
def _load(path: str) -> Any:
    return pickle.loads(files.read_bytes(path))


def _result_path(path: str, number: int) -> str:
    return f"{path}-{number:06d}"


def _reason(error: Exception) -> str:
    """The line of a worker's traceback that names the error."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return next((line for line in reversed(lines) if "Error" in line), lines[-1] if lines else type(error).__name__)

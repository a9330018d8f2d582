"""Map a function over tasks, in order, in this process or in several; workers end with the command that started them."""

import contextlib
import multiprocessing
import multiprocessing.connection
import os
import pickle
import signal
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, TypeVar

from electra_pretrain.core import messages
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.progress import Progress

R = TypeVar("R")
Runner = Callable[[Callable[..., Any], Iterable[tuple[Any, ...]]], Iterator[Any]]


@contextlib.contextmanager
def worker_pool(num_processes: int) -> Iterator[Runner]:
    """Give a function that maps over argument tuples in order, in this process or in several."""
    # `tokenizers` would start a thread per core in every process.
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    if num_processes == 1:
        yield lambda function, tasks: (function(*task) for task in tasks)
        return
    context = multiprocessing.get_context("spawn")
    with (
        tempfile.TemporaryDirectory(prefix="electra_pretrain-tasks-") as folder,
        ProcessPoolExecutor(
            num_processes, mp_context=context, initializer=_start_worker, initargs=messages.speaker()
        ) as executor,
    ):
        try:
            yield lambda function, tasks: _bounded_map(executor, folder, 2 * num_processes, function, tasks)
        except BrokenProcessPool as error:
            raise UserError(
                "a worker process was ended from outside (out of memory?); run the same command again to go on, "
                "with fewer --num_processes"
            ) from error
        finally:
            executor.shutdown(wait=True, cancel_futures=True)


def map_tasks(
    run: Runner, description: str, function: Callable[..., R], tasks: Sequence[tuple[Any, ...]], unit: str = "tasks"
) -> list[R]:
    """Return the results of all tasks, in order, and show how many are done."""
    with Progress(description, len(tasks), unit) as progress:
        return list(progress.counting(run(function, tasks)))


def _start_worker(command: str, level: int) -> None:
    """Speak as the parent does, leave Ctrl-C to it, and end with it: an orphan would go on writing where a rerun works."""
    messages.configure(command, level)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # Text is worked on by the CPU; TensorFlow would take a GPU's memory all the same.
    os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
    parent = multiprocessing.parent_process()
    assert parent is not None

    def end_with_parent() -> None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()


def _bounded_map(
    executor: ProcessPoolExecutor, folder: str, window: int, function: Callable[..., R], tasks: Iterable[tuple[Any, ...]]
) -> Iterator[R]:
    """Give results in order, with at most `window` tasks waiting in the folder, so that the corpus does not pile up.

    An error met while tasks are made comes after the results, and the errors, of those before it: as in one process.
    """
    pending: list[Future[R]] = []
    failed: Exception | None = None
    remaining = iter(tasks)
    while True:
        try:
            task = next(remaining)
        except StopIteration:
            break
        except Exception as error:
            failed = error
            break
        pending.append(executor.submit(_do, _handed_over((function, task), folder)))
        if len(pending) >= window:
            yield pending.pop(0).result()
    for future in pending:
        yield future.result()
    if failed is not None:
        raise failed


def _handed_over(task: tuple[Callable[..., Any], tuple[Any, ...]], folder: str) -> str:
    """Write a task for a worker, and return the path.

    The pool's own way is a pipe, which takes text in small pieces and copies it over and over, in three times the time.
    """
    descriptor, path = tempfile.mkstemp(dir=folder)
    with open(descriptor, "wb") as file:
        pickle.dump(task, file, pickle.HIGHEST_PROTOCOL)
    return path


def _do(path: str) -> Any:
    """Do the task that was handed over, in a worker."""
    with open(path, "rb") as file:
        function, task = pickle.load(file)
    os.remove(path)
    return function(*task)

"""Work through a study's cells, one after the other, in one process or in several that share them; and how long it takes."""

import contextlib
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from ablation.cell import Failed, parts_left, work
from ablation.plan import Plan
from ablation.results import Cell, Result
from electra_pretrain.core import locks, messages
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.progress import duration

WORKER_VARIABLE = "ABLATE_WORKER"  # "0 2": the first of two
END_VARIABLE = "ABLATE_END"  # the clock's time at which all of them must have ended
_log = logging.getLogger(f"{messages.ROOT}.{__name__}")  # commands are heard below that name alone


def deadline(hours: float | None) -> float | None:
    """Return the clock's time by which cells must have ended, a worker's being that of who started it; None for no limit."""
    if END_VARIABLE in os.environ:
        return float(os.environ[END_VARIABLE])
    return None if hours is None else time.time() + hours * 3600


def work_alone(plan: Plan, end: float | None) -> list[str]:
    """Do cells until none is left that nobody else is at; return a line for each that failed.

    Args:
        plan: what to do.
        end: no cell is begun that would not end by then, see `deadline`.
    """
    failed: dict[Cell, str] = {}
    while True:
        done, begun = plan.finished(), False
        for cell in plan.cells():
            parts = [] if cell in failed else parts_left(plan, cell, done)
            if not parts:
                continue
            needed = seconds_of(plan, done) if "run" in parts else 0.0
            if end is not None and time.time() + (needed or 0.0) > end:
                _log.info("%s: would not end in time; run the same command again to go on", cell)
                return list(failed.values())
            with held(plan.cell_folder(cell), "ablate") as is_held:
                if not is_held or parts_left(plan, cell, plan.finished()) != parts:
                    continue
                _log.info("%s: %s, told in %s", cell, ", ".join(parts), plan.log(cell))
                begun = True
                try:
                    work(plan, cell)
                except (Failed, UserError) as error:
                    failed[cell] = str(error)
                    _log.warning("%s", error)
            break
        if not begun:
            return list(failed.values())


@contextlib.contextmanager
def held(folder: str, command: str) -> Iterator[bool]:
    """Hold a folder within this block, unless another process does."""
    with contextlib.ExitStack() as stack:
        try:
            stack.enter_context(locks.held(folder, command))
        except UserError:
            yield False
            return
        yield True


def work_together(jobs: int, arguments: Sequence[str], end: float | None) -> int:
    """Start this script so many times, each on cores of its own, and wait for all; return the gravest exit code."""
    processes = []
    for number in range(jobs):
        environment = {**os.environ, WORKER_VARIABLE: f"{number} {jobs}"}
        environment |= {} if end is None else {END_VARIABLE: str(end)}
        # Ctrl-C reaches this process alone, which asks each worker once: twice would cut the saving of what it runs short.
        processes.append(subprocess.Popen([sys.executable, *arguments], env=environment, start_new_session=True))
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        return max(process.wait() for process in processes)
    except BaseException:
        for process in processes:
            process.send_signal(signal.SIGINT)
        for process in processes:
            process.wait()
        raise


def take_cores() -> bool:
    """Keep to this worker's share of the cores, as do the processes that it starts; False in no worker."""
    number, _, jobs = os.environ.get(WORKER_VARIABLE, "").partition(" ")
    if not jobs:
        return False
    cores = sorted(os.sched_getaffinity(0))
    if mine := cores[int(number) :: int(jobs)]:
        os.sched_setaffinity(0, mine)
    return True


def seconds_of(plan: Plan, done: Mapping[Cell, Result]) -> float | None:
    """Estimate what a cell takes: the median of those that were measured, else what the study says; None if it says nothing."""
    measured = [result.wall_seconds for result in done.values() if result.wall_seconds is not None]
    if measured:
        return float(np.median(measured))
    return None if plan.about.minutes is None else plan.about.minutes * 60


def overview(plan: Plan, jobs: int) -> str:
    """Write a line for each cell, and how long what is left will take."""
    done, lines = plan.finished(), []
    seconds = seconds_of(plan, done)
    left = 0
    for cell in plan.cells():
        parts = parts_left(plan, cell, done)
        left += "run" in parts
        state = "done" if not parts else "to do" if "run" in parts else f"to do: {', '.join(parts)}"
        took = done[cell].wall_seconds if cell in done else None
        lines.append(f"{cell}: {state}" + (f", took {duration(took)}" if took is not None else ""))
    total = f"{left} of {len(lines)} cells left"
    if left and seconds is not None:
        total += f", about {duration(seconds)} each, {duration(seconds * -(-left // jobs))} in all with --jobs {jobs}"
    elif left:
        total += "; how long one takes is known when the first is done"
    return "\n".join([*lines, total])

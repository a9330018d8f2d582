"""The training loop: outer Python that saves, scores and logs; inner loops of updates on the device."""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import tensorflow as tf

from electra_pretrain.config.schema import Config
from electra_pretrain.core.batch import Batch
from electra_pretrain.core.errors import Stopped
from electra_pretrain.core.progress import Progress
from electra_pretrain.execution.background import Task
from electra_pretrain.execution.stop import StopRequest
from electra_pretrain.train.devices import any_worker
from electra_pretrain.train.logs import RunLog
from electra_pretrain.train.report import Loop, Report
from electra_pretrain.train.saver import Saver
from electra_pretrain.train.trainer import Trainer

_log = logging.getLogger(__name__)


class NonFinite(Exception):
    """Too many steps in a row whose gradient is not finite.

    Attributes:
        step: `global_step` before the last of them: the number of its batch.
        in_a_row: how many there were.
    """

    def __init__(self, step: int, in_a_row: int) -> None:
        super().__init__(f"step {step}: {in_a_row} in a row were not finite")
        self.step, self.in_a_row = step, in_a_row


class Job(NamedTuple):
    """What the loop works on, all of it built.

    Attributes:
        config: the experiment, or the part of it that is at hand.
        last_step: where to end.
        trainer: model, optimiser and step, restored if there was a checkpoint.
        batches: training batches from the trainer's step on.
        heldout: held-out batches, or None.
        saver: writes checkpoints.
        log: where metrics go.
        peak_flops: what the devices could compute in a second, or None.
    """

    config: Config
    last_step: int
    trainer: Trainer
    batches: Iterator[Batch]
    heldout: Iterable[Batch] | None
    saver: Saver
    log: RunLog
    peak_flops: float | None


def train(job: Job, stop: StopRequest) -> None:
    """Train from the trainer's step to the job's last, saving on the way.

    While the device runs a loop, the metrics of the one before are written; a checkpoint holds the device up for a copy only
    and is written while it goes on.

    Raises:
        Stopped: someone asked for it; the step that was reached is saved.
        NonFinite: `max_nonfinite_steps` steps in a row could not be applied.
        UserError: a checkpoint could not be written.
    """
    training, trainer = job.config.training, job.trainer
    step = int(trainer.optimizer.global_step.numpy())
    with Progress("train", training.num_train_steps, "steps", initial=step) as progress, job.saver as saver:
        report = Report(job.config, job.log, progress, step, job.peak_flops)
        if step:
            _log.info(f"going on from step {step}" if step < job.last_step else f"finished at step {step} before")
            if not job.log.has("heldout", step):  # stopped between a checkpoint and its evaluation
                _evaluate(job, step, report)
        while step < job.last_step:
            loop = _run_beside(job, _steps_until_stop(step, job), report.write_waiting)
            step += loop.num_steps
            report.keep(step, loop)
            if loop.sums["nonfinite_steps"]:
                report.write_waiting()
                _check_nonfinite(job, float(loop.sums["nonfinite_steps"]), progress)
            asked = any_worker(trainer.strategy, bool(stop.signal_name))
            if step % training.save_checkpoints_steps == 0 or step == job.last_step or asked:
                saver.start(step, trainer.variables())
                report.write_waiting()
                if not asked:
                    _evaluate(job, step, report)
            if asked and step < training.num_train_steps:
                saver.finish()
                name = stop.signal_name or "another worker was asked to stop"
                raise Stopped(f"{name}: stopped at step {step}, which is saved; run the same command to go on")


def _run_beside(job: Job, num_steps: int, host_work: Callable[[], None]) -> Loop:
    """Run steps on the device, and `host_work` here meanwhile."""

    def loop() -> Loop:
        began = time.monotonic()
        sums = {name: value.numpy() for name, value in job.trainer.train_steps(job.batches, tf.constant(num_steps)).items()}
        return Loop(num_steps, sums, began, time.monotonic())

    running = Task(loop)
    host_work()
    return running.result()


def _check_nonfinite(job: Job, count: float, progress: Progress) -> None:
    """Say that steps were not applied; give up if there are too many in a row."""
    optimizer, limit = job.trainer.optimizer, job.config.training.max_nonfinite_steps
    last, in_a_row = int(optimizer.last_nonfinite_step.numpy()), int(optimizer.nonfinite_in_a_row.numpy())
    _log.warning(f"gradient not finite: {count:.0f} steps not applied, the last of them step {last}")
    if in_a_row >= limit:
        raise NonFinite(last, in_a_row)


def _steps_until_stop(step: int, job: Job) -> int:
    """Steps to the next save, to the end, or one loop, whichever comes first."""
    training = job.config.training
    to_save = training.save_checkpoints_steps - step % training.save_checkpoints_steps
    return min(training.iterations_per_loop, to_save, job.last_step - step)


def _evaluate(job: Job, step: int, report: Report) -> None:
    """Score held-out records, if there are any."""
    if job.heldout is not None:
        report.heldout(step, job.trainer.evaluate(job.heldout))

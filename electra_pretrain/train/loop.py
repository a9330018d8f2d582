"""The training loop: outer Python that saves, scores and logs; inner loops of updates on the device."""

import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from electra_pretrain.batch import Batch
from electra_pretrain.config import Config
from electra_pretrain.errors import Stopped
from electra_pretrain.progress import Progress, duration
from electra_pretrain.train import checkpoint
from electra_pretrain.train.logs import RunLog
from electra_pretrain.train.metrics import summarize
from electra_pretrain.train.optimizer import learning_rate
from electra_pretrain.train.step import Trainer
from electra_pretrain.train.stop import StopRequest


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
        config: the experiment.
        trainer: model, optimiser and step, restored if there was a checkpoint.
        batches: training batches from the trainer's step on.
        heldout: held-out batches, or None.
        model_dir: where checkpoints go.
        log: where metrics go.
    """

    config: Config
    trainer: Trainer
    batches: Iterator[Batch]
    heldout: tf.data.Dataset | None
    model_dir: str
    log: RunLog


def train(job: Job, stop: StopRequest) -> None:
    """Train from the trainer's step to `num_train_steps`, saving on the way.

    Raises:
        Stopped: someone asked for it; the step that was reached is saved.
        NonFinite: `max_nonfinite_steps` steps in a row could not be applied.
    """
    training = job.config.training
    step = start = int(job.trainer.optimizer.global_step.numpy())
    with Progress("train", training.num_train_steps, "steps", initial=step) as progress:
        if step:
            progress.say(f"going on from step {step}" if step < training.num_train_steps else f"finished at step {step} before")
            if not job.log.has("heldout", step):  # stopped between a checkpoint and its evaluation
                _evaluate(job, step, progress)
        while step < training.num_train_steps:
            num_steps = _steps_until_stop(step, job.config)
            began = time.monotonic()
            sums = {name: value.numpy() for name, value in job.trainer.train_steps(job.batches, tf.constant(num_steps)).items()}
            seconds = time.monotonic() - began
            step += num_steps
            metrics = _train_metrics(job.config, step, sums, num_steps, seconds)
            job.log.write("train", step, metrics)
            job.log.flush()
            progress.update(num_steps, _note(metrics))
            if metrics["nonfinite_steps"]:
                _report_nonfinite(job, metrics["nonfinite_steps"], progress)
            if step == start + num_steps:
                # The first loop compiles: its rate says nothing about the rest.
                progress.say(f"compiled and ran the first {num_steps} steps in {duration(seconds)}")
            if step % training.save_checkpoints_steps == 0 or step == training.num_train_steps:
                _save(job, step)
                if not stop.signal_name:
                    _evaluate(job, step, progress)
            if stop.signal_name and step < training.num_train_steps:
                if checkpoint.steps(job.model_dir)[-1:] != [step]:
                    _save(job, step)
                raise Stopped(f"{stop.signal_name}: stopped at step {step}, which is saved; run the same command to go on")


def _report_nonfinite(job: Job, count: float, progress: Progress) -> None:
    """Say that steps were not applied; give up if there are too many in a row."""
    optimizer, limit = job.trainer.optimizer, job.config.training.max_nonfinite_steps
    last, in_a_row = int(optimizer.last_nonfinite_step.numpy()), int(optimizer.nonfinite_in_a_row.numpy())
    progress.say(f"gradient not finite: {count:.0f} steps not applied, the last of them step {last}")
    if in_a_row >= limit:
        raise NonFinite(last, in_a_row)


def _steps_until_stop(step: int, config: Config) -> int:
    """Steps to the next save, to the end, or one loop, whichever comes first."""
    training = config.training
    to_save = training.save_checkpoints_steps - step % training.save_checkpoints_steps
    return min(training.iterations_per_loop, to_save, training.num_train_steps - step)


def _train_metrics(config: Config, step: int, sums: dict[str, np.ndarray], num_steps: int, seconds: float) -> dict[str, float]:
    training = config.training
    sequences = num_steps * training.train_batch_size / seconds
    rate = learning_rate(tf.constant(step), config.optimizer, training.num_train_steps)
    metrics = summarize(sums)
    total = config.objective.gen_weight * metrics.get("cloze_loss", metrics["masked_lm_loss"])
    if "disc_loss" in metrics:
        total += config.objective.disc_weight * metrics["disc_loss"]
    return metrics | {
        "total_loss": total,
        "grad_norm": float(sums["grad_norm"] / sums["steps"]) if sums["steps"] else float("nan"),
        "nonfinite_steps": float(sums["nonfinite_steps"]),
        "learning_rate": float(rate),
        "sequences_per_second": sequences,
        "tokens_per_second": sequences * config.data.max_seq_length,
        "hours_left": (training.num_train_steps - step) / num_steps * seconds / 3600,
    }


def _note(metrics: dict[str, float]) -> str:
    shown = f"gen loss {metrics['masked_lm_loss']:.3f}"
    if "disc_auc" in metrics:
        shown += f", disc loss {metrics['disc_loss']:.4f}, auc {metrics['disc_auc']:.3f}"
    return shown + f", {metrics['sequences_per_second']:.3g} seq/s"


def _save(job: Job, step: int) -> None:
    values = checkpoint.to_host(job.trainer.variables())
    training = job.config.training
    checkpoint.save(job.model_dir, step, values, training.keep_checkpoint_max, training.keep_every_steps)


def _evaluate(job: Job, step: int, progress: Progress) -> None:
    if job.heldout is None:
        return
    metrics = job.trainer.evaluate(job.heldout)
    job.log.write("heldout", step, metrics)
    job.log.flush()
    shown = ", ".join(f"{name} {metrics[name]:.4f}" for name in ("masked_lm_loss", "disc_loss", "disc_auc") if name in metrics)
    progress.say(f"step {step}, held-out: {shown}")

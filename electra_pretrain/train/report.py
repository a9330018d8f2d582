"""From what the device gave to what people read: metrics, a line of progress, the log, one loop late."""

import logging
import time
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from electra_pretrain.config.schema import Config
from electra_pretrain.core.progress import Progress, duration
from electra_pretrain.model.flops import step_flops
from electra_pretrain.train.logs import RunLog
from electra_pretrain.train.metrics import summarize
from electra_pretrain.train.optimizer import learning_rate

_log = logging.getLogger(__name__)

HELDOUT_SHOWN = ("masked_lm_loss", "disc_loss", "disc_auc")


class Loop(NamedTuple):
    """What some steps on the device gave.

    Attributes:
        num_steps: how many.
        sums: metric sums over them.
        began: the clock's time in seconds.
        ended: the clock's time in seconds.
    """

    num_steps: int
    sums: dict[str, np.ndarray]
    began: float
    ended: float


class Report:
    """Metrics of a part of a run.

    Args:
        config: what holds in it.
        log: where metrics are written.
        progress: where they are shown.
        step: where the part begins, or goes on.
        peak_flops: what the devices could compute in a second, or None.
    """

    def __init__(self, config: Config, log: RunLog, progress: Progress, step: int, peak_flops: float | None) -> None:
        self._config, self._log, self._progress, self._start = config, log, progress, step
        self._peak_flops = peak_flops
        self._waiting: tuple[int, Loop] | None = None
        self._device_free_since: float | None = None

    def keep(self, step: int, loop: Loop) -> None:
        """Take what a loop that ended at `step` gave; what was kept before must have been written."""
        assert self._waiting is None
        self._waiting = (step, loop)

    def write_waiting(self) -> None:
        """Log and show what was kept."""
        if self._waiting is None:
            return
        (step, loop), self._waiting = self._waiting, None
        metrics = self._train_metrics(step, loop)
        self._log.write("train", step, metrics)
        self._log.flush()
        if step == self._start + loop.num_steps:
            # The first loop compiles: its rate says nothing about the rest.
            self._progress.leave_out(loop.num_steps, _note(metrics), loop.ended)
            seconds = duration(loop.ended - loop.began)
            _log.info(f"compiled and ran the first {loop.num_steps} steps in {seconds}")
        else:
            self._progress.update(loop.num_steps, _note(metrics))

    def heldout(self, step: int, metrics: Mapping[str, float]) -> None:
        """Log and show held-out metrics."""
        self._log.write("heldout", step, metrics)
        self._log.flush()
        shown = ", ".join(f"{name} {metrics[name]:.4f}" for name in HELDOUT_SHOWN if name in metrics)
        _log.info(f"step {step}, held-out: {shown}")
        self._device_free_since = time.monotonic()  # until now it was not idle

    def _train_metrics(self, step: int, loop: Loop) -> dict[str, float]:
        config, training = self._config, self._config.training
        seconds = loop.ended - loop.began
        idle = 0.0 if self._device_free_since is None else loop.began - self._device_free_since
        self._device_free_since = loop.ended
        sums, steps_per_second = loop.sums, loop.num_steps / seconds
        metrics = summarize(sums)
        total = config.objective.gen_weight * metrics.get("cloze_loss", metrics["masked_lm_loss"])
        if "disc_loss" in metrics:
            total += config.objective.disc_weight * metrics["disc_loss"]
        metrics |= {
            "total_loss": total,
            "grad_norm": float(sums["grad_norm"] / sums["steps"]) if sums["steps"] else float("nan"),
            "nonfinite_steps": float(sums["nonfinite_steps"]),
            "learning_rate": float(learning_rate(tf.constant(step), config.optimizer, training.num_train_steps)),
            "sequences_per_second": steps_per_second * training.train_batch_size,
            "tokens_per_second": steps_per_second * training.train_batch_size * config.data.max_seq_length,
            "hours_left": (training.num_train_steps - step) / steps_per_second / 3600,
            # Between the end of the device's work before and the beginning of this loop.
            "idle_seconds": idle,
        }
        if self._peak_flops is not None:
            metrics["share_of_peak"] = step_flops(config) * steps_per_second / self._peak_flops
        return metrics


def _note(metrics: Mapping[str, float]) -> str:
    shown = f"gen loss {metrics['masked_lm_loss']:.3f}"
    if "disc_auc" in metrics:
        shown += f", disc loss {metrics['disc_loss']:.4f}, auc {metrics['disc_auc']:.3f}"
    shown += f", {metrics['sequences_per_second']:.3g} seq/s"
    return shown + (f", {metrics['share_of_peak']:.0%} of peak" if "share_of_peak" in metrics else "")

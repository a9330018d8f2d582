"""From what the device gave to what people read, one loop late: metrics in the log and TensorBoard, a line of progress."""

import json
import logging
import math
import time
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from electra_pretrain.config.schema import Config
from electra_pretrain.core import files
from electra_pretrain.core.progress import Progress, duration
from electra_pretrain.model.flops import step_flops
from electra_pretrain.train.clipping import NORM
from electra_pretrain.train.health import Watch
from electra_pretrain.train.metrics import summarize
from electra_pretrain.train.metrics_log import METRICS_NAME, read_rows
from electra_pretrain.train.schedule import learning_rate, own_rates
from electra_pretrain.train.signs import total_loss
from electra_pretrain.train.trainer import Loop

_log = logging.getLogger(__name__)

HELDOUT_SHOWN = ("masked_lm_loss", "disc_loss", "disc_auc", "distil_loss", "cosine_loss")


class RunLog:
    """Writes metrics of one run's folder; a rerun goes on in the same files.

    Args:
        folder: the run's folder.
        step: the step that the run starts from; later lines of an earlier, interrupted run are dropped.
        writes: False in a worker for which another one writes.

    Attributes:
        rows: what was written, by an earlier start too.
    """

    def __init__(self, folder: str, step: int, writes: bool = True) -> None:
        self._writes = writes
        self._path = files.join(folder, METRICS_NAME)
        self.rows = [row for row in read_rows(folder) if row["step"] <= step]
        self._writers = {
            kind: tf.summary.create_file_writer(files.join(folder, "tensorboard", kind))
            for kind in (("train", "heldout") if writes else ())
        }
        # Readers take all starts' files for one, and drop what they have from a session's first step on.
        start = tf.compat.v1.SessionLog(status=tf.compat.v1.SessionLog.START)
        for writer in self._writers.values():
            _add_event(writer, step + 1, session_log=start)

    def write(self, kind: str, step: int, metrics: Mapping[str, float]) -> dict[str, Any] | None:
        """Take scalars of kind "train" or "heldout", and return the row; a metric over nothing (NaN) is left out."""
        if not self._writes:
            return None
        known = {name: value for name, value in metrics.items() if math.isfinite(value)}
        values = [tf.compat.v1.Summary.Value(tag=name, simple_value=value) for name, value in known.items()]
        _add_event(self._writers[kind], step, summary=tf.compat.v1.Summary(value=values))
        row = {"kind": kind, "step": step, **{name: float(f"{value:.6g}") for name, value in known.items()}}
        self.rows.append(row)
        return row

    def flush(self) -> None:
        """Make everything written so far visible, whole."""
        if not self._writes:
            return
        # Killed in between, a run does not write again what TensorBoard would then show twice.
        files.write_text(self._path, "".join(f"{json.dumps(row)}\n" for row in self.rows))
        for writer in self._writers.values():
            writer.flush()

    def has(self, kind: str, step: int) -> bool:
        """Return whether metrics of that kind and step were written, by this or an earlier run."""
        return any((row["kind"], row["step"]) == (kind, step) for row in self.rows)


class Report:
    """Metrics of a phase of a run.

    Args:
        config: what holds in it.
        log: where metrics are written.
        progress: where they are shown.
        step: where the phase begins, or goes on.
        peak_flops: what the devices could compute in a second, or None.
        watch: what has been told of the rows in the log; None: nothing is told.
        baseline_loss: what guessing by frequency costs on the phase's records, in nats, or None.
        teacher: the config of a student's teacher, or None.
    """

    def __init__(
        self,
        config: Config,
        log: RunLog,
        progress: Progress,
        step: int,
        peak_flops: float | None,
        watch: Watch | None = None,
        baseline_loss: float | None = None,
        teacher: Config | None = None,
    ) -> None:
        self._config, self._log, self._progress, self._start = config, log, progress, step
        self._peak_flops, self._watch, self._baseline_loss = peak_flops, watch, baseline_loss
        self._teacher = teacher
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
        self._write("train", step, metrics)
        if step == self._start + loop.num_steps:
            # The first loop compiles: its rate says nothing about the rest.
            self._progress.leave_out(loop.num_steps, _note(metrics), loop.ended)
            seconds = duration(loop.ended - loop.began)
            _log.info("compiled and ran the first %d steps in %s", loop.num_steps, seconds)
        else:
            self._progress.update(loop.num_steps, _note(metrics))

    def heldout(self, step: int, metrics: Mapping[str, float]) -> None:
        """Log and show held-out metrics."""
        self._write("heldout", step, metrics)
        shown = ", ".join(f"{name} {metrics[name]:.4f}" for name in HELDOUT_SHOWN if name in metrics)
        _log.info("step %d, held-out: %s", step, shown)
        self._device_free_since = time.monotonic()  # until now it was not idle

    def _write(self, kind: str, step: int, metrics: Mapping[str, float]) -> None:
        """Log metrics, and warn of what they show."""
        row = self._log.write(kind, step, metrics)
        self._log.flush()
        if self._watch is not None and row is not None:
            for told in self._watch.take(row):
                _log.warning("step %d: %s", told.step, told.text)

    def _train_metrics(self, step: int, loop: Loop) -> dict[str, float]:
        config, training = self._config, self._config.training
        seconds = loop.ended - loop.began
        idle = 0.0 if self._device_free_since is None else loop.began - self._device_free_since
        self._device_free_since = loop.ended
        sums, steps_per_second = loop.sums, loop.num_steps / seconds
        norms = [name for name in sums if name.endswith(NORM)]
        when = (tf.constant(step), config.optimizer, training.num_train_steps)
        metrics = summarize(sums)
        total = total_loss(metrics, config)
        assert total is not None
        metrics |= {
            "total_loss": total,
            **{name: float(sums[name] / sums["steps"]) if sums["steps"] else float("nan") for name in norms},
            "nonfinite_steps": float(sums["nonfinite_steps"]),
            "learning_rate": float(learning_rate(*when)),
            **{f"{network.value}_learning_rate": float(rate) for network, rate in own_rates(*when).items()},
            "sequences_per_second": steps_per_second * training.train_batch_size,
            "tokens_per_second": float(sums["tokens"]) / seconds,  # without padding
            "hours_left": (training.num_train_steps - step) / steps_per_second / 3600,
            # Between the end of the device's work before and the beginning of this loop.
            "idle_seconds": idle,
        }
        if self._baseline_loss is not None:
            metrics["masked_lm_baseline_loss"] = self._baseline_loss
        if "loss_scale" in sums:
            metrics |= {
                "skipped_steps": float(sums["skipped_steps"]),
                "loss_scale": float(sums["loss_scale"] / loop.num_steps),
            }
        if self._peak_flops is not None:
            metrics["share_of_peak"] = step_flops(config, self._teacher) * steps_per_second / self._peak_flops
        return metrics


def _note(metrics: Mapping[str, float]) -> str:
    """Return what is shown behind the progress."""
    formats = {
        "distil_loss": "distil loss {:.4f}",
        "cosine_loss": "cosine loss {:.4f}",
        "masked_lm_loss": "gen loss {:.3f}",
        "disc_loss": "disc loss {:.4f}",
        "disc_auc": "auc {:.3f}",
    }
    shown = [text.format(metrics[name]) for name, text in formats.items() if name in metrics]
    if metrics.get("skipped_steps"):
        shown.append(f"{metrics['skipped_steps']:.0f} steps skipped for the loss scale")
    shown.append(f"{metrics['sequences_per_second']:.3g} seq/s")
    if "share_of_peak" in metrics:
        shown.append(f"{metrics['share_of_peak']:.0%} of peak")
    return ", ".join(shown)


def _add_event(writer: tf.summary.SummaryWriter, step: int, **what: Any) -> None:
    """Write one of TensorBoard's events; `tf.summary` knows no sessions, and its scalars are tensors, which not all drop."""
    event = tf.compat.v1.Event(wall_time=time.time(), step=step, **what)
    tf.raw_ops.ImportEvent(writer=writer._resource, event=event.SerializeToString())

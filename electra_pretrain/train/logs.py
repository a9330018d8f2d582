"""What a run tells: TensorBoard scalars, `metrics.jsonl`, and the note behind the progress bar."""

import json
import math
from collections.abc import Mapping

import tensorflow as tf

from electra_pretrain.core import files
from electra_pretrain.train.history import METRICS_NAME, read_rows


class RunLog:
    """Writes metrics of one run's folder; a rerun goes on in the same files.

    Args:
        folder: the run's folder.
        step: the step that the run starts from; later lines of an earlier, interrupted run are dropped.
        writes: False in a worker for which another one writes.
    """

    def __init__(self, folder: str, step: int, writes: bool = True) -> None:
        self._writes = writes
        self._path = files.join(folder, METRICS_NAME)
        self._rows = [row for row in read_rows(folder) if row["step"] <= step]
        self._writers = {
            kind: tf.summary.create_file_writer(files.join(folder, "tensorboard", kind))
            for kind in (("train", "heldout") if writes else ())
        }

    def write(self, kind: str, step: int, metrics: Mapping[str, float]) -> None:
        """Scalars of kind "train" or "heldout"; a metric over nothing (NaN) is left out."""
        if not self._writes:
            return
        known = {name: value for name, value in metrics.items() if math.isfinite(value)}
        with self._writers[kind].as_default(step):
            for name, value in known.items():
                tf.summary.write(name, tf.constant(value, tf.float32), step, _scalar_metadata())
        self._rows.append({"kind": kind, "step": step, **{name: float(f"{value:.6g}") for name, value in known.items()}})

    def flush(self) -> None:
        """Make everything written so far visible, whole."""
        if not self._writes:
            return
        for writer in self._writers.values():
            writer.flush()
        files.write_text(self._path, "".join(f"{json.dumps(row)}\n" for row in self._rows))

    def has(self, kind: str, step: int) -> bool:
        """Whether metrics of that kind and step were written, by this or an earlier run."""
        return any((row["kind"], row["step"]) == (kind, step) for row in self._rows)


def _scalar_metadata() -> bytes:
    """What tells TensorBoard that a tensor is a scalar; `tf.summary.scalar` would need TensorBoard itself installed."""
    metadata = tf.compat.v1.SummaryMetadata()
    metadata.plugin_data.plugin_name = "scalars"
    return bytes(metadata.SerializeToString())

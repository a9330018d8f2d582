"""What a run tells: TensorBoard scalars, `metrics.jsonl`, and the note behind the progress bar."""

import json
import math
from collections.abc import Mapping

import tensorflow as tf

from electra_pretrain import files

METRICS_NAME = "metrics.jsonl"


class RunLog:
    """Writes metrics of one run's folder; a rerun goes on in the same files.

    Args:
        folder: the run's folder.
        step: the step that the run starts from; later lines of an earlier, interrupted run are dropped.
    """

    def __init__(self, folder: str, step: int) -> None:
        self._path = files.join(folder, METRICS_NAME)
        self._lines = [line for line in self._old_lines() if json.loads(line)["step"] <= step]
        self._writers = {
            kind: tf.summary.create_file_writer(files.join(folder, "tensorboard", kind)) for kind in ("train", "heldout")
        }

    def write(self, kind: str, step: int, metrics: Mapping[str, float]) -> None:
        """Scalars of kind "train" or "heldout"; a metric over nothing (NaN) is left out."""
        known = {name: value for name, value in metrics.items() if math.isfinite(value)}
        with self._writers[kind].as_default(step):
            for name, value in known.items():
                tf.summary.write(name, tf.constant(value, tf.float32), step, _scalar_metadata())
        self._lines.append(
            json.dumps({"kind": kind, "step": step, **{name: float(f"{value:.6g}") for name, value in known.items()}})
        )

    def flush(self) -> None:
        """Make everything written so far visible, whole."""
        for writer in self._writers.values():
            writer.flush()
        files.write_text(self._path, "".join(f"{line}\n" for line in self._lines))

    def _old_lines(self) -> list[str]:
        return files.read_text(self._path).splitlines() if files.exists(self._path) else []


def _scalar_metadata() -> bytes:
    """What tells TensorBoard that a tensor is a scalar; `tf.summary.scalar` would need TensorBoard itself installed."""
    metadata = tf.compat.v1.SummaryMetadata()
    metadata.plugin_data.plugin_name = "scalars"
    return bytes(metadata.SerializeToString())


def last_metrics(folder: str, kind: str, step: int) -> dict[str, float] | None:
    """The newest metrics of a kind, not after `step`; None if there are none."""
    path = files.join(folder, METRICS_NAME)
    if not files.exists(path):
        return None
    rows = [json.loads(line) for line in files.read_text(path).splitlines()]
    rows = [row for row in rows if row["kind"] == kind and row["step"] <= step]
    return {name: value for name, value in rows[-1].items() if name != "kind"} if rows else None

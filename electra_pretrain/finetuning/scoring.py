"""Logits of a model for all examples, batches of like length first made and the results in the examples' order."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from electra_pretrain.core.progress import Progress
from electra_pretrain.finetuning.batches import READ, by_length
from electra_pretrain.finetuning.config import FinetuneConfig
from electra_pretrain.finetuning.features import by_kind
from electra_pretrain.finetuning.features.texts import Columns
from electra_pretrain.finetuning.features.words import shown_units
from electra_pretrain.finetuning.metrics.score import score
from electra_pretrain.finetuning.task import Task


class Scores(NamedTuple):
    """Metrics, each from 0 to 100.

    Attributes:
        metrics: as published; of tags: of the units within `max_seq_length`.
        with_truncated: the same of all units, of which those behind it are called `O` unseen; None of other kinds of tasks.
    """

    metrics: dict[str, float]
    with_truncated: dict[str, float] | None = None


class Scorer:
    """One set of examples, ready to be scored as often as wanted.

    Attributes:
        task: whose metrics count.
        examples: of the set.
        references: what is right.

    Args:
        task: whose metrics count.
        examples: of the set.
        tokenizer: the model's.
        config: lengths and batch sizes.
        collate: rows -> a batch of tensors.
        autocast: makes the context in which the model is run, of mixed precision or of none.
        between_batches: called after each batch; may raise to stop.
    """

    def __init__(
        self,
        task: Task,
        examples: Sequence[Any],
        tokenizer: Any,
        config: FinetuneConfig,
        collate: Callable[[list[dict[str, Any]]], dict[str, Any]],
        autocast: Callable[[], Any],
        between_batches: Callable[[], None],
    ) -> None:
        self.task, self.examples, self.references = task, examples, by_kind.references(task, examples)
        self._config, self._collate, self._autocast, self._between = config, collate, autocast, between_batches
        self._columns: Columns = by_kind.features(task, examples, tokenizer, config)
        self._rows = by_kind.model_rows(self._columns)
        self._lengths = [len(ids) for ids in self._columns["input_ids"]]

    def score(self, model: Any, description: str) -> Scores:
        """Compute every metric of the task; `description` is shown with the progress."""
        logits = self._logits(model, description)
        found = by_kind.predictions(self.task, self.examples, self._columns, logits, self._config)
        if self.task.kind != "tagging":
            return Scores(score(self.task, self.references, found))
        shown = (shown_units(tags, self._columns) for tags in (self.references, found))
        return Scores(score(self.task, *shown), score(self.task, self.references, found))

    @property
    def truncated_units(self) -> int:
        """Count the units of tagged texts that lie behind `max_seq_length`."""
        return sum(self._columns.get("truncated_units", []))

    def _logits(self, model: Any, description: str) -> list[np.ndarray]:
        import torch

        model.eval()
        logits: list[np.ndarray] = [np.empty(0)] * len(self._lengths)
        batches = by_length(self._lengths, self._config.eval_batch_size)
        with torch.inference_mode(), Progress(description, len(self._lengths), "examples") as progress:
            for indices in batches:
                batch = self._collate([self._rows[index] for index in indices])
                inputs = {name: batch[name].to(model.device) for name in READ if name in batch}
                with self._autocast():
                    outputs = model(**inputs)
                for index, row in zip(indices, _rows(outputs), strict=True):
                    logits[index] = row
                progress.update(len(indices))
                self._between()
        return logits


def _rows(outputs: Any) -> np.ndarray:
    """Return the logits of a batch, one row an example."""
    if "start_logits" in outputs:
        pair = [outputs[name].float().cpu().numpy() for name in ("start_logits", "end_logits")]
        return np.stack(pair, axis=1)
    rows: np.ndarray = outputs.logits.float().cpu().numpy()
    return rows

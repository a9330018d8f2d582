"""Which examples share a batch: those of like length, in an order that seed and epoch alone decide; and their padding."""

import random
from collections.abc import Iterator, Sequence
from typing import Any

from electra_pretrain.finetuning.config import FinetuneConfig
from electra_pretrain.finetuning.features.words import IGNORED

READ = ("input_ids", "attention_mask", "token_type_ids")  # of a row, by a model; all else are labels
POOL_BATCHES = 50  # examples are sorted by length within pools of so many batches


class LengthGroupedSampler:
    """Indices of a training set, epoch by epoch.

    `transformers` has such a sampler, but draws from torch's global generator, whose state at the beginning of an epoch a run
    that goes on in its midst no longer knows; and its batches go from long to short, again and again.

    Args:
        lengths: of each example, in tokens.
        batch_size: examples a step.
        seed: of the shuffle.
        grouped: whether by length; if not, the order is plainly shuffled.
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int, grouped: bool) -> None:
        self._lengths, self._batch_size, self._seed, self._grouped = lengths, batch_size, seed, grouped
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        chance = random.Random(f"{self._seed} {self._epoch}")
        order = list(range(len(self._lengths)))
        chance.shuffle(order)
        if not self._grouped:
            return iter(order)
        pool = self._batch_size * POOL_BATCHES
        batches: list[list[int]] = []
        for start in range(0, len(order), pool):
            near = sorted(order[start : start + pool], key=lambda index: self._lengths[index])
            batches += [near[first : first + self._batch_size] for first in range(0, len(near), self._batch_size)]
        # The one batch that is not full must stay last: a batch in the midst that is short would shift all that follow.
        short = batches.pop() if batches and len(batches[-1]) < self._batch_size else []
        chance.shuffle(batches)
        return iter([index for batch in [*batches, short] for index in batch])


def by_length(lengths: Sequence[int], batch_size: int) -> list[list[int]]:
    """Make batches of indices for scoring, the longest first: where memory is short, that shows at once."""
    order = sorted(range(len(lengths)), key=lambda index: -lengths[index])
    return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]


class Collator:
    """Rows -> a batch, padded to its longest row, on GPUs to a multiple of 8; labels of tokens are padded with `IGNORED`."""

    def __init__(self, tokenizer: Any, config: FinetuneConfig) -> None:
        import torch

        self._tokenizer = tokenizer
        # DistilBERT takes no token types.
        self._names = [name for name in READ if name in tokenizer.model_input_names]
        self._multiple = 8 if torch.cuda.is_available() else None
        self._padding = "max_length" if config.pad_to_max_length else "longest"
        self._max_length = config.max_seq_length

    def __call__(self, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
        import torch

        batch: dict[str, Any] = dict(
            self._tokenizer.pad(
                [{name: row[name] for name in self._names} for row in rows],
                padding=self._padding,
                max_length=self._max_length,
                pad_to_multiple_of=self._multiple,
                return_tensors="pt",
            )
        )
        width = batch["input_ids"].shape[1]
        for name in rows[0].keys() - set(READ):
            values = [row[name] for row in rows]
            if isinstance(values[0], list):
                values = [[*value, *[IGNORED] * (width - len(value))] for value in values]
            batch[name] = torch.tensor(values)
        return batch

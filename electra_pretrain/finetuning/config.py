"""How a model is fine-tuned: a frozen dataclass, read from a JSON file that says every field.

A config ships for each task and size, as its source published it: `configs/finetune/TASK_SIZE.json`.
"""

import dataclasses
import math
from typing import Any

from electra_pretrain.config.fields import (
    AT_LEAST_1,
    LENGTH,
    NOT_NEGATIVE,
    POSITIVE,
    ROWS,
    STEPS,
    Rule,
    at_least,
    at_most,
    check_rules,
    parse_override,
    required,
    ruled,
)
from electra_pretrain.config.kinds import FINETUNING, refuse_others
from electra_pretrain.core import json_files, shipped, typed

BASE_HIDDEN_SIZE = 512  # a model at least this wide takes the config of the base size
_WHOLE_MICROBATCHES = Rule(
    lambda rows, c: rows % max(1, c.gradient_accumulation_steps) == 0, "must be divisible by gradient_accumulation_steps"
)


@dataclasses.dataclass(frozen=True)
class FinetuneConfig:
    """Lengths, batches, rates and what else decides how a model learns a task.

    Attributes:
        notes: where its numbers are from.
        max_seq_length: tokens of an example, special ones included; what is longer is cut (of question answering: windows).
        train_batch_size: examples a step, all microbatches together.
        gradient_accumulation_steps: microbatches that a step is computed in; must divide `train_batch_size`.
        eval_batch_size: examples scored at a time.
        num_train_epochs: passes over the training set.
        learning_rate: the peak, of the layers nearest to the output.
        layerwise_lr_decay: each layer below has the rate of the one above it times this; 1: all have the same.
        warmup_proportion: share of the steps in which the rate climbs to its peak; thereafter it falls linearly to 0.
        weight_decay: decoupled, not of biases and LayerNorms.
        adam_epsilon: AdamW's.
        max_grad_norm: gradients are clipped to this global norm.
        save_steps: steps between two checkpoints and, with `--select best`, between two looks at the dev examples.
        group_by_length: examples of like length share a batch.
        pad_to_max_length: every batch is padded to `max_seq_length`, instead of its longest example; for comparisons of speed.
        doc_stride: tokens by which the window moves on over a context that is too long; question answering only, as the rest.
        max_query_length: tokens of a question; what is longer is cut.
        max_answer_length: tokens of the longest answer.
        n_best_size: starts and ends that are looked at.
    """

    notes: str = required()
    max_seq_length: int = required(at_least(8), LENGTH)
    train_batch_size: int = required(AT_LEAST_1, ROWS, _WHOLE_MICROBATCHES)
    gradient_accumulation_steps: int = required(AT_LEAST_1)
    eval_batch_size: int = required(AT_LEAST_1, ROWS)
    num_train_epochs: float = required(POSITIVE, at_most(10**6, "no task needs more passes"))
    learning_rate: float = required(POSITIVE)
    layerwise_lr_decay: float = required(
        Rule(lambda value, _: 0 < value <= 1, "must be above 0 and at most 1; 1 gives all layers the same rate")
    )
    warmup_proportion: float = required(Rule(lambda value, _: 0 <= value < 1, "a share of the steps: at least 0, below 1"))
    weight_decay: float = required(NOT_NEGATIVE)
    adam_epsilon: float = required(POSITIVE)
    max_grad_norm: float = required(POSITIVE)
    save_steps: int = required(AT_LEAST_1, STEPS)
    group_by_length: bool = required()
    pad_to_max_length: bool = required()
    doc_stride: int = ruled(128, AT_LEAST_1, LENGTH)
    max_query_length: int = ruled(64, AT_LEAST_1, LENGTH)
    max_answer_length: int = ruled(30, AT_LEAST_1, LENGTH)
    n_best_size: int = ruled(20, AT_LEAST_1, LENGTH)

    def num_steps(self, rows: int) -> int:
        """Count the steps that the epochs come to, given the rows of the training set."""
        microbatches = math.ceil(rows / (self.train_batch_size // self.gradient_accumulation_steps))
        return math.ceil(math.ceil(microbatches / self.gradient_accumulation_steps) * self.num_train_epochs)


def size_of(hidden_size: int) -> str:
    """Say whose config a model takes: "small" or "base"."""
    return "small" if hidden_size < BASE_HIDDEN_SIZE else "base"


def load_finetune_config(name_or_path: str, overrides: list[str]) -> FinetuneConfig:
    """Read a config by path, or one that ships with the package by name, and apply `field=value` overrides.

    Raises:
        UserError: no such config; an unknown key (its nearest neighbours are named), one that is missing, a wrong type, or a
            value out of range.
    """
    path = shipped.find(name_or_path, "configs/finetune", ".json", "config for fine-tuning")
    changed = dict(parse_override(text, "field=value, for example learning_rate=3e-5") for text in overrides)
    values = json_files.read_object(path)
    refuse_others(values, path, FINETUNING)
    return from_dict(values | changed, path)


def from_dict(values: dict[str, Any], source: str) -> FinetuneConfig:
    """Build a config from its fields; raises as `load_finetune_config`, naming `source`."""
    config = typed.read(FinetuneConfig, values, typed.Place(source))
    check_rules(config, config, source)
    return config

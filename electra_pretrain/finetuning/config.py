"""How a model is fine-tuned: one frozen dataclass, read from a JSON file that says every field.

A recipe ships for each task and size, as its source published it: `configs/finetune/TASK_SIZE.json`.
"""

import dataclasses
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from electra_pretrain.config.schema import read_object, shipped_folder
from electra_pretrain.core import files
from electra_pretrain.core.errors import UserError, nearest

BASE_HIDDEN_SIZE = 512  # a model at least this wide takes the recipe of the base size


@dataclasses.dataclass(frozen=True)
class Settings:
    """One recipe.

    Attributes:
        notes: where its numbers are from.
        max_seq_length: tokens of an example, special ones included; what is longer is cut (of question answering: windows).
        train_batch_size: examples a step, all accumulated parts together.
        gradient_accumulation_steps: parts that a step is computed in; must divide `train_batch_size`.
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

    notes: str
    max_seq_length: int
    train_batch_size: int
    gradient_accumulation_steps: int
    eval_batch_size: int
    num_train_epochs: float
    learning_rate: float
    layerwise_lr_decay: float
    warmup_proportion: float
    weight_decay: float
    adam_epsilon: float
    max_grad_norm: float
    save_steps: int
    group_by_length: bool
    pad_to_max_length: bool
    doc_stride: int = 128
    max_query_length: int = 64
    max_answer_length: int = 30
    n_best_size: int = 20


Rule = Callable[[Any], bool]
_POSITIVE: tuple[Rule, str] = (lambda value: value > 0, "must be above 0")
_NOT_NEGATIVE: tuple[Rule, str] = (lambda value: value >= 0, "must not be negative")
_SHARE: tuple[Rule, str] = (lambda value: 0 <= value < 1, "a share of the steps: at least 0, below 1")
_COUNTS_AND_RATES = (
    "train_batch_size",
    "gradient_accumulation_steps",
    "eval_batch_size",
    "num_train_epochs",
    "learning_rate",
    "adam_epsilon",
    "max_grad_norm",
    "save_steps",
    "doc_stride",
    "max_query_length",
    "max_answer_length",
    "n_best_size",
)
_RULES: dict[str, tuple[Rule, str]] = {
    "max_seq_length": (lambda value: value >= 8, "must be at least 8"),
    "layerwise_lr_decay": (lambda value: 0 < value <= 1, "must be above 0 and at most 1; 1 gives all layers the same rate"),
    "warmup_proportion": _SHARE,
    "weight_decay": _NOT_NEGATIVE,
    **dict.fromkeys(_COUNTS_AND_RATES, _POSITIVE),
}
_TYPE_NAMES = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


def size_of(hidden_size: int) -> str:
    """Whose recipe a model takes: "small" or "base"."""
    return "small" if hidden_size < BASE_HIDDEN_SIZE else "base"


def load(name_or_path: str, overrides: list[str]) -> Settings:
    """Read a recipe by path, or one that ships with the package by name, and apply `field=value` overrides.

    Raises:
        UserError: no such recipe; an unknown key (its nearest neighbours are named), one that is missing, a wrong type, or a
            value out of range.
    """
    path = _find(name_or_path)
    return from_dict(read_object(path) | dict(_override(text) for text in overrides), path)


def from_dict(values: dict[str, Any], source: str) -> Settings:
    """A recipe from its fields; raises as `load`, naming `source`."""
    fields = {field.name: field for field in dataclasses.fields(Settings)}
    for key in values:
        if key not in fields:
            raise UserError(f'{source}: unknown key "{key}"; {nearest(key, list(fields))}')
    missing = [name for name, field in fields.items() if field.default is dataclasses.MISSING and name not in values]
    if missing:
        raise UserError(f"{source}: lacks {', '.join(missing)}; a recipe says every field")
    settings = Settings(**{key: _typed(value, fields[key].type, f"{source}: {key}") for key, value in values.items()})
    for name, (rule, text) in _RULES.items():
        value = getattr(settings, name)
        if not rule(value):
            raise UserError(f"{source}: {name} = {value}: {text}")
    if settings.train_batch_size % settings.gradient_accumulation_steps:
        raise UserError(
            f"{source}: train_batch_size = {settings.train_batch_size}: must be divisible by gradient_accumulation_steps = "
            f"{settings.gradient_accumulation_steps}"
        )
    return settings


def folder() -> Path:
    """Where the package's recipes lie, in a checkout and when installed."""
    return shipped_folder() / "finetune"


def _find(name_or_path: str) -> str:
    if files.exists(name_or_path) and not files.is_dir(name_or_path):
        return name_or_path
    names = sorted(path.stem for path in folder().glob("*.json"))
    name = name_or_path.removesuffix(".json")
    if name not in names:
        raise UserError(f"{name_or_path}: no such recipe for fine-tuning; give a path, or {nearest(name, names)}")
    return str(folder() / f"{name}.json")


def _override(text: str) -> tuple[str, Any]:
    field, equals, value = text.partition("=")
    if not equals:
        raise UserError(f"--set {text}: must read field=value, for example learning_rate=3e-5")
    try:
        return field, json.loads(value)
    except json.JSONDecodeError:
        return field, value


def _typed(value: Any, expected: Any, where: str) -> Any:
    if expected is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, expected) or (isinstance(value, bool) and expected is not bool):
        raise UserError(f"{where} = {json.dumps(value, ensure_ascii=False)}: must be {_TYPE_NAMES[expected]}")
    if isinstance(value, float) and not math.isfinite(value):
        raise UserError(f"{where} = {value}: must be a finite number")
    return value

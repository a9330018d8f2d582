"""What differs between the kinds of tasks: features of examples, and predictions from logits."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from electra_pretrain.finetuning.config import FinetuneConfig
from electra_pretrain.finetuning.features import texts, windows, words
from electra_pretrain.finetuning.features.texts import Columns
from electra_pretrain.finetuning.task import Task

_MODEL_COLUMNS = (
    "input_ids",
    "attention_mask",
    "token_type_ids",
    "labels",
    "start_positions",
    "end_positions",
)


def features(task: Task, examples: Sequence[Any], tokenizer: Any, config: FinetuneConfig) -> Columns:
    """Make columns with a row for each example, of questions for each window; raises UserError as their makers do."""
    if task.kind == "question_answering":
        return windows.question_features(examples, tokenizer, config.max_seq_length, config.doc_stride, config.max_query_length)
    if task.kind == "tagging":
        return words.tag_features(examples, tokenizer, task.labels, config.max_seq_length)
    columns = texts.text_features(examples, tokenizer, config.max_seq_length)
    if task.kind == "regression":
        columns["labels"] = [float(label) for label in columns["labels"]]
    return columns


def model_rows(columns: Columns) -> Any:
    """Return what the model is given, as a `datasets.Dataset`."""
    import datasets

    return datasets.Dataset.from_dict({name: columns[name] for name in _MODEL_COLUMNS if name in columns})


def references(task: Task, examples: Sequence[Any]) -> list[Any]:
    """Return what is right, as `metrics.score` takes it."""
    if task.kind == "question_answering":
        return list(examples)
    return [list(example.tags) if task.kind == "tagging" else example.label for example in examples]


def predictions(
    task: Task, examples: Sequence[Any], columns: Columns, logits: Sequence[np.ndarray], config: FinetuneConfig
) -> Any:
    """Return what the model says, as `metrics.score` takes it.

    Args:
        task: what is predicted.
        examples: as given to `features`.
        columns: what it gave.
        logits: of each row: [labels]; of tags [tokens, labels]; of questions [2, tokens], starts and ends.
        config: as given to `features`.
    """
    if task.kind == "question_answering":
        starts, ends = [row[0] for row in logits], [row[1] for row in logits]
        return windows.best_answers(examples, columns, starts, ends, config.n_best_size, config.max_answer_length)
    if task.kind == "tagging":
        return words.unit_tags(examples, columns, logits, task.labels)
    return [float(row[0]) if task.kind == "regression" else int(row.argmax()) for row in logits]

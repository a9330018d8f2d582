"""What examples cannot teach or show, told before anything is learnt: all of them alike, labels never learnt, unknown text."""

import logging
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from electra_pretrain.core.errors import FEW, UserError, first_of
from electra_pretrain.core.json_files import shown
from electra_pretrain.finetuning.task import Task

# Of text that a vocabulary was made for one or two in a hundred tokens are unknown; of another script nearly all.
UNKNOWN_SHARE = 0.2
_log = logging.getLogger(__name__)


def check_learnt(task: Task, examples: Sequence[Any], where: str) -> None:
    """Refuse examples that nothing can be learnt from.

    Args:
        task: what should be learnt.
        examples: at least one, of the task's kind.
        where: they are from, for the message.

    Raises:
        UserError: all have the same text, or the same label.
    """
    if only := _only_answer(task, examples):
        raise UserError(
            f"{where}: each of {len(examples):,} training examples has {only}, from which nothing is learnt; give examples "
            "that differ in it"
        )
    if len(examples) > 1 and (text := _only_text(task, examples)) is not None:
        what = f"the same text, {shown(text)}" if text.strip() else "no text"
        raise UserError(f"{where}: all {len(examples):,} training examples have {what}; fetch the file again")


def check_scored(task: Task, examples: Sequence[Any], learnt: Sequence[Any], split: str) -> None:
    """Warn where a split's scores will tell little.

    Args:
        task: what is scored.
        examples: of the split.
        learnt: the training examples.
        split: its name.
    """
    if only := _only_answer(task, examples):
        _log.warning(f"{split}: each of {len(examples):,} examples has {only}; scores tell nothing of others")
    if task.kind != "classification":
        return
    counts = Counter(example.label for example in examples)
    if unseen := sorted(counts.keys() - {example.label for example in learnt}):
        names = first_of([f'"{task.labels[label]}"' for label in unseen], FEW)
        _log.warning(
            f"{split}: {sum(counts[label] for label in unseen):,} of {len(examples):,} examples have the label {names}, which "
            "no training example has; they will be wrong"
        )


def check_known(ids: Sequence[Sequence[int]], unknown: int | None) -> None:
    """Warn where a model does not know much of the text that it shall learn from.

    Args:
        ids: of the training set's tokens, row by row; lists or arrays.
        unknown: the id of the unknown token; None: there is none.
    """
    if unknown is None:
        return
    share = sum(int(np.count_nonzero(np.asarray(row) == unknown)) for row in ids) / max(1, sum(map(len, ids)))
    if share > UNKNOWN_SHARE:
        _log.warning(
            f"{share:.0%} of the training set's tokens are unknown to the model's vocabulary; is the model of this language, "
            "and its tokenizer its own?"
        )


def _only_answer(task: Task, examples: Sequence[Any]) -> str:
    """Name the one label, score, tag or lack of an answer that all examples have; "" where they differ."""
    if task.kind == "question_answering":
        return "" if any(example.answers for example in examples) else "no answer"
    if task.kind == "tagging":
        tags = {tag for example in examples for tag in example.tags}
        return f'the tag "{tags.pop()}" alone' if len(tags) == 1 else ""
    labels = {example.label for example in examples}
    if len(labels) > 1:
        return ""
    return f'the label "{task.labels[labels.pop()]}"' if task.labels else f"the score {labels.pop():g}"


def _only_text(task: Task, examples: Sequence[Any]) -> str | None:
    """Return the text that all examples have; None where they differ."""
    if task.kind == "question_answering":
        texts = {(example.question, example.context) for example in examples}
    elif task.kind == "tagging":
        texts = {(example.text, "") for example in examples}
    else:
        texts = {(example.text, example.text_pair or "") for example in examples}
    return " ".join(texts.pop()).strip() if len(texts) == 1 else None

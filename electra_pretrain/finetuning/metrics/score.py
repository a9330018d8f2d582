"""Scores of a task's predictions, each from 0 to 100 and defined as in the evaluations that were published."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from electra_pretrain.finetuning.examples import Question
from electra_pretrain.finetuning.metrics import cmrc, entities, klue_mrc, korquad
from electra_pretrain.finetuning.task import Task

_SIMILAR = 3.0  # KLUE STS: two sentences of at least this score, of 0 to 5, mean the same
_CHINESE = ("cmrc2018", "drcd")


def score(task: Task, references: Sequence[Any], predictions: Any) -> dict[str, float]:
    """Compute every metric of `task.metrics`.

    Args:
        task: whose metrics and labels count.
        references: what is right: ids of classes, scores, tags of each text (list of lists of strings), or `Question`s.
        predictions: the same of the model, in the same order; for questions a mapping of each one's id to a text.

    Raises:
        ValueError: as many predictions as references are needed, and at least one.
    """
    if not len(references) or len(references) != len(predictions):
        raise ValueError(f"{task.name}: {len(predictions):,} predictions for {len(references):,} references")
    if task.kind == "question_answering":
        measures = _measures(task)
        return {name: 100 * _mean_over_questions(measures[name], references, predictions) for name in task.metrics}
    if task.kind == "tagging":
        for reference, prediction in zip(references, predictions, strict=True):
            if len(reference) != len(prediction):
                raise ValueError(f"{task.name}: {len(prediction)} tags for a text of {len(reference)} units")
        tagging: dict[str, Callable[[entities.Tags, entities.Tags], float]] = {
            "entity_f1": entities.entity_f1,
            "entity_macro_f1": entities.entity_macro_f1,
            "character_macro_f1": lambda right, predicted: entities.character_macro_f1(right, predicted, task.labels),
        }
        return {name: 100 * tagging[name](references, predictions) for name in task.metrics}
    return {name: 100 * _OF_NUMBERS[name](np.asarray(references), np.asarray(predictions)) for name in task.metrics}


def _measures(task: Task) -> dict[str, Callable[[str, str], float]]:
    """Choose each metric's measure of one prediction against one answer, by the publisher's own rules."""
    if "rouge_w" in task.metrics:
        return {"exact_match": klue_mrc.exact_match, "rouge_w": klue_mrc.rouge_w}
    rules = cmrc if task.name in _CHINESE else korquad
    return {"exact_match": rules.exact_match, "f1": rules.f1}


def _mean_over_questions(
    measure: Callable[[str, str], float], questions: Sequence[Question], predictions: Mapping[str, str]
) -> float:
    """Average the best over each question's answers; where there is none, the empty text is right."""
    best = [
        max(measure(predictions[question.id], answer) for answer in [answer.text for answer in question.answers] or [""])
        for question in questions
    ]
    return sum(best) / len(best)


def _accuracy(references: np.ndarray, predictions: np.ndarray) -> float:
    return float((references == predictions).mean())


def _macro_f1(references: np.ndarray, predictions: np.ndarray) -> float:
    """Average over the classes that either side names, as scikit-learn has it and KLUE's baseline calls it."""
    from sklearn.metrics import f1_score

    return float(f1_score(references, predictions, average="macro", zero_division=0))


def _binary_f1(references: np.ndarray, predictions: np.ndarray) -> float:
    from sklearn.metrics import f1_score

    return float(f1_score(references >= _SIMILAR, predictions >= _SIMILAR, zero_division=0))


def _spearman(references: np.ndarray, predictions: np.ndarray) -> float:
    from scipy.stats import spearmanr

    return float(spearmanr(references, predictions)[0]) if _vary(references, predictions) else 0.0


def _pearson(references: np.ndarray, predictions: np.ndarray) -> float:
    from scipy.stats import pearsonr

    return float(pearsonr(references, predictions)[0]) if _vary(references, predictions) else 0.0


def _vary(*columns: np.ndarray) -> bool:
    """Tell whether a correlation is defined: a model that gives every pair the same score (or NaN) has learnt nothing."""
    return all(bool(np.isfinite(column).all()) and bool((column != column[0]).any()) for column in columns)


_OF_NUMBERS: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "accuracy": _accuracy,
    "macro_f1": _macro_f1,
    "spearman": _spearman,
    "pearson": _pearson,
    "binary_f1": _binary_f1,
}

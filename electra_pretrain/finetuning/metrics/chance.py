"""Whether a model does better than one that has learnt nothing: some fine-tunings get stuck there, large models above all."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from electra_pretrain.finetuning.metrics.score import score
from electra_pretrain.finetuning.task import Task

ADVICE = "try another --seed, a lower learning_rate, more warmup_proportion, or a lower max_grad_norm"
STANDARD_ERRORS = 2.0  # by so many a score must lie above chance
LOWEST_QA_SCORE = 5.0
_FIRST_WORDS = 3


def chance_level(task: Task, references: Sequence[Any]) -> float:
    """Return the judged metric of a model that has learnt nothing, 0 to 100, with room for luck; a better one is not stuck.

    Of classes: the most frequent one for all, and two standard errors. Of scores: two standard errors of a correlation of
    nothing. Of tags: `O` for all. Of answers: the metric in question is the more lenient one (see `judged_metric`), and the
    best of 5, of no answer, and of the first words of each context.
    """
    if task.kind == "classification":
        majority = Counter(references).most_common(1)[0][0]
        share = score(task, references, [majority] * len(references))[task.metric] / 100
        return 100 * (share + STANDARD_ERRORS * math.sqrt(share * (1 - share) / len(references)))
    if task.kind == "regression":
        return 100 * min(1.0, STANDARD_ERRORS / math.sqrt(max(1, len(references) - 1)))
    if task.kind == "tagging":
        return score(task, references, [["O"] * len(tags) for tags in references])[task.metric]
    guesses: list[Mapping[str, str]] = [
        {question.id: " ".join(question.context.split()[:_FIRST_WORDS]) for question in references},
        {question.id: "" for question in references},
    ]
    return max(LOWEST_QA_SCORE, *(score(task, references, guess)[judged_metric(task)] for guess in guesses))


def judged_metric(task: Task) -> str:
    """Name the metric by which chance is judged: the main one, but of answers the one that a partial answer raises too."""
    if task.kind != "question_answering":
        return task.metric
    return next((name for name in task.metrics if name != "exact_match"), task.metric)


def is_at_chance(task: Task, references: Sequence[Any], metrics: Mapping[str, float]) -> bool:
    """Tell whether the metrics are no better than `chance_level`."""
    name = judged_metric(task)
    value = abs(metrics[name]) if task.kind == "regression" else metrics[name]
    return not value > chance_level(task, references)


def loss_of_guessing(labels: Sequence[Any]) -> float:
    """Return the loss of a model that knows nothing but each class's frequency: ln(classes) where all are equally frequent."""
    shares = [count / len(labels) for count in Counter(labels).values()]
    return -sum(share * math.log(share) for share in shares)

"""When a model has learnt nothing, by each kind of task's metric."""

import pytest

from electra_pretrain.finetuning.examples import Question
from electra_pretrain.finetuning.metrics import chance
from electra_pretrain.finetuning.task import Task


def task(kind, *metrics, labels=()):
    return Task("any", "any", kind, {}, "test", lambda path: [], labels, metrics)


def test_chance_of_classes_is_the_majority_and_two_standard_errors():
    kind, right = task("classification", "accuracy", labels=("a", "b")), [0] * 60 + [1] * 40
    assert chance.chance_level(kind, right) == pytest.approx(60 + 2 * 100 * (0.6 * 0.4 / 100) ** 0.5)  # 69.8
    assert chance.is_at_chance(kind, right, {"accuracy": 69.0})
    assert not chance.is_at_chance(kind, right, {"accuracy": 70.0})


def test_chance_of_scores_tags_and_answers():
    scores = task("regression", "spearman")
    assert chance.chance_level(scores, [0.0] * 101) == pytest.approx(20)
    assert chance.is_at_chance(scores, [0.0] * 101, {"spearman": -15.0})
    tags = task("tagging", "entity_f1", labels=("O", "B-X"))
    assert chance.is_at_chance(tags, [["O", "B-X"]], {"entity_f1": 0.0})
    assert not chance.is_at_chance(tags, [["O", "B-X"]], {"entity_f1": 0.1})
    answers = task("question_answering", "exact_match", "rouge_w")
    asked = [Question("1", "?", "가 나 다 라 마 바", ())]
    assert chance.chance_level(answers, asked) == 100  # of a question without an answer, saying nothing is right
    assert chance.is_at_chance(answers, asked, {"exact_match": 90.0, "rouge_w": 100.0})


def test_loss_of_guessing():
    assert chance.loss_of_guessing([0, 1, 2, 3]) == pytest.approx(1.3862944)
    assert chance.loss_of_guessing([0, 0, 0, 1]) == pytest.approx(0.5623351)

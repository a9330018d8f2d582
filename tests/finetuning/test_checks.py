"""What examples cannot teach is refused, what they cannot show is said, before anything is learnt."""

import numpy as np
import pytest

from electra_pretrain.core.errors import UserError
from electra_pretrain.finetuning.checks import check_known, check_learnt, check_scored
from electra_pretrain.finetuning.examples import Answer, Question, TaggedText, TextExample
from electra_pretrain.finetuning.registry import find_task


def texts(*labels):
    return [TextExample(f"글 {number}", None, label) for number, label in enumerate(labels)]


def tagged(*tags):
    return [TaggedText(f"글{number}", ((0, 1),), (tag,)) for number, tag in enumerate(tags)]


def asked(*answers):
    return [Question(str(number), f"무엇 {number}?", "글", each) for number, each in enumerate(answers)]


ALIKE = {
    "one label": ("nsmc", texts(1, 1, 1), 'each of 3 training examples has the label "1"'),
    "one score": ("korsts", texts(2.5, 2.5), "each of 2 training examples has the score 2.5"),
    "one example": ("nsmc", texts(0), 'each of 1 training examples has the label "0"'),
    "no names": ("naver_ner", tagged("O", "O"), 'has the tag "O" alone'),
    "no answers": ("klue_mrc", asked((), ()), "has no answer"),
    "one text": ("nsmc", [TextExample("글", None, label) for label in (0, 1)], 'have the same text, "글"; fetch'),
    "no text": ("nsmc", [TextExample(" ", None, label) for label in (0, 1)], "have no text; fetch"),
    "one pair": ("kornli", [TextExample("글", "말", label) for label in (0, 1)], 'have the same text, "글 말"; fetch'),
}
DIFFERENT = {
    "nsmc": texts(0, 1),
    "korsts": texts(2.5, 2.0),
    "naver_ner": tagged("O", "B-PER"),
    "klue_mrc": asked((), (Answer("글", 0),)),
    "korquad": asked((Answer("글", 0),)),
    "kornli": [TextExample("글", pair, label) for pair, label in (("말", 0), ("낱말", 1))],
}


@pytest.mark.parametrize("name", ALIKE)
def test_examples_that_are_all_alike_teach_nothing(name):
    task, examples, message = ALIKE[name]
    with pytest.raises(UserError, match=f"^data: .*{message}"):
        check_learnt(find_task(task), examples, "data")


@pytest.mark.parametrize("task", DIFFERENT)
def test_two_examples_that_differ_do(task, capfd):
    check_learnt(find_task(task), DIFFERENT[task], "data")
    check_scored(find_task(task), DIFFERENT[task], DIFFERENT[task], "test")
    assert not capfd.readouterr().err


def test_scores_that_tell_little_are_announced(capfd):
    nli = find_task("kornli")
    check_scored(nli, texts(0, 1, 2, 2), texts(0, 1), "dev")
    assert f'dev: 2 of 4 examples have the label "{nli.labels[2]}", which no training example has' in capfd.readouterr().err
    check_scored(nli, texts(1, 1), texts(0, 1), "dev")
    assert f'dev: each of 2 examples has the label "{nli.labels[1]}"; scores tell nothing of others' in capfd.readouterr().err


def test_text_that_the_vocabulary_does_not_know_is_announced(capfd):
    check_known([[2, 1, 7, 7, 7, 7, 7, 3], [2, 1, 7, 3]], unknown=1)  # 2 of 12
    check_known([[2, 1, 1, 3]], unknown=None)
    assert not capfd.readouterr().err
    check_known([[2, 1, 1, 3], np.array([2, 7, 7, 3])], unknown=1)
    assert "25% of the training set's tokens are unknown" in capfd.readouterr().err

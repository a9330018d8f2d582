"""Scores of a model's logits, as the publishers' own code counts them."""

import dataclasses

import numpy as np
import pytest
from transformers import BertTokenizerFast

from electra_pretrain.finetuning.config import load_finetune_config
from electra_pretrain.finetuning.examples import Answer, Question, TaggedText
from electra_pretrain.finetuning.registry import find_task
from electra_pretrain.finetuning.scoring import Scorer

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "김", "##구", "##는", "서울", "##에", "산다"]
TOKENIZER = BertTokenizerFast(vocab={piece: id for id, piece in enumerate(PIECES)}, do_lower_case=False, strip_accents=False)


@pytest.fixture
def scorer(monkeypatch):
    def scorer(name, examples, logits, **settings):
        """A scorer whose model says `logits(columns)`."""
        config = dataclasses.replace(load_finetune_config(f"{name}_small", []), **settings)
        made = Scorer(find_task(name), examples, TOKENIZER, config, None, None, None)
        monkeypatch.setattr(made, "_logits", lambda model, description: logits(made._columns))
        return made

    return scorer


def perfect(labels):
    return lambda columns: [np.eye(labels)[[max(label, 0) for label in row]] for row in columns["labels"]]


def spans(text):
    ends = np.cumsum([len(word) + 1 for word in text.split()]) - 1
    return tuple((int(end) - len(word), int(end)) for word, end in zip(text.split(), ends, strict=True))


def test_words_behind_max_seq_length_are_left_out_as_published_and_told_of_beside_it(scorer):
    """KoELECTRA's code cuts the tags with the tokens: a perfect model gets 100."""
    text = "김구는 서울에 산다 서울 김구"
    long = TaggedText(text, spans(text), ("B-PER", "B-LOC", "O", "B-LOC", "B-PER"))
    short = TaggedText("김구", ((0, 2),), ("B-PER",))
    task = find_task("naver_ner")
    # [CLS], 김 ##구 ##는, 서울 ##에, 산다, [SEP]: two words do not fit.
    made = scorer("naver_ner", [long, short], perfect(len(task.labels)), max_seq_length=8)
    scores = made.score(None, "")
    assert made.truncated_units == 2
    assert scores.metrics == {"entity_f1": 100}
    assert scores.with_truncated == {"entity_f1": pytest.approx(100 * 2 * 3 / (3 + 5))}


def test_characters_behind_max_seq_length_are_left_out_as_klue_does(scorer):
    """What is left of an entity that the end cuts through is an entity."""
    text = "김구는 서울에"
    units = tuple((at, at + 1) for at, character in enumerate(text) if character != " ")
    tagged = TaggedText(text, units, ("B-PS", "I-PS", "O", "B-LC", "I-LC", "I-LC"))
    task = find_task("klue_ner")
    # [CLS], 김 ##구 ##는, 서울, [SEP]: ##에 does not fit.
    scores = scorer("klue_ner", [tagged], perfect(len(task.labels)), max_seq_length=6).score(None, "")
    assert scores.metrics == {"entity_macro_f1": 100, "character_macro_f1": 100}
    assert scores.with_truncated["entity_macro_f1"] == pytest.approx(100 / 2)  # PS is right, LC is not


def test_an_answer_that_stands_nowhere_counts_when_scored(scorer):
    asked = [Question("q", "김", "서울에 산다", (Answer("서울", 0), Answer("서울에 산다네", None)))]

    def sure(columns):
        (row,) = columns["input_ids"]
        return [np.stack([np.where(np.arange(len(row)) == at, 9.0, 0.0) for at in (3, 5)])]

    scores = scorer("cmrc2018", asked, sure, max_seq_length=24, max_query_length=8).score(None, "")
    assert scores.with_truncated is None
    # Its first word is the prediction's: 2 * 1 / (2 + 2); of "서울" nothing is.
    assert scores.metrics == {"exact_match": 0, "f1": pytest.approx(50)}

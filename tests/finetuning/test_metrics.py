"""Scores against the libraries that define them, and against numbers worked out by hand."""

import pytest
import scipy.stats
import seqeval.metrics
import sklearn.metrics

from electra_pretrain.finetuning.examples import Answer, Question
from electra_pretrain.finetuning.metrics import cmrc, english_words, entities, klue_mrc
from electra_pretrain.finetuning.metrics import korquad as squad
from electra_pretrain.finetuning.metrics.score import score
from electra_pretrain.finetuning.task import Task


def task(kind, metrics, labels=(), name="any"):
    return Task(name, name, kind, {}, "dev", lambda path: [], labels, metrics)


def test_classes():
    right, predicted = [0, 1, 2, 2, 1, 0, 2], [0, 2, 2, 2, 1, 1, 0]
    scores = score(task("classification", ("accuracy", "macro_f1"), ("a", "b", "c", "d")), right, predicted)
    assert scores["accuracy"] == pytest.approx(100 * 4 / 7)
    # a: 1 of 2 and 1 of 2; b: 1 of 2 and 1 of 2; c: 2 of 3 and 2 of 3; nobody names d.
    assert scores["macro_f1"] == pytest.approx(100 * (1 / 2 + 1 / 2 + 2 / 3) / 3)
    assert scores["macro_f1"] == pytest.approx(100 * sklearn.metrics.f1_score(right, predicted, average="macro"))


def test_scores_of_pairs():
    right, predicted = [0.0, 1.2, 3.0, 4.8, 2.9], [0.4, 1.0, 2.99, 3.0, 3.5]
    scores = score(task("regression", ("pearson", "spearman", "binary_f1")), right, predicted)
    assert scores["pearson"] == pytest.approx(100 * scipy.stats.pearsonr(right, predicted)[0])
    # Ranks 1 2 4 5 3 against 1 2 3 4 5: squared differences 1 + 1 + 4.
    assert scores["spearman"] == pytest.approx(100 * (1 - 6 * 6 / (5 * 24)))
    assert scores["binary_f1"] == pytest.approx(50)  # right are the third and the fourth, predicted the fourth and the fifth


@pytest.mark.parametrize("predicted", [[1.0, 1.0, 1.0], [1.0, float("nan"), 2.0]])
def test_scores_without_a_correlation_are_0(predicted):
    assert score(task("regression", ("pearson", "spearman")), [0.0, 1.0, 2.0], predicted) == {"pearson": 0, "spearman": 0}


LABELS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")


def test_entities_count_whole():
    right = [["B-PER", "I-PER", "O", "B-LOC"], ["O", "B-LOC", "I-LOC"]]
    predicted = [["B-PER", "I-PER", "O", "O"], ["O", "B-LOC", "O"]]
    # Three entities, two predicted, one of them right: 2 * 1 / (3 + 2). PER 1, LOC 0.
    scores = score(task("tagging", ("entity_f1", "entity_macro_f1"), LABELS), right, predicted)
    assert scores == {"entity_f1": pytest.approx(40), "entity_macro_f1": pytest.approx(50)}
    assert scores["entity_f1"] == pytest.approx(100 * seqeval.metrics.f1_score(right, predicted))


def test_an_entity_needs_its_beginning_only_where_klue_counts():
    right, predicted = [["B-PER", "I-PER", "O"]], [["I-PER", "I-PER", "O"]]
    assert entities.entity_f1(right, predicted) == 1
    assert entities.entity_macro_f1(right, predicted) == 0


def test_entities_do_not_run_on_into_the_next_text():
    right = [["O", "B-PER"], ["I-PER", "O"]]
    assert entities.entity_macro_f1(right, [["O", "B-PER"], ["O", "O"]]) == 1


def test_both_spellings_of_a_tag_are_the_same():
    assert [entities.iob2(tag) for tag in ("PER-B", "B-PER", "PER-I", "O", "-", "I-PER")] == [
        "B-PER", "B-PER", "I-PER", "O", "O", "I-PER"
    ]  # fmt: skip
    assert entities.entity_f1([["PER-B", "PER-I", "-"]], [["B-PER", "I-PER", "O"]]) == 1


def test_texts_without_entities_score_0():
    assert entities.entity_f1([["O"]], [["O"]]) == entities.entity_macro_f1([["O"]], [["O"]]) == 0


def test_characters_count_each_with_o_and_unused_labels():
    right, predicted = [["B-PER", "I-PER", "O", "O"]], [["B-PER", "O", "O", "O"]]
    # O: 2 of 3 and 2 of 2 -> 4/5; B-PER 1; I-PER 0; B-LOC and I-LOC, which nobody uses, 1 each.
    scores = score(task("tagging", ("character_macro_f1",), LABELS), right, predicted)
    assert scores["character_macro_f1"] == pytest.approx(100 * (0.8 + 1 + 0 + 1 + 1) / 5)


@pytest.mark.parametrize(
    ("prediction", "answer", "exact", "f1"),
    [
        ("《Seoul》", "seoul", 1, 1),
        ("서울에서", "서울", 0, 2 * 2 / (4 + 2)),
        ("서울(한양)", "서울 한양", 1, 1),  # a bracket parts words …
        ("3.14", "314", 1, 1),  # … other punctuation does not
        ("the 왕", "왕", 0, 2 * 1 / (4 + 1)),  # articles stay
        ("가나다", "다나가", 0, 1),  # F1 knows no order …
        ("가가", "가", 0, 2 * 1 / (2 + 1)),  # … but counts
        ("부산", "서울", 0, 0),
        ("", "서울", 0, 0),
        ("‘세종’  대왕", "세종 대왕", 1, 1),
    ],
)
def test_korquad(prediction, answer, exact, f1):
    assert squad.exact_match(prediction, answer) == exact
    assert squad.f1(prediction, answer) == pytest.approx(f1)


@pytest.mark.parametrize(
    ("prediction", "answer", "exact", "rouge_w"),
    [
        ("서울에서", "서울", 0, 2 * 2 / (4 + 2)),
        ("가나다라", "가나마라", 0, 2 * 2 / (4 + 4)),  # the run ends at the first other character
        ("서울(한양)", "서울한양", 1, 1),  # brackets do not part words here
        ("《서울》", "서울", 0, 2 * 2 / (4 + 2)),  # and these stay
        ("", "", 1, 1),
        ("서울", "", 0, 0),
        ("", "서울", 0, 0),
        ("A b", "a  B", 1, 1),
    ],
)
def test_klue_mrc(prediction, answer, exact, rouge_w):
    assert klue_mrc.exact_match(prediction, answer) == exact
    assert klue_mrc.rouge_w(prediction, answer) == pytest.approx(rouge_w)


@pytest.mark.parametrize(
    ("prediction", "answer", "exact", "f1"),
    [
        ("北京市", "北京", 0, 2 * 2 / (3 + 2)),
        ("《北京》。", "北京", 1, 1),
        ("北海京", "北京", 0, 2 * 1 / (3 + 2)),  # one run: not both characters
        ("NBA球队", "nba 球队", 0, 1),  # a word of Latin letters is one unit; spaces count for exact match only
        ("1,200.5年", "1,200年", 0, 2 * 1 / (2 + 2)),
        ("30米", "30km", 0, 0),  # a digit and a letter that touch are one word
        ("7", "7B", 0, 0),
        ("15", "15％", 0, 0),
        ("共8", "共82…", 0, 0.5),
        ("2B", "2B铅笔", 0, 2 * 1 / (1 + 3)),
        ("", "北京", 0, 0),
        ("。", "。", 1, 0),  # nothing is left to share
    ],
)
def test_cmrc(prediction, answer, exact, f1):
    assert cmrc.exact_match(prediction, answer) == exact
    assert cmrc.f1(prediction, answer) == pytest.approx(f1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nba won. he left.", ["nba", "won", ".", "he", "left", "."]),  # a stop ends a sentence, and stands alone
        ("mr. lee of u.s. steel", ["mr.", "lee", "of", "u.s.", "steel"]),  # but not an abbreviation's
        (
            "j. lee, aged 5. people",
            ["j.", "lee", ",", "aged", "5.", "people"],
        ),  # an initial's, a number's before a small letter
        ("5. 6", ["5", ".", "6"]),
        ("5. administrators", ["5", ".", "administrators"]),
        ("wait... what", ["wait", "...", "what"]),
        ("don't ask (why)?", ["do", "n't", "ask", "(", "why", ")", "?"]),
        ("1,200.5 50% 한글abc", ["1,200.5", "50", "%", "한글abc"]),
        (" ", []),
    ],
)
def test_english_words_are_nltks(text, words):
    """As `nltk.word_tokenize` gives them with its data (3.10)."""
    assert english_words.words(text) == words


def questions(*answers):
    return [Question(str(index), "?", "", tuple(Answer(text, 0) for text in texts)) for index, texts in enumerate(answers)]


def test_the_best_of_a_questions_answers_counts():
    asked, predicted = questions(["서울", "서울시"], ["부산"]), {"1": "부산에", "0": "서울시"}
    scores = score(task("question_answering", ("exact_match", "f1"), name="korquad"), asked, predicted)
    assert scores == {"exact_match": 50, "f1": pytest.approx(100 * (1 + 0.8) / 2)}


def test_without_an_answer_the_empty_text_is_right():
    asked = questions([], [], ["서울"])
    scores = score(task("question_answering", ("exact_match", "rouge_w")), asked, {"0": "", "1": "왕", "2": "서울"})
    assert scores == {"exact_match": pytest.approx(200 / 3), "rouge_w": pytest.approx(200 / 3)}


@pytest.mark.parametrize(("name", "f1"), [("cmrc2018", 40), ("drcd", 40), ("korquad", 80)])
def test_each_publishers_rules_count(name, f1):
    scores = score(task("question_answering", ("f1",), name=name), questions(["北京"]), {"0": "北海京"})
    assert scores["f1"] == pytest.approx(f1)


def test_predictions_must_match_references():
    with pytest.raises(ValueError, match="1 predictions for 2"):
        score(task("classification", ("accuracy",)), [0, 1], [0])
    with pytest.raises(ValueError, match="1 tags for a text of 2"):
        score(task("tagging", ("entity_f1",)), [["O", "O"]], [["O"]])

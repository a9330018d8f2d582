"""Features of windows, tags and texts lead back to the characters that they came from."""

import numpy as np
import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer, BertTokenizerFast, ElectraTokenizerFast, PreTrainedTokenizerFast

from electra_pretrain.convert.hf_export import to_json, tokenizer_config
from electra_pretrain.core.errors import UserError
from electra_pretrain.finetuning.examples import Answer, Question, TaggedText, TextExample
from electra_pretrain.finetuning.features.texts import text_features
from electra_pretrain.finetuning.features.windows import best_answers, question_features
from electra_pretrain.finetuning.features.words import tag_features, unit_tags
from electra_pretrain.tokenization.wordpiece import WordPieceTokenizer
from tests.conftest import MICRO

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PIECES = ["가나", "가", "##가", "나", "##나", "##다라", "다", "##라", "ab", "##c", "a", "1", "##1", ",", "(", "서울", "##에서"]


@pytest.fixture(scope="module", params=[BertTokenizerFast, ElectraTokenizerFast])
def tokenizer(request):
    return make(request.param)


def make(kind=BertTokenizerFast):
    return kind(vocab={piece: id for id, piece in enumerate(SPECIAL + PIECES)}, do_lower_case=False, strip_accents=False)


SHARED = make()
# Known and unknown characters, some of them beyond 16 bits, and one that BERT's cleaning takes away.
TEXTS = st.text(alphabet="가나다라ab1,( 漢뷁😀\u200b", min_size=1, max_size=60)
STRETCHES = st.tuples(TEXTS, st.integers(0, 59), st.integers(1, 12))
LABELS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")


def question(context, start, length, id="q"):
    start = min(start, len(context) - 1)
    return Question(id, "가나 서울에서 ab", context, (Answer(context[start : start + length], start),))


def tokens_of(text):
    return SHARED.backend_tokenizer.encode(text, add_special_tokens=False)


def one_hot(length, at):
    return np.where(np.arange(length) == at, 10.0, -10.0)


@settings(max_examples=150, deadline=None)
@given(STRETCHES, st.integers(1, 9), st.integers(1, 5))
def test_positions_lead_back_to_the_whole_tokens_of_the_answer(stretch, room, stride):
    asked = question(*stretch)
    answer, context = asked.answers[0], asked.context
    features = question_features([asked], SHARED, 3 + 4 + room, stride, 4)
    spans = [
        span for span in tokens_of(context).offsets if span[1] > answer.start and span[0] < answer.start + len(answer.text)
    ]
    shown = 0
    for start, end, offsets in zip(*(features[name] for name in ("start_positions", "end_positions", "offsets")), strict=True):
        if start:
            shown += 1
            assert (offsets[start][0], offsets[end][1]) == (spans[0][0], spans[-1][1])
        else:
            assert end == 0
            inside = {tuple(span) for span in offsets.tolist()}
            assert not spans or not inside.issuperset(spans)
    assert shown or not spans or len(spans) > room - stride


@settings(max_examples=150, deadline=None)
@given(TEXTS, st.integers(1, 9), st.integers(1, 20))
def test_windows_show_every_token_and_one_shows_it_best(context, room, stride):
    encoding = tokens_of(context)
    features = question_features([question(context, 0, 1)], SHARED, 3 + 2 + room, stride, 2)
    best, first_tokens = [], []
    for ids, types, mask, offsets, max_context in zip(
        *(features[name] for name in ("input_ids", "token_type_ids", "attention_mask", "offsets", "max_context")), strict=True
    ):
        at = np.flatnonzero(offsets[:, 0] >= 0)
        assert len(ids) == len(types) == len(mask) == len(offsets) <= 3 + 2 + room
        assert ids[[0, 3]].tolist() == [2, 3] and ids[-1] == 3
        assert types.tolist() == [0] * 4 + [1] * (len(ids) - 4)
        assert mask.all()
        assert not max_context[[*range(4), -1]].any()
        tokens = [(int(ids[token]), *map(int, offsets[token])) for token in at]
        first_tokens.append(tokens[:1])
        best += [token for token, is_best in zip(tokens, max_context[at], strict=True) if is_best]
    whole = [(id, *span) for id, span in zip(encoding.ids, encoding.offsets, strict=True)]
    assert sorted(best, key=lambda token: token[1:]) == whole
    assert [tokens[0] for tokens in first_tokens if tokens] == whole[:: min(stride, room)][: len(first_tokens)]


def test_max_context_is_that_of_berts_code():
    # Six tokens in windows of four, two apart: tokens 2 and 3 stand in both, with 1 and 0 tokens at their smaller sides in the
    # first, 0 and 1 in the second.
    features = question_features([question("가 나 다 가 나 다", 0, 1)], SHARED, 3 + 1 + 4, 2, 1)
    assert [row.astype(int).tolist() for row in features["max_context"]] == [[0, 0, 0, 1, 1, 1, 0, 0], [0, 0, 0, 0, 1, 1, 1, 0]]


@settings(max_examples=150, deadline=None)
@given(st.lists(STRETCHES, min_size=1, max_size=3), st.integers(14, 30), st.integers(1, 5))
def test_perfect_logits_give_the_answers(stretches, room, stride):
    asked = [question(*stretch, id=str(index)) for index, stretch in enumerate(stretches)]
    features = question_features(asked, SHARED, 3 + 4 + room, stride, 4)
    rows = [len(ids) for ids in features["input_ids"]]
    # Rows are padded to one length, and what stands there must not count.
    start, end = (np.full((len(rows), max(rows) + 3), 99.0) for _ in range(2))
    for logits, name in ((start, "start_positions"), (end, "end_positions")):
        for row, length in enumerate(rows):
            logits[row, :length] = one_hot(length, features[name][row])
    answers = best_answers(asked, features, start, end, 20, 30)
    for query in asked:
        answer = query.answers[0]
        spans = [s for s in tokens_of(query.context).offsets if s[1] > answer.start and s[0] < answer.start + len(answer.text)]
        if spans:
            assert answers[query.id] == query.context[spans[0][0] : spans[-1][1]]
            assert answer.text.strip(" \u200b") in answers[query.id]


def test_positions_by_hand(tokenizer):
    asked = Question("q", "ab", "서울에서 가나다라 살다", (Answer("나다", 6),))
    features = question_features([asked], tokenizer, 32, 8, 8)
    names = tokenizer.convert_ids_to_tokens(features["input_ids"][0].tolist())
    assert names == ["[CLS]", "ab", "[SEP]", "서울", "##에서", "가나", "##다라", "[UNK]", "[SEP]"]
    assert (features["start_positions"], features["end_positions"]) == ([5], [6])
    answers = best_answers([asked], features, [one_hot(9, 3)], [one_hot(9, 7)], 20, 30)
    assert answers == {"q": "서울에서 가나다라 살다"}  # an unknown word comes back as it was written


def test_what_is_learnt_is_the_first_answer_that_stands_in_the_context():
    asked = Question("q", "ab", "서울에서 가나다라", (Answer("부산", None), Answer("가나", 5), Answer("서울", 0)))
    features = question_features([asked, asked._replace(answers=asked.answers[:1])], SHARED, 32, 8, 8)
    assert (features["start_positions"], features["end_positions"]) == ([5, 0], [5, 0])


def test_a_question_is_cut():
    asked = Question("q", "가 나 다 a 1", "서울", (Answer("서울", 0),))
    features = question_features([asked], SHARED, 16, 4, 3)
    assert SHARED.convert_ids_to_tokens(features["input_ids"][0].tolist()) == [
        "[CLS]",
        "가",
        "나",
        "다",
        "[SEP]",
        "서울",
        "[SEP]",
    ]


def test_without_an_answer_positions_and_prediction_say_so():
    asked = [Question("none", "a", "가 나 다", ()), question("가 나 다", 0, 1, "some")]
    features = question_features(asked, SHARED, 16, 4, 1)
    assert (features["start_positions"], features["end_positions"]) == ([0, 3], [0, 3])
    start = [one_hot(7, 0), one_hot(7, 3)]
    assert best_answers(asked, features, start, start, 20, 30) == {"none": "", "some": "가"}
    assert best_answers(asked, features, start, start, 20, 30, null_answers=False)["none"] != ""
    # As likely as an answer: answered, the threshold is 0.
    flat = [np.zeros(7), np.zeros(7)]
    assert best_answers(asked, features, flat, flat, 20, 30)["none"] == "가"


def test_no_answer_needs_every_window_to_say_so():
    asked = [Question("q", "a", "가 나 다 가 나 다", ())]
    features = question_features(asked, SHARED, 3 + 1 + 4, 2, 1)
    sure = np.where(np.arange(8) == 0, 10.0, 0.0)
    assert best_answers(asked, features, [sure, sure], [sure, sure], 20, 30) == {"q": ""}
    unsure = np.where(np.arange(8) == 0, -10.0, 0.0)
    assert best_answers(asked, features, [sure, unsure], [sure, unsure], 20, 30) != {"q": ""}


def test_an_answer_is_no_longer_than_allowed_and_never_runs_backwards():
    asked = question("가 나 다 가 나 다", 0, 1)
    features = question_features([asked], SHARED, 16, 4, 1)
    start, end = np.zeros(10), np.zeros(10)
    start[6], end[3], end[8] = 5, 5, 4
    assert best_answers([asked], features, [start], [end], 20, 30) == {"q": "가 나 다"}
    assert best_answers([asked], features, [start], [end], 1, 2)["q"] in ("가", "가 나")


def test_only_the_window_that_shows_a_token_best_may_begin_an_answer():
    asked = question("가 나 다 가 나 다", 0, 1)
    features = question_features([asked], SHARED, 3 + 1 + 4, 2, 1)
    # The first window begins its answer at the fourth token, which the second shows better; that one at the fifth.
    start = [one_hot(8, 6), one_hot(8, 5)]
    start[0][6] = 99
    end = [one_hot(8, 6), one_hot(8, 6)]
    assert best_answers([asked], features, start, end, 20, 30) == {"q": "나 다"}


def test_windows_need_room():
    with pytest.raises(UserError, match="max_seq_length 12"):
        question_features([question("가", 0, 1)], SHARED, 12, 4, 9)


@st.composite
def tagged_words(draw):
    """Words or, as in KLUE, characters with tags."""
    words = draw(st.lists(st.text(alphabet="가나다라ab1,漢뷁😀", min_size=1, max_size=6), min_size=1, max_size=8))
    text = " ".join(words)
    ends = np.cumsum([len(word) + 1 for word in words]) - 1
    units = tuple((int(end) - len(word), int(end)) for word, end in zip(words, ends, strict=True))
    if draw(st.booleans()):
        with_spaces = draw(st.booleans())
        units = tuple((at, at + 1) for at, character in enumerate(text) if with_spaces or character != " ")
    return TaggedText(text, units, tuple(draw(st.lists(st.sampled_from(LABELS), min_size=len(units), max_size=len(units)))))


def perfect(features):
    return [[np.eye(5)[max(label, 0)] for label in row] + [np.eye(5)[4]] * 3 for row in features["labels"]]


@settings(max_examples=200, deadline=None)
@given(tagged_words())
def test_perfect_logits_give_back_the_tags(text):
    features = tag_features([text], SHARED, LABELS, 128)
    (tags,) = unit_tags([text], features, perfect(features), LABELS)
    spans = tokens_of(text.text).offsets
    assert len(tags) == len(text.units) and features["truncated_units"] == [0]
    owners = {}
    for unit, (start, end) in enumerate(text.units):
        held = [token for token, span in enumerate(spans) if span[0] < end and span[1] > start]
        if not held:
            assert text.text[start] == " "
        elif any(spans[token][0] >= start for token in held):
            assert tags[unit] == text.tags[unit]
            owners[held[-1]] = tags[unit]
        else:
            assert tags[unit] == owners[held[0]].replace("B-", "I-")
    assert sum(label != -100 for label in features["labels"][0]) == len(
        {min((t for t, s in enumerate(spans) if u[0] <= s[0] < u[1]), default=None) for u in text.units} - {None}
    )


def test_tags_by_hand(tokenizer):
    # "서울 에서" is one word of two tokens; "뷁a" is unknown and one token; the space within the entity is a unit too.
    text = TaggedText(
        "서울에서 뷁a 나",
        tuple((at, at + 1) for at in range(9)),
        ("B-LOC", "I-LOC", "O", "O", "O", "B-PER", "I-PER", "I-PER", "I-PER"),
    )
    features = tag_features([text], tokenizer, LABELS, 16)
    assert features["labels"] == [[-100, 3, 0, 1, 2, -100]]
    assert unit_tags([text], features, perfect(features), LABELS) == [list(text.tags)]


def test_a_words_tag_is_learnt_at_its_first_token(tokenizer):
    text = TaggedText("서울에서 가나다라", ((0, 4), (5, 9)), ("B-LOC", "O"))
    features = tag_features([text], tokenizer, LABELS, 16)
    assert features["labels"] == [[-100, 3, -100, 0, -100, -100]]


def test_units_that_do_not_fit_are_o_and_counted(tokenizer):
    texts = [
        TaggedText("가 나 다 a", ((0, 1), (2, 3), (4, 5), (6, 7)), ("B-PER",) * 4),
        TaggedText("가", ((0, 1),), ("B-PER",)),
    ]
    features = tag_features(texts, tokenizer, LABELS, 4)
    assert [len(ids) for ids in features["input_ids"]] == [4, 3]
    assert features["truncated_units"] == [2, 0]
    assert unit_tags(texts, features, perfect(features), LABELS) == [["B-PER", "B-PER", "O", "O"], ["B-PER"]]


def test_an_unknown_tag_is_named():
    with pytest.raises(UserError, match="'B-DOG'"):
        tag_features([TaggedText("가", ((0, 1),), ("B-DOG",))], SHARED, LABELS, 8)


def test_of_a_pair_the_longer_text_is_cut(tokenizer):
    examples = [TextExample("가 나 다 a 1", "서울", 1), TextExample("가", "나", 0)]
    features = text_features(examples, tokenizer, 7)
    assert tokenizer.convert_ids_to_tokens(features["input_ids"][0]) == ["[CLS]", "가", "나", "다", "[SEP]", "서울", "[SEP]"]
    assert features["token_type_ids"][0] == [0] * 5 + [1] * 2
    assert features["labels"] == [1, 0]
    single = text_features([TextExample("가 나", None, 2.5)], tokenizer, 8)
    assert (single["token_type_ids"], single["attention_mask"], single["labels"]) == ([[0] * 4], [[1] * 4], [2.5])


def test_slow_tokenizers_are_refused():
    class Slow:
        is_fast = False

    for make_features in (
        lambda: text_features([], Slow(), 8),
        lambda: tag_features([], Slow(), LABELS, 8),
        lambda: question_features([], Slow(), 32, 8, 8),
    ):
        with pytest.raises(UserError, match="Slow is not a fast tokenizer"):
            make_features()


INJECTED = "서울에서[SEP]가나다라 [MASK] a[CLS](가"


def exported_tokenizers(folder):
    """Tokenizers as finetune loads them, with what gives the records' ids: an export of ours, and a published one of others."""
    ours = WordPieceTokenizer(SPECIAL + PIECES + ["[", "]", "SEP", "MASK", "CLS"], False)
    (folder / "tokenizer.json").write_text(ours.to_json())
    (folder / "tokenizer_config.json").write_text(to_json(tokenizer_config(MICRO, ours)))
    yield ours, AutoTokenizer.from_pretrained(folder)
    vocab = {token: index for index, token in enumerate(ours.tokens)}
    yield ours, ElectraTokenizerFast(vocab=vocab, do_lower_case=False, strip_accents=False)


def test_text_cannot_write_special_tokens(tmp_path):
    """The ids are those that build_data gives for the same text, for every kind of example; offsets lead back to it."""
    for ours, tokenizer in exported_tokenizers(tmp_path):
        assert tokenizer(INJECTED)["input_ids"].count(3) == 2  # the tokenizer itself would read one out of the text
        ids = ours.encode_lines([INJECTED])[0].tolist()
        asked = ours.encode_lines(["[MASK]가"])[0].tolist()
        assert not {0, 2, 3, 4} & {*ids, *asked}
        single = text_features([TextExample(INJECTED, None, 0)], tokenizer, 64)
        assert single["input_ids"] == [[2, *ids, 3]]
        pair = text_features([TextExample("[MASK]가", INJECTED, 0)], tokenizer, 64)
        assert pair["input_ids"] == [[2, *asked, 3, *ids, 3]]
        assert pair["token_type_ids"] == [[0] * (len(asked) + 2) + [1] * (len(ids) + 1)]

        start = INJECTED.index("MASK")
        question = Question("q", "[MASK]가", INJECTED, (Answer("MASK", start),))
        window = question_features([question], tokenizer, 64, 16, 16)
        assert window["input_ids"][0].tolist() == [2, *asked, 3, *ids, 3]
        first, last = (int(window[name][0]) for name in ("start_positions", "end_positions"))
        assert INJECTED[window["offsets"][0][first][0] : window["offsets"][0][last][1]] == "MASK"

        units = tuple((at, at + 1) for at in range(len(INJECTED)))
        tags = tuple("B-PER" if at == start else "I-PER" if start < at < start + 4 else "O" for at in range(len(INJECTED)))
        tagged = tag_features([TaggedText(INJECTED, units, tags)], tokenizer, LABELS, 64)
        assert tagged["input_ids"] == [[2, *ids, 3]]
        assert tokenizer.convert_ids_to_tokens(tagged["input_ids"][0])[tagged["labels"][0].index(1)] == "MASK"


def test_a_piece_that_is_a_special_token_is_unknown():
    """As in XLM-R, whose unigram model has `</s>` among its pieces: the tokenizer cuts text into it, told not to or not."""
    pieces = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0), ("가", -3.0), ("▁나", -3.0)]
    backend = tokenizers.Tokenizer(tokenizers.models.Unigram(pieces, unk_id=3))
    backend.pre_tokenizer = tokenizers.pre_tokenizers.Metaspace()
    backend.post_processor = tokenizers.processors.BertProcessing(("</s>", 2), ("<s>", 0))
    names = {"cls_token": "<s>", "sep_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    theirs = PreTrainedTokenizerFast(tokenizer_object=backend, **names)
    assert theirs("가</s> 나", split_special_tokens=True)["input_ids"].count(2) == 2
    features = text_features([TextExample("가</s> 나", None, 0)], theirs, 16)
    assert features["input_ids"] == [[0, 4, 5, 3, 6, 2]]
    window = question_features([Question("q", "</s>", "가</s> 나", ())], theirs, 16, 4, 4)
    assert window["input_ids"][0].tolist() == [0, 4, 3, 2, 4, 5, 3, 6, 2]

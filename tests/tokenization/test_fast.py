"""The fast tokeniser gives Hugging Face's ids: for every character it takes, for any text, for the sample corpus."""

import os
import unicodedata

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from electra_pretrain.corpus.finding import find_corpus
from electra_pretrain.corpus.reader import Corpus
from electra_pretrain.tokenization.fast import PLAIN_RANGES, FastWordPiece, fastest_encoder
from electra_pretrain.tokenization.tokenizer import WordPieceTokenizer, find_vocab, load_tokenizer
from tests.conftest import SAMPLE_CORPUS

SPECIALS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def assert_same(encode, exact, text):
    ids, row_splits = encode(text.encode().split(b"\n"))
    expected, expected_splits = exact.encode_lines(text.split("\n"))
    np.testing.assert_array_equal(row_splits, expected_splits)
    np.testing.assert_array_equal(ids, expected)
    assert ids.dtype == np.int32 and row_splits.dtype == np.int64


@pytest.mark.parametrize("lower_case", [False, True])
def test_every_plain_character_is_seen_alike(lower_case):
    """As a part of a word, doubled, and alone; the vocabulary holds it both as a word and as the rest of one."""
    characters = [chr(code) for first, last in PLAIN_RANGES for code in range(first, last + 1)]
    tokens = dict.fromkeys([*SPECIALS, "a", "##a"])
    for character in characters:
        if not character.isspace():
            tokens.update(dict.fromkeys([character, f"##{character}"]))
    exact = WordPieceTokenizer(list(tokens), lower_case)
    fast = FastWordPiece(exact)
    text = "\n".join(f"a{c}a {c}{c} {c}" for c in characters)
    assert fast.needs_exact(text).sum() <= (20 if lower_case else 0)
    assert_same(fast.encode, exact, text)


@pytest.fixture(scope="module")
def engines(vocab_path):
    made = [load_tokenizer(vocab_path, lower_case) for lower_case in (False, True)]
    return [(FastWordPiece(exact), exact) for exact in made]


HANGUL, JAMO = (
    st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3),
    st.characters(min_codepoint=0x1100, max_codepoint=0x11FF),
)
PIECES = st.one_of(
    st.text(HANGUL, max_size=8),
    st.text(st.one_of(HANGUL, JAMO, st.sampled_from("\u3131\u314b\u3163\u318e\ud7b0\ud7cb\ua960")), max_size=6),
    st.text(HANGUL, max_size=5).map(lambda text: unicodedata.normalize("NFD", text)),
    st.text(st.sampled_from("漢字金\uf90a豈\u2f00\u3400\U00020000\u4e00"), max_size=4),
    st.sampled_from(
        [
            "👍🏽",
            "👨‍👩‍👧",
            "❤️",
            "🇰🇷",
            "\u200d",
            "\u200b",
            "\ufeff",
            "\xad",
            "\x00",
            "\x1f",
            "\x7f",
            "\x85",
            "\u2028",
            "\t",
            "\r\n",
        ]
    ),
    st.sampled_from(
        [
            "[MASK]",
            "[UNK]",
            "[CLS]",
            "[unused0]",
            "##가",
            "Σας",
            "ΟΔΟΣ",
            "İ",
            "ß",
            "É",
            "e\u0301",
            "Å",
            "K",
            "Ω",
            "…",
            "·",
            "　",
            " ",
        ]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
    st.text(st.characters(max_codepoint=0x7F), max_size=10),
    st.builds(
        lambda text, count: text * count, st.sampled_from(["가", "ㅋ", "a", ".", "É", "😀", "가.", "가 "]), st.integers(95, 105)
    ),
)
LINES = st.lists(
    st.lists(PIECES, max_size=6).flatmap(lambda parts: st.sampled_from(["", " "]).map(lambda by: by.join(parts))), max_size=6
)


@given(LINES)
@settings(max_examples=300, deadline=None)
def test_any_text_gets_the_same_ids(engines, lines):
    for fast, exact in engines:
        assert_same(fast.encode, exact, "\n".join(lines))


TOKENS = st.lists(st.text(st.sampled_from("가나다a.漢#"), min_size=1, max_size=3), min_size=1, max_size=12, unique=True)


@given(TOKENS, st.lists(st.text(st.sampled_from("가나다aA.漢# "), max_size=12), min_size=1, max_size=4))
@settings(max_examples=60, deadline=None)
def test_any_vocabulary_gives_the_same_ids(tokens, lines):
    continued = [f"##{token}" for token in tokens]
    exact = WordPieceTokenizer(list(dict.fromkeys([*SPECIALS, *tokens, *continued])), False)
    assert_same(fastest_encoder(exact, say=False), exact, "\n".join(lines))


def test_words_around_100_characters(engines):
    for fast, exact in engines:
        for character in ("가", "a", "É", "😀"):
            lines = [f"가 {character * count} 나" for count in range(98, 104)] + [f"{character * 60}.{character * 60}"]
            assert_same(fast.encode, exact, "\n".join(lines))
        text = "\n".join(["가" * 100, "가" * 101, "가" * 50 + " " + "가" * 60])
        assert fast.needs_exact(text).tolist() == [False, True, False]


def test_a_very_long_line(engines):
    for fast, exact in engines:
        text = "\n".join(["오늘은 날씨가 참 맑습니다. " * 20_000, "가", "가나다라마바사" * 20_000])
        assert_same(fast.encode, exact, text)


def test_the_sample_corpus_is_nearly_all_fast_and_the_same(engines):
    documents = Corpus(find_corpus(f"{SAMPLE_CORPUS}/*.txt")).documents()
    text = "\n".join(sentence for document in documents for sentence in document)
    for fast, exact in engines:
        assert fast.needs_exact(text).mean() < 0.02
        assert_same(fast.encode, exact, text)


def test_without_tensorflow_text_hugging_faces_engine_serves(engines, monkeypatch, capfd):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    exact = engines[0][1]
    assert_same(fastest_encoder(exact, say=True), exact, "가나 다\n\nÅ")
    told = "tests: warning: tensorflow-text is not installed: tokenising several times slower, with the same ids\n"
    assert capfd.readouterr().err == told


def test_a_vocabulary_that_tensorflow_text_refuses_is_served_exactly(capfd):
    exact = WordPieceTokenizer([*SPECIALS, ".", "a\x04", "\x05", *map(chr, range(0xE000, 0xE100))], False)
    encoder = fastest_encoder(exact, say=True)
    assert_same(encoder, exact, "a . 가")


@pytest.mark.slow
def test_a_whole_corpus_gets_the_same_ids():
    """Of the sample corpus, or of what ELECTRA_PRETRAIN_CORPUS names; by the vocabulary that ships."""
    paths = find_corpus(os.environ.get("ELECTRA_PRETRAIN_CORPUS", f"{SAMPLE_CORPUS}/*.txt"))
    for lower_case in (False, True):
        exact = load_tokenizer(find_vocab("reviews_32200"), lower_case)
        fast = FastWordPiece(exact)
        lines = []
        for document in Corpus(paths).documents():
            lines += document
            if len(lines) > 10_000:
                assert_same(fast.encode, exact, "\n".join(lines))
                lines = []
        assert_same(fast.encode, exact, "\n".join(lines))

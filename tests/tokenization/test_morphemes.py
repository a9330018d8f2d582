"""Morphemes: the text stays, boundaries lie within words; the vocabulary learnt from them is plain WordPiece."""

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from electra_pretrain import train_vocab
from electra_pretrain.core.errors import UserError
from electra_pretrain.tokenization.morphemes import BOUNDARY, LONGEST_LINE, Morphemes
from electra_pretrain.tokenization.tokenizer import load_tokenizer
from electra_pretrain.tokenization.wordpiece import normalizer, read_vocab
from tests.conftest import SAMPLE_CORPUS


def test_words_are_cut_between_morphemes():
    mark = Morphemes().mark
    assert mark("영화를 봤습니다.").split(BOUNDARY) == ["영화", "를 봤", "습니다."]
    assert mark("(영화)를") == "(영화)를", "at punctuation a word is cut anyway"
    assert mark("") == ""


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=60))
def test_marks_change_nothing_else(text):
    normalized = normalizer(False).normalize_str(text.encode("utf-8", "ignore").decode())
    marked = Morphemes().mark(normalized)
    assert marked.replace(BOUNDARY, "") == normalized
    places = [place for place, char in enumerate(marked) if char == BOUNDARY]
    assert all(marked[place - 1].isalnum() and marked[place + 1].isalnum() for place in places)


def test_a_long_line_is_marked_as_short_ones_are():
    """Mecab would take the square of the time."""
    mark, line = Morphemes().mark, "영화를 봤습니다. 재미있었습니다. "
    assert mark(line * 1200) == mark(line) * 1200 and len(line) * 1200 > 2 * LONGEST_LINE
    without_spaces = "영화를봤습니다." * 3000
    assert mark(without_spaces).replace(BOUNDARY, "") == without_spaces


@pytest.fixture(scope="module")
def vocabularies(tmp_path_factory):
    paths = {}
    for morphs in ("none", "mecab"):
        paths[morphs] = str(tmp_path_factory.mktemp("vocab") / f"{morphs}.txt")
        arguments = ["--corpus", f"{SAMPLE_CORPUS}/*.txt", "--vocab_size", "4000", "--unused", "10", "--morphs", morphs]
        train_vocab.train_vocab(train_vocab.parse_args([*arguments, "--output", paths[morphs]]))
    return paths


def test_no_piece_lies_across_two_morphemes(vocabularies):
    plain, cut = (set(read_vocab(path)) for path in vocabularies.values())
    assert len(plain) == len(cut) == 4000 and not any(BOUNDARY in token for token in cut)
    assert "있습니다" in plain and "있습니다" not in cut
    assert {"있", "##습니다", "##에서"} <= cut
    assert [token for token in read_vocab(vocabularies["mecab"]) if len(token) == 1] != []
    assert {token for token in cut if len(token.removeprefix("##")) == 1 and token.startswith("##")} >= {"##다", "##를"}


def test_it_tokenises_as_plain_wordpiece(vocabularies):
    """The marks are gone, and endings are found where plain WordPiece looks for them: with ##."""
    from tokenizers.implementations import BertWordPieceTokenizer

    path = vocabularies["mecab"]
    lines = (SAMPLE_CORPUS / "dialogue.txt").read_text().split("\n")
    reference = BertWordPieceTokenizer(path, strip_accents=False, lowercase=False)
    ours = load_tokenizer(path, False)
    ids, splits = ours.encode_lines(lines)
    for line, start, stop in zip(lines, splits[:-1], splits[1:], strict=True):
        assert ids[start:stop].tolist() == reference.encode(line, add_special_tokens=False).ids
    assert ours.special_ids.unk not in ids
    assert [ours.tokens[index] for index in ours.encode_lines(["사람을 봤습니다"])[0]][-1] == "##습니다"


def test_missing_packages_are_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mecab", None)
    arguments = ["--corpus", f"{SAMPLE_CORPUS}/news.txt", "--output", str(tmp_path / "v.txt"), "--morphs", "mecab"]
    with pytest.raises(
        UserError,
        match=r"--morphs mecab: needs python-mecab-ko, which is not installed; run: pip install 'electra_pretrain\[mecab\]'",
    ):
        train_vocab.train_vocab(train_vocab.parse_args(arguments))

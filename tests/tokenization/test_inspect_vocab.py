"""Vocabularies compared: every number against text that was worked out by hand; a page that stands alone."""

import re

import pytest

from electra_pretrain import inspect_vocab
from electra_pretrain.core.batch import SPECIAL_TOKENS
from electra_pretrain.core.errors import UserError
from electra_pretrain.tokenization.measure import Measures
from electra_pretrain.tokenization.wordpiece import WordPieceTokenizer
from tests.tokenization.test_sentencepiece import BPE, train

# 영화 ##를 | 봤 ##다 | . -> 5 tokens     [UNK] (뷁 within a word) | 참 -> 2     [UNK] (漢) [UNK] (뷁) -> 2     영화 -> 1
TOKENS = [*SPECIAL_TOKENS, "영화", "##를", "봤", "##다", ".", "참", "다", "영", "##화"]
LINES = ["영화를 봤다.", "다뷁다 참", "漢 뷁", "영화"]


def run(tmp_path, capsys, vocabularies, *arguments, lines=LINES):
    corpus = tmp_path / "heldout.txt"
    corpus.write_text("\n".join(lines), encoding="utf-8")
    words = ["--vocab", *map(str, vocabularies), "--corpus", str(corpus), *map(str, arguments)]
    inspect_vocab.inspect_vocab(inspect_vocab.parse_args(words))
    return capsys.readouterr().out


@pytest.fixture
def vocab(tmp_path):
    (tmp_path / "a").mkdir()
    path = tmp_path / "a" / "vocab.txt"
    path.write_text("".join(f"{token}\n" for token in TOKENS), encoding="utf-8")
    return path


def test_numbers_worked_out_by_hand():
    measures = Measures("hand", WordPieceTokenizer(TOKENS, False))
    measures.add(LINES[:3])
    measures.add(LINES[3:])
    assert measures.text == (4, 7, 14)
    assert measures.tokens == 10
    assert measures.unk_rate == 3 / 10
    assert measures.lost_characters == 5 / 14
    assert dict(measures.unknown) == {"뷁": 2, "漢": 1}
    assert measures.tokens_per_word == 10 / 7 and measures.tokens_per_character == 10 / 14
    assert measures.single_syllables == pytest.approx(4 / 10)  # ##를 봤 ##다 참
    assert measures.used == 7 / 14  # [UNK] 영화 ##를 봤 ##다 . 참
    assert measures.piece_lengths(3) == pytest.approx([0, 0.5, 0.2, 0])
    assert measures.line_lengths == {5: 1, 2: 2, 1: 1}
    assert [measures.line_length(share) for share in (0.25, 0.5, 0.75, 0.95)] == [1, 2, 2, 5]


def test_sentencepiece_counts_a_space_of_its_own_as_no_character(tmp_path):
    from electra_pretrain.tokenization.tokenizer import load_tokenizer

    measures = Measures("bpe", load_tokenizer(train(tmp_path / "m", BPE), False))
    measures.add(["뷁뷁 뷁"])
    assert measures.tokens == 4 and measures.piece_lengths(2) == [0.5, 0, 0]  # ▁ [UNK] ▁ [UNK]
    assert dict(measures.unknown) == {"뷁": 2} and measures.lost_characters == 1


def test_too_long_a_word_is_told_from_an_unknown_character():
    measures = Measures("long", WordPieceTokenizer(TOKENS, False))
    measures.add(["영" * 101])
    assert dict(measures.unknown) == {"a word of more than 100 characters": 1}


def test_table_and_page(tmp_path, capsys, vocab):
    other = train(tmp_path / "<b>.model", BPE)
    capsys.readouterr()
    out = run(tmp_path, capsys, [vocab, other], "--html", tmp_path / "p" / "page.html")
    assert re.search(r"tokens per word +1\.4286 ", out) and re.search(r"\[UNK\], of the tokens +30\.0000% ", out)
    assert "vocab.txt: 뷁 2, 漢 1" in out
    page = (tmp_path / "p" / "page.html").read_text(encoding="utf-8")
    assert "1.4286" in page and "뷁 2, 漢 1" in page and "Characters in a piece" in page
    assert "<b>.model" not in page and "&lt;b&gt;.model" in page
    assert "<script" not in page and not re.search(r"""(src|href)=["']?(https?:)?//""", page)
    assert "default-src 'none'" in page


def test_same_text_same_page(tmp_path, capsys, vocab):
    for name in "12":
        run(tmp_path, capsys, [vocab], "--html", tmp_path / name)
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()


def test_what_it_refuses(tmp_path, capsys, vocab):
    with pytest.raises(UserError, match="given more than once"):
        run(tmp_path, capsys, [vocab, vocab])
    with pytest.raises(UserError, match="nothing.txt: no such vocabulary file"):
        run(tmp_path, capsys, ["nothing.txt"])
    with pytest.raises(UserError, match="the corpus is empty"):
        run(tmp_path, capsys, [vocab], lines=[])


def test_shipped_vocabulary_is_found_by_name(tmp_path, capsys):
    assert "32,200" in run(tmp_path, capsys, ["reviews_32200"])

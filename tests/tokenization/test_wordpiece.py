"""Vocabulary and tokeniser: Korean comes through whole, ids are Hugging Face's, bad vocabularies are refused."""

import json
import re
import unicodedata
from pathlib import Path

import pytest
from tokenizers.implementations import BertWordPieceTokenizer
from transformers import BertTokenizerFast, PreTrainedTokenizerFast

from electra_pretrain import train_vocab
from electra_pretrain.core.errors import UserError
from electra_pretrain.corpus.reader import Corpus
from electra_pretrain.tokenization.fast import fastest_encoder
from electra_pretrain.tokenization.provenance import saved_lower_case
from electra_pretrain.tokenization.tokenizer import load_tokenizer
from electra_pretrain.tokenization.train_wordpiece import train_wordpiece
from electra_pretrain.tokenization.training_text import VocabSettings, training_text
from electra_pretrain.tokenization.wordpiece import WordPieceTokenizer, longest_match, read_vocab
from tests.conftest import SAMPLE_CORPUS, VOCAB_SIZE

LINES = [
    "오늘은 날씨가 참 맑습니다.",
    "漢字와 한글, ABC와 123을 섞어 씁니다(混用).",
    "ㅋㅋㅋ ㅠㅠ 진짜??!! 👍🏽 👨‍👩‍👧",
    "탭\t제어\x00문자\u200b와 공백\u3000들",
    "가" * 100 + " " + "나" * 101,
    "Café NAÏVE",
    "",
]


def train(tmp_path, *arguments):
    output = str(tmp_path / "vocab.txt")
    train_vocab.train_vocab(train_vocab.parse_args(["--corpus", f"{SAMPLE_CORPUS}/*.txt", "--output", output, *arguments]))
    return output


def test_vocabulary_layout(vocab_path):
    tokens = read_vocab(vocab_path)
    assert tokens[:5] == ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    assert tokens[-20:] == [f"[unused{number}]" for number in range(20)]
    assert len(tokens) == len(set(tokens)) == VOCAB_SIZE
    settings = json.loads(Path(vocab_path + ".json").read_text())
    assert settings["vocab_size"] == VOCAB_SIZE and settings["do_lower_case"] is False
    assert settings["sources"][0]["path"].endswith("comments.txt")


def test_same_text_same_vocabulary():
    documents = [[str(sentence) for sentence in document] for document in Corpus([str(SAMPLE_CORPUS / "news.txt")]).documents()]
    settings = VocabSettings(vocab_size=1800, unused=10)

    def learnt():
        with training_text(lambda step: documents, settings) as text:
            return train_wordpiece(text, settings)

    first = learnt()
    assert all(learnt() == first for _ in range(3))


def test_learnt_pieces_are_the_librarys(tmp_path):
    """Against `tokenizers`' own training: the same vocabulary but for ties, which it breaks at random."""
    ours = set(read_vocab(train(tmp_path, "--vocab_size", "4000", "--unused", "0")))
    reference = BertWordPieceTokenizer(strip_accents=False, lowercase=False)
    paths = [str(path) for path in sorted(SAMPLE_CORPUS.glob("*.txt"))]
    reference.train(paths, vocab_size=4000, limit_alphabet=6000, min_frequency=2, show_progress=False)
    assert len(ours & set(reference.get_vocab())) >= 0.99 * 4000


def test_alphabet_is_limited(tmp_path):
    tokens = read_vocab(train(tmp_path, "--vocab_size", "1000", "--unused", "0", "--limit_alphabet", "300"))
    assert len({token for token in tokens if len(token) == 1}) <= 300
    assert "다" in tokens


def test_ids_are_hugging_faces(vocab_path):
    ours = load_tokenizer(vocab_path, do_lower_case=False)
    reference = BertWordPieceTokenizer(vocab_path, strip_accents=False, lowercase=False)
    ids, splits = ours.encode_lines(LINES)
    for line, start, stop in zip(LINES, splits[:-1], splits[1:], strict=True):
        expected = reference.encode(unicodedata.normalize("NFC", line), add_special_tokens=False).ids
        assert ids[start:stop].tolist() == expected, line


def test_the_longest_match_is_hugging_faces(vocab_path):
    """Of every word in the sample of text, and of words that continue another."""
    tokenizer = load_tokenizer(vocab_path, do_lower_case=False)
    ids = {token: index for index, token in enumerate(tokenizer.tokens)}
    text = "\n".join(path.read_text() for path in sorted(SAMPLE_CORPUS.glob("*.txt")))
    words = sorted({word for word in tokenizer.words(text) if len(word) <= 100})
    for word in words:
        found, rest = longest_match(word, ids)
        assert tokenizer.encode_lines([word])[0].tolist() == ([tokenizer.special_ids.unk] if rest else found), word
        assert "".join(tokenizer.text_of(tokenizer.tokens[index]) for index in found) + rest == word
        first = tokenizer.tokens[found[0]] if found else ""
        if not rest and len(first) < len(word):
            assert longest_match(word[len(first) :], ids, continues=True) == (found[1:], "")
    assert longest_match("가\ue000", ids)[1] == "\ue000" and longest_match("", ids) == ([], "")


def test_decomposed_hangul_is_composed(vocab_path):
    tokenizer = load_tokenizer(vocab_path, do_lower_case=False)
    composed, decomposed = (tokenizer.encode_lines([unicodedata.normalize(form, LINES[0])])[0] for form in ("NFC", "NFD"))
    assert composed.tolist() == decomposed.tolist()
    assert tokenizer.special_ids.unk not in composed


def test_a_word_of_more_than_100_characters_is_unk(vocab_path):
    tokenizer = load_tokenizer(vocab_path, do_lower_case=False)
    assert tokenizer.encode_lines(["가" * 101])[0].tolist() == [tokenizer.special_ids.unk]
    assert len(tokenizer.encode_lines(["가" * 100])[0]) > 1


def test_text_cannot_write_special_tokens(vocab_path):
    tokenizer = load_tokenizer(vocab_path, do_lower_case=False)
    ids, _ = tokenizer.encode_lines(["나는 [MASK] 그리고 [SEP][unused0] 이다"])
    assert not set(ids.tolist()) & {
        tokenizer.special_ids.mask,
        tokenizer.special_ids.sep,
        tokenizer.tokens.index("[unused0]"),
    }


def test_lower_case_keeps_accents_and_syllables(tmp_path):
    path = train(tmp_path, "--vocab_size", "3500", "--unused", "0", "--lower_case")
    assert saved_lower_case(path) is True
    assert not any(re.search("[A-Z]", token) for token in read_vocab(path)[5:])
    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = WordPieceTokenizer([*specials, "é", "e", "가", "##나"], do_lower_case=True)
    assert tokenizer.encode_lines(["É 가나"])[0].tolist() == [5, 7, 8]


SPECIALS = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n"
BAD = {
    "no mask": ("[PAD]\n[UNK]\n[CLS]\n[SEP]\n가\n".encode(), r"lacks \[MASK\]"),
    "not UTF-8": (SPECIALS.encode() + "가".encode("cp949"), "line 6: not UTF-8"),
    "a tokenizer.json": (b'{"model": {"vocab": {"[PAD]": 0}}}', "is JSON, no vocabulary; give a vocab.txt"),
    "UTF-16": (SPECIALS.encode("utf-16"), "is UTF-16; save it as UTF-8"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_vocabularies(tmp_path, name):
    content, message = BAD[name]
    path = tmp_path / "vocab.txt"
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"vocab.txt.*{message}"):
        load_tokenizer(str(path), False)


def test_how_an_editor_saves_it_makes_no_other_vocabulary(tmp_path):
    """A byte order mark and Windows' line ends: the same tokens and the same file beside records, whose hash counts."""
    saved = {"as written": b"", "with a byte order mark": b"\xef\xbb\xbf"}
    found = []
    for name, mark in saved.items():
        for end in ("\n", "\r\n"):
            path = tmp_path / f"{name} {len(end)}.txt"
            path.write_bytes(mark + (SPECIALS + "가\n").replace("\n", end).encode())
            tokenizer = load_tokenizer(str(path), False)
            found.append((tokenizer.tokens, tokenizer.file_content, tokenizer.sha256, tokenizer.special_ids.pad))
            assert read_vocab(str(path)) == tokenizer.tokens
    assert found[0][0][0] == "[PAD]" and all(each == found[0] for each in found)


# Published vocabularies hold such lines: their ids, and what is said of them.
ODD = {
    "empty": ("가\n\n##나\n다\n", "line 7 (empty) holds no token of its own"),
    "twice": ("가\n다\n가\n##나\n", 'line 6 ("가", again on 8) holds no token of its own'),
    "both": ("\n다\n가\n\n다\n##나\n다\n", '4 lines hold no token of their own: 6 (empty), 7 ("다", again on 12)'),
    "at the end": ("가\n다\n##나\n\n", "line 9 (empty) holds no token of its own"),
}


@pytest.mark.parametrize("name", ODD)
def test_empty_lines_and_repeated_tokens_keep_their_ids(tmp_path, name, capfd):
    """Hugging Face's choice, and the ids of the weights that were published with them; told once."""
    content, message = ODD[name]
    path = tmp_path / "vocab.txt"
    path.write_text(SPECIALS + content, encoding="utf-8")
    tokenizer = load_tokenizer(str(path), False)
    assert read_vocab(str(path)) == tokenizer.tokens and tokenizer.file_content == path.read_bytes()
    assert capfd.readouterr().err.count(message) == 1
    text = ["가나 다 가", "라"]
    ids = tokenizer.encode_lines(text)[0].tolist()
    assert ids == [id for line in text for id in BertTokenizerFast(str(path), do_lower_case=False)(line)["input_ids"][1:-1]]
    assert fastest_encoder(tokenizer, say=True)([line.encode() for line in text])[0].tolist() == ids
    assert capfd.readouterr().err == ""
    (tmp_path / "tokenizer.json").write_text(tokenizer.to_json(), encoding="utf-8")
    exported = PreTrainedTokenizerFast(tokenizer_file=str(tmp_path / "tokenizer.json"))
    assert exported.get_vocab() == {token: id for id, token in enumerate(tokenizer.tokens)}
    assert exported("가나 다 가", add_special_tokens=False)["input_ids"] == ids[:-1]


def test_too_small_a_vocabulary_is_refused(tmp_path):
    with pytest.raises(UserError, match=r"--vocab_size 300 with --unused 0: too small for \d+ special tokens and single"):
        train(tmp_path, "--vocab_size", "300", "--unused", "0")


def test_hangul_alphabet_knows_every_syllable_in_both_places(tmp_path):
    path = train(tmp_path, "--vocab_size", "26000", "--unused", "0", "--hangul_alphabet", "--limit_alphabet", "50")
    tokenizer = load_tokenizer(path, do_lower_case=False)
    syllables = [chr(code) for code in range(ord("가"), ord("힣") + 1)]
    ids, _ = tokenizer.encode_lines([f"{syllable} 뷁{syllable}" for syllable in syllables])
    assert tokenizer.special_ids.unk not in ids and len(ids) >= 2 * len(syllables)
    with pytest.raises(
        UserError, match=r"too small for 2\d+ special tokens and single characters; .*leave out --hangul_alphabet"
    ):
        train(tmp_path, "--vocab_size", "20000", "--hangul_alphabet")


def test_what_made_a_vocabulary_stands_beside_it(tmp_path):
    """Enough to make it again: command, seed, sources by their hashes."""
    import hashlib

    record = json.loads(
        Path(train(tmp_path, "--vocab_size", "3500", "--seed", "7", "--sample_bytes", "200K") + ".json").read_text()
    )
    assert record["command"].startswith("python -m electra_pretrain.train_vocab --corpus") and record["seed"] == 7
    hashes = [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(SAMPLE_CORPUS.glob("*.txt"))]
    assert [source["sha256"] for source in record["sources"]] == hashes
    assert 100_000 < record["learnt_from"]["bytes"] <= 200_000 and record["versions"]["tokenizers"]


def test_the_shipped_vocabulary_is_what_its_record_says():
    from electra_pretrain.tokenization.tokenizer import find_vocab

    path = find_vocab("reviews_32200")
    tokens, record = read_vocab(path), json.loads(Path(path + ".json").read_text())
    assert len(tokens) == record["tokens"] == 32_200 and tokens[-200:] == [f"[unused{number}]" for number in range(200)]
    assert {source["path"].split("/")[-1] for source in record["sources"]} >= {"nsmc_reviews.txt.xz", "news.txt"}

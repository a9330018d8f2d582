"""A vocabulary changed without learning: ids stay, every impossible term is named."""

import json
import re
import string

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from electra_pretrain import edit_vocab, train_vocab
from electra_pretrain.core.batch import SPECIAL_TOKENS
from electra_pretrain.core.errors import UserError
from electra_pretrain.tokenization.edit import why_never
from electra_pretrain.tokenization.provenance import saved_lower_case
from electra_pretrain.tokenization.tokenizer import load_tokenizer
from electra_pretrain.tokenization.wordpiece import WordPieceTokenizer, read_vocab
from tests.conftest import SAMPLE_CORPUS


def edit(vocab, output, *arguments):
    edit_vocab.edit_vocab(edit_vocab.parse_args(["--vocab", str(vocab), "--output", str(output), *map(str, arguments)]))
    return read_vocab(str(output))


def write(path, lines):
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def test_extend_appends_what_is_missing_and_could_be_found(tmp_path, vocab_path, capsys):
    before = read_vocab(vocab_path)
    other = write(tmp_path / "other.txt", [*SPECIAL_TOKENS, "다", "뷁뷁", "[unused7]", "##뷁", "[BOS]", "##漢", "漢", "a b"])
    after = edit(vocab_path, tmp_path / "v.txt", "--extend", other)
    assert after == [*before, *["뷁뷁", "##뷁", "漢"][: 3 if "漢" not in before else 2]]
    assert "left out, as no text would ever be cut into them here: [BOS], ##漢, a b" in capsys.readouterr().err
    record = json.loads((tmp_path / "v.txt.json").read_text())
    assert record["edits"][0]["extended_by"]["first_id"] == len(before)
    assert record["made_by"]["sources"] and record["made_from"]["sha256"] == load_tokenizer(vocab_path, False).sha256


def test_terms_take_unused_places_in_order_and_nothing_else_moves(tmp_path, vocab_path):
    before = read_vocab(vocab_path)
    terms = ["일렉트라모델", "##뷁증", "코로나19"]
    after = edit(vocab_path, tmp_path / "v.txt", "--put_terms", write(tmp_path / "terms.txt", ["일렉트라모델", "", *terms[1:]]))
    first = before.index("[unused0]")
    assert after[first : first + 3] == terms
    assert [*after[:first], *after[first + 3 :]] == [*before[:first], *before[first + 3 :]]
    tokenizer = load_tokenizer(str(tmp_path / "v.txt"), False)
    assert tokenizer.encode_lines(["일렉트라모델"])[0].tolist() == [first]


def test_decomposed_terms_are_composed(tmp_path, vocab_path):
    import unicodedata

    terms = write(tmp_path / "terms.txt", [unicodedata.normalize("NFD", "일렉트라모델")])
    assert "일렉트라모델" in edit(vocab_path, tmp_path / "v.txt", "--put_terms", terms)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["가나다라", "가나다라"], 'line 2: "가나다라" stands on line 1 already'),
        (["다"], r'line 1: "다" is a token already \(id \d+\)'),
        (["좋은 영화"], "line 1: .*text is cut into 좋은 영화 before"),
        (["뷁뷁", "C++"], r"line 2: .*text is cut into C \+ \+ before"),
        (["##漢字"], "text is cut into 漢 字 before"),
        (["[MASK]"], "is a token already"),
        (["뷁" * 101], "longer than 100 characters"),
        (["가\u200b나"], "makes it 가나"),
        ([f"뷁{number}" for number in range(21)], r"21 terms, but the vocabulary has 20 \[unusedN\] places"),
        ([], "holds no term"),
    ],
)
def test_bad_terms(tmp_path, vocab_path, lines, message):
    terms = write(tmp_path / "terms.txt", lines)
    with pytest.raises(UserError, match=f"terms.txt.*{message}"):
        edit(vocab_path, tmp_path / "out" / "v.txt", "--put_terms", terms)
    assert not (tmp_path / "out" / "v.txt").exists()


def test_upper_case_is_never_found_where_text_is_lower_cased(tmp_path, vocab_path):
    terms = write(tmp_path / "terms.txt", ["KBS뉴스"])
    with pytest.raises(UserError, match="makes it kbs뉴스"):
        edit(vocab_path, tmp_path / "v.txt", "--put_terms", terms, "--lower_case")
    edit(vocab_path, tmp_path / "v.txt", "--put_terms", write(tmp_path / "low.txt", ["kbs뉴스"]), "--lower_case")
    assert saved_lower_case(str(tmp_path / "v.txt")) is True


def test_what_edit_vocab_refuses(tmp_path, vocab_path):
    with pytest.raises(UserError, match="nothing to change"):
        edit(vocab_path, tmp_path / "v.txt")
    with pytest.raises(UserError, match="is .*, which is read \\(--vocab\\)"):
        edit(vocab_path, vocab_path, "--extend", vocab_path)
    with pytest.raises(UserError, match=r"nowhere: no such vocabulary file; .* ships: reviews_32200.txt"):
        edit("nowhere", tmp_path / "v.txt", "--extend", vocab_path)


def test_train_vocab_makes_the_same_changes(tmp_path, vocab_path):
    """Learnt and changed in one go, or one after the other: the same tokens."""
    other = write(tmp_path / "other.txt", [*SPECIAL_TOKENS, "뷁뷁", "##뷁"])
    terms = write(tmp_path / "terms.txt", ["일렉트라모델"])
    changes = ["--extend", str(other), "--put_terms", str(terms)]
    corpus = ["--corpus", f"{SAMPLE_CORPUS}/*.txt", "--vocab_size", "3500", "--unused", "20"]
    train_vocab.train_vocab(train_vocab.parse_args([*corpus, "--output", str(tmp_path / "one.txt"), *changes]))
    assert edit(vocab_path, tmp_path / "two.txt", *changes) == read_vocab(str(tmp_path / "one.txt"))


def test_tokenizer_json_goes_with_the_changed_vocabulary(tmp_path, vocab_path):
    from tokenizers import Tokenizer

    terms = write(tmp_path / "terms.txt", ["일렉트라모델"])
    edit(vocab_path, tmp_path / "v.txt", "--put_terms", terms, "--tokenizer_json", tmp_path / "model" / "tokenizer.json")
    assert Tokenizer.from_file(str(tmp_path / "model" / "tokenizer.json")).encode("일렉트라모델").tokens == [
        "[CLS]",
        "일렉트라모델",
        "[SEP]",
    ]


LETTERS = "가나다각힣ㄱㅋㅠaAzZéÉİß09_.,!+#[]漢\u1100\u1161\u11a8\u0301\u200b\u00a0 👍" + string.punctuation


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(token=st.text(LETTERS, min_size=1, max_size=6), continues=st.booleans(), lower=st.booleans())
def test_never_means_never_and_the_rest_is_found(token, continues, lower):
    """Against the tokeniser itself: a token that passes is what a text with it is cut into; one that does not never comes."""
    token = f"##{token}" if continues else token
    alphabet = {char for text in (LETTERS, LETTERS.lower()) for char in text if not char.isspace()} | {"i̇"}
    singles = sorted({form for char in alphabet for form in (char, f"##{char}")} - {token})
    tokenizer = WordPieceTokenizer([*SPECIAL_TOKENS, token, *singles], do_lower_case=lower)
    plain = token.removeprefix("##") if continues else token
    found = 5 in tokenizer.encode_lines([f"가{plain}" if continues else plain])[0]
    if why_never(tokenizer, token) is None:
        assert found
    elif not re.search(r"\s", token):
        assert not found


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    text=st.lists(st.sampled_from(["영화", "를", "봤다", "일렉", "트라", "뷁", " ", ".", "a", "漢"]), max_size=12).map("".join)
)
def test_text_without_the_terms_keeps_its_ids(vocab_path, text):
    tokens = read_vocab(vocab_path)
    place = tokens.index("[unused0]")
    before = WordPieceTokenizer(tokens, False)
    after = WordPieceTokenizer([*tokens[:place], "일렉트라", *tokens[place + 1 :], "뷁영화"], False)
    if "일렉트라" not in text and "뷁영화" not in text:
        assert before.encode_lines([text])[0].tolist() == after.encode_lines([text])[0].tolist()

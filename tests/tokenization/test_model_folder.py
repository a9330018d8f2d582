"""A model's vocabulary is read from whichever file holds it, and two files that contradict each other are refused."""

import json

import pytest

from electra_pretrain.core.batch import SPECIAL_TOKENS
from electra_pretrain.core.errors import UserError
from electra_pretrain.tokenization.hf_file import read_tokenizer_json
from electra_pretrain.tokenization.identity import Difference, first_difference
from electra_pretrain.tokenization.model_folder import check_agree, read_shared, read_vocabulary
from electra_pretrain.tokenization.wordpiece import WordPieceTokenizer

TOKENS = [*SPECIAL_TOKENS, "가", "##나", "", "말", "가", "말"]  # an empty line, and tokens that stand twice


def write(folder, tokens=None, file=None):
    if tokens is not None:
        (folder / "vocab.txt").write_text("".join(f"{token}\n" for token in tokens))
    if file is not None:
        (folder / "tokenizer.json").write_text(file if isinstance(file, str) else json.dumps(file))


def edited(change):
    file = json.loads(WordPieceTokenizer(TOKENS, do_lower_case=True, strip_accents=False).to_json())
    change(file)
    return file


@pytest.mark.parametrize("old", [False, True])
def test_tokenizer_json_alone_gives_the_ids_of_the_vocabulary(tmp_path, old):
    write(tmp_path, file=edited(lambda file: file["model"].pop("type") if old else None))
    found = read_vocabulary(str(tmp_path))
    assert found.type == "wordpiece" and len(found.tokens) == len(TOKENS)
    assert [token for token in found.tokens if token] == [*SPECIAL_TOKENS, "##나", "가", "말"]
    assert first_difference(found.tokens, TOKENS) is None
    assert found.content.decode().split("\n")[:-1] == list(found.tokens)
    about = read_tokenizer_json(str(tmp_path / "tokenizer.json"))
    assert (about.do_lower_case, about.strip_accents) == (True, False)


def test_a_tokenizer_json_of_sentencepiece_gives_its_ids_but_no_file(tmp_path):
    pieces = [[token, -float(number)] for number, token in enumerate([*SPECIAL_TOKENS, "▁", "▁말"])]
    write(tmp_path, file={"model": {"type": "Unigram", "unk_id": 1, "vocab": pieces}})
    found = read_vocabulary(str(tmp_path))
    assert found.tokens == (*SPECIAL_TOKENS, "▁", "▁말") and found.type == "sentencepiece_unigram"
    assert found.content is None and found.sha256 is None


def test_a_folder_without_a_known_file_has_no_vocabulary(tmp_path):
    assert read_vocabulary(str(tmp_path)) is None


def test_the_first_difference_leaves_out_what_is_never_looked_up():
    assert first_difference(TOKENS, [*TOKENS[:5], "", "##나", "", "", "가", "말\u3000"]) is None
    assert first_difference(TOKENS, [*TOKENS, "더"]) == Difference(11, "", "더")
    assert first_difference(TOKENS, [*TOKENS[:9], "말", "가"]) == Difference(9, "가", "말")


def swap(tokens, one, other):
    tokens = list(tokens)
    tokens[one], tokens[other] = tokens[other], tokens[one]
    return tokens


@pytest.mark.parametrize(
    ("tokens", "message"),
    [
        (swap(TOKENS, 6, 9), r'vocab.txt: is not the vocabulary of .*tokenizer.json: id 6 is "가" here, "##나" there'),
        (TOKENS[:-2], r'id 5 is "가" here, nothing there'),
        ([*TOKENS, "더"], r'id 11 is "더" here, nothing there'),
    ],
)
@pytest.mark.parametrize("read", [read_vocabulary, check_agree])
def test_files_that_contradict_each_other_are_refused(tmp_path, tokens, message, read):
    write(tmp_path, tokens, edited(lambda file: None))
    with pytest.raises(UserError, match=message):
        read(str(tmp_path))
    write(tmp_path, TOKENS)
    read(str(tmp_path))


def test_tokens_that_were_added_behind_the_vocabulary_are_no_contradiction(tmp_path):
    write(tmp_path, TOKENS, edited(lambda file: file["added_tokens"].append({"id": 11, "content": "[NEW]"})))
    assert read_vocabulary(str(tmp_path)).tokens == tuple(TOKENS)
    (tmp_path / "vocab.txt").unlink()
    assert read_vocabulary(str(tmp_path)).tokens[-1] == "[NEW]"


UNUSABLE = {
    "another mark": (lambda file: file["model"].update(continuing_subword_prefix="@@"), r'prefix = "@@": must be "##"'),
    "a line break": (lambda file: file["model"]["vocab"].update({"a\nb": 11}), "a token holds a line break"),
    "an id twice": (lambda file: file["model"]["vocab"].update({"더": 6}), r'= 6: is the id of "더", too'),
    "no special token": (lambda file: file["model"]["vocab"].pop("[UNK]") and file.update(added_tokens=[]), r"lacks \[UNK\]"),
    "a huge id": (lambda file: file["model"]["vocab"].update({"더": 2**40}), "must lie in 0..16777215"),
    "another model": (lambda file: file["model"].update(type="Mine"), "must be one of WordPiece, Unigram, BPE, WordLevel"),
}


@pytest.mark.parametrize("kind", UNUSABLE)
def test_what_has_no_place_in_a_vocabulary_is_refused_in_a_line(tmp_path, kind):
    change, message = UNUSABLE[kind]
    write(tmp_path, file=edited(change))
    with pytest.raises(UserError, match=f"tokenizer.json.*{message}") as raised:
        read_vocabulary(str(tmp_path))
    assert "\n" not in str(raised.value)


def test_models_of_other_kinds_may_be_fine_tuned(tmp_path):
    """Beside another tokeniser a file called vocab.txt may hold anything, and another mark is none of our business."""
    write(tmp_path, ["no", "vocabulary"], {"model": {"type": "BPE", "merges": [], "vocab": {"a": 0}}})
    check_agree(str(tmp_path))
    write(
        tmp_path, ["a", "@@b"], {"model": {"type": "WordPiece", "continuing_subword_prefix": "@@", "vocab": {"a": 0, "@@b": 1}}}
    )
    check_agree(str(tmp_path))


@pytest.mark.parametrize("as_json", [False, True], ids=["vocab.txt", "tokenizer.json"])
def test_two_networks_have_one_vocabulary(tmp_path, as_json):
    """Of which one folder may hold none, or the other kind of file."""
    one, other = tmp_path / "discriminator", tmp_path / "generator"
    one.mkdir()
    other.mkdir()
    assert read_shared(str(one), str(other)) is None
    write(one, TOKENS)
    assert read_shared(str(one), str(other)).path == read_shared(str(one), None).path == str(one / "vocab.txt")
    assert read_shared(str(other), str(one)).tokens == tuple(TOKENS)
    for tokens, difference in (
        (TOKENS, None),
        (swap(TOKENS, 6, 9), 'id 6 is "가" here, "##나" there'),
        (TOKENS[:-1], 'id 8 is "말" here, nothing there'),
    ):
        text = WordPieceTokenizer(tokens, do_lower_case=False).to_json()
        write(other, *((None, text) if as_json else (tokens,)))
        if difference is None:
            assert read_shared(str(one), str(other)).path == str(one / "vocab.txt")
            continue
        with pytest.raises(UserError, match=f"generator/.*: is not the vocabulary of .*/vocab.txt: {difference}"):
            read_shared(str(one), str(other))

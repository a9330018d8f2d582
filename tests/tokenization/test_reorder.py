"""KoBERT's layout: a SentencePiece model, and a vocab.txt whose order says which id each piece has."""

import random
import unicodedata

import pytest
import sentencepiece
import transformers

from electra_pretrain import edit_vocab
from electra_pretrain.core.batch import SpecialIds
from electra_pretrain.core.errors import UserError
from electra_pretrain.tokenization.model_folder import read_vocabulary
from electra_pretrain.tokenization.sentencepiece import parse_model
from electra_pretrain.tokenization.tokenizer import load_as_learnt, load_tokenizer
from tests.conftest import SAMPLE_CORPUS
from tests.convert.test_conversion import run

SPECIAL = ["[UNK]", "[PAD]", "[CLS]", "[SEP]", "[MASK]"]  # in KoBERT's order
LINES = [line for path in sorted(SAMPLE_CORPUS.glob("*.txt")) for line in path.read_text().splitlines() if line.strip()]
ODD = [
    "ㅋㅋㅋ ㅠㅠ ①②③ ㎏ ％ ＡＢＣ ﬁ",
    "café naïve Ångström é",
    "  두   칸 \t 탭​폭없음  ",
    "``따옴표'' 와 \"이것\"",
    unicodedata.normalize("NFD", "풀어쓴 한글입니다"),
    "1,000원, 2,345명, 12, 3",
    "漢字와 emoji 😀👍🏽 \U0001f1f0\U0001f1f7",
    "[CLS] [MASK] 라고 쓴 글 ▁밑줄",
    "",
]


@pytest.fixture(scope="module")
def kobert(tmp_path_factory):
    """A model that normalises by SentencePiece's own rules, and its pieces shuffled."""
    folder = tmp_path_factory.mktemp("kobert")
    (folder / "text.txt").write_text("\n".join([*LINES, *ODD[:4]]))
    sentencepiece.SentencePieceTrainer.train(
        input=str(folder / "text.txt"),
        model_prefix=str(folder / "tokenizer"),
        vocab_size=2400,
        character_coverage=0.99,
        unk_piece="[UNK]",
        pad_id=1,
        pad_piece="[PAD]",
        bos_piece="[CLS]",
        eos_piece="[SEP]",
        bos_id=2,
        eos_id=3,
        unk_id=0,
        control_symbols=["[MASK]"],
        minloglevel=2,
    )
    processor = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
    pieces = [processor.id_to_piece(number) for number in range(processor.vocab_size())]
    rest = [piece for piece in pieces if piece not in SPECIAL]
    random.Random(4).shuffle(rest)
    (folder / "vocab.txt").write_text("\n".join([*SPECIAL, *rest]) + "\n")
    return folder


@pytest.fixture(scope="module")
def reordered(kobert):
    words = ("--vocab", kobert / "tokenizer.model", "--order", kobert / "vocab.txt")
    run(edit_vocab, *words, "--output", kobert / "spm.model")
    return kobert / "spm.model"


def koberts_ids(folder, line):
    """As its tokeniser has it: accents off, the model's pieces, the file's ids."""
    ids = {token: number for number, token in enumerate((folder / "vocab.txt").read_text().split("\n"))}
    text = " ".join(line.split()).replace("``", '"').replace("''", '"')
    text = "".join(each for each in unicodedata.normalize("NFKD", text) if not unicodedata.combining(each))
    processor = sentencepiece.SentencePieceProcessor(model_file=str(folder / "tokenizer.model"))
    return [ids.get(piece, 0) for piece in processor.encode_as_pieces(text)]


def test_ids_are_those_of_the_file_and_the_pieces_those_of_the_model(kobert, reordered, tmp_path):
    tokenizer = load_tokenizer(str(reordered), False)
    assert tokenizer.tokens == (kobert / "vocab.txt").read_text().removesuffix("\n").split("\n")
    assert tokenizer.special_ids == SpecialIds(pad=1, unk=0, cls=2, sep=3, mask=4)
    assert tokenizer.unicode_normalization == "NFKC"
    lines = [*LINES[:400], *(line for line in ODD if "[CLS]" not in line)]
    ids, splits = tokenizer.encode_lines(lines)
    ours = [ids[splits[number] : splits[number + 1]].tolist() for number in range(len(lines))]
    theirs = [koberts_ids(kobert, line) for line in lines]
    scores = [piece.score for piece in parse_model(reordered.read_bytes()).pieces]
    for line, one, other in zip(lines, ours, theirs, strict=True):
        # Two ways to cut a line may be as likely, such as ?? ??? and ??? ??; which one is taken is no rule of the model's.
        assert one == other or sum(scores[each] for each in one) == pytest.approx(sum(scores[each] for each in other)), line
    assert sum(one == other for one, other in zip(ours, theirs, strict=True)) > 0.97 * len(lines)
    assert not {1, 2, 3, 4} & set(tokenizer.encode_lines(ODD)[0].tolist())
    (tmp_path / "tokenizer.json").write_text(tokenizer.to_json())
    fast = transformers.PreTrainedTokenizerFast(tokenizer_file=str(tmp_path / "tokenizer.json"))
    assert [fast(line)["input_ids"] for line in lines] == [[2, *each, 3] for each in ours]


def test_accents_may_stay(kobert, tmp_path):
    words = ("--vocab", kobert / "tokenizer.model", "--order", kobert / "vocab.txt", "--output", tmp_path / "spm.model")
    run(edit_vocab, *words, "--keep_accents")
    assert load_tokenizer(str(tmp_path / "spm.model"), False).normalize("Café ①") == "Café 1"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda tokens: tokens[:-1], "vocab.txt: lacks .*, pieces of .*tokenizer.model; give the vocab.txt that belongs"),
        (lambda tokens: [*tokens, tokens[7]], "stands there twice; each id needs a token of its own"),
        (lambda tokens: [each for each in tokens if each != "[MASK]"], r"vocab.txt: lacks \[MASK\], which every vocabulary"),
        (lambda tokens: tokens[1:], r"vocab.txt: lacks \[UNK\], which every vocabulary here needs"),
    ],
)
def test_another_vocabulary_is_refused(kobert, tmp_path, change, message):
    tokens = (kobert / "vocab.txt").read_text().removesuffix("\n").split("\n")
    (tmp_path / "vocab.txt").write_text("\n".join(change(tokens)) + "\n")
    with pytest.raises(UserError, match=message):
        run(
            edit_vocab,
            "--vocab",
            kobert / "tokenizer.model",
            "--order",
            tmp_path / "vocab.txt",
            "--output",
            tmp_path / "spm.model",
        )
    assert not (tmp_path / "spm.model").exists()


def test_a_damaged_model_is_refused(kobert, tmp_path):
    (tmp_path / "cut.model").write_bytes((kobert / "tokenizer.model").read_bytes()[:5000])
    with pytest.raises(UserError, match="cut.model: neither a vocab.txt nor a whole SentencePiece model; copy it again"):
        run(edit_vocab, "--vocab", tmp_path / "cut.model", "--order", kobert / "vocab.txt", "--output", tmp_path / "spm.model")
    assert not (tmp_path / "spm.model").exists()


def test_one_of_the_two_files_by_itself_is_refused_with_the_command_that_joins_them(kobert, reordered, tmp_path):
    """Its ids would be others than those of the weights, and nothing later could tell."""
    for name, fault in (
        ("vocab.txt", "lists the pieces of a SentencePiece model"),
        ("tokenizer.model", 'vocab.txt beside it gives the pieces other ids: id 5 is ".*" here'),
    ):
        with pytest.raises(UserError, match=rf"{name}: .*{fault}.*edit_vocab --vocab .* --order {kobert}/vocab.txt"):
            load_as_learnt(str(kobert / name), do_lower_case=False)
    assert load_as_learnt(str(reordered), do_lower_case=False).vocab_size == 2400
    alone = tmp_path / "alone.model"
    alone.write_bytes((kobert / "tokenizer.model").read_bytes())
    load_as_learnt(str(alone), do_lower_case=False)


def test_a_folder_of_that_layout_has_the_ids_of_its_list_and_a_file_only_with_a_model_of_those(kobert, reordered, tmp_path):
    (tmp_path / "vocab.txt").write_bytes((kobert / "vocab.txt").read_bytes())
    tokens = tuple((kobert / "vocab.txt").read_text().removesuffix("\n").split("\n"))

    def read(model=None):
        if model is not None:
            (tmp_path / "spm.model").write_bytes(model.read_bytes())
        found = read_vocabulary(str(tmp_path))
        assert found.tokens == tokens
        return found.type, found.content

    assert read() == read(kobert / "tokenizer.model") == ("list_of_pieces", None)
    assert read(reordered) == ("sentencepiece_unigram", reordered.read_bytes())

"""The tokenizer that an export holds: the records' ids by every class that users load it with, and its text again."""

import json
import unicodedata

import pytest
import sentencepiece
import transformers
from sentencepiece import sentencepiece_model_pb2

from electra_pretrain.convert.hf_export import hugging_face_config, to_json, tokenizer_config
from electra_pretrain.core.batch import SPECIAL_TOKENS
from electra_pretrain.model.encoder import discriminator_sizes
from electra_pretrain.tokenization.sentencepiece import BPE, SPACE, UNIGRAM, SentencePieceTokenizer
from electra_pretrain.tokenization.wordpiece import WordPieceTokenizer
from tests.conftest import MICRO

transformers.logging.set_verbosity_error()
CLASSES = ["AutoTokenizer", "BertTokenizer", "BertTokenizerFast", "ElectraTokenizer", "ElectraTokenizerFast"]
HANGUL = "가나다각간글맥한에서좋최고는이영화ㅋㅠ\u1100\u1161"
LETTERS = [*HANGUL, *"漢字金樂abcdenstmvhyABCÅåéÉがパ.,!?'[]#(:", "SEP", "MASK"]
WORDS = ["좋다", "최고", "영화", "한글", "맥에", "서는", "ab", "CLS", "unused"]
ODD = [
    "좋다 ! 최고 .",
    "영화[SEP]최고[MASK] [CLS] [unused0][PAD]",
    "맥에서는 한글이 풀린다",
    "漢字와 金\uf90a, 樂\uf914",
    "Å 과 Å, ＡＢ ｶﾞ か\u3099 パ é É e\u0301",
    "ㅋㅋㅋ ㅠㅠ 가 ㆍ",
    "a . b , c ? he 's ' d n't",
    "  앞뒤\t공백\u3000여럿\u00a0 ",
    "제어\u0001문자\u200b와\ufeff \ufffd\x00",
    "👍🏽 👨\u200d👩\u200d👧 ❤\ufe0f",
    "▁밑▁▁줄 ##는 ##",
    "가나다" * 40,
    "",
]
LINES = [unicodedata.normalize(form, line) for line in ODD for form in ("NFC", "NFD", "NFKD")] + ODD


def wordpiece(do_lower_case, strip_accents=False):
    jamo = set(unicodedata.normalize("NFD", "".join(LETTERS + WORDS))) - set(LETTERS) if strip_accents else ()
    pieces = [*LETTERS, *WORDS, *sorted(jamo)]
    tokens = [*SPECIAL_TOKENS, "[unused0]", *pieces, *(f"##{piece}" for piece in pieces)]
    return WordPieceTokenizer(tokens, do_lower_case, strip_accents)


def spm(kind, do_lower_case=False):
    """A SentencePiece model put together by hand: the longer a piece, the better."""
    proto = sentencepiece_model_pb2.ModelProto()
    piece = proto.SentencePiece
    for token in (*SPECIAL_TOKENS, "[unused0]"):
        proto.pieces.add(piece=token, score=0, type=piece.UNKNOWN if token == "[UNK]" else piece.CONTROL)
    pieces = [SPACE, *LETTERS, *WORDS, *(SPACE + word for word in WORDS)]
    for place, token in enumerate(dict.fromkeys([*pieces, *"다영좋최에서CLSunused"])):
        proto.pieces.add(piece=token, score=-10 / len(token) - place / 1024)
    spec = proto.trainer_spec
    spec.model_type = spec.UNIGRAM if kind == UNIGRAM else spec.BPE
    spec.pad_id, spec.unk_id, spec.bos_id, spec.eos_id = range(4)
    spec.pad_piece, spec.unk_piece, spec.bos_piece, spec.eos_piece = SPECIAL_TOKENS[:4]
    proto.normalizer_spec.name, proto.normalizer_spec.add_dummy_prefix = "identity", True
    return SentencePieceTokenizer(proto.SerializeToString(), do_lower_case)


KINDS = {
    "cased": lambda: wordpiece(False),
    "lower case": lambda: wordpiece(True),
    "lower case without accents": lambda: wordpiece(True, True),
    "unigram": lambda: spm(UNIGRAM),
    "bpe": lambda: spm(BPE),
    "bpe of lower case": lambda: spm(BPE, True),
}


@pytest.fixture(scope="module", params=KINDS)
def exported(request, tmp_path_factory):
    """A tokenizer, and a folder with the files that an export has of it."""
    tokenizer = KINDS[request.param]()
    folder = tmp_path_factory.mktemp("exported")
    (folder / "tokenizer.json").write_text(tokenizer.to_json())
    (folder / "tokenizer_config.json").write_text(to_json(tokenizer_config(MICRO, tokenizer)))
    config = hugging_face_config("discriminator", discriminator_sizes(MICRO), MICRO, tokenizer)
    (folder / "config.json").write_text(to_json(config))
    (folder / tokenizer.file_name).write_bytes(tokenizer.file_content)
    return tokenizer, folder


@pytest.mark.parametrize("name", CLASSES)
def test_every_class_gives_the_records_ids(exported, name):
    ours, folder = exported
    theirs = getattr(transformers, name).from_pretrained(folder)
    as_text = theirs(LINES, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    for line, ids in zip(LINES, as_text, strict=True):
        assert ids == ours.encode_lines([line])[0].tolist(), line
    tokens = theirs.convert_ids_to_tokens(theirs("최고 [MASK]", "영화")["input_ids"])
    assert (tokens[0], tokens[-1], tokens.count("[MASK]"), tokens.count("[SEP]")) == ("[CLS]", "[SEP]", 1, 2)


def test_lines_tell_a_tokenizer_without_nfc():
    """Built of the vocabulary alone, as transformers 5 builds `BertTokenizer` where the files do not say otherwise."""
    ours = wordpiece(False)
    vocab = {token: index for index, token in enumerate(ours.tokens)}
    theirs = transformers.BertTokenizerFast(vocab=vocab, do_lower_case=False, strip_accents=False)
    rows = theirs(LINES, add_special_tokens=False, split_special_tokens=True)["input_ids"]
    assert sum(ids != ours.encode_lines([line])[0].tolist() for line, ids in zip(LINES, rows, strict=True)) > 10


def test_text_comes_back_as_far_as_the_kind_of_vocabulary_keeps_it(exported):
    ours, folder = exported
    theirs = transformers.AutoTokenizer.from_pretrained(folder)
    is_wordpiece = isinstance(ours, WordPieceTokenizer)
    google = None if is_wordpiece else sentencepiece.SentencePieceProcessor(model_proto=ours.file_content)
    whole = 0
    for line in LINES:
        ids = theirs(line, split_special_tokens=True)["input_ids"]
        if ours.special_ids.unk in ids:
            continue
        whole += 1
        text = theirs.decode(ids, skip_special_tokens=True)
        if google:
            assert text == google.decode(ids[1:-1]) == ours.normalize(line)
        elif "n't" not in line:  # which BERT's rules for English write without the space before it
            assert theirs(text, split_special_tokens=True)["input_ids"] == ids
    assert whole >= 8
    shown = theirs.decode(theirs("좋다 ! 최고 .")["input_ids"], skip_special_tokens=True)
    stripped = unicodedata.normalize("NFD", "좋다! 최고.") if ours.strip_accents else "좋다! 최고."
    assert shown == (stripped if is_wordpiece else "좋다 ! 최고 .")


def test_settings_are_those_of_the_kind(exported):
    """What is WordPiece's does not stand in the export of a SentencePiece model as if it held there."""
    ours, folder = exported
    is_wordpiece = isinstance(ours, WordPieceTokenizer)
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    assert settings["clean_up_tokenization_spaces"] is settings["tokenize_chinese_chars"] is is_wordpiece
    bert = next(part for part in json.loads(ours.to_json())["normalizer"]["normalizers"] if part["type"] == "BertNormalizer")
    assert settings["tokenize_chinese_chars"] is bert["handle_chinese_chars"]
    assert settings["do_lower_case"] is bert["lowercase"] and settings["strip_accents"] is bert["strip_accents"]
    assert not {"auto_map", "do_basic_tokenize", "wordpieces_prefix"} & set(settings)  # no code, nothing of another kind

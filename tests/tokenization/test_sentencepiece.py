"""SentencePiece as second engine: the ids of `sentencepiece` and of `transformers`, from training to export."""

import itertools
import json
import math
import os
import unicodedata
from pathlib import Path

import pytest
import sentencepiece
import tensorflow as tf
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import AutoTokenizer

from electra_pretrain import train_vocab
from electra_pretrain.convert.card_example import card_examples
from electra_pretrain.convert.hf_export import to_json, tokenizer_config, write_hugging_face
from electra_pretrain.convert.model_card import CardFacts
from electra_pretrain.core.batch import SPECIAL_TOKENS
from electra_pretrain.core.errors import UserError
from electra_pretrain.model.electra import Electra
from electra_pretrain.records.manifest import load_manifest
from electra_pretrain.tokenization.sentencepiece import BPE, SPACE, TYPES, UNIGRAM, parse_model
from electra_pretrain.tokenization.tokenizer import load_tokenizer
from electra_pretrain.train import loop
from electra_pretrain.train.start import prepare
from tests.conftest import MICRO, SAMPLE_CORPUS, VOCAB_SIZE, build
from tests.convert.test_card_example import check_example
from tests.convert.test_hf_export import TRICKY, export, perturbed
from tests.records.test_build import read_examples

LINES = [line for path in sorted(SAMPLE_CORPUS.glob("*.txt")) for line in path.read_text().split("\n") if line]


def train(path, engine, *arguments):
    sizes = ["--vocab_size", str(VOCAB_SIZE), "--unused", "20"]
    corpus = ["--corpus", f"{SAMPLE_CORPUS}/*.txt", "--output", str(path), "--engine", engine]
    train_vocab.train_vocab(train_vocab.parse_args([*corpus, *sizes, *arguments]))
    return str(path)


@pytest.fixture(scope="module", params=TYPES)
def model(request, tmp_path_factory):
    return train(tmp_path_factory.mktemp("model") / "spm.model", request.param)


def rows(tokenizer, lines):
    ids, splits = tokenizer.encode_lines(lines)
    return [ids[start:stop].tolist() for start, stop in itertools.pairwise(splits)]


def test_layout(model):
    tokenizer = load_tokenizer(model, False)
    theirs = sentencepiece.SentencePieceProcessor(model_file=model)
    assert tokenizer.tokens == [theirs.id_to_piece(index) for index in range(theirs.vocab_size())]
    assert len(tokenizer.tokens) == len(set(tokenizer.tokens)) == VOCAB_SIZE
    assert tokenizer.tokens[:5] == list(SPECIAL_TOKENS) and tokenizer.special_ids == (0, 1, 2, 3, 4)
    assert tokenizer.tokens[-20:] == [f"[unused{number}]" for number in range(20)]
    assert (theirs.pad_id(), theirs.unk_id(), theirs.bos_id(), theirs.eos_id()) == (0, 1, 2, 3)
    assert theirs.is_control(4) and theirs.is_control(VOCAB_SIZE - 1)


@pytest.fixture(scope="module")
def engines(model):
    return load_tokenizer(model, False), sentencepiece.SentencePieceProcessor(model_file=model)


def assert_same_ids(engines, lines):
    ours, theirs = engines
    for line, ids in zip(lines, rows(ours, lines), strict=True):
        assert ids == theirs.encode(ours.normalize(line)), line


def test_ids_are_sentencepieces_own(engines):
    assert_same_ids(engines, [*LINES, *TRICKY, "", "ㅋ" * 99, "......." * 9 + "!!!!!", "▁가▁ 나", "뷁뷁 뷁a뷁"])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(line=st.text(st.sampled_from("ㅋㅠ.!~이다는 을뷁漢aA1\u1100\u1161\u0301👍\u200d▁[\t"), max_size=40))
def test_ids_are_sentencepieces_own_on_any_text(engines, line):
    """Repeated signs are where rounding could tell apart what is equally good."""
    assert_same_ids(engines, [line])


def test_text_cannot_write_special_tokens(model):
    tokenizer = load_tokenizer(model, False)
    ids, _ = tokenizer.encode_lines(["나는 [MASK] 그리고[SEP][unused0] [CLS]이다 [PAD] [UNK]"])
    unused = range(tokenizer.tokens.index("[unused0]"), VOCAB_SIZE)
    assert not set(ids.tolist()) & {0, 2, 3, 4, *unused}


def test_decomposed_hangul_is_composed_and_jamo_stay(model):
    tokenizer = load_tokenizer(model, False)
    composed, decomposed, jamo = rows(tokenizer, [LINES[0], unicodedata.normalize("NFD", LINES[0]), "ㅋㅋ ㅠㅠ"])
    assert composed == decomposed
    assert "".join(tokenizer.tokens[index] for index in jamo) == "▁ㅋㅋ▁ㅠㅠ"


@pytest.mark.parametrize("engine", TYPES)
def test_same_text_same_bytes(tmp_path, engine):
    """In other processes, with another number of cores and another hash seed."""
    import subprocess
    import sys

    contents = set()
    for seed in "12":
        path = tmp_path / seed
        arguments = ["--corpus", f"{SAMPLE_CORPUS}/news.txt", "--vocab_size", "1500", "--unused", "5", "--engine", engine]
        command = [sys.executable, "-m", "electra_pretrain.train_vocab", *arguments, "--output", str(path)]
        cores = {int(seed) % os.cpu_count()} if seed == "1" else os.sched_getaffinity(0)
        subprocess.run(
            command, check=True, capture_output=True, env={**os.environ, "PYTHONHASHSEED": seed},
            preexec_fn=lambda cores=cores: os.sched_setaffinity(0, cores),
        )  # fmt: skip
        contents.add(path.read_bytes())
    assert len(contents) == 1


def test_ids_are_transformers(model, tmp_path):
    ours = load_tokenizer(model, False)
    (tmp_path / "tokenizer.json").write_text(ours.to_json())
    (tmp_path / "tokenizer_config.json").write_text(to_json(tokenizer_config(MICRO, ours)))
    theirs = AutoTokenizer.from_pretrained(tmp_path)
    lines = [*LINES, *TRICKY, "", "ㅋ" * 99]
    assert theirs.is_fast and theirs(lines, add_special_tokens=False)["input_ids"] == rows(ours, lines)


@pytest.fixture(scope="module")
def unigram(tmp_path_factory):
    """A model, and records made with it."""
    folder = tmp_path_factory.mktemp("unigram")
    model = train(folder / "model", UNIGRAM)
    corpus = f"{SAMPLE_CORPUS}/comments.txt,{SAMPLE_CORPUS}/recipes.txt"
    build(corpus, model, str(folder / "records"), "--heldout_fraction", "0.1")
    return model, str(folder / "records")


def test_records_hold_transformers_ids_and_the_model(unigram, tmp_path, monkeypatch, capsys):
    """From text to an export; `AutoTokenizer` gives the ids that are trained on."""
    model, records = unigram
    manifest = load_manifest(records)
    assert manifest.vocabulary.type == UNIGRAM and not os.path.exists(f"{records}/vocab.txt")
    assert Path(records, "spm.model").read_bytes() == Path(model).read_bytes()
    ours, weights = load_tokenizer(model, False), perturbed(Electra(MICRO))
    examples = card_examples(weights, MICRO, ours, "float32")
    facts = CardFacts(5, manifest.to_dict(), {}, None, None, examples=examples)
    folder, generator = write_hugging_face(str(tmp_path), weights, MICRO, ours, facts)
    for each in (folder, generator):
        check_example(each, monkeypatch, capsys)
    assert {"spm.model", "tokenizer.json"} < set(os.listdir(folder)) and "vocab.txt" not in os.listdir(folder)

    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer.convert_tokens_to_ids(list(SPECIAL_TOKENS)) == [0, 1, 2, 3, 4]
    assert tokenizer("오늘은 [MASK]", "맑다")["token_type_ids"][-1] == 1
    assert 4 in tokenizer("오늘은 [MASK] 맑다")["input_ids"]
    assert tokenizer.decode(tokenizer(LINES[0])["input_ids"], skip_special_tokens=True) == LINES[0]
    rows = [row for split in ("train", "heldout") for row in read_examples(records, split)]
    text = [line for name in ("comments", "recipes") for line in (SAMPLE_CORPUS / f"{name}.txt").read_text().split("\n")]
    ids = [index for row in tokenizer(text, add_special_tokens=False)["input_ids"] for index in row]
    assert sorted(index for row in rows for index in row["input_ids"] if index not in (0, 2, 3)) == sorted(ids)


def test_the_model_goes_along_to_a_bucket(unigram):
    from electra_pretrain.records.staging import _expected_hashes

    hashes = _expected_hashes(unigram[1])
    assert hashes["spm.model"] == load_tokenizer(unigram[0], False).sha256 and "vocab.txt" not in hashes


@pytest.mark.slow
def test_a_run_is_trained_and_exported_with_its_model(unigram, tmp_path):
    loop.train(prepare(MICRO, [unigram[1]], str(tmp_path / "run")), tf.distribute.OneDeviceStrategy("/cpu:0"))
    assert (tmp_path / "run" / "spm.model").read_bytes() == Path(unigram[0]).read_bytes()
    folder = export(tmp_path / "run", tmp_path / "exported")[0]
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert tokenizer(LINES, add_special_tokens=False)["input_ids"] == rows(load_tokenizer(unigram[0], False), LINES)


def test_morphemes_are_not_crossed(tmp_path):
    """A piece lies within a morpheme, though text is later cut without Mecab."""
    plain, cut = (load_tokenizer(train(tmp_path / name, BPE, "--morphs", name), False) for name in ("none", "mecab"))
    assert {"▁있습니다", "▁합니다"} & set(plain.tokens) and "습니다" in cut.tokens
    assert not {"▁있습니다", "▁끓입니다"} & set(cut.tokens)
    assert not any("\x01" in token for token in cut.tokens)


@pytest.mark.parametrize("engine", [UNIGRAM, BPE])
def test_a_line_without_spaces_is_learnt_from(tmp_path, engine):
    """SentencePiece would end the process, or take ten times as long."""
    corpus = tmp_path / "a.txt"
    corpus.write_text("가을바람이불어오는언덕위에작은집" * 5000)
    sizes = ("--engine", engine, "--vocab_size", "60", "--unused", "0")
    output = str(tmp_path / "spm.model")
    train_vocab.train_vocab(train_vocab.parse_args(["--corpus", str(corpus), "--output", output, *sizes]))
    assert any(len(token) > 4 and "불어" in token for token in load_tokenizer(output, False).tokens)


def test_hangul_alphabet(tmp_path):
    path = train(tmp_path / "m", UNIGRAM, "--hangul_alphabet", "--vocab_size", "13500")
    assert set(load_tokenizer(path, False).tokens) >= {chr(code) for code in range(ord("가"), ord("힣") + 1)}
    with pytest.raises(
        UserError, match=r"too small for \d+ special tokens and single characters; .*leave out --hangul_alphabet"
    ):
        train(tmp_path / "n", UNIGRAM, "--hangul_alphabet", "--vocab_size", "9000")


def test_lower_case(tmp_path):
    tokenizer = load_tokenizer(train(tmp_path / "m", BPE, "--lower_case"), True)
    assert rows(tokenizer, ["ABC É 가"]) == rows(tokenizer, ["abc é 가"])
    assert json.loads(tokenizer.to_json())["normalizer"]["normalizers"][1]["strip_accents"] is False


def test_what_belongs_to_wordpiece_is_refused(tmp_path):
    for arguments in (["--extend", "a"], ["--put_terms", "a"], ["--min_frequency", "3"]):
        with pytest.raises(UserError, match=f"{arguments[0]} is for WordPiece only"):
            train(tmp_path / "m", BPE, *arguments)


def changed(model, change):
    proto = parse_model(Path(model).read_bytes())
    change(proto)
    return proto.SerializeToString()


def test_bad_models(model, tmp_path):
    content = Path(model).read_bytes()
    bad = {
        "neither a vocab.txt nor a whole SentencePiece model": content[: len(content) // 2],
        r"lacks \[MASK\]": changed(model, lambda proto: setattr(proto.pieces[4], "piece", "<mask>")),
        "rules of its own .nmt_nfkc.": changed(model, lambda proto: setattr(proto.normalizer_spec, "name", "nmt_nfkc")),
        "is no UTF-8": content.replace(SPACE.encode(), b"\xff" * 3),
        "is piece 8 too": changed(model, lambda proto: setattr(proto.pieces[9], "piece", proto.pieces[8].piece)),
        "the score of .* is nan": changed(model, lambda proto: setattr(proto.pieces[9], "score", math.nan)),
        "without byte fallback": changed(model, lambda proto: setattr(proto.trainer_spec, "byte_fallback", True)),
    }
    for message, damaged in bad.items():
        (tmp_path / "spm.model").write_bytes(damaged)
        with pytest.raises(UserError, match=f"spm.model.*: .*{message}"):
            load_tokenizer(str(tmp_path / "spm.model"), False)

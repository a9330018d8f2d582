"""A run begins with weights and records of one vocabulary alone, whichever file of the weights tells theirs."""

import shutil

import pytest

from electra_pretrain.checkpoint.pretrained import Pretrained
from electra_pretrain.core.errors import UserError
from electra_pretrain.records.manifest import load_manifest
from electra_pretrain.tokenization.model_folder import read_vocabulary
from electra_pretrain.tokenization.tokenizer import load_tokenizer
from electra_pretrain.tokenization.wordpiece import WordPieceTokenizer
from electra_pretrain.train.input import Source
from electra_pretrain.train.preflight import Request, check_start, check_thoroughly
from electra_pretrain.train.same_vocabulary import check_pretrained
from electra_pretrain.train.start import prepare
from tests.conftest import MICRO


def swapped(tokens):
    return [*tokens[:100], tokens[101], tokens[100], *tokens[102:]]


@pytest.mark.parametrize("spoil", [swapped, lambda tokens: tokens[:-3]])
def test_a_start_looks_at_the_records_vocabulary(tmp_path, records, spoil):
    shutil.copytree(records, tmp_path / "data")
    path = tmp_path / "data" / "vocab.txt"
    path.write_text("".join(f"{token}\n" for token in spoil(path.read_text().splitlines())))
    with pytest.raises(UserError, match="data/vocab.txt: not the vocabulary that belongs here .*manifest.json says SHA-256"):
        prepare(MICRO, [str(tmp_path / "data")], str(tmp_path / "run"))


def test_tokenizer_json_alone_tells_the_vocabulary_of_weights(tmp_path, records):
    source = Source(records, load_manifest(records))
    tokens = load_tokenizer(f"{records}/vocab.txt", False).tokens
    for tokens_there, is_same in ((tokens, True), (swapped(tokens), False)):
        (tmp_path / "tokenizer.json").write_text(WordPieceTokenizer(tokens_there, False).to_json())
        weights = Pretrained("x", {}, {}, read_vocabulary(str(tmp_path)))
        if is_same:
            check_pretrained(weights, MICRO, source)
            continue
        with pytest.raises(UserError, match=rf'not that of the records: id 100 is "{tokens[101]}" in .*/tokenizer.json, "'):
            check_pretrained(weights, MICRO, source)


def test_nothing_that_was_not_looked_at_is_called_ok(tmp_path, records):
    weights = Pretrained("x", {}, {"model.hidden_size": MICRO.model.hidden_size}, None)
    request = Request(MICRO, [records], str(tmp_path / "run"), None, None, weights)
    findings, start = check_start(request)
    (told,) = [finding for finding in findings if finding.text.startswith("x: does not say its")]
    assert told.level.value == "warning" and "num_attention_heads" in told.text and "vocabulary" in told.text
    assert "hidden_size" not in told.text
    (refused,) = [finding.text for finding in check_thoroughly(request, start, 1, None) if finding.is_failure]
    assert refused.startswith("x: is not of this model: missing: discriminator_predictions/dense/bias, ")

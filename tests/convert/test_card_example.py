"""A card's code, run as printed in the exported folder, prints what the card says, whichever network it is about."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import transformers

from electra_pretrain.convert.card_example import SENTENCES, _certain_best, _digits, card_examples, script_of
from electra_pretrain.convert.hf_export import write_hugging_face
from electra_pretrain.convert.model_card import CardFacts
from electra_pretrain.model.electra import Electra
from electra_pretrain.tokenization.tokenizer import load_tokenizer
from electra_pretrain.tokenization.wordpiece import WordPieceTokenizer
from tests.conftest import MICRO, changed
from tests.convert.test_hf_export import perturbed

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()

MASKED_LM = {"electra_objective": False}
KINDS = {
    "a pair": {},
    "one encoder": {"objective": {"untied_generator": False}},
    "uniform replacements": {"objective": {"uniform_generator": True}},
    "BERT": {"objective": MASKED_LM, "model": {"embedding_size": 32}},
    "a masked language model with a projection": {"objective": MASKED_LM},
    "ALBERT": {"objective": MASKED_LM, "model": {"num_hidden_groups": 1, "num_hidden_layers": 2}},
}


def exported(folder, config, tokenizer, dtype="float32"):
    """Write a trained model's like, with its cards."""
    weights = perturbed(Electra(config))
    facts = CardFacts(5, None, {}, None, None, examples=card_examples(weights, config, tokenizer, dtype), dtype=dtype)
    return write_hugging_face(str(folder), weights, config, tokenizer, facts, dtype)


def example_of(folder):
    """A card's code, and what it says that this prints."""
    card = Path(folder, "README.md").read_text()
    return card.split("```python\n")[1].split("```")[0], card.split("prints\n\n```\n")[1].split("```")[0]


def check_example(folder, monkeypatch, capsys):
    """Run a card's code here, and return what it printed."""
    code, shown = example_of(folder)
    monkeypatch.chdir(folder)
    capsys.readouterr()
    exec(code, {})
    printed = capsys.readouterr().out
    assert printed == shown and printed.strip()
    return printed


@pytest.mark.parametrize("kind", KINDS)
def test_runs_as_printed(kind, vocab_path, tmp_path, monkeypatch, capsys):
    folders = exported(tmp_path, changed(MICRO, **KINDS[kind]), load_tokenizer(vocab_path, False))
    printed = [check_example(folder, monkeypatch, capsys) for folder in folders]
    if len(folders) == 2:
        assert [os.path.basename(folder) for folder in folders] == ["discriminator", "generator"]
        assert printed[0] != printed[1]
    # Of the sentence that stands in the code, token by token, and of no other.
    tokens = [line.split()[1].removeprefix("##") for line in printed[0].splitlines()]
    if "masked_lm" not in folders[0]:
        assert "".join(tokens) in "오늘은냄비가참맑습니다." and "오늘은 냄비가 참 맑습니다." in example_of(folders[0])[0]
    else:
        assert "오늘은 [MASK]가 참 맑습니다." in example_of(folders[0])[0]


def test_of_weights_in_half_precision(vocab_path, tmp_path, monkeypatch, capsys):
    """As they are once they are rounded, however a release of `transformers` computes with them."""
    for folder in exported(tmp_path, MICRO, load_tokenizer(vocab_path, False), "bfloat16"):
        check_example(folder, monkeypatch, capsys)


def test_the_sentence_is_of_the_vocabularys_script(tmp_path, monkeypatch, capsys):
    """Names of special and unused tokens are no Latin text."""
    own = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"[unused{n}]" for n in range(20))]
    assert script_of([*own, *["오늘", "##은", "날", "##씨", "a", "b"]]) == "Hangul"
    assert script_of([*own, *["ᄋ", "##ᅩ", "a"]]) == "Hangul"  # of text without accents: in jamo
    assert script_of([*own, *["今", "天", "的", "气", "很", "好", "a", "날"]]) == "Han"
    tokens = [*own, *["the", "chef", "cooked", "meal", "날"]]
    assert script_of(tokens) == "Latin"
    config = changed(MICRO, data={"vocab_size": len(tokens)})
    folder = exported(tmp_path, config, WordPieceTokenizer(tokens, False, False))[0]
    assert SENTENCES["Latin"].text in example_of(folder)[0]
    assert "[UNK]" in check_example(folder, monkeypatch, capsys)


def test_a_model_too_short_for_the_sentence_has_no_example(vocab_path, tmp_path):
    config = changed(MICRO, model={"max_position_embeddings": 8}, data={"max_seq_length": 8})
    for folder in exported(tmp_path, config, load_tokenizer(vocab_path, False)):
        assert "```python" not in Path(folder, "README.md").read_text()


def test_only_tokens_whose_order_is_certain_are_shown():
    """Rounding errors differ from machine to machine: what they could change is not printed."""

    def best(*logits):
        return _certain_best(np.array(logits, np.float32))

    assert best(1.0, 9.0, 3.0, 7.0, 5.0, -1.0, 0.0) == [1, 3, 4, 2, 0]
    assert best(1.0, 9.0, 3.0, 7.0, 3.00001, -1.0, 0.0) == [1, 3]
    assert best(1.0, 2.0, 3.0, 4.0, 5.0, 0.0, 0.00001) == [4, 3, 2, 1, 0]
    assert best(1.0, 2.0, 3.0, 4.0, 5.0, 0.99999) == [4, 3, 2, 1]
    assert best(0.0, 0.00001, 0.0, 0.0, 0.0, 0.00001) == []


def test_only_digits_that_are_certain_are_shown():
    def digits(*values):
        values = np.array(values)
        return _digits(values - 1e-4, values + 1e-4, (2, 1, 3))

    assert digits(0.13, 0.5) == 2
    assert digits(0.13, 0.50496) == 1
    assert digits(0.2493, 0.50496, 0.24996) == 3
    assert _digits(np.array([-0.04]), np.array([0.01]), (1, 0, 2)) == 2  # not -0.0 here and 0.0 there


@pytest.mark.slow
def test_runs_as_a_script_of_its_own(vocab_path, tmp_path):
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {"CUDA_VISIBLE_DEVICES": ""}
    for folder in exported(tmp_path / "out", MICRO, load_tokenizer(vocab_path, False)):
        code, shown = example_of(folder)
        (tmp_path / "example.py").write_text(code)
        command = [sys.executable, str(tmp_path / "example.py")]
        result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
        assert (result.returncode, result.stdout) == (0, shown), result.stderr

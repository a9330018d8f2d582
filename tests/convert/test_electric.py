"""Electric's discriminator gives energies: what is exported and shown says so, and runs as printed."""

from pathlib import Path

import numpy as np
import pytest

from electra_pretrain.convert.card_example import card_examples
from electra_pretrain.convert.demonstration import detection_report
from electra_pretrain.convert.hf_export import write_hugging_face
from electra_pretrain.convert.model_card import CardFacts
from electra_pretrain.model.electra import Electra
from electra_pretrain.records.manifest import load_manifest
from electra_pretrain.tokenization.tokenizer import load_tokenizer
from tests.conftest import MICRO, changed
from tests.convert.test_card_example import check_example
from tests.convert.test_hf_export import perturbed

ELECTRIC = changed(MICRO, objective={"electric_objective": True, "two_tower_generator": True})


@pytest.fixture(scope="module")
def exported(tmp_path_factory, vocab_path, records):
    tokenizer, weights = load_tokenizer(vocab_path, False), perturbed(Electra(ELECTRIC))
    examples = card_examples(weights, ELECTRIC, tokenizer, "float32")
    facts = CardFacts(5, load_manifest(records).to_dict(), {}, None, None, examples=examples)
    (folder,) = write_hugging_face(str(tmp_path_factory.mktemp("hf")), weights, ELECTRIC, tokenizer, facts)
    return folder, weights, tokenizer


def test_the_card_speaks_of_energies_and_its_code_prints_them(exported, monkeypatch, capsys):
    card = Path(exported[0], "README.md").read_text()
    assert "The energy model of Electric (Clark et al., EMNLP 2020)" in card
    assert "was replaced" not in card.replace("is the probability that the token was replaced", "")
    energies = [float(line.split()[0]) for line in check_example(exported[0], monkeypatch, capsys).splitlines()]
    assert len(energies) > 5 and any(not 0 <= energy <= 1 for energy in energies)


def test_quickstart_shows_no_probabilities_either(exported):
    folder, weights, tokenizer = exported
    config = changed(ELECTRIC, model={"max_position_embeddings": 64})
    weights = {**weights, **{name: np.repeat(weights[name], 2, 0) for name in weights if name.endswith("position_embeddings")}}
    lines = "\n".join(detection_report(weights, config, tokenizer, folder))
    assert "The higher a token's energy, the less likely it is" in lines and "probability" not in lines

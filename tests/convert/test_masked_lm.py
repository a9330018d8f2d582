"""A masked language model alone: as `transformers` loads it the logits are ours; shared blocks learn as one."""

import json

import numpy as np
import pytest
import tensorflow as tf
import torch
import transformers
from transformers import AlbertForMaskedLM, AutoModelForMaskedLM, BertForMaskedLM, ElectraForMaskedLM

from electra_pretrain.convert.hf_export import write_hugging_face
from electra_pretrain.convert.model_card import CardFacts
from electra_pretrain.core.rng import Random
from electra_pretrain.model.electra import Electra
from electra_pretrain.model.masking import mask_batch
from electra_pretrain.records.manifest import load_manifest
from electra_pretrain.tokenization.tokenizer import load_tokenizer
from tests.conftest import MICRO, changed
from tests.convert.test_hf_export import batch_of, loaded, perturbed, torch_inputs

transformers.logging.set_verbosity_error()

MASKED_LM = changed(MICRO, objective={"electra_objective": False}, model={"num_hidden_layers": 2})
WIDE = {"embedding_size": 32}
FORMS = {
    "BERT": (WIDE, BertForMaskedLM),
    "a projection, which BERT lacks": ({}, ElectraForMaskedLM),
    "ALBERT": ({"num_hidden_groups": 1, "num_hidden_layers": 3}, AlbertForMaskedLM),
    "ALBERT, two groups, no projection": ({**WIDE, "num_hidden_groups": 2, "num_hidden_layers": 4}, AlbertForMaskedLM),
}


@pytest.mark.parametrize("form", FORMS)
def test_logits(form, tmp_path, vocab_path, records):
    sizes, model_class = FORMS[form]
    config = changed(MASKED_LM, model=sizes)
    model = Electra(config)
    facts = CardFacts(5, load_manifest(records).to_dict(), {"tensorflow": tf.__version__}, None, None)
    (folder,) = write_hugging_face(str(tmp_path), perturbed(model), config, load_tokenizer(vocab_path, False), facts)
    assert folder == str(tmp_path / "masked_lm")
    settings = json.loads((tmp_path / "masked_lm" / "config.json").read_text())
    assert settings["architectures"] == [model_class.__name__] and settings["hidden_act"] == "gelu"
    batch = batch_of(records)
    masked = mask_batch(batch, 0.15, load_manifest(records).vocabulary.special_ids, Random(0, 0, batch.rows))
    ours = model.generator_logits(masked, None).numpy().reshape(*masked.masked_lm_ids.shape, -1)
    used = masked.masked_lm_weights.numpy() > 0
    for each in (model_class, AutoModelForMaskedLM):
        theirs = loaded(each, folder)
        assert type(theirs) is model_class
        with torch.no_grad():
            logits = theirs(**torch_inputs(masked.input_ids, batch)).logits.numpy()
        at_slots = np.take_along_axis(logits, masked.masked_lm_positions.numpy()[..., None], 1)
        np.testing.assert_allclose(ours[used], at_slots[used], atol=1e-5, rtol=1e-5)
        assert np.abs(ours[used]).max() > 0.1


@pytest.mark.parametrize("remat", [False, True])
def test_shared_blocks_get_the_sum_of_their_layers_gradients(remat, records):
    """Beside a network of the same weights, unshared."""
    batch = batch_of(records)
    no_dropout = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    gradients = []
    for groups in (1, 0):
        config = changed(MASKED_LM, model={**no_dropout, "num_hidden_groups": groups}, training={"remat": remat})
        model = Electra(config)
        named = model.named_variables()
        if groups:
            values = {name: variable.numpy() for name, variable in named.items()}
            assert sum("/group_0/" in name for name in named) == 16 and not any("/layer_" in name for name in named)
        else:
            for name, variable in named.items():
                variable.assign(values[name.replace("layer_0", "group_0").replace("layer_1", "group_0")])
        with tf.GradientTape() as tape:
            hidden = model.discriminator_hidden(*batch[:3], None)
            loss = tf.reduce_sum(tf.square(hidden) * tf.range(32, dtype=tf.float32))
        gradients.append(dict(zip(named, tape.gradient(loss, list(named.values())), strict=True)))
    shared, apart = gradients
    for name, gradient in shared.items():
        if "/group_0/" in name:
            parts = [apart[name.replace("group_0", layer)] for layer in ("layer_0", "layer_1")]
            np.testing.assert_allclose(gradient, tf.add_n(parts), rtol=2e-4, atol=2e-4)


def test_a_shared_block_draws_its_dropout_anew_in_each_layer(records):
    batch = batch_of(records)
    block = Electra(changed(MASKED_LM, model={"num_hidden_groups": 1})).discriminator.layers
    assert block[0] is block[1]
    x, bias, random = tf.ones([6, 32, 32]), tf.zeros([6, 1, 1, 32]), Random(1, 0, batch.rows)
    first, second = (block[0](x, bias, random, f"electra/encoder/layer_{number}") for number in (0, 1))
    assert not np.allclose(first, second)

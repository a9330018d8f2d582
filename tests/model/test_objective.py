"""Losses against NumPy written from the formulas, labels, and where gradients may flow."""

import numpy as np
import pytest
import tensorflow as tf

from electra_pretrain.core.batch import SpecialIds
from electra_pretrain.core.rng import Random
from electra_pretrain.model.electra import Electra
from electra_pretrain.model.masking import mask_batch
from electra_pretrain.model.objective import Denominators, compute_losses, count
from electra_pretrain.train.metrics import metric_sums, summarize
from tests.conftest import MICRO, changed
from tests.model.test_masking import IDS, batch_of

CONFIG = changed(MICRO, data={"vocab_size": 50})


def forward(config, training=False, sampled_ids=None, seed=0):
    batch = batch_of([32, 20, 9, 5], 32, seed=seed)
    model = Electra(config)
    random = Random(1, 0, batch.rows)
    masked = mask_batch(batch, 0.15, SpecialIds(*IDS), random)
    with tf.GradientTape(persistent=True) as tape:
        outputs = compute_losses(model, batch, masked, count(batch, masked), config.objective, random, training, sampled_ids)
    return batch, model, masked, outputs, tape


def test_losses_equal_the_formulas():
    batch, _, masked, outputs, _ = forward(CONFIG)
    logits, ids, weights = (
        outputs.gen_logits.numpy().reshape(*masked.masked_lm_ids.shape, -1).astype(np.float64),
        masked.masked_lm_ids.numpy(),
        masked.masked_lm_weights.numpy(),
    )
    log_probs = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    losses = -np.take_along_axis(log_probs, ids[..., None], 2)[..., 0]
    masked_lm_loss = (losses * weights).sum() / (weights.sum() + 1e-6)
    np.testing.assert_allclose(outputs.masked_lm_loss, masked_lm_loss, rtol=1e-5)

    x, z, real = outputs.disc_logits.numpy().astype(np.float64), outputs.disc_labels.numpy(), batch.input_mask.numpy()
    p = 1 / (1 + np.exp(-x))
    disc_loss = (-(z * np.log(p) + (1 - z) * np.log(1 - p)) * real).sum() / (real.sum() + 1e-6)
    np.testing.assert_allclose(outputs.disc_loss, disc_loss, rtol=1e-5)
    np.testing.assert_allclose(outputs.total_loss, masked_lm_loss + 50 * disc_loss, rtol=1e-5)


def test_labels_are_1_exactly_where_a_sample_differs():
    batch, _, masked, _, _ = forward(CONFIG)
    original = masked.masked_lm_ids.numpy()
    # Every second sample is luckily right.
    sampled = np.where(np.arange(original.shape[1]) % 2 == 0, original, original % 40 + 6)
    batch, _, masked, outputs, _ = forward(CONFIG, sampled_ids=tf.constant(sampled, tf.int32))
    expected = np.zeros(batch.input_ids.shape, np.int32)
    for row, slot in zip(*np.nonzero(masked.masked_lm_weights.numpy()), strict=True):
        expected[row, masked.masked_lm_positions[row, slot]] = sampled[row, slot] != original[row, slot]
    np.testing.assert_array_equal(outputs.disc_labels, expected)
    assert 0 < expected.sum() < masked.masked_lm_weights.numpy().sum()
    # The samples stand over the original tokens: no [MASK] of ours is left.
    np.testing.assert_array_equal(outputs.fake_input_ids.numpy()[expected == 0], batch.input_ids.numpy()[expected == 0])


def test_no_gradient_flows_from_the_discriminator_through_samples():
    _, model, _, outputs, tape = forward(CONFIG, training=True)
    for name, variable in model.named_variables().items():
        gradient = tape.gradient(outputs.disc_loss, variable)
        own = name.startswith(("generator/", "generator_predictions/"))
        assert (gradient is None) == own, name


def test_every_variable_learns():
    _, model, _, outputs, tape = forward(CONFIG, training=True)
    assert [
        name for name, variable in model.named_variables().items() if tape.gradient(outputs.total_loss, variable) is None
    ] == []


VARIANTS = {
    "masked language model": ({"electra_objective": False}, {"electra/", "generator_predictions/"}),
    "tied": ({"untied_generator": False}, {"electra/", "generator_predictions/", "discriminator_predictions/"}),
    "uniform": ({"uniform_generator": True}, {"electra/", "discriminator_predictions/"}),
    "two towers": (
        {"two_tower_generator": True},
        {"electra/", "generator_ltr/", "generator_rtl/", "cloze_predictions/", "discriminator_predictions/"},
    ),
    "electric, own embeddings": (
        {
            "electra_objective": False,
            "electric_objective": True,
            "two_tower_generator": True,
            "embedding_sharing": "untied",
        },
        {"electra/", "generator_ltr/", "generator_rtl/", "cloze_predictions/", "discriminator_predictions/"},
    ),
    "own embeddings": (
        {"embedding_sharing": "untied"},
        {"electra/", "generator/", "generator_predictions/", "discriminator_predictions/"},
    ),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_variants_have_their_variables_and_run(name):
    fields, scopes = VARIANTS[name]
    config = changed(CONFIG, objective=fields)
    batch, model, _, outputs, tape = forward(config, training=True)
    variables = model.named_variables()
    assert {variable.split("/")[0] + "/" for variable in variables} == scopes
    own = {each.split("/")[0] for each in variables if each.endswith("embeddings/word_embeddings")} - {"electra"}
    towers = {"generator_ltr", "generator_rtl"} & {variable.split("/")[0] for variable in variables} or {"generator"}
    assert own == (towers if "own embeddings" in name else set())
    without = [each for each, variable in variables.items() if tape.gradient(outputs.total_loss, variable) is None]
    # Only the first tower's word table is read for the logits, and both read their own at the input: all learn.
    assert without == []
    assert np.isfinite(float(outputs.total_loss))
    metrics = summarize({key: value.numpy() for key, value in metric_sums(batch, outputs).items()})
    assert ("disc_auc" in metrics) == (name != "masked language model")
    assert ("cloze_loss" in metrics) == ("two_tower_generator" in fields)
    if name == "uniform":
        np.testing.assert_allclose(outputs.masked_lm_loss, np.log(50), rtol=1e-6)


def test_dropout_differs_between_networks_and_is_off_in_evaluation():
    tied = changed(CONFIG, objective={"untied_generator": False})
    batch = batch_of([32] * 4, 32)
    model = Electra(tied)
    random = Random(1, 0, batch.rows)
    inputs = (batch.input_ids, batch.input_mask, batch.segment_ids)
    as_generator, as_discriminator = model.generator(*inputs, random), model.discriminator_hidden(*inputs, random)
    assert not np.allclose(as_generator, as_discriminator)
    np.testing.assert_array_equal(model.generator(*inputs, None), model.discriminator_hidden(*inputs, None))


def test_dropout_drops_its_share_and_keeps_the_mean():
    from electra_pretrain.model.layers import make_dropout

    out = make_dropout([50, 20], 0.1, Random(1, 2, tf.range(64)), "here")(tf.ones([64, 50, 20])).numpy()
    assert set(np.unique(out).tolist()) == {0.0, np.float32(1 / 0.9).item()}
    assert abs((out == 0).mean() - 0.1) < 5 * np.sqrt(0.09 / out.size)


def test_bfloat16_computes_and_stays_near_float32():
    half = changed(CONFIG, training={"compute_dtype": "bfloat16"})
    _, _, _, exact, _ = forward(CONFIG)
    _, _, _, rough, _ = forward(half)
    assert rough.gen_logits.dtype == rough.disc_logits.dtype == tf.float32
    np.testing.assert_allclose(rough.gen_logits, exact.gen_logits, atol=0.05)
    assert not np.array_equal(rough.gen_logits, exact.gen_logits)


def test_padding_does_not_matter():
    batch, model, _, outputs, _ = forward(CONFIG)
    inputs = (outputs.fake_input_ids, batch.input_mask, batch.segment_ids)
    junk = tf.where(batch.input_mask > 0, inputs[0], 17)
    first, second = model.discriminator_logits(*inputs, None), model.discriminator_logits(junk, *inputs[1:], None)
    real = batch.input_mask.numpy() > 0
    np.testing.assert_allclose(first.numpy()[real], second.numpy()[real], atol=1e-6)


def test_losses_of_parts_add_up_to_the_whole():
    batch, model, masked, whole, _ = forward(CONFIG)
    denominators = count(batch, masked)
    total = 0.0
    for part in (slice(0, 1), slice(1, 4)):
        rows, masked_rows = (
            type(value)(*(field if field is None else field[part] for field in value)) for value in (batch, masked)
        )
        random = Random(1, 0, rows.rows)
        total += compute_losses(
            model, rows, masked_rows, Denominators(*denominators), CONFIG.objective, random, False
        ).total_loss
    np.testing.assert_allclose(total, whole.total_loss, rtol=1e-6)

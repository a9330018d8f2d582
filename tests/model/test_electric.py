"""Two towers and Electric: what a position may see, and losses against NumPy written from the formulas."""

import numpy as np
import pytest
import tensorflow as tf

from electra_pretrain.config.schema import Config
from electra_pretrain.core.errors import UserError
from electra_pretrain.model.bias import Direction, attention_bias
from electra_pretrain.model.electra import Electra
from tests.conftest import changed
from tests.model.test_masking import batch_of
from tests.model.test_objective import CONFIG, forward

TWO_TOWERS = changed(CONFIG, objective={"two_tower_generator": True})
ELECTRIC = changed(TWO_TOWERS, objective={"electra_objective": False, "electric_objective": True})


def log_softmax(logits):
    logits = logits.astype(np.float64)
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True))


@pytest.mark.parametrize("direction", Direction)
def test_attention_bias(direction):
    bias = attention_bias(tf.constant([[1, 1, 1, 0]]), direction).numpy()
    seen = {
        Direction.BOTH: [[1, 1, 1, 0]] * 4,
        Direction.LEFT_TO_RIGHT: [[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [1, 1, 1, 0]],
        Direction.RIGHT_TO_LEFT: [[1, 1, 1, 0], [0, 1, 1, 0], [0, 0, 1, 0], [0, 0, 0, 0]],
    }[direction]
    np.testing.assert_array_equal(np.broadcast_to(bias[0, 0], (4, 4)), np.where(np.array(seen) == 1, 0, -10000))


def test_a_token_is_predicted_from_all_others_and_never_from_itself():
    batch, model = batch_of([32, 32], 32), Electra(TWO_TOWERS)
    before = model.cloze_logits(batch, None).numpy().reshape(2, 32, -1)
    at = 7
    input_ids = batch.input_ids.numpy()
    input_ids[:, at] = (input_ids[:, at] - 5 + 1) % 45 + 5
    after = model.cloze_logits(batch._replace(input_ids=tf.constant(input_ids)), None).numpy().reshape(2, 32, -1)
    changes = np.abs(after - before).max(-1)
    np.testing.assert_array_equal(changes[:, at], 0)
    # Its neighbours' neighbours too: each side hands on what it read. The ends wrap around and are never predicted.
    assert (np.delete(changes, at, axis=1)[:, 1:-1] > 0).all()


def test_two_towers_learn_from_every_maskable_token():
    batch, _, masked, outputs, _ = forward(TWO_TOWERS)
    ids, real = batch.input_ids.numpy(), batch.input_mask.numpy()
    maskable = (real == 1) & ~np.isin(ids, [2, 3, 4])
    np.testing.assert_array_equal(masked.maskable, maskable)
    cloze_logits = outputs.cloze_logits.numpy().reshape(*ids.shape, -1)
    losses = -np.take_along_axis(log_softmax(cloze_logits), ids[..., None], 2)[..., 0]
    cloze_loss = losses[maskable].sum() / (maskable.sum() + 1e-6)
    np.testing.assert_allclose(outputs.cloze_loss, cloze_loss, rtol=1e-5)
    np.testing.assert_allclose(outputs.total_loss, cloze_loss + 50 * outputs.disc_loss.numpy(), rtol=1e-5)
    # What is sampled from, and scored as masked_lm_loss, are the same logits at the masked positions.
    at = np.take_along_axis(cloze_logits, masked.masked_lm_positions.numpy()[..., None], 1)
    np.testing.assert_array_equal(outputs.gen_logits, at.reshape(outputs.gen_logits.shape))


def test_electric_corrects_logits_by_the_noise_and_calls_every_sample_noise():
    batch, model, masked, outputs, _ = forward(ELECTRIC)
    fake, real = outputs.fake_input_ids.numpy(), batch.input_mask.numpy()
    labels = np.zeros(fake.shape, np.int32)
    for row, slot in zip(*np.nonzero(masked.masked_lm_weights.numpy()), strict=True):
        labels[row, masked.masked_lm_positions[row, slot]] = 1
    np.testing.assert_array_equal(outputs.disc_labels, labels)

    energy = model.discriminator_logits(outputs.fake_input_ids, batch.input_mask, batch.segment_ids, None).numpy()
    cloze_logits = outputs.cloze_logits.numpy().reshape(*fake.shape, -1)
    log_q = np.take_along_axis(log_softmax(cloze_logits), fake[..., None], 2)[..., 0]
    logits = energy + log_q + np.log(0.15 / 0.85)
    np.testing.assert_allclose(outputs.disc_logits, logits, rtol=1e-5, atol=1e-5)
    p = 1 / (1 + np.exp(-logits))
    losses = -(labels * np.log(p) + (1 - labels) * np.log(1 - p))
    np.testing.assert_allclose(outputs.disc_loss, losses[real == 1].sum() / (real.sum() + 1e-6), rtol=1e-5)


def test_a_lucky_sample_is_noise_for_electric_and_original_for_electra():
    _, _, masked, _, _ = forward(ELECTRIC)
    for config, expected in ((ELECTRIC, masked.masked_lm_weights.numpy().sum()), (TWO_TOWERS, 0)):
        _, _, _, outputs, _ = forward(config, sampled_ids=masked.masked_lm_ids)
        assert outputs.disc_labels.numpy().sum() == expected


@pytest.mark.parametrize("config", [TWO_TOWERS, ELECTRIC], ids=["two towers", "electric"])
def test_no_gradient_from_the_discriminator_reaches_the_towers(config):
    _, model, _, outputs, tape = forward(config, training=True)
    for name, variable in model.named_variables().items():
        of_generator = name.startswith(("generator_ltr/", "generator_rtl/", "cloze_predictions/"))
        assert (tape.gradient(outputs.disc_loss, variable) is None) == of_generator, name


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"electric_objective": True}, "electric_objective"),
        ({"two_tower_generator": True, "electra_objective": False}, "two_tower_generator"),
        ({"two_tower_generator": True, "untied_generator": False}, "two_tower_generator"),
        ({"two_tower_generator": True, "uniform_generator": True}, "two_tower_generator"),
        ({"uniform_generator": True, "electra_objective": False}, "uniform_generator"),
    ],
)
def test_combinations_that_mean_nothing_are_refused(fields, named):
    with pytest.raises(UserError, match=named):
        Config.from_dict({"objective": fields})

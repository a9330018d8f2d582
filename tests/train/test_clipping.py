"""Gradients clipped together and network by network, and rates of their own, against NumPy; one device or several."""

import numpy as np
import pytest
import tensorflow as tf

from electra_pretrain.core.batch import Batch, SpecialIds
from electra_pretrain.core.rng import Random
from electra_pretrain.model.masking import mask_batch
from electra_pretrain.model.objective import count
from electra_pretrain.train.clipping import Clipping, clip
from electra_pretrain.train.gradients import Gradients
from electra_pretrain.train.loop import train
from electra_pretrain.train.optimizer import is_decayed
from electra_pretrain.train.ownership import Owner, owner, owners
from electra_pretrain.train.start import prepare
from electra_pretrain.train.trainer import Trainer
from tests.conftest import MICRO, changed
from tests.train.test_training import STEPWISE, assert_same_run, metrics, mirrored, one_device

OWN = {"clip_per_network": True, "generator_learning_rate": 0.001, "discriminator_learning_rate": 0.002, "max_grad_norm": 0.1}
PER_NETWORK = changed(MICRO, optimizer=OWN)
NAMES = ["electra/encoder/a", "generator/encoder/a", "electra/embeddings/word_embeddings", "generator_predictions/output_bias"]


@pytest.mark.parametrize("scale", [0.01, 10.0])
def test_clipping(scale):
    gradients = [np.full((2, 2), scale), np.full((3,), -scale)]
    expected_norm = scale * np.sqrt(7)
    clipped = clip([tf.constant(g, tf.float32) for g in gradients], tf.constant(expected_norm, tf.float32), 1.0)
    for ours, gradient in zip(clipped, gradients, strict=True):
        np.testing.assert_allclose(ours, gradient / max(1.0, expected_norm), rtol=1e-6)


def some_gradients():
    rng = np.random.default_rng(3)
    return [rng.normal(size=(4, 5)).astype(np.float32) * size for size in (1e-3, 0.1, 10, 0.1)]


@pytest.mark.parametrize("loss_scale", [None, 1024.0])
def test_each_network_and_what_both_share_have_norms_of_their_own(loss_scale):
    clipping, plain = Clipping(NAMES, PER_NETWORK), some_gradients()
    factor = None if loss_scale is None else tf.constant(loss_scale)
    scaled = [tf.constant(gradient * (loss_scale or 1)) for gradient in plain]
    norms = clipping.norms(scaled, factor)
    expected = {
        "grad_norm": np.sqrt(sum(np.sum(gradient**2) for gradient in plain)),
        "discriminator_grad_norm": np.linalg.norm(plain[0]),
        "generator_grad_norm": np.hypot(np.linalg.norm(plain[1]), np.linalg.norm(plain[3])),
        "shared_grad_norm": np.linalg.norm(plain[2]),
    }
    assert norms.keys() == expected.keys() == set(clipping.names) and clipping.names[0] == "grad_norm"
    for name, norm in norms.items():
        np.testing.assert_allclose(norm, expected[name], rtol=1e-6, err_msg=name)
    for name, ours, gradient in zip(NAMES, clipping.clip(scaled, norms, factor), plain, strict=True):
        own = expected[f"{owner(name, MICRO.objective).value}_grad_norm"]
        np.testing.assert_allclose(ours, gradient * min(1, 0.1 / own), rtol=1e-6, err_msg=name)


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_one_network_that_is_not_finite_stops_the_other_too(broken):
    clipping, gradients = Clipping(NAMES, PER_NETWORK), some_gradients()
    gradients[1][0, 0] = broken
    norms = clipping.norms([tf.constant(gradient) for gradient in gradients])
    assert not any(np.isfinite(norm) for norm in norms.values())
    assert not any(np.any(gradient) for gradient in clipping.clip([tf.constant(one) for one in gradients], norms))


def test_an_update_is_the_formula_with_each_owners_norm_and_rate():
    trainer = Trainer(PER_NETWORK, SpecialIds(0, 1, 2, 3, 4), one_device())
    ids = tf.constant(np.random.default_rng(1).integers(5, 3000, [4, 32]), tf.int32)
    batch = Batch(ids, tf.ones_like(ids), tf.zeros_like(ids), tf.range(4))
    random = Random(PER_NETWORK.training.seed, 0, batch.rows)
    masked = mask_batch(batch, 0.15, SpecialIds(0, 1, 2, 3, 4), random)
    variables = trainer.model.named_variables()
    before = {name: variable.numpy() for name, variable in variables.items()}
    computed = tf.function(Gradients(PER_NETWORK, trainer.model, False).compute)(batch, masked, count(batch, masked), random)[0]
    gradients = dict(zip(variables, (one.numpy().astype(np.float64) for one in computed), strict=True))
    sums = tf.function(lambda: trainer.strategy.run(trainer.update, args=(batch, masked)))()
    of = owners(variables, PER_NETWORK.objective)
    # The first of six steps, and of a warm-up over two.
    rate = {Owner.SHARED: 0.005, Owner.GENERATOR: 0.001, Owner.DISCRIMINATOR: 0.002}
    for each in Owner:
        norm = np.sqrt(sum(np.sum(gradients[name] ** 2) for name, its in of.items() if its is each))
        np.testing.assert_allclose(sums[f"{each.value}_grad_norm"], norm, rtol=1e-5)
        assert norm > 0.1
        for name in (name for name, its in of.items() if its is each):
            gradient = gradients[name] * 0.1 / norm
            m, v = 0.1 * gradient, 0.001 * gradient**2
            step = m / (np.sqrt(v) + 1e-6) + (0.01 * before[name] if is_decayed(name) else 0)
            np.testing.assert_allclose(trainer.optimizer.moments[f"{name}/adam_m"], m, rtol=1e-3, atol=1e-9, err_msg=name)
            moved = variables[name].numpy() - before[name]
            np.testing.assert_allclose(moved, -rate[each] * 5 / 6 / 2 * step, rtol=2e-3, atol=2e-6, err_msg=name)


SPLIT = changed(STEPWISE, optimizer=OWN, training={"num_eval_steps": 0})


@pytest.fixture(scope="module")
def whole_batch(tmp_path_factory, records):
    folder = tmp_path_factory.mktemp("whole")
    train(prepare(SPLIT, [records], str(folder)), one_device())
    return folder


def test_four_replicas_with_microbatches_equal_one(tmp_path, whole_batch, records):
    split = changed(SPLIT, training={"gradient_accumulation_steps": 2})
    train(prepare(split, [records], str(tmp_path)), mirrored(4))
    assert_same_run(tmp_path, whole_batch)
    for ours, theirs in zip(metrics(tmp_path), metrics(whole_batch), strict=True):
        for name in ("generator_grad_norm", "discriminator_grad_norm", "shared_grad_norm", "generator_learning_rate"):
            np.testing.assert_allclose(ours[name], theirs[name], rtol=2e-5, err_msg=name)
        parts = [ours[f"{each.value}_grad_norm"] for each in Owner]
        np.testing.assert_allclose(ours["grad_norm"], np.sqrt(np.sum(np.square(parts))), rtol=1e-5)
        assert ours["discriminator_learning_rate"] == pytest.approx(ours["learning_rate"] * 0.4, rel=1e-5)

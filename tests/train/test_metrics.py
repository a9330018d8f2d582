"""Metrics from sums equal metrics from all predictions at once."""

import numpy as np
import pytest
import tensorflow as tf

from electra_pretrain.config.schema import Config
from electra_pretrain.core.batch import Batch, MaskedBatch
from electra_pretrain.model.objective import Outputs
from electra_pretrain.train.metrics import metric_sums, summarize, zero_sums


def outputs_of(seed, batch=16, seq=40, slots=6, vocab=30):
    rng = np.random.default_rng(seed)
    mask = (np.arange(seq)[None] < rng.integers(5, seq, (batch, 1))).astype(np.int32)
    labels = (rng.random((batch, seq)) < 0.15).astype(np.int32)
    logits = rng.normal(size=(batch, seq)) + 1.5 * labels - 1
    weights = (rng.random((batch, slots)) < 0.8).astype(np.float32)
    ids = rng.integers(0, vocab, (batch, slots))
    gen_logits = rng.normal(size=(batch, slots, vocab))
    np.put_along_axis(gen_logits, ids[..., None], 2.0, 2)
    zeros = tf.zeros([batch, seq], tf.int32)
    masked = MaskedBatch(
        zeros, zeros, zeros, zeros[:, :slots], tf.constant(ids, tf.int32), tf.constant(weights), tf.cast(mask, tf.float32)
    )
    outputs = Outputs(
        masked=masked,
        gen_logits=tf.constant(gen_logits.reshape(-1, vocab), tf.float32),
        sampled_ids=tf.constant(np.where(rng.random(ids.shape) < 0.3, ids, (ids + 1) % vocab), tf.int32),
        masked_lm_losses=tf.constant(rng.random(ids.shape), tf.float32),
        masked_lm_loss=tf.constant(0.0),
        total_loss=tf.constant(0.0),
        fake_input_ids=zeros,
        disc_labels=tf.constant(labels),
        disc_logits=tf.constant(logits, tf.float32),
        disc_losses=tf.constant(rng.random(labels.shape), tf.float32),
        disc_loss=tf.constant(0.0),
    )
    return Batch(zeros, tf.constant(mask), zeros, tf.range(batch)), outputs


@pytest.fixture(scope="module")
def shares():
    return [outputs_of(seed) for seed in range(3)]


@pytest.fixture(scope="module")
def metrics(shares):
    sums = {name: value.numpy() for name, value in zero_sums(Config()).items()}
    for share in shares:
        for name, value in metric_sums(*share).items():
            sums[name] = sums[name] + value.numpy()
    return summarize(sums)


def test_discriminator(shares, metrics):
    real = np.concatenate([batch.input_mask.numpy().ravel() > 0 for batch, _ in shares])
    y = np.concatenate([out.disc_labels.numpy().ravel() for _, out in shares])[real]
    x = np.concatenate([out.disc_logits.numpy().ravel() for _, out in shares])[real]
    losses = np.concatenate([out.disc_losses.numpy().ravel() for _, out in shares])[real]
    called = x > 0
    expected = {
        "disc_loss": losses.mean(),
        "disc_accuracy": (called == y).mean(),
        "disc_baseline_accuracy": (y == 0).mean(),
        "disc_precision": y[called].mean(),
        "disc_recall": called[y == 1].mean(),
    }
    for name, value in expected.items():
        np.testing.assert_allclose(metrics[name], value, rtol=1e-5, err_msg=name)
    pairs = x[y == 1][:, None] - x[y == 0][None]
    assert abs(metrics["disc_auc"] - ((pairs > 0).mean() + 0.5 * (pairs == 0).mean())) < 2e-3


def test_generator(shares, metrics):
    weights = np.concatenate([out.masked.masked_lm_weights.numpy().ravel() for _, out in shares])
    ids = np.concatenate([out.masked.masked_lm_ids.numpy().ravel() for _, out in shares])
    best = np.concatenate([out.gen_logits.numpy().argmax(-1).ravel() for _, out in shares])
    sampled = np.concatenate([out.sampled_ids.numpy().ravel() for _, out in shares])
    losses = np.concatenate([out.masked_lm_losses.numpy().ravel() for _, out in shares])
    for name, values in {
        "masked_lm_accuracy": best == ids,
        "sampled_masked_lm_accuracy": sampled == ids,
        "masked_lm_loss": losses,
    }.items():
        np.testing.assert_allclose(metrics[name], (values * weights).sum() / weights.sum(), rtol=1e-5)


def test_nothing_to_count_is_nan_not_an_error():
    metrics = summarize({name: value.numpy() for name, value in zero_sums(Config()).items()})
    assert all(np.isnan(value) for value in metrics.values())

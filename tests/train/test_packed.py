"""Training on rows of several documents: what a step computes of them, split or whole; other rows know nothing of it."""

import numpy as np
import pytest
import tensorflow as tf

from electra_pretrain.core.batch import Batch, SpecialIds
from electra_pretrain.core.rng import Random
from electra_pretrain.model.documents import document_numbers
from electra_pretrain.model.masking import mask_batch
from electra_pretrain.model.objective import Denominators, compute_losses
from electra_pretrain.train.metrics import metric_sums
from electra_pretrain.train.trainer import Trainer
from tests.conftest import changed
from tests.model.test_masking import IDS
from tests.model.test_packed import CONFIG, ROWS, batch_of, masked_alone, packed_rows

WITHOUT_DROPOUT = changed(CONFIG, model={"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0})


def one_device():
    return tf.distribute.OneDeviceStrategy("/cpu:0")


def after(config, strategy, batch, *given):
    """Metric sums of an update, and the weights after it."""
    trainer = Trainer(config, SpecialIds(*IDS), strategy)
    step = tf.function(lambda: strategy.run(trainer.update, args=(batch, *given)))
    sums = {name: strategy.reduce("SUM", value, axis=None).numpy() for name, value in step().items()}
    return sums, {name: value.numpy() for name, value in trainer.model.named_variables().items()}


def assert_same(one, other):
    for got, expected in zip(one, other, strict=True):
        assert got.keys() == expected.keys()
        for name, value in got.items():
            np.testing.assert_allclose(value, expected[name], rtol=1e-4, atol=1e-5, err_msg=name)


def test_a_step_is_that_of_the_documents_in_rows_of_their_own():
    batch, masked, own, spans = packed_rows()
    own_masked, (rows, slots) = masked_alone(masked, own, spans)
    used = own_masked.masked_lm_weights.numpy() > 0
    # [CLS] among the samples, which begins no document.
    sampled = np.where(np.arange(masked.masked_lm_ids.shape[1]) % 2, IDS.cls, 17) + np.zeros([len(ROWS), 1], np.int64)
    sampled_alone = np.zeros(used.shape, np.int64)
    sampled_alone[used] = sampled[rows, slots]
    samples = [tf.constant(each, tf.int32) for each in (sampled, sampled_alone)]
    got = after(WITHOUT_DROPOUT, one_device(), batch, masked._replace(documents=None), samples[0])
    apart = changed(WITHOUT_DROPOUT, data={"short_documents": "apart"})
    assert_same(got, after(apart, one_device(), own, own_masked, samples[1]))


def test_microbatches_and_recomputed_blocks_change_nothing():
    batch = batch_of(ROWS)
    split = changed(CONFIG, training={"gradient_accumulation_steps": 2, "remat": True})
    assert_same(after(split, one_device(), batch), after(CONFIG, one_device(), batch))


def test_evaluation_tells_documents_apart():
    batch, trainer = batch_of(ROWS), Trainer(CONFIG, SpecialIds(*IDS), one_device())
    random, one = Random(CONFIG.training.seed, 2**32 - 1, batch.rows), tf.constant(1.0)
    masked = mask_batch(batch, CONFIG.objective.mask_prob, SpecialIds(*IDS), random)
    masked = masked._replace(documents=document_numbers(batch, IDS.cls))
    outputs = compute_losses(trainer.model, batch, masked, Denominators(one, one, one), CONFIG.objective, random, False)
    sums = trainer.evaluate_batch(batch)
    for name, value in metric_sums(batch, outputs).items():
        np.testing.assert_allclose(sums[name], value, rtol=1e-5, err_msg=name)


@pytest.mark.parametrize("short_documents", ["apart", "joined", "packed"])
def test_documents_are_numbered_in_packed_rows_alone(short_documents):
    trainer = Trainer(changed(CONFIG, data={"short_documents": short_documents}), SpecialIds(*IDS), one_device())
    masked, _ = trainer._masked(Batch(*batch_of(ROWS)), None)
    assert (masked.documents is not None) == (short_documents == "packed")

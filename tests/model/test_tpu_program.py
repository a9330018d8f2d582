"""What is computed in another way for TPUs is the same, as in `test_gpu_program`, which has a whole step as well."""

import numpy as np
import pytest
import tensorflow as tf

from electra_pretrain.core.rng import Random
from electra_pretrain.model import kernels, layers
from electra_pretrain.model.attention import attend
from electra_pretrain.model.bias import Direction, SameDocument, attention_bias
from electra_pretrain.model.tpu_softmax import LARGEST_SCORE
from electra_pretrain.tpu import local
from electra_pretrain.train import trainer
from tests.model.test_gpu_program import assert_close, in_gpu_program, values_and_gradients
from tests.model.test_layers import normal

BATCH, HEADS, SIZE, LENGTH = 3, 4, 4, 10
BIAS = tf.constant(np.where(np.arange(LENGTH) < [[10], [6], [1]], 0, -10000)[:, None, None], tf.float32)
DOCUMENTS = tf.constant([[1, 1, 1, 2, 2, 2, 2, 3, 3, 0], [1] * 10, [0] * 10])
BIASES = {
    "mask": BIAS,
    "documents": SameDocument(DOCUMENTS, DOCUMENTS),
    "direction": attention_bias(tf.cast(BIAS[:, 0, 0] == 0, tf.int32), Direction.LEFT_TO_RIGHT),
}


def in_tpu_program(function):
    return in_gpu_program(function, kernels.tpu_program)


def compare_attention(inputs, bias, tolerance=1e-4):
    random, shape = Random(0, 5, tf.range(BATCH)), [HEADS, inputs[0].shape[3], LENGTH]
    drop = layers.make_dropout(shape, 0.3, random, "here")

    def function(*qkv):
        return values_and_gradients(lambda *qkv: attend(*qkv, bias, drop), list(qkv))

    expected = function(*inputs)
    for tensor in expected:
        assert np.isfinite(tensor).all()
    assert_close(in_tpu_program(function)(*inputs), expected, tolerance)


@pytest.mark.parametrize("bias", BIASES)
@pytest.mark.parametrize("factor", [1.0, 3.0, 40.0])
def test_attend(bias, factor):
    """Small scores; some near the bound; some so large that an exponential of them is no float32."""
    query, key, value = (normal(seed, BATCH, HEADS, SIZE, LENGTH) for seed in range(3))
    compare_attention([factor * query, factor * key, value], BIASES[bias], 1e-4 if factor < 10 else 1e-2)


def test_a_row_that_may_attend_to_nothing():
    """It attends to all, as it does elsewhere, where -10000 leaves of its scores three digits behind the point."""
    inputs = [normal(seed, BATCH, HEADS, SIZE, LENGTH) for seed in range(3)]
    compare_attention(inputs, tf.fill([BATCH, 1, 1, LENGTH], -10000.0), 1e-2)


@pytest.mark.parametrize("score", [LARGEST_SCORE - 1, LARGEST_SCORE + 1, 500.0])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_row_of_equal_scores(score, sign):
    """All as large, or as small, as they may be without a maximum, or more so: each position has an equal share."""
    key = tf.ones([BATCH, HEADS, SIZE, LENGTH])
    query = key * (sign * score / SIZE**0.5)
    compare_attention([query, key, normal(2, BATCH, HEADS, SIZE, LENGTH)], BIAS, 1e-3)


def test_what_is_no_number_stays_none():
    query = normal(0, BATCH, HEADS, SIZE, LENGTH) * tf.constant(np.nan)
    key, value = normal(1, BATCH, HEADS, SIZE, LENGTH), normal(2, BATCH, HEADS, SIZE, LENGTH)
    assert np.isnan(in_tpu_program(lambda *qkv: attend(*qkv, BIAS, tf.identity))(query, key, value)).all()


def test_products_to_heads_and_from_them():
    dense = layers.Dense("dense", 24, 12, layers.Initializer(1, 0.5))
    back = layers.Dense("back", 12, 6, layers.Initializer(2, 0.5))
    x = normal(3, 2, 7, 24)

    def function(x):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = back.from_heads(tf.sin(dense.to_heads(x, 3)))
            loss = tf.reduce_sum(tf.sin(3 * y))
        return [y, *tape.gradient(loss, [x, dense.kernel, dense.bias, back.kernel, back.bias])]

    assert_close(in_tpu_program(function)(x), function(x))


@pytest.mark.parametrize("generation", ["v3", "v5e", None])
def test_a_tpu_is_given_its_own_form(generation, monkeypatch):
    """A strategy for TPUs cannot be made without one; what kind it is can be asked."""
    of_tpu = object.__new__(tf.distribute.TPUStrategy)
    monkeypatch.setattr(local, "generation", lambda: generation)
    assert trainer._program_of(of_tpu, False)(kernels.in_tpu_program)()
    assert trainer._program_of(of_tpu, False)(kernels.is_for_tpu_of)("v3", "") == (generation != "v5e")
    assert not trainer._program_of(tf.distribute.get_strategy(), False)(kernels.in_tpu_program)()


@pytest.mark.parametrize("mean", [0.0, 3.0])
def test_layer_norm_of_bfloat16(mean):
    """Where a row's mean is thrice its deviation, too; against NumPy's double precision of the same rounded numbers."""
    x = tf.cast(mean + normal(1, 7, 768), tf.bfloat16)
    gamma, beta = 1 + normal(3, 768), normal(4, 768)
    got = in_tpu_program(layers.normalize)(x, gamma, beta)
    wide = x.numpy().astype(np.float64)
    expected = (wide - wide.mean(-1, keepdims=True)) / wide.std(-1, keepdims=True) * gamma.numpy() + beta.numpy()
    np.testing.assert_allclose(got.numpy().astype(np.float64), expected, rtol=2**-8, atol=2**-8)
    assert np.abs(got.numpy().astype(np.float64) - expected).mean() < 2**-9


def test_layer_norm_of_one_number_everywhere():
    x = tf.fill([2, 768], tf.constant(1.1, tf.bfloat16))
    gamma, beta = tf.ones([768]), normal(4, 768)
    got = in_tpu_program(layers.normalize)(x, gamma, beta)
    np.testing.assert_allclose(got.numpy().astype(np.float32), np.tile(beta, [2, 1]), atol=0.02)

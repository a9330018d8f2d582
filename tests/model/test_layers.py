"""Gradients written out by hand equal those that TensorFlow derives from the plain formulas."""

import numpy as np
import pytest
import tensorflow as tf

from electra_pretrain.config.load import load_config
from electra_pretrain.core.rng import Random
from electra_pretrain.model import kernels, layers
from electra_pretrain.model.attention import attend
from electra_pretrain.model.encoder import Embeddings, Encoder, discriminator_sizes
from tests.conftest import changed


def normal(seed, *shape):
    return tf.random.stateless_normal(shape, [seed, 0])


def values_and_gradients(function, inputs):
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        value = function(*inputs)
    return [value, *tape.gradient(value, inputs, output_gradients=normal(99, *value.shape))]


def assert_same(function, plain, inputs):
    for got, expected in zip(values_and_gradients(function, inputs), values_and_gradients(plain, inputs), strict=True):
        np.testing.assert_allclose(got, expected, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize("rate", [0.0, 0.3])
def test_attend(rate):
    batch, heads, size, length = 3, 2, 8, 10
    inputs = [normal(seed, batch, heads, size, length) for seed in range(3)]
    bias = tf.constant(np.where(np.arange(length) < [[10], [6], [1]], 0, -10000)[:, None, None], tf.float32)
    random = Random(0, 5, tf.range(batch))

    drop = layers.make_dropout([heads, length, length], rate, random, "here")

    def plain(query, key, value):
        query, key, value = (tf.transpose(x, [0, 1, 3, 2]) for x in (query, key, value))
        probs = tf.nn.softmax(tf.matmul(query, key, transpose_b=True) / np.sqrt(size) + bias)
        return tf.transpose(tf.matmul(drop(probs), value), [0, 1, 3, 2])

    assert_same(lambda *qkv: attend(*qkv, bias, drop), plain, inputs)


def test_layer_norm():
    module = layers.LayerNorm("here", 24)

    def plain(x, gamma, beta):
        mean, variance = tf.nn.moments(x, axes=[-1], keepdims=True)
        return (x - mean) / tf.sqrt(variance + 1e-12) * gamma + beta

    inputs = [3 * normal(1, 4, 7, 24) + 2, 1 + 0.1 * normal(2, 24), normal(3, 24)]
    assert_same(layers.normalize, plain, inputs)
    np.testing.assert_allclose(module(inputs[0]), plain(inputs[0], module.gamma, module.beta), rtol=1e-5, atol=1e-5)


def test_gelu():
    x = 3 * normal(1, 4, 7, 24)
    assert_same(layers.gelu, lambda x: tf.nn.gelu(x, approximate=False), [x])
    kernel = normal(2, 24, 5)
    assert_same(layers.gelu_dense, lambda x, kernel: tf.tensordot(tf.nn.gelu(x, approximate=False), kernel, 1), [x, kernel])


def test_a_gradient_that_is_no_number_is_passed_on():
    x = normal(1, 2, 3)
    assert np.isnan(layers.after(x, tf.constant([np.nan]))).all()
    np.testing.assert_array_equal(layers.after(x, tf.constant([np.inf])), x)


def test_heads_are_the_columns_of_the_kernel():
    init = layers.Initializer(0, 0.5)
    dense = layers.Dense("here", 12, 20, init)
    dense.bias.assign(normal(1, 20))
    x = normal(2, 2, 3, 12)
    flat = dense(x).numpy()
    np.testing.assert_allclose(dense.to_heads(x, 4), flat.reshape(2, 3, 4, 5).transpose(0, 2, 3, 1), rtol=1e-5, atol=1e-6)
    back = layers.Dense("there", 20, 12, init)
    heads = normal(3, 2, 4, 5, 3)
    np.testing.assert_allclose(
        back.from_heads(heads), back(tf.reshape(tf.transpose(heads, [0, 3, 1, 2]), [2, 3, 20])), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("jit_compile", [False, True])
def test_remat_changes_no_number(jit_compile):
    """Dropout included: its bits are a hash, drawn alike the second time."""
    dense = layers.Dense("here", 24, 24, layers.Initializer(0, 0.5))

    def block(x):
        return layers.make_dropout(x.shape[1:], 0.3, Random(0, 5, tf.range(4)), "here")(layers.gelu(dense(x)))

    @tf.function(jit_compile=jit_compile)
    def gradients(x, again):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = kernels.remat(block, x) if again else block(x)
        return [y, *tape.gradient(y, [x, dense.kernel, dense.bias], y)]

    x = normal(1, 4, 7, 24)
    for got, expected in zip(gradients(x, True), gradients(x, False), strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("remat", [False, True])
def test_the_last_block_at_some_positions_is_the_whole_gathered(remat):
    """Values and the gradients of all weights, with dropout everywhere."""
    sizes = {"num_hidden_layers": 2, "hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 24}
    rates = {"hidden_dropout_prob": 0.3, "attention_probs_dropout_prob": 0.3, "initializer_range": 0.5}
    config = changed(load_config("tiny.json"), model=sizes | rates, training={"remat": remat})
    init = layers.Initializer(0, 0.5)
    shape = discriminator_sizes(config)
    encoder = Encoder("here", shape, Embeddings("here", shape.embedding_size, config, init), config, init)
    input_ids = tf.constant(np.arange(24).reshape(3, 8), tf.int32)
    input_mask = tf.constant(np.arange(8) < [[8], [5], [7]], tf.int32)
    inputs = (input_ids, input_mask, tf.zeros_like(input_ids), Random(0, 5, tf.constant([4, 2, 8])))
    positions = tf.constant([[1, 7], [4, 0], [6, 6]])

    def results(function):
        with tf.GradientTape() as tape:
            hidden = function()
            loss = tf.reduce_sum(hidden * normal(1, *hidden.shape))
        gradients = tape.gradient(loss, encoder.trainable_variables)
        return [hidden, *map(tf.convert_to_tensor, gradients)]

    whole = results(lambda: tf.gather(encoder(*inputs), positions, batch_dims=1))
    for got, expected in zip(results(lambda: encoder(*inputs, positions)), whole, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-4, atol=1e-4)

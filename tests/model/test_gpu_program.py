"""What is computed in another way for GPUs is the same: compiled here for the CPU, since XLA's program runs on either."""

import numpy as np
import pytest
import tensorflow as tf

from electra_pretrain.core.batch import SpecialIds
from electra_pretrain.core.rng import Random
from electra_pretrain.model import gpu_attention, kernels, layers
from electra_pretrain.model.attention import attend, gather
from electra_pretrain.model.electra import Electra
from electra_pretrain.model.masking import mask_batch
from electra_pretrain.model.objective import count, discriminate, generate
from tests.conftest import MICRO, changed
from tests.model.test_layers import normal
from tests.model.test_masking import IDS, batch_of


def in_gpu_program(function, form=kernels.gpu_program):
    @tf.function(jit_compile=True, autograph=False)
    def program(*args):
        with form():
            return function(*args)

    return program


def values_and_gradients(function, inputs):
    """With an upstream gradient that is no random number: XLA draws others."""
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        value = function(*inputs)
        loss = tf.reduce_sum(tf.sin(3 * tf.cast(value, tf.float32)))
    return [value, *tape.gradient(loss, inputs)]


def assert_close(got, expected, tolerance=1e-4):
    for one, other in zip(got, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("heads", [3, 8, 12])
def test_attend(heads):
    """With a bit for each head: of 8 the last is an integer's sign; 12 need a wider one."""
    batch, size, length, rate = 3, 4, 10, 0.3
    inputs = [normal(seed, batch, heads, size, length) for seed in range(3)]
    bias = tf.constant(np.where(np.arange(length) < [[10], [6], [1]], 0, -10000)[:, None, None], tf.float32)
    random, shape = Random(0, 5, tf.range(batch)), [heads, length, length]
    drop = layers.make_dropout(shape, rate, random, "here")

    def on_gpu(query, key, value):
        beside = (tf.transpose(x, [3, 0, 1, 2]) for x in (query, key, value))
        packed = gpu_attention.make_dropout(shape, rate, random, "here", None)
        return tf.transpose(gpu_attention.attend(*beside, bias, packed), [1, 2, 3, 0])

    expected = values_and_gradients(lambda *qkv: attend(*qkv, bias, drop), inputs)
    assert_close(in_gpu_program(lambda *qkv: values_and_gradients(on_gpu, list(qkv)))(*inputs), expected)


def test_gather():
    x, positions = normal(1, 3, 8, 5), tf.constant([[1, 7], [4, 0], [6, 6]])
    other = gather(tf.transpose(x, [1, 0, 2]), positions, rows_axis=1)
    np.testing.assert_array_equal(tf.transpose(other, [1, 0, 2]), gather(x, positions, rows_axis=0))


@pytest.mark.parametrize("dtype", [tf.float32, tf.bfloat16, tf.float16])
def test_layer_norm_is_that_of_rounded_numbers(dtype):
    """Statistics too: 1 + 2**-12 is no number of 16 bits, and a row of them has no variance."""
    x, y = 1 + 2.0**-12 * normal(1, 7, 24), 1 + normal(2, 7, 24)
    gamma, beta = 1 + normal(3, 24), normal(4, 24)

    def of_a_sum(x, y, gamma, beta):
        return layers.normalize(tf.cast(x, dtype) * tf.cast(y, dtype), gamma, beta)

    inputs = [x, y, gamma, beta]
    got = in_gpu_program(lambda *inputs: values_and_gradients(of_a_sum, list(inputs)))(*inputs)
    assert_close(
        [tf.cast(x, tf.float32) for x in got], values_and_gradients(of_a_sum, inputs), 1e-4 if dtype == tf.float32 else 0.03
    )


def test_gradients_of_copies_are_added():
    x = normal(1, 3, 4)

    def function(x):
        first, second, third = kernels.copies(x, 3)
        return first * 2 + second * second + tf.sin(third)

    assert_close(in_gpu_program(lambda x: values_and_gradients(function, [x]))(x), values_and_gradients(function, [x]))


VARIANTS = {
    "plain": {},
    "two towers": {"objective": {"two_tower_generator": True}},
    "own embeddings": {"objective": {"embedding_sharing": "untied"}},
    "recomputed, tables apart": {
        "training": {"remat": True},
        "objective": {"embedding_sharing": "gradient_disentangled"},
    },
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_step_draws_the_same_and_has_the_same_gradients(variant):
    """A TPU's form, too, of one of them: what it has of its own is tested by itself."""
    config = changed(MICRO, data={"vocab_size": 50}, **VARIANTS[variant])
    batch, model = batch_of([32, 20, 9, 5], 32, seed=1), Electra(config)
    random, objective = Random(1, 3, batch.rows), config.objective
    variables = list(model.named_variables().values())

    def step():
        masked = mask_batch(batch, 0.15, SpecialIds(*IDS), random)
        with tf.GradientTape() as tape:
            outputs = generate(model, batch, masked, count(batch, masked), objective, random, True)
            outputs = discriminate(model, batch, outputs, count(batch, masked), objective, random, True)
        gradients = tape.gradient(outputs.total_loss, variables)
        drawn = [masked.input_ids, masked.masked_lm_positions, outputs.sampled_ids, outputs.disc_labels]
        numbers = [outputs.gen_logits, outputs.disc_logits, outputs.total_loss, *map(tf.convert_to_tensor, gradients)]
        return drawn, numbers

    drawn, numbers = step()
    for form in [kernels.gpu_program, *([kernels.tpu_program] if variant == "recomputed, tables apart" else [])]:
        drawn_there, numbers_there = in_gpu_program(step, form)()
        for got, expected in zip(drawn_there, drawn, strict=True):
            np.testing.assert_array_equal(got, expected)
        assert_close(numbers_there, numbers, 1e-3)

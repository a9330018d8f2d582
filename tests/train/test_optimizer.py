"""One update against NumPy written from the formulas."""

import numpy as np
import tensorflow as tf

from electra_pretrain.config.optimizer import OptimizerConfig
from electra_pretrain.train.clipping import clip
from electra_pretrain.train.optimizer import AdamW, is_decayed


def test_two_updates_equal_the_formulas():
    config = OptimizerConfig()
    names = ["a/kernel", "a/bias", "b/LayerNorm/gamma", "c/word_embeddings"]
    rng = np.random.default_rng(0)
    weights = {name: rng.normal(size=(3, 4)) for name in names}
    variables = {name: tf.Variable(value, dtype=tf.float32, name=name) for name, value in weights.items()}
    optimizer = AdamW(variables, config)
    m = {name: np.zeros((3, 4)) for name in names}
    v = {name: np.zeros((3, 4)) for name in names}
    for rate in (0.1, 0.05):
        gradients = {name: rng.normal(size=(3, 4)) for name in names}
        optimizer.apply([tf.constant(gradients[name], tf.float32) for name in names], tf.constant(rate), tf.constant(True))
        for name in names:
            m[name] = 0.9 * m[name] + 0.1 * gradients[name]
            v[name] = 0.999 * v[name] + 0.001 * gradients[name] ** 2
            update = m[name] / (np.sqrt(v[name]) + 1e-6)
            if name in ("a/kernel", "c/word_embeddings"):
                update = update + 0.01 * weights[name]
            weights[name] = weights[name] - rate * update
    for name in names:
        np.testing.assert_allclose(variables[name], weights[name], rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(optimizer.moments[f"{name}/adam_m"], m[name], rtol=1e-5, atol=1e-7)
        np.testing.assert_allclose(optimizer.moments[f"{name}/adam_v"], v[name], rtol=1e-5, atol=1e-9)
    assert int(optimizer.global_step) == 2


def test_a_step_that_is_not_finite_changes_nothing_but_the_count():
    broken = [tf.constant([np.nan, 1.0]), tf.constant([np.inf, 2.0])]
    gradients = clip(broken, tf.linalg.global_norm(broken), 1.0)
    assert all((gradient.numpy() == 0).all() for gradient in gradients)

    variables = {name: tf.Variable([0.3, -1.7], name=name) for name in ("a/kernel", "b/kernel")}
    optimizer = AdamW(variables, OptimizerConfig())
    ones = [tf.ones([2]), tf.ones([2])]
    optimizer.apply(ones, tf.constant(0.1), tf.constant(True))
    before = [value.numpy() for value in (*variables.values(), *optimizer.moments.values())]
    for _ in range(2):
        optimizer.apply(gradients, tf.constant(0.1), tf.constant(False))
    after = [value.numpy() for value in (*variables.values(), *optimizer.moments.values())]
    np.testing.assert_array_equal(before, after)
    assert int(optimizer.global_step) == 3
    assert (int(optimizer.nonfinite_in_a_row), int(optimizer.last_nonfinite_step)) == (2, 2)
    optimizer.apply(ones, tf.constant(0.1), tf.constant(True))
    assert (int(optimizer.nonfinite_in_a_row), int(optimizer.last_nonfinite_step)) == (0, 2)
    assert not np.array_equal(before[0], variables["a/kernel"])


def test_what_is_decayed():
    assert is_decayed("electra/embeddings/token_type_embeddings")
    assert is_decayed("discriminator_predictions/dense_1/kernel")
    for name in ("generator_predictions/output_bias", "x/LayerNorm/gamma", "x/LayerNorm/beta", "x/dense/bias"):
        assert not is_decayed(name)

"""Dense, LayerNorm, dropout and initial weights: what the networks are built from.

Weights are float32; a layer computes in the dtype of its input. Every layer is given the name of its variables in full.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from electra_pretrain.rng import Random

LAYER_NORM_EPSILON = 1e-12
# Share of a normal distribution below -2 standard deviations: initial weights are drawn from what lies between -2 and 2.
_TAIL = 0.02275013194817921


class Initializer(NamedTuple):
    """Initial weights: each a function of (seed, variable name, row, column)."""

    seed: int
    stddev: float

    def truncated_normal(self, name: str, shape: Sequence[int]) -> tf.Tensor:
        """Normal with `stddev`, nothing beyond two of them."""
        return tf.math.ndtri(_TAIL + self._uniform(name, shape) * (1 - 2 * _TAIL)) * self.stddev

    def glorot_uniform(self, name: str, shape: Sequence[int]) -> tf.Tensor:
        """Uniform in ±sqrt(6 / (fan in + fan out)): the released code's `embeddings_project` and last layer."""
        return (2 * self._uniform(name, shape) - 1) * float(np.sqrt(6 / sum(shape)))

    def _uniform(self, name: str, shape: Sequence[int]) -> tf.Tensor:
        return Random(self.seed, 0, tf.range(shape[0])).uniform(f"initial {name}", shape[1:])


class Dense(tf.Module):
    """x @ kernel + bias on the last axis."""

    def __init__(self, name: str, inputs: int, outputs: int, init: Initializer, glorot: bool = False) -> None:
        super().__init__()
        draw = init.glorot_uniform if glorot else init.truncated_normal
        self.kernel = tf.Variable(draw(f"{name}/kernel", [inputs, outputs]), name=f"{name}/kernel")
        self.bias = tf.Variable(tf.zeros([outputs]), name=f"{name}/bias")

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        inputs, outputs = self.kernel.shape
        flat = tf.matmul(tf.reshape(x, [-1, inputs]), tf.cast(self.kernel, x.dtype)) + tf.cast(self.bias, x.dtype)
        return tf.reshape(flat, [*x.shape[:-1], outputs])


class LayerNorm(tf.Module):
    """Normalise the last axis; statistics in float32."""

    def __init__(self, name: str, size: int) -> None:
        super().__init__()
        self.gamma = tf.Variable(tf.ones([size]), name=f"{name}/LayerNorm/gamma")
        self.beta = tf.Variable(tf.zeros([size]), name=f"{name}/LayerNorm/beta")

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        wide = tf.cast(x, tf.float32)
        mean, variance = tf.nn.moments(wide, axes=[-1], keepdims=True)
        scale = tf.math.rsqrt(variance + LAYER_NORM_EPSILON) * self.gamma
        return tf.cast((wide - mean) * scale + self.beta, x.dtype)


def gelu(x: tf.Tensor) -> tf.Tensor:
    """The exact erf form; the tanh approximation would break parity with Hugging Face."""
    return tf.nn.gelu(x, approximate=False)


def dropout(x: tf.Tensor, rate: float, random: Random | None, purpose: str) -> tf.Tensor:
    """Zero each element of x [B, …] with probability `rate`, scale up the rest; nothing happens without `random`."""
    if random is None or rate == 0:
        return x
    dropped = random.bits(purpose, x.shape[1:]) < tf.constant(int(rate * 2**32), tf.uint32)
    return tf.where(dropped, tf.zeros([], x.dtype), x * tf.cast(1 / (1 - rate), x.dtype))

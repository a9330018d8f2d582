"""Dense, LayerNorm, dropout and initial weights: what the networks are built from.

Weights are float32; a layer computes in the dtype of its input. Every layer is given the name of its variables in full.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from electra_pretrain.core.rng import Random, Selection, purpose_word
from electra_pretrain.model.columns import from_columns, to_columns
from electra_pretrain.model.kernels import (
    GradientFunction,
    after,
    again,
    barrier,
    fused,
    in_gpu_program,
    in_tpu_program,
    rounded,
    with_gradient,
)

LAYER_NORM_EPSILON = 1e-12
# Share of a normal distribution below -2 standard deviations: initial weights are drawn from what lies between -2 and 2.
_TAIL = 0.02275013194817921


class Initializer(NamedTuple):
    """Initial weights: each a function of (seed, variable name, row, column)."""

    seed: int
    stddev: float

    def truncated_normal(self, name: str, shape: Sequence[int]) -> tf.Tensor:
        """Draw from a normal distribution with `stddev`, nothing beyond two of them."""
        return tf.math.ndtri(_TAIL + self._uniform(name, shape) * (1 - 2 * _TAIL)) * self.stddev

    def glorot_uniform(self, name: str, shape: Sequence[int]) -> tf.Tensor:
        """Draw uniformly in ±sqrt(6 / (fan in + fan out)): the released code's `embeddings_project` and last layer."""
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
        return tf.einsum("bsi,io->bso", x, tf.cast(self.kernel, x.dtype)) + tf.cast(self.bias, x.dtype)

    def after_gelu(self, x: tf.Tensor) -> tf.Tensor:
        """Return gelu(x) @ kernel + bias, of which the gradient keeps x alone."""
        return gelu_dense(x, tf.cast(self.kernel, x.dtype)) + tf.cast(self.bias, x.dtype)

    def to_heads(self, x: tf.Tensor, heads: int) -> tf.Tensor:
        """Project and split, [B, S, H] -> [B, heads, D, S]: the order that a TPU stores without padding."""
        batch, length, _ = x.shape
        bias = tf.cast(tf.convert_to_tensor(self.bias), x.dtype)
        columns = to_columns(x, tf.cast(self.kernel, x.dtype)) + bias[:, tf.newaxis]
        return tf.reshape(columns, [batch, heads, -1, length])

    def beside(self, x: tf.Tensor, heads: int) -> tf.Tensor:
        """Project and split, [S, B, H] -> [S, B, heads, D]: the order that a GPU's products take as it is."""
        return tf.reshape(self(x), [*x.shape[:2], heads, -1])

    def from_heads(self, x: tf.Tensor) -> tf.Tensor:
        """Join and project, [B, heads, D, S] -> [B, S, H]."""
        batch, heads, size, length = x.shape
        columns = tf.reshape(x, [batch, heads * size, length])
        return from_columns(columns, tf.cast(self.kernel, x.dtype)) + tf.cast(self.bias, x.dtype)


class LayerNorm(tf.Module):
    """Normalise the last axis; statistics in float32."""

    def __init__(self, name: str, size: int) -> None:
        super().__init__()
        self.gamma = tf.Variable(tf.ones([size]), name=f"{name}/LayerNorm/gamma")
        self.beta = tf.Variable(tf.zeros([size]), name=f"{name}/LayerNorm/beta")

    def __call__(self, x: tf.Tensor) -> tf.Tensor:
        return normalize(x, self.gamma, self.beta)


@with_gradient
def normalize(x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor) -> tuple[tf.Tensor, GradientFunction]:
    """Normalise the last axis; the gradient keeps x and two numbers a row, and computes in float32 as the forward pass does."""
    if in_gpu_program():
        # What x is the sum of is read once, for x and for its mean.
        wide = rounded(tf.cast(x, tf.float32), x.dtype)
        x, mean = barrier(tf.cast(wide, x.dtype), tf.reduce_mean(wide, axis=-1, keepdims=True))
        y, scale = barrier(*_scaled(x, mean, gamma, beta))
    else:
        y, mean, scale = _normalize(x, gamma, beta)
    return y, lambda upstream: _normalize_gradient(x, gamma, mean, scale, upstream)


@fused
def _normalize(x: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor) -> tuple[tf.Tensor, ...]:
    mean = tf.reduce_mean(tf.cast(x, tf.float32), axis=-1, keepdims=True)
    y, scale = _scaled(x, mean, gamma, beta)
    return y, mean, scale


def _scaled(x: tf.Tensor, mean: tf.Tensor, gamma: tf.Tensor, beta: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    wide = tf.cast(x, tf.float32)
    if in_tpu_program() and x.dtype == tf.bfloat16:
        # The mean and this leave the product that made x, which then is not read once more for its variance. What cancels is
        # float32, and x has 8 bits.
        variance = tf.maximum(tf.reduce_mean(tf.square(wide), axis=-1, keepdims=True) - tf.square(mean), 0.0)
    else:
        variance = tf.reduce_mean(tf.square(wide - mean), axis=-1, keepdims=True)
    (scale,) = barrier(tf.math.rsqrt(variance + LAYER_NORM_EPSILON))
    return tf.cast((wide - mean) * scale * gamma + beta, x.dtype), scale


@fused
def _normalize_gradient(
    x: tf.Tensor, gamma: tf.Tensor, mean: tf.Tensor, scale: tf.Tensor, upstream: tf.Tensor
) -> tuple[tf.Tensor, ...]:
    normalized = (tf.cast(x, tf.float32) - mean) * scale
    (upstream,) = barrier(upstream)
    upstream = tf.cast(upstream, tf.float32)
    inner = upstream * gamma
    slope = tf.reduce_mean(inner * normalized, axis=-1, keepdims=True)
    x_gradient = (inner - tf.reduce_mean(inner, axis=-1, keepdims=True) - normalized * slope) * scale
    rows = list(range(x.shape.rank - 1))
    (narrow,) = barrier(tf.cast(x_gradient, x.dtype))
    return narrow, tf.reduce_sum(upstream * normalized, rows), tf.reduce_sum(upstream, rows)


@with_gradient
def gelu(x: tf.Tensor) -> tuple[tf.Tensor, GradientFunction]:
    """Return the exact erf form, in float32; the tanh approximation would break parity with Hugging Face."""
    return _gelu(x), lambda upstream: _gelu_gradient(x, upstream, upstream)[1]


@with_gradient
def gelu_dense(x: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, GradientFunction]:
    """Return gelu(x) @ kernel of x [B, S, I], kernel [I, O].

    For the gradient x is kept; gelu(x), half of what a block holds, is not.
    """

    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        activated, x_gradient = _gelu_gradient(x, tf.einsum("bso,io->bsi", upstream, kernel), upstream)
        return x_gradient, tf.einsum("bsi,bso->io", activated, upstream)

    return tf.einsum("bsi,io->bso", _gelu(x), kernel), gradient


@fused
def _gelu(x: tf.Tensor) -> tf.Tensor:
    return _gelu_and_slope(x)[0]


@fused
def _gelu_gradient(x: tf.Tensor, gradient: tf.Tensor, awaited: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return gelu(x) again, and x's gradient from gelu's, once `awaited` is known."""
    activated, slope = _gelu_and_slope(after(x, awaited))
    return activated, gradient * slope


def _gelu_and_slope(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return x · P(standard normal < x) and its derivative, computed in float32."""
    wide = tf.cast(x, tf.float32)
    below = 0.5 * (1.0 + tf.math.erf(wide * math.sqrt(0.5)))
    density = tf.exp(-0.5 * tf.square(wide)) * (1.0 / math.sqrt(2.0 * math.pi))
    return tf.cast(wide * below, x.dtype), tf.cast(below + wide * density, x.dtype)


def make_dropout(
    shape: Sequence[int],
    rate: float,
    random: Random | None,
    purpose: str,
    selection: Selection | None = None,
    rows_axis: int = 0,
) -> Callable[[tf.Tensor], tf.Tensor]:
    """Make a dropout for any number of tensors [B, *shape], the same elements of each; or for a `selection` of them.

    With `rows_axis` 1 they are [shape[0], B, *shape[1:]].
    """
    if random is None or rate == 0:
        return lambda x: x
    # As tensors, so that one compiled program serves all dropouts of a shape.
    step, word = tf.cast(random.step, tf.uint32), tf.constant(purpose_word(purpose), tf.uint32)
    source = Random(random.seed, step, random.rows)

    @with_gradient
    def drop(x: tf.Tensor) -> tuple[tf.Tensor, GradientFunction]:
        def apply(x: tf.Tensor, word: tf.Tensor) -> tf.Tensor:
            return _drop(x, source, word, rate, shape, selection, rows_axis)

        return apply(x, word), lambda upstream: apply(upstream, again(word, upstream))

    return drop


@fused
def _drop(
    x: tf.Tensor,
    random: Random,
    purpose: tf.Tensor,
    rate: float,
    shape: Sequence[int],
    selection: Selection | None,
    rows_axis: int,
) -> tf.Tensor:
    bits = random.bits(purpose, shape, selection, rows_axis)
    assert x.shape[rows_axis + 1 :] == bits.shape[rows_axis + 1 :]
    return zero(x, bits < tf.constant(int(rate * 2**32), tf.uint32), rate)


def zero(x: tf.Tensor, dropped: tf.Tensor, rate: float) -> tf.Tensor:
    """Return x / (1 - rate), and 0 where it is dropped."""
    return tf.where(dropped, tf.zeros([], x.dtype), x * tf.cast(1 / (1 - rate), x.dtype))

"""Attention as a GPU's program computes it: the same numbers as `attention.attend` and the same dropout, fewer bytes moved.

XLA hands the products to cuBLAS, so that scores and probabilities, [B, heads, S, S], stand in memory between them; what is left
is to read and write each as seldom as can be. Softmax and dropout are one kernel there, and so is their gradient.
"""

from collections.abc import Callable, Sequence

import tensorflow as tf

from electra_pretrain.core.rng import Random, Selection
from electra_pretrain.model import layers
from electra_pretrain.model.bias import Bias, add
from electra_pretrain.model.kernels import GradientFunction, barrier, with_gradient


def attend(
    query: tf.Tensor, key: tf.Tensor, value: tf.Tensor, bias: Bias, dropout: Callable[[tf.Tensor], tf.Tensor]
) -> tf.Tensor:
    """Return softmax(query · key / sqrt(D) + bias), dropped out, times value; [Q, B, heads, D] as the query is.

    Kept for the gradient: the inputs, the scores, and what dropout leaves of the probabilities.

    Args:
        query: [Q, B, heads, D].
        key: [S, B, heads, D].
        value: [S, B, heads, D].
        bias: float32 [B, 1, 1 or Q, S], or the documents; no gradient flows to it.
        dropout: the same at every call, linear.
    """

    @with_gradient
    def core(query: tf.Tensor, key: tf.Tensor, value: tf.Tensor) -> tuple[tf.Tensor, GradientFunction]:
        scale = query.shape[3] ** -0.5
        scores = tf.einsum("qbhd,kbhd->bhqk", query, key)
        dropped = dropout(_probs(scores, bias, scale))
        context = tf.einsum("bhqk,kbhd->qbhd", dropped, value)

        def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, ...]:
            probs_gradient = dropout(tf.einsum("qbhd,kbhd->bhqk", upstream, value))
            scores_gradient = _scores_gradient(_probs(scores, bias, scale), probs_gradient, scale)
            return (
                tf.einsum("bhqk,kbhd->qbhd", scores_gradient, key),
                tf.einsum("bhqk,qbhd->kbhd", scores_gradient, query),
                tf.einsum("bhqk,qbhd->kbhd", dropped, upstream),
            )

        return context, gradient

    return core(query, key, value)


def _probs(scores: tf.Tensor, bias: Bias, scale: float) -> tf.Tensor:
    return tf.cast(tf.nn.softmax(add(tf.cast(scores, tf.float32) * scale, bias)), scores.dtype)


def _scores_gradient(probs: tf.Tensor, probs_gradient: tf.Tensor, scale: float) -> tf.Tensor:
    """Return the softmax's gradient; its row sums are computed where the rows are read anyhow."""
    wide, gradient = tf.cast(probs, tf.float32), tf.cast(probs_gradient, tf.float32)
    row_sums = tf.reduce_sum(wide * gradient, axis=-1, keepdims=True)
    return tf.cast(wide * (gradient - row_sums) * scale, probs.dtype)


def make_dropout(
    shape: Sequence[int], rate: float, random: Random | None, purpose: str, selection: Selection | None
) -> Callable[[tf.Tensor], tf.Tensor]:
    """Make what `layers.make_dropout` makes for [B, heads, Q, S], its bits kept: one of an integer [B, Q, S] for each head.

    The kernels that softmax gets have no unsigned integers and no shifts, so that the hash cannot be computed in them.
    """
    if random is None or rate == 0:
        return lambda x: x
    flags = _head_flags(shape[0])
    packed = _pack(random, purpose, rate, shape, selection, flags)

    def drop(x: tf.Tensor) -> tf.Tensor:
        return layers.zero(x, tf.not_equal(tf.bitwise.bitwise_and(packed, flags), 0), rate)

    return drop


def _head_flags(heads: int) -> tf.Tensor:
    """Return [heads, 1, 1], in the smallest integer that has a bit for each head: 1, 2, 4, …"""
    dtype = next(dtype for dtype in (tf.int8, tf.int16, tf.int32, tf.int64) if heads <= 8 * dtype.size)
    flags = [1 << head for head in range(heads)]
    limit = 1 << 8 * dtype.size
    return tf.constant([flag - limit if 2 * flag == limit else flag for flag in flags], dtype, [heads, 1, 1])


def _pack(
    random: Random, purpose: str, rate: float, shape: Sequence[int], selection: Selection | None, flags: tf.Tensor
) -> tf.Tensor:
    """Return [B, 1, Q, S]: the flags of the heads in which an element is dropped."""
    dropped = random.bits(purpose, shape, selection) < tf.constant(int(rate * 2**32), tf.uint32)
    (packed,) = barrier(tf.reduce_sum(tf.where(dropped, flags, tf.zeros([], flags.dtype)), axis=1, keepdims=True))
    return packed

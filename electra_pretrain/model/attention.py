"""Multi-head self-attention (method §1), with a gradient written out so that little of [B, heads, S, S] is kept or moved."""

from collections.abc import Callable, Sequence

import tensorflow as tf

from electra_pretrain.config.schema import Config
from electra_pretrain.core.rng import Random, Selection
from electra_pretrain.model import gpu_attention, tpu_softmax
from electra_pretrain.model.bias import Bias, SameDocument, add
from electra_pretrain.model.kernels import (
    GradientFunction,
    copies,
    fused,
    in_gpu_program,
    is_for_tpu_of,
    rows_axis,
    with_gradient,
)
from electra_pretrain.model.layers import Dense, Initializer, LayerNorm, make_dropout


class Attention(tf.Module):
    """Self-attention with its output projection, residual and LayerNorm."""

    def __init__(self, scope: str, hidden_size: int, num_heads: int, config: Config, init: Initializer) -> None:
        super().__init__()
        self._config, self._heads = config.model, num_heads
        self.query, self.key, self.value = (
            Dense(f"{scope}/self/{name}", hidden_size, hidden_size, init) for name in ("query", "key", "value")
        )
        self.output = Dense(f"{scope}/output/dense", hidden_size, hidden_size, init)
        self.layer_norm = LayerNorm(f"{scope}/output", hidden_size)

    def __call__(
        self, x: tf.Tensor, bias: Bias, random: Random | None, scope: str, positions: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Attend: [B, S, H] -> the same, or [B, N, H] of the positions that are wanted; axes as `kernels.arrange` has them.

        Args:
            x: what attends, and what is attended to.
            bias: float32 [B, 1, 1 or S, S] added to the scores, [B, 1, 1, S] where there are positions; or the documents.
            random: for dropout.
            scope: names the dropouts; another in each layer, though layers may share weights.
            positions: int32 [B, N]: only these attend, to all; None: all do.
        """
        axis = rows_axis()
        length, hidden_size = x.shape[1 - axis], x.shape[2]
        if positions is None:
            wanted, *read = copies(x, 4)
        else:
            bias = bias.at(positions) if isinstance(bias, SameDocument) else bias
            wanted, for_query = copies(gather(x, positions, axis), 2)
            read = [for_query, *copies(x, 2)]
        attended = self._attend(read, bias, random, scope, length, positions)
        rate, purpose = self._config.hidden_dropout_prob, f"{scope}/output/dropout"
        selection = None if positions is None else Selection(0, positions)
        attended = make_dropout([length, hidden_size], rate, random, purpose, selection, axis)(attended)
        return self.layer_norm(attended + wanted)

    def _attend(
        self,
        read: Sequence[tf.Tensor],
        bias: Bias,
        random: Random | None,
        scope: str,
        length: int,
        positions: tf.Tensor | None,
    ) -> tf.Tensor:
        """Return what is attended to, projected, of what query, key and value are read from."""
        inputs = zip((self.query, self.key, self.value), read, strict=True)
        shape, rate = [self._heads, length, length], self._config.attention_probs_dropout_prob
        selection = None if positions is None else Selection(1, positions)
        settings = (shape, rate, random, f"{scope}/self/dropout", selection)
        if in_gpu_program():
            query, key, value = (dense.beside(x, self._heads) for dense, x in inputs)
            context = gpu_attention.attend(query, key, value, bias, gpu_attention.make_dropout(*settings))
            return self.output(tf.reshape(context, [*context.shape[:2], -1]))
        query, key, value = (dense.to_heads(x, self._heads) for dense, x in inputs)
        return self.output.from_heads(attend(query, key, value, bias, make_dropout(*settings)))


def gather(x: tf.Tensor, positions: tf.Tensor, rows_axis: int) -> tf.Tensor:
    """Take positions, int32 [B, N], of x [B, S, H] -> [B, N, H]; with `rows_axis` 1, [S, B, H] -> [N, B, H]."""
    if rows_axis == 0:
        return tf.gather(x, positions, batch_dims=1)
    length, rows, size = x.shape
    return tf.gather(tf.reshape(x, [length * rows, size]), tf.transpose(positions) * rows + tf.range(rows))


def attend(
    query: tf.Tensor, key: tf.Tensor, value: tf.Tensor, bias: Bias, dropout: Callable[[tf.Tensor], tf.Tensor]
) -> tf.Tensor:
    """Return softmax(query · key / sqrt(D) + bias), dropped out, times value; [B, heads, D, Q] as the query is.

    Kept for the gradient: the inputs, the output and the probabilities, not what dropout leaves of them. The softmax's gradient
    needs a sum over each row of [Q, S], which equals the product of the output with its gradient, [B, heads, Q]: so nothing
    of size [B, heads, Q, S] is reduced again.

    Args:
        query: [B, heads, D, Q].
        key: [B, heads, D, S].
        value: [B, heads, D, S].
        bias: float32 [B, 1, 1 or Q, S], or the documents; no gradient flows to it.
        dropout: the same at every call, linear.
    """

    @with_gradient
    def core(query: tf.Tensor, key: tf.Tensor, value: tf.Tensor) -> tuple[tf.Tensor, GradientFunction]:
        scale = query.shape[2] ** -0.5
        probs = _probabilities(query, key, bias, scale)
        context = tf.matmul(value, dropout(probs), transpose_b=True)

        def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, ...]:
            value_gradient = tf.matmul(upstream, dropout(probs))
            probs_gradient = dropout(tf.matmul(upstream, value, transpose_a=True))
            scores_gradient = _scores_gradient(probs, probs_gradient, context, upstream, scale)
            return (
                tf.matmul(key, scores_gradient, transpose_b=True),
                tf.matmul(query, scores_gradient),
                value_gradient,
            )

        return context, gradient

    return core(query, key, value)


def _probabilities(query: tf.Tensor, key: tf.Tensor, bias: Bias, scale: float) -> tf.Tensor:
    if is_for_tpu_of(*tpu_softmax.GENERATIONS):
        return tpu_softmax.probabilities(query, key, bias, scale)
    return _softmax(tf.matmul(query, key, transpose_a=True), bias, scale)


@fused
def _softmax(products: tf.Tensor, bias: Bias, scale: float) -> tf.Tensor:
    return tf.cast(tf.nn.softmax(add(tf.cast(products, tf.float32) * scale, bias)), products.dtype)


@fused
def _scores_gradient(
    probs: tf.Tensor, probs_gradient: tf.Tensor, context: tf.Tensor, upstream: tf.Tensor, scale: float
) -> tf.Tensor:
    row_sums = tf.reduce_sum(tf.cast(upstream, tf.float32) * tf.cast(context, tf.float32), axis=2)[..., tf.newaxis]
    scores_gradient = tf.cast(probs, tf.float32) * (tf.cast(probs_gradient, tf.float32) - row_sums) * scale
    return tf.cast(scores_gradient, probs.dtype)

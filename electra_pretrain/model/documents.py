"""Rows of several documents, each of which begins with [CLS] (method §1): which token is of which, and where in it."""

import tensorflow as tf

from electra_pretrain.core.batch import Batch
from electra_pretrain.model.kernels import GradientFunction, fused, with_gradient


def document_numbers(batch: Batch, cls_id: int) -> tf.Tensor:
    """Return int32 [B, S]: 1 in a row's first document, 2 in its second, …; 0 at padding.

    Of tokens as the builder wrote them: a generator may draw [CLS], which begins no document.
    """
    return tf.cumsum(tf.cast(tf.equal(batch.input_ids, cls_id), tf.int32), axis=1) * batch.input_mask


@fused
def document_positions(documents: tf.Tensor) -> tf.Tensor:
    """Return int32 [B, S]: how many tokens of its own document stand before each; 0 at padding."""
    here = tf.range(documents.shape[1])
    same = tf.equal(documents[:, :, tf.newaxis], documents[:, tf.newaxis]) & (here < here[:, tf.newaxis])
    return tf.where(documents > 0, tf.reduce_sum(tf.cast(same, tf.int32), axis=2), 0)


@with_gradient
def look_up(table: tf.Tensor, positions: tf.Tensor) -> tuple[tf.Tensor, GradientFunction]:
    """Return rows of table [P, E] at int32 [...] -> [..., E]; the gradient is a product, as a TPU scatters row by row."""

    def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, None]:
        chosen = tf.one_hot(positions, table.shape[0], dtype=upstream.dtype)
        return tf.einsum("bsp,bse->pe", chosen, upstream), None

    return tf.gather(table, positions), gradient

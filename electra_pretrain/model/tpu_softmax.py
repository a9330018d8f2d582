"""The softmax of products as a TPU's program computes it: the same numbers in one pass less over [B, heads, Q, S].

A softmax lessens a row's scores by their maximum, lest an exponential overflows or all of them vanish; so a row is read for its
maximum before it is read for its sum. What is subtracted cancels, and where no score can be large 0 does as well. The lengths
of queries and keys say beforehand how large a score can be. Exponentials and their sums then come out of the product itself.
"""

import tensorflow as tf

from electra_pretrain.model.bias import Bias, SameDocument, add
from electra_pretrain.model.kernels import held

# From v4 on the compiler makes one operation of the product and all of its softmax. A TPU that is not known is taken for a v3.
GENERATIONS = ("v2", "v3", "")
# exp(80) times 6,000 positions is a float32; exp(-80) is one with all its digits.
LARGEST_SCORE = 80.0


def probabilities(query: tf.Tensor, key: tf.Tensor, bias: Bias, scale: float) -> tf.Tensor:
    """Return softmax(query · key · scale + bias), [B, heads, Q, S], in the query's dtype; exact whatever the scores are.

    Args:
        query: [B, heads, D, Q].
        key: [B, heads, D, S].
        bias: float32 [B, 1, 1 or Q, S], or the documents.
        scale: of the products.
    """
    if not isinstance(bias, SameDocument):
        # A row that may attend to nothing has the same bias everywhere.
        bias -= tf.reduce_max(bias, axis=-1, keepdims=True)

    def scores() -> tf.Tensor:
        return add(tf.cast(tf.matmul(query, key, transpose_a=True), tf.float32) * scale, bias)

    shape = [*query.shape[:2], query.shape[3]]
    within = _longest(query) * _longest(key) * scale < LARGEST_SCORE  # not so of what is no number
    shift = tf.cond(within, lambda: tf.zeros(shape), lambda: tf.reduce_max(scores(), axis=-1))
    # Else the compiler widens each branch's result to [B, heads, Q, S], to subtract it there.
    (shift,) = held(shift)
    exponentials = tf.exp(scores() - shift[..., tf.newaxis])
    sums = tf.reduce_sum(exponentials, axis=-1, keepdims=True)
    # Else they are computed from the scores again wherever they are read.
    narrow, inverse = held(tf.cast(exponentials, query.dtype), 1 / sums)
    return tf.cast(tf.cast(narrow, tf.float32) * inverse, query.dtype)


def _longest(x: tf.Tensor) -> tf.Tensor:
    """Return the length of the longest of the vectors of [B, heads, D, S]."""
    return tf.sqrt(tf.reduce_max(tf.reduce_sum(tf.square(tf.cast(x, tf.float32)), axis=2)))

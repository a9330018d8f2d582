"""What attention adds to its scores: which positions a position may attend to (method §1)."""

import enum
from typing import NamedTuple, TypeAlias

import tensorflow as tf

MASKED_SCORE = -10000.0


class Direction(enum.Enum):
    """What a position may attend to."""

    BOTH = "everything"
    LEFT_TO_RIGHT = "itself and what stands before it"
    RIGHT_TO_LEFT = "itself and what follows it"


class SameDocument(NamedTuple):
    """Each attends to its own document alone; padding, document 0, to padding.

    Two numbers a position stand for the bias [B, 1, Q, S], which is computed where the scores are read.
    """

    queries: tf.Tensor  # [B, Q] int32
    keys: tf.Tensor  # [B, S] int32

    def at(self, positions: tf.Tensor) -> "SameDocument":
        """Return the bias of some queries, int32 [B, N]."""
        return self._replace(queries=tf.gather(self.queries, positions, batch_dims=1))


Bias: TypeAlias = "tf.Tensor | SameDocument"


def attention_bias(input_mask: tf.Tensor, direction: Direction) -> tf.Tensor:
    """Return float32 [B, 1, 1 or S, S] to add to the scores: -10000, once, where a position may not be attended to."""
    visible = tf.cast(input_mask, tf.float32)[:, tf.newaxis, tf.newaxis, :]
    length = input_mask.shape[1]
    if direction is Direction.LEFT_TO_RIGHT:
        visible *= tf.linalg.band_part(tf.ones([length, length]), -1, 0)
    elif direction is Direction.RIGHT_TO_LEFT:
        visible *= tf.linalg.band_part(tf.ones([length, length]), 0, -1)
    return (1.0 - visible) * MASKED_SCORE


def add(scores: tf.Tensor, bias: Bias) -> tf.Tensor:
    """Add the bias to float32 scores [B, heads, Q, S]."""
    if not isinstance(bias, SameDocument):
        return scores + bias
    heads = tf.range(scores.shape[1])
    # With the head's number in both: else XLA compares once for all heads and layers, and keeps [B, Q, S] in memory for them.
    queries, keys = (numbers[:, tf.newaxis] * scores.shape[1] + heads[:, tf.newaxis] for numbers in bias)
    same = tf.equal(queries[..., tf.newaxis], keys[:, :, tf.newaxis])
    return scores + tf.where(same, 0.0, MASKED_SCORE)

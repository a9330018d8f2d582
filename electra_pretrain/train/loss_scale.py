"""Dynamic loss scaling for float16, whose smallest gradients would be 0 (Micikevicius et al., ICLR 2018, section 3.2)."""

import tensorflow as tf

from electra_pretrain.checkpoint.names import LOSS_SCALE_NAMES

INITIAL, FLOOR = 2.0**15, 1.0
# Float16's smallest number times this is 1: a larger scale saves nothing more.
CEILING = 2.0**24
GROWTH_STEPS = 2000


class LossScale(tf.Module):
    """What losses are multiplied by before their gradients are computed: a power of two, so that dividing again is exact.

    Halved by gradients that overflow, doubled after 2,000 steps in a row without; create it within the strategy's scope.

    Attributes:
        scale: float32 scalar.
        good_steps: int64 scalar, steps in a row whose gradients were finite.
    """

    def __init__(self) -> None:
        super().__init__()
        self.scale = tf.Variable(INITIAL, trainable=False, name=LOSS_SCALE_NAMES[0])
        self.good_steps = tf.Variable(0, dtype=tf.int64, trainable=False, name=LOSS_SCALE_NAMES[1])

    def named_variables(self) -> dict[str, tf.Variable]:
        """Return what a checkpoint holds of it."""
        return dict(zip(LOSS_SCALE_NAMES, (self.scale, self.good_steps), strict=True))

    def at_floor(self) -> tf.Tensor:
        """Return whether it cannot be halved: gradients that are not finite now would not be with any scale."""
        return self.scale <= FLOOR

    def after(self, finite: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Return scale and good steps after a step whose gradients were finite or not, a scalar bool."""
        none = tf.zeros_like(self.good_steps)
        good_steps = tf.where(finite, self.good_steps + 1, none)
        grows = good_steps >= GROWTH_STEPS
        grown = tf.minimum(self.scale * tf.where(grows, 2.0, 1.0), CEILING)
        scale = tf.where(finite, grown, tf.maximum(self.scale / 2, FLOOR))
        return scale, tf.where(grows, none, good_steps)

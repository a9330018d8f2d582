"""Electric's generator: two encoders that read the text unmasked, one from each end (Clark et al., EMNLP 2020, section 3.2)."""

import tensorflow as tf

from electra_pretrain.config.schema import Config
from electra_pretrain.core.rng import Random
from electra_pretrain.model.bias import Direction
from electra_pretrain.model.encoder import Embeddings, Encoder, Sizes
from electra_pretrain.model.layers import Initializer


class TwoTower(tf.Module):
    """What stands at a position is predicted from all that stands before it and all that follows, but never from itself.

    Scopes "generator_ltr" and "generator_rtl"; `embeddings` are those of the first tower, whose word table the head reads.
    """

    def __init__(self, sizes: Sizes, shared: Embeddings | None, config: Config, init: Initializer) -> None:
        """Build both towers on `shared`, the discriminator's embeddings; None: each has its own."""
        super().__init__()
        self.left_to_right, self.right_to_left = (
            Encoder(scope, sizes, shared or Embeddings(scope, sizes.embedding_size, config, init), config, init, direction)
            for scope, direction in (("generator_ltr", Direction.LEFT_TO_RIGHT), ("generator_rtl", Direction.RIGHT_TO_LEFT))
        )
        self.embeddings = self.left_to_right.embeddings

    def __call__(self, input_ids: tf.Tensor, input_mask: tf.Tensor, segment_ids: tf.Tensor, random: Random | None) -> tf.Tensor:
        """Encode int32 [B, S] three times -> [B, S, 2H]: the state before each position beside the state after it."""
        inputs = (input_ids, input_mask, segment_ids, random)
        # The ends wrap around: there stand [CLS], and [SEP] or padding, which are never predicted.
        before, after = tf.roll(self.left_to_right(*inputs), 1, axis=1), tf.roll(self.right_to_left(*inputs), -1, axis=1)
        return tf.concat([before, after], axis=-1)

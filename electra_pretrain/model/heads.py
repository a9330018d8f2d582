"""The generator's and the discriminator's output layers (method §1)."""

import tensorflow as tf

from electra_pretrain.model.kernels import arrange
from electra_pretrain.model.layers import Dense, Initializer, LayerNorm, gelu


class GeneratorHead(tf.Module):
    """Hidden states -> vocabulary logits, through the word table."""

    def __init__(self, scope: str, hidden_size: int, embedding_size: int, vocab_size: int, init: Initializer) -> None:
        super().__init__()
        self.dense = Dense(f"{scope}/dense", hidden_size, embedding_size, init)
        self.layer_norm = LayerNorm(scope, embedding_size)
        self.output_bias = tf.Variable(tf.zeros([vocab_size]), name=f"{scope}/output_bias")

    def __call__(self, hidden: tf.Tensor, word_table: tf.Tensor) -> tf.Tensor:
        """Map hidden [B, N, H], word_table [V, E] to float32 [B·N, V]; flat, since a TPU would copy all of it to fold it up."""
        hidden = arrange(self.layer_norm(gelu(self.dense(arrange(hidden)))))
        flat = tf.reshape(hidden, [-1, hidden.shape[-1]])
        logits = tf.matmul(flat, tf.cast(word_table, hidden.dtype), transpose_b=True)
        return tf.cast(logits, tf.float32) + self.output_bias


class DiscriminatorHead(tf.Module):
    """Hidden states -> one logit a token: above 0 means "replaced"."""

    def __init__(self, hidden_size: int, init: Initializer) -> None:
        super().__init__()
        scope = "discriminator_predictions"
        self.dense = Dense(f"{scope}/dense", hidden_size, hidden_size, init)
        self.dense_1 = Dense(f"{scope}/dense_1", hidden_size, 1, init, glorot=True)

    def __call__(self, hidden: tf.Tensor) -> tf.Tensor:
        """Map [B, S, H] to float32 [B, S]."""
        logits = self.dense_1(gelu(self.dense(arrange(hidden))))
        return arrange(tf.cast(tf.squeeze(logits, -1), tf.float32))

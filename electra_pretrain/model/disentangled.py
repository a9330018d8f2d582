"""Embeddings of which each loss moves a part of its own: DeBERTaV3's gradient-disentangled sharing (arXiv 2111.09543, 3.3)."""

import tensorflow as tf

from electra_pretrain.model.encoder import Embeddings


class DisentangledEmbeddings(Embeddings):
    """The generator's word and position tables plus a difference, 0 at first; no gradient of the sum reaches the tables.

    Token types and LayerNorm are the generator's own, and learn from both networks.
    """

    def __init__(self, scope: str, generators: Embeddings) -> None:
        tf.Module.__init__(self)
        self._generators = generators
        self.token_type, self.layer_norm = generators.token_type, generators.layer_norm
        self.word_difference, self.position_difference = (
            tf.Variable(tf.zeros(table.shape), name=f"{scope}/embeddings_difference/{name}")
            for name, table in (("word_embeddings", generators.word), ("position_embeddings", generators.position))
        )

    def _tables(self) -> tuple[tf.Tensor, tf.Tensor]:
        # Whole tables are added: a TPU takes longer to gather a batch's rows a second time than to pass over a table.
        word, position = tf.stop_gradient(self._generators.word), tf.stop_gradient(self._generators.position)
        return word + self.word_difference, position + self.position_difference

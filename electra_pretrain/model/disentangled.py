"""Embeddings of which each loss moves a part of its own: DeBERTaV3's gradient-disentangled sharing (arXiv 2111.09543, 3.3)."""

import tensorflow as tf

from electra_pretrain.model.encoder import Embeddings, Rows


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

    # Rows are added, not tables: a step reads few of a vocabulary's, and its sum would be one more pass over all of them.
    def _words(self, rows: Rows) -> tf.Tensor:
        return tf.stop_gradient(rows(self._generators.word)) + rows(self.word_difference)

    def _positions(self, rows: Rows) -> tf.Tensor:
        return tf.stop_gradient(rows(self._generators.position)) + rows(self.position_difference)

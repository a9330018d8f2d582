"""Generator and discriminator as one module, its variables named as in the released checkpoints (method §1, §7)."""

import tensorflow as tf

from electra_pretrain.config.schema import Config
from electra_pretrain.core.batch import Batch, MaskedBatch
from electra_pretrain.core.rng import Random
from electra_pretrain.model.disentangled import DisentangledEmbeddings
from electra_pretrain.model.encoder import Embeddings, Encoder, discriminator_sizes, generator_sizes
from electra_pretrain.model.heads import DiscriminatorHead, GeneratorHead
from electra_pretrain.model.layers import Initializer
from electra_pretrain.model.two_tower import TwoTower


def is_frozen(name: str, config: Config) -> bool:
    """Tell whether a weight of this name stays what it was at the start, and has no moments."""
    freezes = config.distillation is not None and config.distillation.freeze_position_embeddings
    return freezes and name == "electra/embeddings/position_embeddings"


class Electra(tf.Module):
    """The networks that a config asks for.

    Attributes:
        discriminator: encoder "electra"; of a masked language model alone, the model itself.
        generator: encoder "generator", two towers, or the discriminator's own where they are tied; None for uniform
            replacements, and of a student, to whom the teacher's generator gives them.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self._config, objective = config, config.objective
        init = Initializer(config.training.seed, config.model.initializer_range)
        sizes = discriminator_sizes(config)
        embeddings = Embeddings("electra", sizes.embedding_size, config, init)
        apart = objective.embedding_sharing == "gradient_disentangled"
        own = DisentangledEmbeddings("electra", embeddings) if apart else embeddings
        self.discriminator = Encoder("electra", sizes, own, config, init)
        if objective.has_discriminator:
            self.discriminator_predictions = DiscriminatorHead(sizes.hidden_size, init)
        self.generator = self._make_generator(embeddings, init)
        if self.generator is None:
            return
        if self.generator is not self.discriminator:
            sizes = generator_sizes(config)
        vocab_size = config.data.vocab_size
        if isinstance(self.generator, TwoTower):
            self.cloze_predictions = GeneratorHead(
                "cloze_predictions", 2 * sizes.hidden_size, sizes.embedding_size, vocab_size, init
            )
        else:
            self.generator_predictions = GeneratorHead(
                "generator_predictions", sizes.hidden_size, sizes.embedding_size, vocab_size, init
            )

    def _make_generator(self, embeddings: Embeddings, init: Initializer) -> Encoder | TwoTower | None:
        config, objective = self._config, self._config.objective
        if objective.uniform_generator or (config.distillation is not None and objective.has_discriminator):
            return None
        if not (objective.has_discriminator and objective.untied_generator):
            return self.discriminator
        sizes = generator_sizes(config)
        own = objective.embedding_sharing == "untied"
        if objective.two_tower_generator:
            return TwoTower(sizes, None if own else embeddings, config, init)
        embeddings = Embeddings("generator", sizes.embedding_size, config, init) if own else embeddings
        return Encoder("generator", sizes, embeddings, config, init)

    def generator_logits(self, masked: MaskedBatch, random: Random | None) -> tf.Tensor:
        """Return float32 [B·N, V] at the masked positions; all zero for uniform replacements."""
        positions = masked.masked_lm_positions
        if self.generator is None:
            return tf.zeros([positions.shape.num_elements(), self._config.data.vocab_size])
        assert isinstance(self.generator, Encoder)
        # Gathered before the last block and the head: all else of them would be thrown away.
        inputs = (masked.input_ids, masked.input_mask, masked.segment_ids)
        hidden = self.generator(*inputs, random, positions, masked.documents)
        return self.generator_predictions(hidden, self.generator.embeddings.word)

    def masked_lm_hidden(self, masked: MaskedBatch, random: Random | None) -> tf.Tensor:
        """Return [B, S, H] of a masked language model alone, at every position."""
        inputs = (masked.input_ids, masked.input_mask, masked.segment_ids)
        return self.discriminator(*inputs, random, documents=masked.documents)

    def masked_lm_logits(self, hidden: tf.Tensor) -> tf.Tensor:
        """Map [B, S, H] to float32 [B·S, V]."""
        return self.generator_predictions(hidden, self.discriminator.embeddings.word)

    def cloze_logits(self, batch: Batch, random: Random | None) -> tf.Tensor:
        """Return float32 [B·S, V]: the two towers' logits of what stands at each position, given all the others."""
        assert isinstance(self.generator, TwoTower)
        hidden = self.generator(batch.input_ids, batch.input_mask, batch.segment_ids, random)
        return self.cloze_predictions(hidden, self.generator.embeddings.word)

    def discriminator_hidden(
        self,
        input_ids: tf.Tensor,
        input_mask: tf.Tensor,
        segment_ids: tf.Tensor,
        random: Random | None,
        documents: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Return [B, S, H]: what fine-tuning starts from."""
        # Tied networks share weights, not dropout: each draws its own.
        own = None if random is None else random._replace(seed=random.seed ^ 1)
        random = own if self._tied else random
        return self.discriminator(input_ids, input_mask, segment_ids, random, documents=documents)

    def discriminator_logits(
        self,
        input_ids: tf.Tensor,
        input_mask: tf.Tensor,
        segment_ids: tf.Tensor,
        random: Random | None,
        documents: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Return float32 [B, S]; above 0 means "replaced"."""
        hidden = self.discriminator_hidden(input_ids, input_mask, segment_ids, random, documents)
        return self.discriminator_predictions(hidden)

    def named_variables(self) -> dict[str, tf.Variable]:
        """Return released name -> variable, sorted by name."""
        named = {variable.name.split(":")[0]: variable for variable in self.trainable_variables}
        assert len(named) == len(self.trainable_variables), "two variables share a name"
        return dict(sorted(named.items()))

    @property
    def _tied(self) -> bool:
        return self.generator is self.discriminator

"""Generator and discriminator as one module, its variables named as in the released checkpoints (method §1, §7)."""

import tensorflow as tf

from electra_pretrain.batch import MaskedBatch
from electra_pretrain.config import Config
from electra_pretrain.model.encoder import Embeddings, Encoder, discriminator_sizes, generator_sizes
from electra_pretrain.model.heads import DiscriminatorHead, GeneratorHead
from electra_pretrain.model.layers import Initializer
from electra_pretrain.rng import Random


class Electra(tf.Module):
    """The networks that a config asks for.

    Attributes:
        discriminator: encoder "electra"; without `electra_objective` it is the masked language model itself.
        generator: encoder "generator", or the discriminator's own where they are tied; None for uniform replacements.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        self._config, objective = config, config.objective
        init = Initializer(config.training.seed, config.model.initializer_range)
        sizes = discriminator_sizes(config)
        embeddings = Embeddings("electra", sizes.embedding_size, config, init)
        self.discriminator = Encoder("electra", sizes, embeddings, config, init)
        self.generator: Encoder | None = self.discriminator
        if objective.electra_objective:
            self.discriminator_predictions = DiscriminatorHead(sizes.hidden_size, init)
            if objective.uniform_generator:
                self.generator = None
            elif objective.untied_generator:
                sizes = generator_sizes(config)
                if objective.untied_generator_embeddings:
                    embeddings = Embeddings("generator", sizes.embedding_size, config, init)
                self.generator = Encoder("generator", sizes, embeddings, config, init)
        if self.generator is not None:
            self.generator_predictions = GeneratorHead(sizes.hidden_size, sizes.embedding_size, config.data.vocab_size, init)

    def generator_logits(self, masked: MaskedBatch, random: Random | None) -> tf.Tensor:
        """float32 [B, N, V] at the masked positions; all zero for uniform replacements."""
        positions = masked.masked_lm_positions
        if self.generator is None:
            return tf.zeros([*positions.shape, self._config.data.vocab_size])
        hidden = self.generator(masked.input_ids, masked.input_mask, masked.segment_ids, random)
        return self.generator_predictions(hidden, positions, self.generator.embeddings.word)

    def discriminator_hidden(
        self, input_ids: tf.Tensor, input_mask: tf.Tensor, segment_ids: tf.Tensor, random: Random | None
    ) -> tf.Tensor:
        """[B, S, H]: what fine-tuning starts from."""
        # Tied networks share weights, not dropout: each draws its own.
        own = None if random is None else random._replace(seed=random.seed ^ 1)
        return self.discriminator(input_ids, input_mask, segment_ids, own if self._tied else random)

    def discriminator_logits(
        self, input_ids: tf.Tensor, input_mask: tf.Tensor, segment_ids: tf.Tensor, random: Random | None
    ) -> tf.Tensor:
        """float32 [B, S]; above 0 means "replaced"."""
        return self.discriminator_predictions(self.discriminator_hidden(input_ids, input_mask, segment_ids, random))

    def named_variables(self) -> dict[str, tf.Variable]:
        """Released name -> variable, sorted by name."""
        named = {variable.name.split(":")[0]: variable for variable in self.trainable_variables}
        assert len(named) == len(self.trainable_variables), "two variables share a name"
        return dict(sorted(named.items()))

    @property
    def _tied(self) -> bool:
        return self.generator is self.discriminator

"""How many operations a training step needs: its matrix products, counted from the sizes."""

from electra_pretrain.config import Config
from electra_pretrain.model.encoder import Sizes, discriminator_sizes, generator_sizes
from electra_pretrain.model.masking import num_masked_slots

# A product's gradient is two products of its size.
_FORWARD_AND_BACKWARD = 3


def step_flops(config: Config) -> float:
    """Floating-point operations of one update of the global batch, a multiplication and an addition counted as two.

    What is computed twice to save memory, and all that is no matrix product, is left out.
    """
    objective = config.objective
    tokens = config.training.train_batch_size * config.data.max_seq_length
    own = discriminator_sizes(config)
    flops = 0.0
    if objective.has_discriminator:
        flops += tokens * (_encoder(own, config.data.max_seq_length) + _product(own.hidden_size, own.hidden_size + 1))
    if objective.uniform_generator:
        return _FORWARD_AND_BACKWARD * flops
    untied = objective.has_discriminator and objective.untied_generator
    sizes, towers = (generator_sizes(config) if untied else own), (2 if objective.two_tower_generator else 1)
    flops += towers * tokens * _encoder(sizes, config.data.max_seq_length)
    slots = config.training.train_batch_size * num_masked_slots(config.objective.mask_prob, config.data.max_seq_length)
    head = _product(towers * sizes.hidden_size, sizes.embedding_size) + _product(sizes.embedding_size, config.data.vocab_size)
    flops += (tokens if objective.two_tower_generator else slots) * head
    return _FORWARD_AND_BACKWARD * flops


def _encoder(sizes: Sizes, length: int) -> float:
    """Operations of a token's way through the blocks."""
    hidden = sizes.hidden_size
    block = 4 * _product(hidden, hidden) + 2 * _product(hidden, sizes.intermediate_size) + 2 * _product(length, hidden)
    project = _product(sizes.embedding_size, hidden) if sizes.embedding_size != hidden else 0.0
    return sizes.num_hidden_layers * block + project


def _product(inputs: int, outputs: int) -> float:
    return 2.0 * inputs * outputs

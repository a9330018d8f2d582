"""How many operations a training step needs: its matrix products, counted from the sizes."""

import dataclasses

from electra_pretrain.config.schema import Config
from electra_pretrain.model.encoder import Sizes, discriminator_sizes, generator_sizes
from electra_pretrain.model.masking import num_masked_slots

# A product's gradient is two products of its size.
_FORWARD_AND_BACKWARD = 3


def step_flops(config: Config, teacher: Config | None = None) -> float:
    """Count floating-point operations of one update of the global batch, a multiplication and an addition counted as two.

    What is computed twice to save memory, and all that is no matrix product, is left out.

    Args:
        config: the experiment, or a phase of it.
        teacher: a student's, of whose networks no gradient is asked.
    """
    if config.distillation is not None:
        return _FORWARD_AND_BACKWARD * _student(config) + (0.0 if teacher is None else _teacher(config, teacher))
    objective = config.objective
    tokens = config.training.train_batch_size * config.data.max_seq_length
    own = discriminator_sizes(config)
    flops = 0.0
    if objective.has_discriminator:
        flops += _encoder(own, config, tokens) + tokens * _product(own.hidden_size, own.hidden_size + 1)
    if objective.uniform_generator:
        return _FORWARD_AND_BACKWARD * flops
    untied = objective.has_discriminator and objective.untied_generator
    sizes, towers = (generator_sizes(config) if untied else own), (2 if objective.two_tower_generator else 1)
    slots = config.training.train_batch_size * num_masked_slots(config.objective.largest_mask_prob, config.data.max_seq_length)
    flops += towers * _encoder(sizes, config, tokens if objective.two_tower_generator else slots)
    head = _product(towers * sizes.hidden_size, sizes.embedding_size) + _product(sizes.embedding_size, config.data.vocab_size)
    flops += (tokens if objective.two_tower_generator else slots) * head
    return _FORWARD_AND_BACKWARD * flops


def _student(config: Config) -> float:
    """Count operations of the one network's way forward, whose head is asked at every position."""
    tokens, sizes = config.training.train_batch_size * config.data.max_seq_length, discriminator_sizes(config)
    if config.objective.has_discriminator:
        return _encoder(sizes, config, tokens) + tokens * _product(sizes.hidden_size, sizes.hidden_size + 1)
    head = _product(sizes.hidden_size, sizes.embedding_size) + _product(sizes.embedding_size, config.data.vocab_size)
    return _encoder(sizes, config, tokens) + tokens * head


def _teacher(config: Config, teacher: Config) -> float:
    """Count operations of the teacher's way forward on the student's batch."""
    own = dataclasses.replace(teacher, training=config.training, data=config.data, objective=teacher.objective)
    flops = _student(own)
    if not config.objective.has_discriminator:
        return flops
    sizes = generator_sizes(own) if own.objective.untied_generator else discriminator_sizes(own)
    slots = own.training.train_batch_size * num_masked_slots(config.objective.largest_mask_prob, own.data.max_seq_length)
    head = _product(sizes.hidden_size, sizes.embedding_size) + _product(sizes.embedding_size, own.data.vocab_size)
    return flops + _encoder(sizes, own, slots) + slots * head


def _encoder(sizes: Sizes, config: Config, wanted: float) -> float:
    """Count operations of a batch's way through the blocks, of whose last one so many positions are wanted.

    For the others it makes a key and a value only.
    """
    length, hidden = config.data.max_seq_length, sizes.hidden_size
    tokens = config.training.train_batch_size * length
    keys = 2 * _product(hidden, hidden)
    block = 2 * keys + 2 * _product(hidden, sizes.intermediate_size) + 2 * _product(length, hidden)
    project = _product(sizes.embedding_size, hidden) if sizes.embedding_size != hidden else 0.0
    blocks = (sizes.num_hidden_layers - 1) * tokens * block + tokens * keys + wanted * (block - keys)
    return blocks + tokens * project


def _product(inputs: int, outputs: int) -> float:
    return 2.0 * inputs * outputs

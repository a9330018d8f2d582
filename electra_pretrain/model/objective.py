"""One batch's losses: mask, generate, replace, discriminate (method §2, 2 to 6)."""

from typing import NamedTuple

import tensorflow as tf

from electra_pretrain.batch import Batch, MaskedBatch
from electra_pretrain.config import ObjectiveConfig
from electra_pretrain.model.electra import Electra
from electra_pretrain.model.masking import sample_ids, write_at
from electra_pretrain.rng import Random

EPSILON = 1e-6


class Denominators(NamedTuple):
    """What the losses are divided by: counts over the *global* batch, so that how it is split changes nothing."""

    masked_lm: tf.Tensor  # scalar float32: sum of masked_lm_weights
    disc: tf.Tensor  # scalar float32: tokens that are not padding


class Outputs(NamedTuple):
    """All that a step computed; the discriminator's fields are None without `electra_objective`."""

    masked: MaskedBatch
    gen_logits: tf.Tensor  # [B, N, V] float32
    sampled_ids: tf.Tensor  # [B, N] int32
    masked_lm_losses: tf.Tensor  # [B, N] float32, unweighted
    masked_lm_loss: tf.Tensor  # scalar: this part's share of the global mean
    total_loss: tf.Tensor  # scalar
    fake_input_ids: tf.Tensor | None = None  # [B, S] int32
    disc_labels: tf.Tensor | None = None  # [B, S] int32, 1 where replaced
    disc_logits: tf.Tensor | None = None  # [B, S] float32
    disc_losses: tf.Tensor | None = None  # [B, S] float32, unweighted
    disc_loss: tf.Tensor | None = None  # scalar


def count(batch: Batch, masked: MaskedBatch) -> Denominators:
    """This part's counts; their sum over all parts divides the losses."""
    return Denominators(tf.reduce_sum(masked.masked_lm_weights), tf.reduce_sum(tf.cast(batch.input_mask, tf.float32)))


def compute_losses(
    model: Electra,
    batch: Batch,
    masked: MaskedBatch,
    denominators: Denominators,
    objective: ObjectiveConfig,
    random: Random,
    training: bool,
    sampled_ids: tf.Tensor | None = None,
) -> Outputs:
    """Forward pass of generator and discriminator.

    Args:
        model: the networks.
        batch: the original tokens.
        masked: the same, masked.
        denominators: counts over the global batch.
        objective: weights of the losses, sampling.
        random: source of samples and dropout.
        training: whether there is dropout.
        sampled_ids: [B, N] tokens to use instead of drawing them, or None.
    """
    dropout_random = random if training else None
    gen_logits = model.generator_logits(masked, dropout_random)
    masked_lm_losses = tf.nn.sparse_softmax_cross_entropy_with_logits(masked.masked_lm_ids, gen_logits)
    masked_lm_loss = tf.reduce_sum(masked_lm_losses * masked.masked_lm_weights) / (denominators.masked_lm + EPSILON)
    if sampled_ids is None:
        disallowed = masked.masked_lm_ids if objective.disallow_correct else None
        sampled_ids = sample_ids(gen_logits, objective.temperature, disallowed, random)
    total_loss = objective.gen_weight * masked_lm_loss
    outputs = Outputs(masked, gen_logits, sampled_ids, masked_lm_losses, masked_lm_loss, total_loss)
    if not objective.electra_objective:
        return outputs
    fake_input_ids = write_at(batch.input_ids, masked.masked_lm_positions, sampled_ids, masked.masked_lm_weights)
    disc_labels = tf.cast(fake_input_ids != batch.input_ids, tf.int32)
    disc_logits = model.discriminator_logits(fake_input_ids, batch.input_mask, batch.segment_ids, dropout_random)
    disc_losses = tf.nn.sigmoid_cross_entropy_with_logits(tf.cast(disc_labels, tf.float32), disc_logits)
    disc_loss = tf.reduce_sum(disc_losses * tf.cast(batch.input_mask, tf.float32)) / (denominators.disc + EPSILON)
    return outputs._replace(
        total_loss=total_loss + objective.disc_weight * disc_loss,
        fake_input_ids=fake_input_ids,
        disc_labels=disc_labels,
        disc_logits=disc_logits,
        disc_losses=disc_losses,
        disc_loss=disc_loss,
    )

"""One batch's losses: mask, generate, replace, discriminate (method §2, 2 to 6)."""

import math
from typing import NamedTuple

import tensorflow as tf

from electra_pretrain.config.objective import ObjectiveConfig
from electra_pretrain.core.batch import Batch, MaskedBatch
from electra_pretrain.core.rng import Random
from electra_pretrain.model.electra import Electra
from electra_pretrain.model.kernels import GradientFunction, fused, with_gradient
from electra_pretrain.model.masking import sample_ids, write_at

EPSILON = 1e-6


class Denominators(NamedTuple):
    """What the losses are divided by: counts over the *global* batch, so that how it is split changes nothing."""

    masked_lm: tf.Tensor  # scalar float32: sum of masked_lm_weights
    disc: tf.Tensor  # scalar float32: tokens that are not padding
    cloze: tf.Tensor  # scalar float32: tokens that may be masked


class Outputs(NamedTuple):
    """All that a step computed; fields of a network or a loss that the config does not have are None."""

    masked: MaskedBatch
    gen_logits: tf.Tensor  # [B·N, V] float32
    sampled_ids: tf.Tensor  # [B, N] int32
    masked_lm_losses: tf.Tensor  # [B, N] float32, unweighted
    masked_lm_loss: tf.Tensor  # scalar: these rows' share of the global mean
    total_loss: tf.Tensor  # scalar
    cloze_logits: tf.Tensor | None = None  # [B·S, V] float32, of two towers
    cloze_losses: tf.Tensor | None = None  # [B, S] float32, unweighted
    cloze_loss: tf.Tensor | None = None  # scalar: what two towers learn from, in place of masked_lm_loss
    fake_input_ids: tf.Tensor | None = None  # [B, S] int32
    disc_labels: tf.Tensor | None = None  # [B, S] int32, 1 where replaced
    disc_logits: tf.Tensor | None = None  # [B, S] float32
    disc_losses: tf.Tensor | None = None  # [B, S] float32, unweighted
    disc_loss: tf.Tensor | None = None  # scalar


def count(batch: Batch, masked: MaskedBatch) -> Denominators:
    """Count in these rows; the sum over microbatches and replicas divides the losses."""
    real = tf.cast(batch.input_mask, tf.float32)
    return Denominators(*(tf.reduce_sum(weights) for weights in (masked.masked_lm_weights, real, masked.maskable)))


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
    """Run the generator and the discriminator forward.

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
    outputs = generate(model, batch, masked, denominators, objective, random, training, sampled_ids)
    return discriminate(model, batch, outputs, denominators, objective, random, training)


def generate(
    model: Electra,
    batch: Batch,
    masked: MaskedBatch,
    denominators: Denominators,
    objective: ObjectiveConfig,
    random: Random,
    training: bool,
    sampled_ids: tf.Tensor | None = None,
) -> Outputs:
    """Run the generator forward and draw its samples; arguments as for `compute_losses`."""
    outputs = _generator_losses(model, batch, masked, denominators, objective, random if training else None)
    if sampled_ids is None:
        disallowed = masked.masked_lm_ids if objective.disallow_correct else None
        sampled_ids = sample_ids(outputs.gen_logits, objective.temperature, disallowed, random)
    return outputs._replace(sampled_ids=sampled_ids)


def _generator_losses(
    model: Electra,
    batch: Batch,
    masked: MaskedBatch,
    denominators: Denominators,
    objective: ObjectiveConfig,
    dropout_random: Random | None,
) -> Outputs:
    cloze_logits = cloze_losses = cloze_loss = None
    if objective.two_tower_generator:
        cloze_logits = model.cloze_logits(batch, dropout_random)
        cloze_losses = _losses(batch.input_ids, cloze_logits)
        cloze_loss = tf.reduce_sum(cloze_losses * masked.maskable) / (denominators.cloze + EPSILON)
        rows, length = batch.input_ids.shape
        flat_positions = masked.masked_lm_positions + tf.range(rows)[:, tf.newaxis] * length
        gen_logits = tf.gather(cloze_logits, tf.reshape(flat_positions, [-1]))
    else:
        gen_logits = model.generator_logits(masked, dropout_random)
    masked_lm_losses = _losses(masked.masked_lm_ids, gen_logits)
    masked_lm_loss = tf.reduce_sum(masked_lm_losses * masked.masked_lm_weights) / (denominators.masked_lm + EPSILON)
    return Outputs(
        masked=masked,
        gen_logits=gen_logits,
        sampled_ids=masked.masked_lm_ids,
        masked_lm_losses=masked_lm_losses,
        masked_lm_loss=masked_lm_loss,
        total_loss=objective.gen_weight * (masked_lm_loss if cloze_loss is None else cloze_loss),
        cloze_logits=cloze_logits,
        cloze_losses=cloze_losses,
        cloze_loss=cloze_loss,
    )


def discriminate(
    model: Electra,
    batch: Batch,
    outputs: Outputs,
    denominators: Denominators,
    objective: ObjectiveConfig,
    random: Random,
    training: bool,
) -> Outputs:
    """Run the discriminator, if there is one, forward on what `generate` gave; no gradient flows back to that."""
    if not objective.has_discriminator:
        return outputs
    masked = outputs.masked
    positions, weights = masked.masked_lm_positions, masked.masked_lm_weights
    fake_input_ids = write_at(batch.input_ids, positions, outputs.sampled_ids, weights)
    inputs, dropout_random = (fake_input_ids, batch.input_mask, batch.segment_ids), random if training else None
    disc_logits = model.discriminator_logits(*inputs, dropout_random, masked.documents)
    if objective.electric_objective:
        # Noise is noise, even where it happens to be the true token.
        disc_labels = write_at(tf.zeros_like(batch.input_ids), positions, tf.ones_like(positions), weights)
        disc_logits += _log_noise_odds(outputs.cloze_logits, fake_input_ids, objective.mask_prob)
    else:
        disc_labels = tf.cast(fake_input_ids != batch.input_ids, tf.int32)
    disc_losses = tf.nn.sigmoid_cross_entropy_with_logits(tf.cast(disc_labels, tf.float32), disc_logits)
    disc_loss = tf.reduce_sum(disc_losses * tf.cast(batch.input_mask, tf.float32)) / (denominators.disc + EPSILON)
    return outputs._replace(
        total_loss=outputs.total_loss + objective.disc_weight * disc_loss,
        fake_input_ids=fake_input_ids,
        disc_labels=disc_labels,
        disc_logits=disc_logits,
        disc_losses=disc_losses,
        disc_loss=disc_loss,
    )


def _log_noise_odds(cloze_logits: tf.Tensor, input_ids: tf.Tensor, mask_prob: float) -> tf.Tensor:
    """Return [B, S]: log of (noise share × q(token | rest) / data share).

    Added to the discriminator's output, which is then the token's energy (Clark et al., EMNLP 2020, section 3.1). No gradient
    reaches the generator.
    """
    return -_losses(input_ids, tf.stop_gradient(cloze_logits)) + math.log(mask_prob / (1 - mask_prob))


def _losses(ids: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
    """Return float32 in the shape of ids: -log softmax(logits)[id], for logits with a row for each id."""
    return tf.reshape(cross_entropy(logits, tf.reshape(ids, [-1])), ids.shape)


def cross_entropy(logits: tf.Tensor, ids: tf.Tensor) -> tf.Tensor:
    """Return float32 [rows] of logits float32 [rows, V] and ids int32 [rows]; the gradient keeps logits and a number a row."""

    @with_gradient
    def core(logits: tf.Tensor) -> tuple[tf.Tensor, GradientFunction]:
        losses, log_sums = _cross_entropy(logits, ids)
        return losses, lambda upstream: _cross_entropy_gradient(logits, ids, log_sums, upstream)

    return core(logits)


@fused
def _cross_entropy(logits: tf.Tensor, ids: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    largest = tf.reduce_max(logits, axis=-1)
    log_sums = largest + tf.math.log(tf.reduce_sum(tf.exp(logits - largest[:, tf.newaxis]), axis=-1))
    # A sum over one element: gathered, the logits would be copied to another order on a TPU.
    targets = tf.reduce_sum(tf.where(_is_target(logits, ids), logits, 0.0), axis=-1)
    return log_sums - targets, log_sums


@fused
def _cross_entropy_gradient(logits: tf.Tensor, ids: tf.Tensor, log_sums: tf.Tensor, upstream: tf.Tensor) -> tf.Tensor:
    probs = tf.exp(logits - log_sums[:, tf.newaxis])
    return tf.where(_is_target(logits, ids), probs - 1.0, probs) * upstream[:, tf.newaxis]


def _is_target(logits: tf.Tensor, ids: tf.Tensor) -> tf.Tensor:
    return tf.equal(tf.range(logits.shape[-1]), ids[:, tf.newaxis])

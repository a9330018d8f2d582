"""One batch's losses of a student with a teacher (Sanh et al., *DistilBERT*, 2019; method §11).

The teacher's part comes first, outside of any tape: no gradient is asked of it.
"""

from typing import NamedTuple

import tensorflow as tf

from electra_pretrain.config.distillation import DistillationConfig
from electra_pretrain.config.schema import Config
from electra_pretrain.core.batch import Batch, MaskedBatch
from electra_pretrain.core.rng import Random
from electra_pretrain.model.electra import Electra
from electra_pretrain.model.kernels import GradientFunction, first_of_largest, fused, with_gradient
from electra_pretrain.model.masking import sample_ids, write_at
from electra_pretrain.model.objective import EPSILON, Denominators, cross_entropy

_NORM_EPSILON = 1e-12


class Lesson(NamedTuple):
    """What a teacher says of a batch; fields of the other kind of student are None."""

    input_ids: tf.Tensor  # [B, S] int32, what both networks read: masked, or with the teacher's generator's samples
    hidden: tf.Tensor | None = None  # [B, S, H] float32, the last
    logits: tf.Tensor | None = None  # [B·S, V] float32 of a masked language model, [B, S] float32 of a discriminator
    disc_labels: tf.Tensor | None = None  # [B, S] int32, 1 where replaced


class Learnt(NamedTuple):
    """All that a student's step computed; a loss that it does not have is None."""

    masked: MaskedBatch
    total_loss: tf.Tensor  # scalar: these rows' share of the global mean
    distil_losses: tf.Tensor | None = None  # [B, S] float32, times the temperature's square
    cosine_losses: tf.Tensor | None = None  # [B, S] float32
    agrees: tf.Tensor | None = None  # [B, S] bool: both networks choose the same
    masked_lm_losses: tf.Tensor | None = None  # [B, S] float32, at the masked positions at least
    predicted_ids: tf.Tensor | None = None  # [B, S] int32, likewise
    disc_labels: tf.Tensor | None = None  # [B, S] int32
    disc_logits: tf.Tensor | None = None  # [B, S] float32
    disc_losses: tf.Tensor | None = None  # [B, S] float32


def teach(teacher: Electra | None, batch: Batch, masked: MaskedBatch, config: Config, random: Random) -> Lesson:
    """Run the teacher, without dropout.

    Args:
        teacher: its networks; None where the student's losses ask for none.
        batch: the original tokens.
        masked: the same, masked.
        config: the student's.
        random: source of the generator's samples.
    """
    if not config.objective.has_discriminator:
        if teacher is None:
            return Lesson(masked.input_ids)
        hidden = teacher.masked_lm_hidden(masked, None)
        # Else it may have no head; and the product with all of the vocabulary is spared.
        asked = config.distillation is not None and config.distillation.alpha_ce > 0
        return Lesson(masked.input_ids, tf.cast(hidden, tf.float32), teacher.masked_lm_logits(hidden) if asked else None)
    assert teacher is not None
    objective = config.objective
    disallowed = masked.masked_lm_ids if objective.disallow_correct else None
    sampled_ids = sample_ids(teacher.generator_logits(masked, None), objective.temperature, disallowed, random)
    fake_input_ids = write_at(batch.input_ids, masked.masked_lm_positions, sampled_ids, masked.masked_lm_weights)
    hidden = teacher.discriminator_hidden(fake_input_ids, batch.input_mask, batch.segment_ids, None, masked.documents)
    logits = teacher.discriminator_predictions(hidden)
    labels = tf.cast(fake_input_ids != batch.input_ids, tf.int32)
    return Lesson(fake_input_ids, tf.cast(hidden, tf.float32), logits, labels)


def learn(
    student: Electra,
    lesson: Lesson,
    batch: Batch,
    masked: MaskedBatch,
    denominators: Denominators,
    config: Config,
    random: Random | None,
) -> Learnt:
    """Run the student forward on what the teacher read, and hold it against the teacher and the truth.

    Args:
        student: its networks.
        lesson: of `teach`.
        batch: the original tokens.
        masked: the same, masked.
        denominators: counts over the global batch.
        config: the student's.
        random: source of dropout; None: there is none.
    """
    assert config.distillation is not None
    guess = _guess_masked if lesson.logits is None else _guess
    step = _discriminate if config.objective.has_discriminator else guess
    learnt, hidden = step(student, lesson, batch, masked, config.distillation, random)
    if lesson.hidden is not None:
        assert hidden is not None
        learnt = learnt._replace(cosine_losses=_cosine_losses(tf.cast(hidden, tf.float32), lesson.hidden))
    return learnt._replace(total_loss=_total(learnt, batch, denominators, config.distillation))


def _guess(
    student: Electra, lesson: Lesson, batch: Batch, masked: MaskedBatch, distillation: DistillationConfig, random: Random | None
) -> tuple[Learnt, tf.Tensor]:
    """Have a masked language model guess the tokens at every position, as its teacher did."""
    assert lesson.logits is not None
    shape = batch.input_ids.shape
    hidden = student.masked_lm_hidden(masked, random)
    logits = student.masked_lm_logits(hidden)
    predicted = tf.reshape(_choice(logits), shape)
    learnt = Learnt(
        masked,
        tf.constant(0.0),
        distil_losses=tf.reshape(soft_target_losses(logits, lesson.logits, distillation.temperature), shape),
        agrees=tf.equal(predicted, tf.reshape(_choice(lesson.logits), shape)),
        masked_lm_losses=tf.reshape(cross_entropy(logits, tf.reshape(batch.input_ids, [-1])), shape),
        predicted_ids=predicted,
    )
    return learnt, hidden


def _guess_masked(
    student: Electra, lesson: Lesson, batch: Batch, masked: MaskedBatch, distillation: DistillationConfig, random: Random | None
) -> tuple[Learnt, tf.Tensor | None]:
    """Have it guess the masked tokens alone: of the others nobody asks, and all of the vocabulary is dear."""
    if lesson.hidden is None:
        hidden, logits = None, student.generator_logits(masked, random)
    else:
        hidden = student.masked_lm_hidden(masked, random)
        logits = student.masked_lm_logits(tf.gather(hidden, masked.masked_lm_positions, batch_dims=1))
    slots = masked.masked_lm_ids.shape

    def spread(values: tf.Tensor) -> tf.Tensor:
        nothing = tf.zeros(batch.input_ids.shape, values.dtype)
        return write_at(nothing, masked.masked_lm_positions, tf.reshape(values, slots), masked.masked_lm_weights)

    losses = cross_entropy(logits, tf.reshape(masked.masked_lm_ids, [-1]))
    learnt = Learnt(masked, tf.constant(0.0), masked_lm_losses=spread(losses), predicted_ids=spread(_choice(logits)))
    return learnt, hidden


def _discriminate(
    student: Electra, lesson: Lesson, batch: Batch, masked: MaskedBatch, distillation: DistillationConfig, random: Random | None
) -> tuple[Learnt, tf.Tensor]:
    """Have a discriminator tell which tokens the teacher's generator has replaced."""
    assert lesson.logits is not None
    hidden = student.discriminator_hidden(lesson.input_ids, batch.input_mask, batch.segment_ids, random, masked.documents)
    logits = student.discriminator_predictions(hidden)
    losses = tf.nn.sigmoid_cross_entropy_with_logits(tf.cast(lesson.disc_labels, tf.float32), logits)
    learnt = Learnt(
        masked,
        tf.constant(0.0),
        distil_losses=soft_label_losses(logits, lesson.logits, distillation.temperature),
        agrees=tf.equal(logits > 0, lesson.logits > 0),
        disc_labels=lesson.disc_labels,
        disc_logits=logits,
        disc_losses=losses,
    )
    return learnt, hidden


def _total(learnt: Learnt, batch: Batch, denominators: Denominators, distillation: DistillationConfig) -> tf.Tensor:
    """Weigh the losses: means over the global batch's real positions, or its masked ones."""
    real = tf.cast(batch.input_mask, tf.float32)
    slots = masked_positions(learnt.masked, real)
    terms = (
        (distillation.alpha_ce, learnt.distil_losses, real, denominators.disc),
        (distillation.alpha_mlm, learnt.masked_lm_losses, slots, denominators.masked_lm),
        (distillation.alpha_cos, learnt.cosine_losses, real, denominators.disc),
        (distillation.alpha_disc, learnt.disc_losses, real, denominators.disc),
    )
    weighed = [
        alpha * tf.reduce_sum(losses * where) / (count + EPSILON)
        for alpha, losses, where, count in terms
        if alpha and losses is not None
    ]
    return tf.add_n(weighed)


def masked_positions(masked: MaskedBatch, like: tf.Tensor) -> tf.Tensor:
    """Return float32 [B, S], as `like`: 1 at the positions that were drawn."""
    weights = masked.masked_lm_weights
    return tf.cast(
        write_at(tf.zeros_like(like, tf.int32), masked.masked_lm_positions, tf.ones_like(masked.masked_lm_ids), weights),
        tf.float32,
    )


def soft_target_losses(logits: tf.Tensor, targets: tf.Tensor, temperature: float) -> tf.Tensor:
    """Return float32 [rows]: KL(softmax(targets / T) ‖ softmax(logits / T)) · T², for float32 [rows, V] twice.

    No gradient flows to the targets.
    """

    @with_gradient
    def core(logits: tf.Tensor, targets: tf.Tensor) -> tuple[tf.Tensor, GradientFunction]:
        losses, log_sums, target_log_sums = _soft_targets(logits, targets, temperature)

        def gradient(upstream: tf.Tensor) -> tuple[tf.Tensor, None]:
            return _soft_targets_gradient(logits, targets, log_sums, target_log_sums, temperature, upstream), None

        return losses, gradient

    return core(logits, tf.stop_gradient(targets))


@fused
def _soft_targets(logits: tf.Tensor, targets: tf.Tensor, temperature: float) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    log_sums, target_log_sums = (_log_sum(each / temperature) for each in (logits, targets))
    log_probs = logits / temperature - log_sums[:, tf.newaxis]
    target_log_probs = targets / temperature - target_log_sums[:, tf.newaxis]
    divergences = tf.reduce_sum(tf.exp(target_log_probs) * (target_log_probs - log_probs), axis=-1)
    return divergences * temperature**2, log_sums, target_log_sums


@fused
def _soft_targets_gradient(
    logits: tf.Tensor,
    targets: tf.Tensor,
    log_sums: tf.Tensor,
    target_log_sums: tf.Tensor,
    temperature: float,
    upstream: tf.Tensor,
) -> tf.Tensor:
    probs = tf.exp(logits / temperature - log_sums[:, tf.newaxis])
    target_probs = tf.exp(targets / temperature - target_log_sums[:, tf.newaxis])
    return (probs - target_probs) * (temperature * upstream)[:, tf.newaxis]


def _log_sum(x: tf.Tensor) -> tf.Tensor:
    largest = tf.reduce_max(x, axis=-1)
    return largest + tf.math.log(tf.reduce_sum(tf.exp(x - largest[:, tf.newaxis]), axis=-1))


def soft_label_losses(logits: tf.Tensor, targets: tf.Tensor, temperature: float) -> tf.Tensor:
    """Return float32 in their shape: KL between Bernoulli(sigmoid(targets / T)) and sigmoid(logits / T), times T²."""
    targets = tf.stop_gradient(targets) / temperature
    probs = tf.sigmoid(targets)
    entropies = tf.nn.sigmoid_cross_entropy_with_logits(probs, targets)
    crossed = tf.nn.sigmoid_cross_entropy_with_logits(probs, logits / temperature)
    return (crossed - entropies) * temperature**2


def _cosine_losses(hidden: tf.Tensor, target: tf.Tensor) -> tf.Tensor:
    """Return float32 [B, S]: 1 - cos of the angle between float32 [B, S, H] twice."""
    target = tf.stop_gradient(target)
    product = tf.reduce_sum(hidden * target, axis=-1)
    norms = [tf.reduce_sum(tf.square(each), axis=-1) + _NORM_EPSILON for each in (hidden, target)]
    return 1.0 - product * tf.math.rsqrt(norms[0] * norms[1])


_choice = fused(first_of_largest)

"""Which positions are masked, what is written there, and what the generator puts in their place (method §2, 1 and 3)."""

from typing import NamedTuple

import tensorflow as tf

from electra_pretrain.config.objective import ObjectiveConfig
from electra_pretrain.core.batch import Batch, MaskedBatch, SpecialIds
from electra_pretrain.core.rng import Random, Selection
from electra_pretrain.model.kernels import first_of_largest, fused, in_gpu_program
from electra_pretrain.model.whole_words import number_words, whole_first


class Masking(NamedTuple):
    """How tokens are drawn and what is written over them; by default as the released ELECTRA code has it.

    Attributes:
        mask_token_prob: how often it is [MASK].
        random_token_prob: how often it is any token of the vocabulary; else the token stays as it is.
        vocab_size: V.
        continues: bool [V], pieces that go on with the word before them: words are drawn; None: tokens are.
        token_weights: float32 [V], what a token's chance to be drawn is in proportion to; None: all have the same.
    """

    mask_token_prob: float = 0.85
    random_token_prob: float = 0.0
    vocab_size: int = 0
    continues: tf.Tensor | None = None
    token_weights: tf.Tensor | None = None


RELEASED = Masking()


def num_masked_slots(mask_prob: float, max_seq_length: int) -> int:
    """Return N: slots a row has at most, 19 at 128 and 79 at 512 for 0.15."""
    return min(max_seq_length, int((mask_prob + 0.005) * max_seq_length))


def share_at(objective: ObjectiveConfig, step: tf.Tensor, num_train_steps: int) -> float | tf.Tensor:
    """Return the share of tokens that is masked in the update that follows `step` others: on a line over the whole run."""
    if not objective.mask_prob_end:
        return objective.mask_prob
    done = tf.cast(step, tf.float32) / num_train_steps
    return objective.mask_prob + (objective.mask_prob_end - objective.mask_prob) * done


def mask_batch(
    batch: Batch,
    mask_prob: float | tf.Tensor,
    special_ids: SpecialIds,
    random: Random,
    slots: int | None = None,
    masking: Masking = RELEASED,
) -> MaskedBatch:
    """Draw positions without replacement and write [MASK], or a random token, over most of them.

    Args:
        batch: the rows.
        mask_prob: the share of a row's tokens.
        special_ids: of the vocabulary.
        random: source of all that is drawn.
        slots: N; None: what the share, a number then, asks for.
        masking: how.
    """
    positions, weights = draw_positions(batch, mask_prob, special_ids, random, slots, masking)
    # A token at a time, of whole words too, as BERT has it.
    chance = random.uniform("replace by [MASK]", positions.shape[1:])
    written, is_written = special_ids.mask, chance < masking.mask_token_prob
    if masking.random_token_prob:
        bits = random.bits("random token", positions.shape[1:])
        any_token = tf.cast(bits % tf.constant(masking.vocab_size, tf.uint32), tf.int32)
        written = tf.where(is_written, special_ids.mask, any_token)
        is_written = chance < masking.mask_token_prob + masking.random_token_prob
    return write_masks(batch, positions, weights, is_written, special_ids, written)


def draw_positions(
    batch: Batch,
    mask_prob: float | tf.Tensor,
    special_ids: SpecialIds,
    random: Random,
    slots: int | None = None,
    masking: Masking = RELEASED,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Draw among tokens that are not [CLS], [SEP], [MASK] or padding; or among words. Arguments as of `mask_batch`.

    Returns:
        masked_lm_positions int32 [B, N] and masked_lm_weights float32 [B, N]; a slot that the row does not use has 0 in both.
    """
    candidates = maskable(batch, special_ids)
    weights = slot_weights(batch.input_mask, candidates, mask_prob, slots)
    if masking.token_weights is not None:
        scores = _weighted_scores(batch, candidates, random, masking.token_weights)
    else:
        scores = _uniform_scores(batch, candidates, weights, special_ids, random, masking.continues)
    _, positions = tf.math.top_k(scores, k=weights.shape[1])
    return tf.where(weights > 0, positions, 0), weights


def _uniform_scores(
    batch: Batch,
    candidates: tf.Tensor,
    weights: tf.Tensor,
    special_ids: SpecialIds,
    random: Random,
    continues: tf.Tensor | None,
) -> tf.Tensor:
    """Return int32 [B, S]: a random order of the row, what may not be masked last."""
    words = None if continues is None else number_words(batch.input_ids, candidates, continues, special_ids.unk)
    # The largest of independent 31-bit numbers come first.
    one_a_word = None if words is None else Selection(0, words)
    bits = tf.bitwise.right_shift(random.bits("mask", candidates.shape[1:], one_a_word), tf.constant(1, tf.uint32))
    scores = tf.where(candidates, tf.cast(bits, tf.int32), -1)
    if words is None:
        return scores
    return whole_first(scores, words, tf.cast(tf.reduce_sum(weights, axis=1), tf.int32), weights.shape[1])


def _weighted_scores(batch: Batch, candidates: tf.Tensor, random: Random, token_weights: tf.Tensor) -> tf.Tensor:
    """Return float32 [B, S] whose largest are a draw without replacement in proportion to the tokens' weights.

    They are the logarithms of u ** (1 / weight), u uniform (Efraimidis and Spirakis, 2006).
    """
    log_u = tf.math.log(random.uniform("mask", candidates.shape[1:]))
    return tf.where(candidates, log_u / tf.gather(token_weights, batch.input_ids), tf.float32.min)


def maskable(batch: Batch, special_ids: SpecialIds) -> tf.Tensor:
    """Return bool [B, S]: tokens that may be masked."""
    allowed = batch.input_mask > 0
    for special in (special_ids.cls, special_ids.sep, special_ids.mask):
        allowed &= batch.input_ids != special
    return allowed


def slot_weights(
    input_mask: tf.Tensor, candidates: tf.Tensor, mask_prob: float | tf.Tensor, slots: int | None = None
) -> tf.Tensor:
    """Return float32 [B, N]: 1 for the slots that a row uses, as many as its length asks for and its candidates allow."""
    slots = num_masked_slots(mask_prob, input_mask.shape[1]) if slots is None else slots
    num_tokens = tf.cast(tf.reduce_sum(input_mask, axis=1), tf.float32)
    # tf.round: half to even.
    wanted = tf.cast(tf.round(num_tokens * mask_prob), tf.int32)
    used = tf.minimum(tf.maximum(1, tf.minimum(slots, wanted)), tf.reduce_sum(tf.cast(candidates, tf.int32), axis=1))
    return tf.cast(tf.range(slots)[tf.newaxis] < used[:, tf.newaxis], tf.float32)


def write_masks(
    batch: Batch,
    positions: tf.Tensor,
    weights: tf.Tensor,
    replaced: tf.Tensor,
    special_ids: SpecialIds,
    written: tf.Tensor | int | None = None,
) -> MaskedBatch:
    """Make the masked batch for drawn positions.

    Args:
        batch: the rows.
        positions: int32 [B, N], drawn.
        weights: float32 [B, N], 0 where a slot is not used.
        replaced: bool [B, N], where something is written.
        special_ids: of the vocabulary.
        written: int32 [B, N], what; None: [MASK].
    """
    writes = tf.cast(replaced, tf.float32) * weights
    written = tf.broadcast_to(tf.constant(special_ids.mask) if written is None else written, positions.shape)
    return MaskedBatch(
        input_ids=write_at(batch.input_ids, positions, written, writes),
        input_mask=batch.input_mask,
        segment_ids=batch.segment_ids,
        masked_lm_positions=positions,
        masked_lm_ids=tf.where(weights > 0, tf.gather(batch.input_ids, positions, batch_dims=1), 0),
        masked_lm_weights=weights,
        maskable=tf.cast(maskable(batch, special_ids), tf.float32),
    )


def write_at(ids: tf.Tensor, positions: tf.Tensor, values: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """Write values over ids [B, S] at positions where weights are not 0 (all [B, N]); positions written do not repeat."""
    here = tf.equal(positions[:, :, tf.newaxis], tf.range(ids.shape[1])) & (weights > 0)[:, :, tf.newaxis]  # [B, N, S]
    written = tf.reduce_sum(tf.where(here, values[:, :, tf.newaxis], 0), axis=1)
    return tf.where(tf.reduce_any(here, axis=1), written, ids)


def sample_ids(logits: tf.Tensor, temperature: float, disallowed_ids: tf.Tensor | None, random: Random) -> tf.Tensor:
    """Draw from softmax(logits / temperature), as by Gumbel noise.

    Args:
        logits: float32 [B·N, V]; no gradient flows back to them.
        temperature: above 0; below 1 sharpens.
        disallowed_ids: int32 [B, N], tokens that must not be drawn, or None.
        random: source of the noise, for B rows.

    Returns:
        int32 [B, N].
    """
    slots = logits.shape[0] // random.rows.shape[0]
    # One row of bits a slot, so that they are computed in the shape in which they are used.
    slot_rows = tf.reshape(random.rows[:, tf.newaxis] * slots + tf.range(slots), [-1])
    source = Random(random.seed, tf.cast(random.step, tf.uint32), slot_rows)
    disallowed = None if disallowed_ids is None else tf.reshape(disallowed_ids, [-1, 1])
    return tf.reshape(_gumbel_max(tf.stop_gradient(logits), temperature, disallowed, source), [-1, slots])


@fused
def _gumbel_max(logits: tf.Tensor, temperature: float, disallowed_ids: tf.Tensor | None, random: Random) -> tf.Tensor:
    """Draw by the Gumbel-max trick, its noise inside the exponential: argmax of exp(logits / temperature) / -log u, u uniform.

    That is argmax of logits / temperature - log(-log u), for one logarithm less.
    """
    if disallowed_ids is not None:
        logits = tf.where(tf.equal(tf.range(logits.shape[-1]), disallowed_ids), logits.dtype.min, logits)
    rates = tf.exp((logits - tf.reduce_max(logits, axis=-1, keepdims=True)) / temperature)
    draws = rates / -tf.math.log(random.uniform("sample", logits.shape[1:]))
    return tf.argmax(draws, axis=-1, output_type=tf.int32) if in_gpu_program() else first_of_largest(draws)

"""Metrics as sums that add up over microbatches, replicas and steps, and what is read from the sums (method §6)."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from electra_pretrain.config.schema import Config
from electra_pretrain.core.batch import Batch
from electra_pretrain.model.distillation import Learnt, masked_positions
from electra_pretrain.model.kernels import first_of_largest, fused
from electra_pretrain.model.objective import Outputs

# The AUC is read from histograms of logits: 256 bins of width 0.1, so that two tokens count as equal within 0.1.
_BIN_WIDTH, _BINS_SQRT = 0.1, 16
_NUM_BINS = _BINS_SQRT**2

Sums = dict[str, tf.Tensor]


def metric_sums(batch: Batch, outputs: Outputs) -> Sums:
    """Return float32 sums over some rows of a batch."""
    masked = outputs.masked
    weights = masked.masked_lm_weights
    predicted = tf.reshape(_predicted(outputs.gen_logits), masked.masked_lm_ids.shape)
    sums = {
        "masked_lm_slots": tf.reduce_sum(weights),
        "masked_lm_loss": tf.reduce_sum(outputs.masked_lm_losses * weights),
        "masked_lm_correct": _count(predicted == masked.masked_lm_ids, weights),
        "sampled_correct": _count(outputs.sampled_ids == masked.masked_lm_ids, weights),
    }
    if outputs.cloze_losses is not None:
        sums |= {
            "cloze_tokens": tf.reduce_sum(masked.maskable),
            "cloze_loss": tf.reduce_sum(outputs.cloze_losses * masked.maskable),
        }
    return sums | _disc_sums(batch, outputs)


def learnt_sums(batch: Batch, learnt: Learnt) -> Sums:
    """Return float32 sums over some rows of a student's batch."""
    tokens, sums = tf.cast(batch.input_mask, tf.float32), Sums()
    if learnt.masked_lm_losses is not None:
        slots = masked_positions(learnt.masked, tokens)
        sums |= {
            "masked_lm_slots": tf.reduce_sum(slots),
            "masked_lm_loss": tf.reduce_sum(learnt.masked_lm_losses * slots),
            "masked_lm_correct": _count(learnt.predicted_ids == batch.input_ids, slots),
        }
    if learnt.cosine_losses is not None:
        sums |= {"distil_tokens": tf.reduce_sum(tokens), "cosine_loss": tf.reduce_sum(learnt.cosine_losses * tokens)}
    if learnt.distil_losses is not None:
        sums |= {
            "distil_loss": tf.reduce_sum(learnt.distil_losses * tokens),
            "teacher_agrees": _count(learnt.agrees, tokens),
        }
    return sums | _disc_sums(batch, learnt)


def _disc_sums(batch: Batch, outputs: Outputs | Learnt) -> Sums:
    """Return the discriminator's sums, none where there is none."""
    if outputs.disc_logits is None:
        return {}
    tokens = tf.cast(batch.input_mask, tf.float32)
    labels = tf.cast(outputs.disc_labels, tf.float32)
    called_fake = tf.cast(outputs.disc_logits > 0, tf.float32)
    return {
        "disc_tokens": tf.reduce_sum(tokens),
        "disc_loss": tf.reduce_sum(outputs.disc_losses * tokens),
        "disc_correct": _count(called_fake == labels, tokens),
        "disc_fake": tf.reduce_sum(labels * tokens),
        "disc_called_fake": tf.reduce_sum(called_fake * tokens),
        "disc_found_fake": tf.reduce_sum(called_fake * labels * tokens),
        "disc_original_histogram": _histogram(outputs.disc_logits, (1 - labels) * tokens),
        "disc_fake_histogram": _histogram(outputs.disc_logits, labels * tokens),
    }


_predicted = fused(first_of_largest)


def zero_sums(config: Config) -> Sums:
    """Return sums over nothing, to add to."""
    objective, distillation = config.objective, config.distillation
    names = []
    if distillation is None or not objective.has_discriminator:
        names += ["masked_lm_slots", "masked_lm_loss", "masked_lm_correct"]
    if distillation is None:
        names += ["sampled_correct"]
    elif config.asks_teacher:
        names += ["distil_tokens", "cosine_loss"]
        names += ["distil_loss", "teacher_agrees"] if objective.has_discriminator or distillation.alpha_ce else []
    if objective.two_tower_generator:
        names += ["cloze_tokens", "cloze_loss"]
    if not objective.has_discriminator:
        return {name: tf.zeros([]) for name in names}
    names += ["disc_tokens", "disc_loss", "disc_correct", "disc_fake", "disc_called_fake", "disc_found_fake"]
    histograms = ["disc_original_histogram", "disc_fake_histogram"]
    return {name: tf.zeros([]) for name in names} | {name: tf.zeros([_NUM_BINS]) for name in histograms}


def summarize(sums: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Read metrics from accumulated sums; a mean over nothing is NaN."""

    def ratio(over: str, under: str) -> float:
        return float(sums[over] / sums[under]) if sums[under] else float("nan")

    metrics = {}
    if "masked_lm_slots" in sums:
        metrics["masked_lm_loss"] = ratio("masked_lm_loss", "masked_lm_slots")
        metrics["masked_lm_accuracy"] = ratio("masked_lm_correct", "masked_lm_slots")
    if "sampled_correct" in sums:
        metrics["sampled_masked_lm_accuracy"] = ratio("sampled_correct", "masked_lm_slots")
    if "distil_tokens" in sums:
        metrics["cosine_loss"] = ratio("cosine_loss", "distil_tokens")
    if "distil_loss" in sums:
        metrics["distil_loss"] = ratio("distil_loss", "distil_tokens")
        metrics["teacher_agreement"] = ratio("teacher_agrees", "distil_tokens")
    if "cloze_tokens" in sums:
        metrics["cloze_loss"] = ratio("cloze_loss", "cloze_tokens")
    if "disc_tokens" not in sums:
        return metrics
    return metrics | {
        "disc_loss": ratio("disc_loss", "disc_tokens"),
        "disc_accuracy": ratio("disc_correct", "disc_tokens"),
        # What calling every token original scores: the accuracy to beat.
        "disc_baseline_accuracy": 1 - ratio("disc_fake", "disc_tokens"),
        "disc_precision": ratio("disc_found_fake", "disc_called_fake"),
        "disc_recall": ratio("disc_found_fake", "disc_fake"),
        "disc_auc": _auc(sums["disc_original_histogram"], sums["disc_fake_histogram"]),
    }


def _count(hits: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """Sum the weights of the hits."""
    return tf.reduce_sum(tf.cast(hits, tf.float32) * weights)


def _histogram(logits: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """Return float32 [256]: weight in each bin, as a product of two one-hot matrices, which suits every device."""
    bins = tf.cast(tf.floor(tf.reshape(logits, [-1]) / _BIN_WIDTH), tf.int32) + _NUM_BINS // 2
    bins = tf.clip_by_value(bins, 0, _NUM_BINS - 1)
    high = tf.one_hot(bins // _BINS_SQRT, _BINS_SQRT)
    low = tf.one_hot(bins % _BINS_SQRT, _BINS_SQRT) * tf.reshape(weights, [-1, 1])
    return tf.reshape(tf.matmul(high, low, transpose_a=True), [_NUM_BINS])


def _auc(original: np.ndarray, fake: np.ndarray) -> float:
    """Return the chance that a replaced token's logit lies above an original one's, ties counted half."""
    pairs = float(original.sum()) * float(fake.sum())
    if not pairs:
        return float("nan")
    below = np.cumsum(original, dtype=np.float64) - original / 2
    return float((fake * below).sum() / pairs)

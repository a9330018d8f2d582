"""Learning rates step by step: linear warm-up times the schedule's decay, over all phases of a run (method §3)."""

import dataclasses
import math
from collections.abc import Callable

import tensorflow as tf

from electra_pretrain.config.optimizer import OptimizerConfig
from electra_pretrain.train.ownership import Owner


def learning_rate(update: tf.Tensor, config: OptimizerConfig, num_train_steps: int) -> tf.Tensor:
    """Return the rate of update t, float32; the first is t = 1, and from the last on it is 0."""
    t = tf.cast(update, tf.float32)
    decay = _DECAYS[config.schedule](tf.minimum(t, num_train_steps), config, num_train_steps)
    warmup = tf.minimum(1.0, t / config.num_warmup_steps) if config.num_warmup_steps else 1.0
    return config.learning_rate * decay * warmup


def own_rates(update: tf.Tensor, config: OptimizerConfig, num_train_steps: int) -> dict[Owner, tf.Tensor]:
    """Return the rates of the networks whose peak is another than `learning_rate`; of the others nothing."""
    peaks = {Owner.GENERATOR: config.generator_learning_rate, Owner.DISCRIMINATOR: config.discriminator_learning_rate}
    return {
        network: learning_rate(update, dataclasses.replace(config, learning_rate=peak), num_train_steps)
        for network, peak in peaks.items()
        if peak not in (0, config.learning_rate)
    }


def _linear(t: tf.Tensor, config: OptimizerConfig, num_steps: int) -> tf.Tensor:
    return (1.0 - t / num_steps) ** config.lr_decay_power


def _cosine(t: tf.Tensor, config: OptimizerConfig, num_steps: int) -> tf.Tensor:
    """Return half a wave, from 1 where the warm-up ends to 0 (Loshchilov and Hutter, ICLR 2017, without restarts)."""
    progress = tf.maximum(0.0, t - config.num_warmup_steps) / (num_steps - config.num_warmup_steps)
    return (1.0 + tf.cos(math.pi * progress)) / 2


def _wsd(t: tf.Tensor, config: OptimizerConfig, num_steps: int) -> tf.Tensor:
    """Return 1, and over the last steps 1 - sqrt(progress), which did best of the forms in Hägele et al. (NeurIPS 2024)."""
    progress = tf.maximum(0.0, t - (num_steps - config.decay_steps)) / config.decay_steps
    return 1.0 - tf.sqrt(progress)


_DECAYS: dict[str, Callable[[tf.Tensor, OptimizerConfig, int], tf.Tensor]] = {
    "linear": _linear,
    "cosine": _cosine,
    "wsd": _wsd,
}

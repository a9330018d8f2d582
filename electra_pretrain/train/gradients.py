"""The gradients of some rows: the generator's plus the discriminator's, of all rows at once or microbatch after microbatch."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import tensorflow as tf

from electra_pretrain.config.schema import Config
from electra_pretrain.core.batch import Batch, MaskedBatch
from electra_pretrain.core.rng import Random
from electra_pretrain.model.distillation import learn, teach
from electra_pretrain.model.electra import Electra
from electra_pretrain.model.objective import Denominators, discriminate, generate
from electra_pretrain.train.metrics import Sums, learnt_sums, metric_sums

Rows = tuple[Batch, MaskedBatch]


class Gradients:
    """Gradients of a model's losses.

    Args:
        config: the experiment, or a phase of it.
        model: the networks.
        one_after_the_other: see `Trainer`.
        variables: what gradients are asked for; None: all of the model's.
        teacher: the networks that the model learns from, if there are any.
    """

    def __init__(
        self,
        config: Config,
        model: Electra,
        one_after_the_other: bool,
        variables: Sequence[tf.Variable] | None = None,
        teacher: Electra | None = None,
    ) -> None:
        self._config, self._model, self._one_after_the_other = config, model, one_after_the_other
        self._variables = list(model.named_variables().values() if variables is None else variables)
        self._teacher = teacher

    def compute(
        self,
        batch: Batch,
        masked: MaskedBatch,
        denominators: Denominators,
        random: Random,
        loss_scale: tf.Tensor | None = None,
        sampled_ids: tf.Tensor | None = None,
    ) -> tuple[list[tf.Tensor], Sums]:
        """Return the generator's gradients plus the discriminator's, which meet in the shared embeddings only; metric sums.

        Args:
            batch: the original tokens.
            masked: the same, masked.
            denominators: counts over the global batch.
            random: source of samples and dropout.
            loss_scale: float32 scalar that the losses are multiplied by, and so the gradients; None: 1.
            sampled_ids: [B, N] replacements to use instead of drawing them.
        """
        if self._config.distillation is not None:
            return self._compute_student(batch, masked, denominators, random, loss_scale)
        objective = self._config.objective
        with tf.GradientTape() as tape:
            outputs = generate(self._model, batch, masked, denominators, objective, random, True, sampled_ids)
        gradients = tape.gradient(outputs.total_loss, self._variables, output_gradients=loss_scale)
        if objective.has_discriminator:
            if self._one_after_the_other:
                outputs = outputs._replace(sampled_ids=_once_known(outputs.sampled_ids, gradients))
            with tf.GradientTape() as tape:
                outputs = discriminate(self._model, batch, outputs, denominators, objective, random, True)
                assert outputs.disc_loss is not None
                loss = objective.disc_weight * outputs.disc_loss
            gradients = map(_add, gradients, tape.gradient(loss, self._variables, output_gradients=loss_scale))
        return self._dense(gradients), metric_sums(batch, outputs)

    def _compute_student(
        self, batch: Batch, masked: MaskedBatch, denominators: Denominators, random: Random, loss_scale: tf.Tensor | None
    ) -> tuple[list[tf.Tensor], Sums]:
        """Return what `compute` does, of a student."""
        lesson = teach(self._teacher, batch, masked, self._config, random)
        with tf.GradientTape() as tape:
            learnt = learn(self._model, lesson, batch, masked, denominators, self._config, random)
        gradients = tape.gradient(learnt.total_loss, self._variables, output_gradients=loss_scale)
        return self._dense(gradients), learnt_sums(batch, learnt)

    def _dense(self, gradients: Iterable[tf.Tensor | None]) -> list[tf.Tensor]:
        """Return zeros for those that do not exist: an unused head has no part in any loss."""
        pairs = zip(gradients, self._variables, strict=True)
        return [tf.zeros(variable.shape) if one is None else tf.convert_to_tensor(one) for one, variable in pairs]

    def accumulate(
        self, batch: Batch, masked: MaskedBatch, denominators: Denominators, random: Random, loss_scale: tf.Tensor | None = None
    ) -> tuple[list[tf.Tensor], Sums]:
        """Return what `compute` does, microbatch after microbatch: a loop on the device, whose memory holds one of them."""
        microbatches = self._config.training.gradient_accumulation_steps
        size = batch.rows.shape[0] // microbatches
        stacked = _map(lambda x: tf.reshape(x, [microbatches, size, *x.shape[1:]]), (batch, masked))

        def one_microbatch(index: tf.Tensor) -> tuple[list[tf.Tensor], Sums]:
            its_batch, its_masked = _map(lambda x: x[index], stacked)
            return self.compute(its_batch, its_masked, denominators, random._replace(rows=its_batch.rows), loss_scale)

        def add_one(index: tf.Tensor, totals: Any) -> tuple[tf.Tensor, Any]:
            return index + 1, tf.nest.map_structure(tf.add, totals, one_microbatch(index))

        first = one_microbatch(tf.constant(0))
        start = (tf.constant(1), first)
        _, totals = tf.while_loop(lambda index, _: index < microbatches, add_one, start, parallel_iterations=1)
        gradients, sums = totals
        return gradients, sums


def _map(function: Callable[[tf.Tensor], tf.Tensor], rows: Rows) -> Rows:
    """Apply it to all of the rows' tensors; rows without documents have None in their place."""
    mapped: Rows = tf.nest.map_structure(lambda x: None if x is None else function(x), rows)
    return mapped


def _once_known(ids: tf.Tensor, gradients: list[tf.Tensor | None]) -> tf.Tensor:
    """Return the same ids, to be used once the gradients are there; else a compiler might run the second network before.

    Where a gradient is not a number the ids become 0; such a step is lost anyway.
    """
    known = [tf.convert_to_tensor(gradient) for gradient in gradients if gradient is not None]
    if not known:  # uniform replacements
        return ids
    firsts = tf.add_n([tf.reshape(gradient, [-1])[0] for gradient in known])
    return tf.where(tf.equal(firsts, firsts), ids, 0)


def _add(one: tf.Tensor | None, other: tf.Tensor | None) -> tf.Tensor | None:
    """Add two gradients; None stands for one that does not exist."""
    if one is None or other is None:
        return other if one is None else one
    return tf.convert_to_tensor(one) + tf.convert_to_tensor(other)

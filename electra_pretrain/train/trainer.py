"""One update of the global batch, and loops of updates on the device (method §2, §3)."""

import time
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from electra_pretrain.config.schema import Config
from electra_pretrain.core.batch import Batch, MaskedBatch, SpecialIds
from electra_pretrain.core.rng import Random
from electra_pretrain.model.electra import Electra
from electra_pretrain.model.masking import mask_batch
from electra_pretrain.model.objective import Denominators, compute_losses, count, discriminate, generate
from electra_pretrain.train.metrics import Sums, metric_sums, summarize, zero_sums
from electra_pretrain.train.optimizer import AdamW, clip_by_global_norm, learning_rate


class Loop(NamedTuple):
    """What some steps on the device gave.

    Attributes:
        num_steps: how many.
        sums: metric sums over them.
        began: the clock's time in seconds.
        ended: the clock's time in seconds.
    """

    num_steps: int
    sums: dict[str, np.ndarray]
    began: float
    ended: float


class Trainer:
    """Model, optimiser and the compiled loops over them.

    Attributes:
        model: the networks.
        optimizer: moments and step.
        strategy: the devices.
    """

    def __init__(
        self, config: Config, special_ids: SpecialIds, strategy: tf.distribute.Strategy, one_after_the_other: bool = False
    ) -> None:
        """Build the networks and the optimiser on the strategy's devices.

        Args:
            config: the experiment, or a phase of it.
            special_ids: of the vocabulary.
            strategy: the devices.
            one_after_the_other: end the generator's pass before the discriminator's begins, which halves the activations held
                at once. The numbers are the same either way; on a CPU both together keep more cores busy.
        """
        self._config, self._special_ids, self.strategy = config, special_ids, strategy
        self._one_after_the_other = one_after_the_other
        with strategy.scope():
            self.model = Electra(config)
            self.optimizer = AdamW(self.model.named_variables(), config.optimizer)
        self._variables = list(self.model.named_variables().values())
        self.train_steps = tf.function(self._train_steps)
        self.evaluate_batch = tf.function(self._evaluate_batch)

    def variables(self) -> dict[str, tf.Variable]:
        """Return everything that a checkpoint holds, by released name."""
        return {**self.model.named_variables(), **self.optimizer.moments, "global_step": self.optimizer.global_step}

    def run_steps(self, batches: Iterator[Batch], num_steps: int) -> Loop:
        """Make `num_steps` updates on the device, wait for them, and return their metric sums and how long they took."""
        began = time.monotonic()
        sums = {name: value.numpy() for name, value in self.train_steps(batches, tf.constant(num_steps)).items()}
        return Loop(num_steps, sums, began, time.monotonic())

    def _train_steps(self, batches: Iterator[Batch], num_steps: tf.Tensor) -> Sums:
        """Make `num_steps` updates (a tensor: another number compiles nothing anew); return metric sums over all of them."""
        sums = zero_sums(self._config.objective) | {name: tf.zeros([]) for name in ("steps", "grad_norm", "nonfinite_steps")}
        for _ in tf.range(num_steps):
            per_replica = self.strategy.run(self.update, args=(next(batches),))
            sums = tf.nest.map_structure(tf.add, sums, self._over_replicas(per_replica))
        return sums

    def _over_replicas(self, sums: Sums) -> Sums:
        return {name: self.strategy.reduce("SUM", value, axis=None) for name, value in sums.items()}

    def update(self, batch: Batch, masked: MaskedBatch | None = None, sampled_ids: tf.Tensor | None = None) -> Sums:
        """Make one update; call it in a replica.

        Masks, losses, gradients summed over microbatches and replicas, *then* clipped, the optimiser.

        Args:
            batch: this replica's rows of the global batch.
            masked: the same, masked; None: masks are drawn.
            sampled_ids: [B, N] replacements to use instead of drawing them; with a single microbatch only.

        Returns:
            Metric sums over the rows; of the step's own numbers this replica's share.
        """
        if masked is None:
            masked = mask_batch(batch, self._config.objective.mask_prob, self._special_ids, self._random(batch))
        context = tf.distribute.get_replica_context()
        denominators = Denominators(*(context.all_reduce("SUM", value) for value in count(batch, masked)))
        microbatches = self._config.training.gradient_accumulation_steps
        if microbatches == 1:
            gradients, sums = self._gradients(batch, masked, denominators, sampled_ids)
        else:
            gradients, sums = self._accumulated_gradients(batch, masked, denominators, microbatches)
        gradients = context.all_reduce("SUM", gradients)
        gradients, norm = clip_by_global_norm(gradients, self._config.optimizer.max_grad_norm)
        update = self.optimizer.global_step + 1
        rate = learning_rate(update, self._config.optimizer, self._config.training.num_train_steps)
        finite = tf.math.is_finite(norm)
        self.optimizer.apply(gradients, rate, finite)
        # Each replica adds its share, so that the sum over replicas counts a step once.
        share = 1.0 / context.num_replicas_in_sync
        sums |= {"steps": tf.constant(share), "grad_norm": norm * share}
        # A step that is not applied would make every sum that it enters not a number.
        sums = {name: tf.where(finite, value, tf.zeros_like(value)) for name, value in sums.items()}
        return sums | {"nonfinite_steps": share - sums["steps"]}

    def _gradients(
        self, batch: Batch, masked: MaskedBatch, denominators: Denominators, sampled_ids: tf.Tensor | None = None
    ) -> tuple[list[tf.Tensor], Sums]:
        """Return the generator's gradients plus the discriminator's, which meet in the shared embeddings only; metric sums."""
        random = self._random(batch)
        objective = self._config.objective
        with tf.GradientTape() as tape:
            outputs = generate(self.model, batch, masked, denominators, objective, random, True, sampled_ids)
        gradients = tape.gradient(outputs.total_loss, self._variables)
        if objective.has_discriminator:
            if self._one_after_the_other:
                outputs = outputs._replace(sampled_ids=_once_known(outputs.sampled_ids, gradients))
            with tf.GradientTape() as tape:
                outputs = discriminate(self.model, batch, outputs, denominators, objective, random, True)
                assert outputs.disc_loss is not None
                loss = objective.disc_weight * outputs.disc_loss
            gradients = map(_add, gradients, tape.gradient(loss, self._variables))
        # An unused head has no part in any loss.
        pairs = zip(gradients, self._variables, strict=True)
        dense = [tf.zeros(variable.shape) if one is None else tf.convert_to_tensor(one) for one, variable in pairs]
        return dense, metric_sums(batch, outputs)

    def _accumulated_gradients(
        self, batch: Batch, masked: MaskedBatch, denominators: Denominators, microbatches: int
    ) -> tuple[list[tf.Tensor], Sums]:
        """Return what `_gradients` does, microbatch after microbatch: a loop on the device, whose memory holds one of them."""
        size = batch.rows.shape[0] // microbatches
        stacked = tf.nest.map_structure(lambda x: tf.reshape(x, [microbatches, size, *x.shape[1:]]), (batch, masked))

        def one_microbatch(index: tf.Tensor) -> tuple[list[tf.Tensor], Sums]:
            its_batch, its_masked = tf.nest.map_structure(lambda x: x[index], stacked)
            return self._gradients(its_batch, its_masked, denominators)

        def add_one(index: tf.Tensor, totals: Any) -> tuple[tf.Tensor, Any]:
            return index + 1, tf.nest.map_structure(tf.add, totals, one_microbatch(index))

        first = one_microbatch(tf.constant(0))
        start = (tf.constant(1), first)
        _, totals = tf.while_loop(lambda index, _: index < microbatches, add_one, start, parallel_iterations=1)
        gradients, sums = totals
        return gradients, sums

    def _random(self, batch: Batch) -> Random:
        return Random(self._config.training.seed, self.optimizer.global_step, batch.rows)

    def evaluate(self, batches: Iterable[Batch]) -> dict[str, float]:
        """Return metrics (method §6) over batches."""
        totals: dict[str, np.ndarray] = {}
        for batch in batches:
            for name, value in self.evaluate_batch(batch).items():
                totals[name] = totals.get(name, 0) + value.numpy().astype(np.float64)
        return summarize(totals)

    def _evaluate_batch(self, batch: Batch) -> Sums:
        return self._over_replicas(self.strategy.run(self._evaluate_step, args=(batch,)))

    def _evaluate_step(self, batch: Batch) -> Sums:
        """Return metric sums without dropout; masks and samples depend on the row alone, the same at every checkpoint."""
        # A step that no update has.
        random = Random(self._config.training.seed, 2**32 - 1, batch.rows)
        masked = mask_batch(batch, self._config.objective.mask_prob, self._special_ids, random)
        one = tf.constant(1.0)
        outputs = compute_losses(
            self.model, batch, masked, Denominators(one, one, one), self._config.objective, random, training=False
        )
        return metric_sums(batch, outputs)


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

"""One update of the global batch, and loops of updates on the device (method §2, §3)."""

import functools
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from electra_pretrain.checkpoint.teacher import Teacher
from electra_pretrain.config.schema import Config
from electra_pretrain.core.batch import Batch, MaskedBatch, SpecialIds
from electra_pretrain.core.rng import Random
from electra_pretrain.model.distillation import learn, teach
from electra_pretrain.model.documents import document_numbers
from electra_pretrain.model.electra import Electra, is_frozen
from electra_pretrain.model.kernels import gpu_program, tpu_program
from electra_pretrain.model.masking import Masking, mask_batch, num_masked_slots, share_at
from electra_pretrain.model.objective import Denominators, compute_losses, count
from electra_pretrain.tpu import local
from electra_pretrain.train.clipping import NORM, Clipping
from electra_pretrain.train.gradients import Gradients
from electra_pretrain.train.loss_scale import LossScale
from electra_pretrain.train.metrics import Sums, learnt_sums, metric_sums, summarize, zero_sums
from electra_pretrain.train.optimizer import AdamW
from electra_pretrain.train.ownership import owners
from electra_pretrain.train.schedule import learning_rate, own_rates
from electra_pretrain.train.teacher import networks_of


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
        self,
        config: Config,
        special_ids: SpecialIds,
        strategy: tf.distribute.Strategy,
        one_after_the_other: bool = False,
        compiled: bool = False,
        continues: np.ndarray | None = None,
        token_weights: np.ndarray | None = None,
        teacher: Teacher | None = None,
    ) -> None:
        """Build the networks and the optimiser on the strategy's devices.

        Args:
            config: the experiment, or a phase of it.
            special_ids: of the vocabulary.
            strategy: the devices.
            one_after_the_other: end the generator's pass before the discriminator's begins, which halves the activations held
                at once. The numbers are the same either way; on a CPU both together keep more cores busy.
            continues: bool [V], pieces that go on with the word before them; for objective.masking = "whole_word", else None.
            token_weights: float32 [V], for distillation.mlm_smoothing, else None.
            teacher: of a config with distillation, else None.
        """
        objective, distillation = config.objective, config.distillation
        assert (continues is not None) == (objective.masking == "whole_word")
        assert (token_weights is not None) == (distillation is not None and distillation.mlm_smoothing > 0)
        assert (teacher is not None) == (distillation is not None)
        tables = continues, None if token_weights is None else token_weights.astype(np.float32)
        self._masking = Masking(objective.mask_token_prob, objective.random_token_prob, config.data.vocab_size, *tables)
        self._config, self._special_ids, self.strategy = config, special_ids, strategy
        self._one_after_the_other = one_after_the_other
        with strategy.scope():
            self.model = Electra(config)
            self._teacher = networks_of(teacher, config) if teacher is not None and config.asks_teacher else None
            loss_scale = LossScale() if config.training.compute_dtype == "float16" else None
            named = self.model.named_variables()
            variables = {name: variable for name, variable in named.items() if not is_frozen(name, config)}
            self.optimizer = AdamW(variables, config.optimizer, loss_scale, owners(variables, config.objective))
        self._clipping = Clipping(variables, config)
        self._accumulates = config.training.gradient_accumulation_steps > 1
        gradients = Gradients(config, self.model, one_after_the_other, list(variables.values()), self._teacher)
        program = _program_of(strategy, compiled)
        self._mask, self._score = program(self._masked), program(self._scored)
        self._gradients = program(gradients.accumulate if self._accumulates else gradients.compute)
        self._measure, self._apply = program(self._measured), program(self._applied)
        # One device exchanges nothing, so that its whole update is one program.
        alone = isinstance(strategy, tf.distribute.OneDeviceStrategy)
        self._update = program(self.update) if alone else self.update
        self._device_by_device = compiled and not alone
        self.train_steps = tf.function(self._train_steps)
        self.evaluate_batch = tf.function(self._evaluate_batch)

    def variables(self) -> dict[str, tf.Variable]:
        """Return everything that a checkpoint holds, by released name."""
        return {**self.model.named_variables(), **self.optimizer.named_variables()}

    def run_steps(self, batches: Iterator[Batch], num_steps: int) -> Loop:
        """Make `num_steps` updates on the device, wait for them, and return their metric sums and how long they took."""
        began = time.monotonic()
        sums = {name: value.numpy() for name, value in self.train_steps(batches, tf.constant(num_steps)).items()}
        return Loop(num_steps, sums, began, time.monotonic())

    def _train_steps(self, batches: Iterator[Batch], num_steps: tf.Tensor) -> Sums:
        """Make `num_steps` updates (a tensor: another number compiles nothing anew); return metric sums over all of them."""
        of_scale = ("skipped_steps", "loss_scale") if self.optimizer.loss_scale else ()
        own = ("tokens", "steps", "nonfinite_steps", *self._clipping.names, *of_scale)
        sums = zero_sums(self._config) | {name: tf.zeros([]) for name in own}
        for _ in tf.range(num_steps):
            per_replica = self.strategy.run(self._update, args=(next(batches),))
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
        context = tf.distribute.get_replica_context()
        masked, counts = self._mask(batch, masked)
        denominators = Denominators(*context.all_reduce("SUM", list(counts)))
        loss_scale = None if self.optimizer.loss_scale is None else self.optimizer.loss_scale.scale.read_value()
        samples = () if self._accumulates else (sampled_ids,)
        gradients, sums = self._gradients(batch, masked, denominators, self._random(batch), loss_scale, *samples)
        gradients = context.all_reduce("SUM", gradients)
        norms, sums = self._measure(gradients, sums)
        if self._device_by_device:
            context.merge_call(self._apply_on_each_device, args=(gradients, norms))
        else:
            self._apply(gradients, norms)
        # Counted before, for the losses' denominators; of a step that is not applied, too, as it took its time.
        return dict(sums) | {"tokens": counts.disc}

    def _masked(self, batch: Batch, masked: MaskedBatch | None) -> tuple[MaskedBatch, Denominators]:
        """Return the batch masked, and what its losses are divided by."""
        if masked is None:
            objective, step = self._config.objective, self.optimizer.global_step
            share = share_at(objective, step, self._config.training.num_train_steps)
            slots = num_masked_slots(objective.largest_mask_prob, batch.input_ids.shape[1])
            masked = mask_batch(batch, share, self._special_ids, self._random(batch), slots, self._masking)
        masked = self._with_documents(batch, masked)
        return masked, count(batch, masked)

    def _with_documents(self, batch: Batch, masked: MaskedBatch) -> MaskedBatch:
        """Return it with the numbers of its documents, if rows hold several."""
        if self._config.data.short_documents != "packed":
            return masked
        return masked._replace(documents=document_numbers(batch, self._special_ids.cls))

    def _measured(self, gradients: list[tf.Tensor], sums: Sums) -> tuple[Sums, Sums]:
        """Return the norms of the global batch's gradients, unscaled, and the metric sums with the step's own numbers."""
        loss_scale = self.optimizer.loss_scale
        norms = self._clipping.norms(gradients, None if loss_scale is None else loss_scale.scale)
        finite = tf.math.is_finite(norms[NORM])
        # Each replica adds its share, so that the sum over replicas counts a step once.
        share = 1.0 / self.strategy.num_replicas_in_sync
        sums = sums | {"steps": tf.constant(share), **{name: norm * share for name, norm in norms.items()}}
        # A step that is not applied would make every sum that it enters not a number.
        sums = {name: tf.where(finite, value, tf.zeros_like(value)) for name, value in sums.items()}
        missed = share - sums["steps"]
        if loss_scale is None:
            return norms, sums | {"nonfinite_steps": missed}
        lost = tf.where(loss_scale.at_floor(), missed, 0.0)
        own = {"nonfinite_steps": lost, "skipped_steps": missed - lost, "loss_scale": loss_scale.scale * share}
        return norms, sums | own

    def _applied(self, gradients: list[tf.Tensor], norms: Sums) -> None:
        """Clip gradients that are still scaled, and update all variables."""
        loss_scale = self.optimizer.loss_scale
        when = (self.optimizer.global_step + 1, self._config.optimizer, self._config.training.num_train_steps)
        clipped = self._clipping.clip(gradients, norms, None if loss_scale is None else loss_scale.scale)
        self.optimizer.apply(clipped, learning_rate(*when), tf.math.is_finite(norms[NORM]), own_rates(*when))

    def _apply_on_each_device(self, strategy: tf.distribute.Strategy, gradients: Any, norms: Any) -> None:
        """Have each device update its own copies of all variables, in one program."""

        def on_its_device(_: tf.Variable, gradients: list[tf.Tensor], norms: Sums) -> None:
            self._apply(gradients, norms)

        strategy.extended.update(self.optimizer.global_step, on_its_device, args=(gradients, norms), group=False)

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
        return self._over_replicas(self.strategy.run(self._score, args=(batch,)))

    def _scored(self, batch: Batch) -> Sums:
        """Return metric sums without dropout; masks and samples depend on the row alone, the same at every checkpoint.

        So does how much is masked: the share that the run ends with.
        """
        # A step that no update has.
        random = Random(self._config.training.seed, 2**32 - 1, batch.rows)
        share = self._config.objective.last_mask_prob
        masked = mask_batch(batch, share, self._special_ids, random, masking=self._masking)
        masked = self._with_documents(batch, masked)
        one = tf.constant(1.0)
        if self._config.distillation is not None:
            lesson = teach(self._teacher, batch, masked, self._config, random)
            ones = Denominators(one, one, one)
            return learnt_sums(batch, learn(self.model, lesson, batch, masked, ones, self._config, None))
        outputs = compute_losses(
            self.model, batch, masked, Denominators(one, one, one), self._config.objective, random, training=False
        )
        return metric_sums(batch, outputs)


def _program_of(strategy: tf.distribute.Strategy, compiled: bool) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return what makes of a function what the devices run."""
    if isinstance(strategy, tf.distribute.TPUStrategy):
        return functools.partial(_for_tpu, local.generation() or "")
    return _one_program if compiled else _as_it_is


def _one_program(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function as one program, in the form that is best for a GPU; any device computes it."""

    def traced(*args: Any) -> Any:
        with gpu_program():
            return function(*args)

    compiled = tf.function(traced, jit_compile=True, autograph=False)

    # Given the compiled function itself, a strategy would make one program of all its devices.
    def call(*args: Any) -> Any:
        return compiled(*args)

    return call


def _for_tpu(generation: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function in the form that is best for a TPU; the strategy makes one program of all that a step does."""

    def traced(*args: Any) -> Any:
        with tpu_program(generation):
            return function(*args)

    return traced


def _as_it_is(function: Callable[..., Any]) -> Callable[..., Any]:
    return function

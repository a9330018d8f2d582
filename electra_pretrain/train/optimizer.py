"""Adam with decoupled weight decay and no bias correction, its learning rate, and clipping (method §3)."""

from collections.abc import Mapping, Sequence

import tensorflow as tf

from electra_pretrain.config.schema import OptimizerConfig
from electra_pretrain.model.kernels import fused

# Every parameter is decayed but these, told by their names.
UNDECAYED = ("LayerNorm", "bias")


def learning_rate(update: tf.Tensor, config: OptimizerConfig, num_train_steps: int) -> tf.Tensor:
    """Return the rate of update t, float32; the first is t = 1. Linear warm-up times polynomial decay to 0 at the last step."""
    t = tf.cast(update, tf.float32)
    decay = (1.0 - tf.minimum(t, num_train_steps) / num_train_steps) ** config.lr_decay_power
    warmup = tf.minimum(1.0, t / config.num_warmup_steps) if config.num_warmup_steps else 1.0
    return config.learning_rate * decay * warmup


def clip_by_global_norm(gradients: Sequence[tf.Tensor], max_norm: float) -> tuple[list[tf.Tensor], tf.Tensor]:
    """Scale gradients down to a global norm of `max_norm` if they exceed it; return them and their norm before.

    If the norm is not finite, every gradient is 0.
    """
    norm = tf.linalg.global_norm(gradients)
    scale = tf.where(tf.math.is_finite(norm), max_norm / tf.maximum(norm, max_norm), 0.0)
    return [tf.math.multiply_no_nan(gradient, scale) for gradient in gradients], norm


def is_decayed(name: str) -> bool:
    """Return whether weight decay applies to a variable of this name."""
    return not any(fragment in name for fragment in UNDECAYED)


class AdamW(tf.Module):
    """Moments for named variables, and the update; create it within the strategy's scope, as the model.

    Attributes:
        moments: released name (`…/adam_m`, `…/adam_v`) -> variable.
        global_step: int64 scalar, updates done, those that were not applied included.
        nonfinite_in_a_row: int32 scalar, updates up to now that were not applied.
        last_nonfinite_step: int32 scalar, `global_step` before the last of them; -1 before there was one.
    """

    def __init__(self, variables: Mapping[str, tf.Variable], config: OptimizerConfig) -> None:
        super().__init__()
        self._config = config
        self._variables = dict(variables)
        self.global_step = tf.Variable(0, dtype=tf.int64, trainable=False, name="global_step")
        self.nonfinite_in_a_row = tf.Variable(0, dtype=tf.int32, trainable=False, name="nonfinite_in_a_row")
        self.last_nonfinite_step = tf.Variable(-1, dtype=tf.int32, trainable=False, name="last_nonfinite_step")
        self.moments = {
            f"{name}/{slot}": tf.Variable(tf.zeros(variable.shape), trainable=False, name=f"{name}/{slot}")
            for name, variable in self._variables.items()
            for slot in ("adam_m", "adam_v")
        }

    def apply(self, gradients: Sequence[tf.Tensor], rate: tf.Tensor, finite: tf.Tensor) -> None:
        """Update all variables and the step; call it in a replica with gradients that all replicas share.

        Args:
            gradients: in the order of the variables; already summed and clipped, 0 where the step is not finite.
            rate: scalar learning rate.
            finite: scalar bool; False leaves weights and moments as they are, to the bit.
        """
        config = self._config
        # Each moment is old * w + new * x with (w, x) = (beta, 1 - beta), or (1, 0).
        factors = [
            (tf.where(finite, beta, 1.0), tf.where(finite, 1 - beta, 0.0)) for beta in (config.adam_beta_1, config.adam_beta_2)
        ]
        rate = tf.where(finite, rate, 0.0)
        # Written for each replica's copy from the same values; nothing is sent between replicas here.
        context = tf.distribute.get_replica_context()
        context.merge_call(self._merged_apply, args=(list(gradients), rate, *factors, finite))

    def _merged_apply(
        self,
        strategy: tf.distribute.Strategy,
        gradients: list[tf.Tensor],
        rate: tf.Tensor,
        factors_m: tuple[tf.Tensor, tf.Tensor],
        factors_v: tuple[tf.Tensor, tf.Tensor],
        finite: tf.Tensor,
    ) -> None:
        for (name, variable), gradient in zip(self._variables.items(), gradients, strict=True):
            moments = (self.moments[f"{name}/adam_m"], self.moments[f"{name}/adam_v"])
            decay = self._config.weight_decay_rate if is_decayed(name) else 0.0
            arguments = (gradient, *moments, rate, factors_m, factors_v, decay)
            strategy.extended.update(variable, self._update_one, args=arguments, group=False)
        strategy.extended.update(self.last_nonfinite_step, self._note_nonfinite, args=(self.global_step, finite), group=False)
        strategy.extended.update(self.nonfinite_in_a_row, self._count_nonfinite, args=(finite,), group=False)
        strategy.extended.update(self.global_step, lambda step: step.assign_add(1, read_value=False), group=False)

    @staticmethod
    def _note_nonfinite(last: tf.Variable, step: tf.Variable, finite: tf.Tensor) -> None:
        last.assign(tf.where(finite, last, tf.cast(step, tf.int32)), read_value=False)

    @staticmethod
    def _count_nonfinite(in_a_row: tf.Variable, finite: tf.Tensor) -> None:
        in_a_row.assign(tf.where(finite, 0, in_a_row + 1), read_value=False)

    def _update_one(
        self,
        variable: tf.Variable,
        gradient: tf.Tensor,
        m: tf.Variable,
        v: tf.Variable,
        rate: tf.Tensor,
        factors_m: tuple[tf.Tensor, tf.Tensor],
        factors_v: tuple[tf.Tensor, tf.Tensor],
        decay: float,
    ) -> None:
        # Tensors, so that one compiled program serves all variables of a shape.
        constants = (tf.constant(decay), tf.constant(self._config.adam_epsilon))
        values = (variable.read_value(), gradient, m.read_value(), v.read_value())
        updated = _update(*values, rate, factors_m, factors_v, *constants)
        for target, value in zip((variable, m, v), updated, strict=True):
            target.assign(value, read_value=False)


@fused
def _update(
    variable: tf.Tensor,
    gradient: tf.Tensor,
    m: tf.Tensor,
    v: tf.Tensor,
    rate: tf.Tensor,
    factors_m: tuple[tf.Tensor, tf.Tensor],
    factors_v: tuple[tf.Tensor, tf.Tensor],
    decay: tf.Tensor,
    epsilon: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Return the variable and its moments after the step."""
    m = factors_m[0] * m + factors_m[1] * gradient
    v = factors_v[0] * v + factors_v[1] * tf.square(gradient)
    step = m / (tf.sqrt(v) + epsilon) + decay * variable
    return variable - rate * step, m, v

"""Adam with decoupled weight decay and no bias correction (method §3)."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from electra_pretrain.config.optimizer import OptimizerConfig
from electra_pretrain.model.kernels import fused
from electra_pretrain.train.loss_scale import LossScale
from electra_pretrain.train.ownership import Owner

# Every parameter is decayed but these, told by their names.
UNDECAYED = ("LayerNorm", "bias")


def is_decayed(name: str) -> bool:
    """Return whether weight decay applies to a variable of this name."""
    return not any(fragment in name for fragment in UNDECAYED)


class AdamW(tf.Module):
    """Moments for named variables, and the update; create it within the strategy's scope, as the model.

    Args:
        variables: name -> variable.
        config: the optimiser's numbers.
        loss_scale: of float16.
        owners: name -> whose it is, where networks have rates of their own.

    Attributes:
        moments: released name (`…/adam_m`, `…/adam_v`) -> variable.
        global_step: int64 scalar, updates done, those that were not applied included.
        nonfinite_in_a_row: int64 scalar, updates up to now that were not applied; not those that only lower the loss scale.
        last_nonfinite_step: int64 scalar, `global_step` before the last of them; -1 before there was one.
        loss_scale: of float16; else None.
    """

    def __init__(
        self,
        variables: Mapping[str, tf.Variable],
        config: OptimizerConfig,
        loss_scale: LossScale | None = None,
        owners: Mapping[str, Owner] | None = None,
    ) -> None:
        super().__init__()
        self._config, self.loss_scale, self._owners = config, loss_scale, dict(owners or {})
        self._variables = dict(variables)
        # A GPU's program cannot use TensorFlow's int32 variables, which never lie on a GPU.
        self.global_step = tf.Variable(0, dtype=tf.int64, trainable=False, name="global_step")
        self.nonfinite_in_a_row = tf.Variable(0, dtype=tf.int64, trainable=False, name="nonfinite_in_a_row")
        self.last_nonfinite_step = tf.Variable(-1, dtype=tf.int64, trainable=False, name="last_nonfinite_step")
        self.moments = {
            f"{name}/{slot}": tf.Variable(tf.zeros(variable.shape), trainable=False, name=f"{name}/{slot}")
            for name, variable in self._variables.items()
            for slot in ("adam_m", "adam_v")
        }

    def named_variables(self) -> dict[str, tf.Variable]:
        """Return what a checkpoint holds beside the weights."""
        of_scale = {} if self.loss_scale is None else self.loss_scale.named_variables()
        return {**self.moments, "global_step": self.global_step, **of_scale}

    def apply(
        self,
        gradients: Sequence[tf.Tensor],
        rate: tf.Tensor,
        finite: tf.Tensor,
        own_rates: Mapping[Owner, tf.Tensor] | None = None,
    ) -> None:
        """Update all variables and the step, with gradients that all replicas share.

        Call it in a replica; or, within `strategy.extended.update`, once for each device, whose copies are then written.

        Args:
            gradients: in the order of the variables; already summed and clipped, 0 where the step is not finite.
            rate: scalar learning rate.
            finite: scalar bool; False leaves weights and moments as they are, to the bit.
            own_rates: of the networks whose own variables have another rate.
        """
        config = self._config
        # Each moment is old * w + new * x with (w, x) = (beta, 1 - beta), or (1, 0).
        factors = [
            (tf.where(finite, beta, 1.0), tf.where(finite, 1 - beta, 0.0)) for beta in (config.adam_beta_1, config.adam_beta_2)
        ]
        rate = tf.where(finite, rate, 0.0)
        own_rates = {network: tf.where(finite, own, 0.0) for network, own in (own_rates or {}).items()}
        lost = tf.logical_not(finite)
        scale_after: tuple[tf.Tensor, ...] = ()
        if self.loss_scale is not None:
            lost, scale_after = lost & self.loss_scale.at_floor(), self.loss_scale.after(finite)
        context = tf.distribute.get_replica_context()
        arguments = (list(gradients), rate, own_rates, *factors, finite, lost, scale_after)
        # Written for each replica's copy from the same values; nothing is sent between replicas here.
        if context is None:
            self._apply_to(_own_copy, *arguments)
        else:
            context.merge_call(self._merged_apply, args=arguments)

    def _merged_apply(self, strategy: tf.distribute.Strategy, *arguments: Any) -> None:
        def every_copy(variable: tf.Variable, function: Callable[..., None], *values: Any) -> None:
            strategy.extended.update(variable, function, args=values, group=False)

        self._apply_to(every_copy, *arguments)

    def _apply_to(
        self,
        write: Callable[..., None],
        gradients: list[tf.Tensor],
        rate: tf.Tensor,
        own_rates: dict[Owner, tf.Tensor],
        factors_m: tuple[tf.Tensor, tf.Tensor],
        factors_v: tuple[tf.Tensor, tf.Tensor],
        finite: tf.Tensor,
        lost: tf.Tensor,
        scale_after: Sequence[tf.Tensor],
    ) -> None:
        """Write each variable's new value; nothing is computed here but in `write`, as each replica has its own values."""
        for (name, variable), gradient in zip(self._variables.items(), gradients, strict=True):
            moments = (self.moments[f"{name}/adam_m"], self.moments[f"{name}/adam_v"])
            decay = self._config.weight_decay_rate if is_decayed(name) else 0.0
            its_rate = own_rates.get(self._owners[name], rate) if own_rates else rate
            write(variable, self._update_one, gradient, *moments, its_rate, factors_m, factors_v, decay)
        if self.loss_scale is not None:
            for variable, value in zip((self.loss_scale.scale, self.loss_scale.good_steps), scale_after, strict=True):
                write(variable, self._set, value)
        write(self.last_nonfinite_step, self._note_nonfinite, self.global_step, lost)
        write(self.nonfinite_in_a_row, self._count_nonfinite, finite, lost)
        write(self.global_step, lambda step: step.assign_add(1, read_value=False))

    @staticmethod
    def _set(variable: tf.Variable, value: tf.Tensor) -> None:
        variable.assign(value, read_value=False)

    @staticmethod
    def _note_nonfinite(last: tf.Variable, step: tf.Variable, lost: tf.Tensor) -> None:
        last.assign(tf.where(lost, step, last), read_value=False)

    @staticmethod
    def _count_nonfinite(in_a_row: tf.Variable, finite: tf.Tensor, lost: tf.Tensor) -> None:
        in_a_row.assign(tf.where(finite, tf.zeros_like(in_a_row), in_a_row + tf.cast(lost, tf.int64)), read_value=False)

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


def _own_copy(variable: tf.Variable, function: Callable[..., None], *values: Any) -> None:
    """Write the copy of the device at hand."""
    function(variable, *values)


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

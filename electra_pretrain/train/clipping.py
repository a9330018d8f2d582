"""Gradients scaled down to a norm: all of them together, or each network's on its own (method §3)."""

from collections.abc import Iterable, Sequence

import tensorflow as tf

from electra_pretrain.config.schema import Config
from electra_pretrain.train.ownership import owner

NORM = "grad_norm"  # the global one; a network's is its name, this behind it


class Clipping:
    """Which gradients are clipped together, and how far.

    Args:
        variables: names, in the order of the gradients.
        config: the experiment, or a phase of it.

    Attributes:
        names: of the norms, as metrics are called; the global one first.
    """

    def __init__(self, variables: Iterable[str], config: Config) -> None:
        self._max_norm = config.optimizer.max_grad_norm
        self._groups: dict[str, list[int]] = {}
        for index, name in enumerate(variables):
            group = f"{owner(name, config.objective).value}_{NORM}" if config.optimizer.clip_per_network else NORM
            self._groups.setdefault(group, []).append(index)
        self.names = tuple(dict.fromkeys([NORM, *self._groups]))

    def norms(self, gradients: Sequence[tf.Tensor], loss_scale: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
        """Return each norm by its name, of gradients divided by the `loss_scale`; if one is not finite, none is."""
        norms = {name: tf.linalg.global_norm([gradients[index] for index in members]) for name, members in self._groups.items()}
        if NORM not in norms:
            total = tf.linalg.global_norm(list(norms.values()))
            finite = tf.math.is_finite(total)
            norms = {NORM: total, **{name: tf.where(finite, norm, total) for name, norm in norms.items()}}
        return norms if loss_scale is None else {name: norm / loss_scale for name, norm in norms.items()}

    def clip(
        self, gradients: Sequence[tf.Tensor], norms: dict[str, tf.Tensor], loss_scale: tf.Tensor | None = None
    ) -> list[tf.Tensor]:
        """Scale the gradients of each group down to the largest norm that it may have; arguments as in `norms` and `clip`."""
        clipped = list(gradients)
        for name, members in self._groups.items():
            of_group = clip([gradients[index] for index in members], norms[name], self._max_norm, loss_scale)
            for index, gradient in zip(members, of_group, strict=True):
                clipped[index] = gradient
        return clipped


def clip(
    gradients: Sequence[tf.Tensor], norm: tf.Tensor, max_norm: float, loss_scale: tf.Tensor | None = None
) -> list[tf.Tensor]:
    """Scale gradients down to a global norm of `max_norm` if their `norm` exceeds it; all are 0 if that is not finite.

    Gradients that are still multiplied by a `loss_scale` are divided by it; `norm` is that of the quotients.
    """
    scale = tf.where(tf.math.is_finite(norm), max_norm / tf.maximum(norm, max_norm), 0.0)
    if loss_scale is not None:
        scale /= loss_scale
    return [tf.math.multiply_no_nan(gradient, scale) for gradient in gradients]

"""Whether weights are those of a config's networks: every name, shape and kind of number, in both directions."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from electra_pretrain.checkpoint.pretrained import MOMENTS, is_loss_scale, is_moment, misfits
from electra_pretrain.config.schema import Config
from electra_pretrain.core.errors import UserError
from electra_pretrain.model.electra import Electra


def expected_variables(config: Config, with_moments: bool = False) -> dict[str, tf.Variable]:
    """Return the variables of a config's networks for their names, shapes and types; values are never computed."""
    with tf.Graph().as_default():
        weights = Electra(config).named_variables()
    moments = {f"{name}/{slot}": weight for name, weight in weights.items() for slot in MOMENTS}
    return {**weights, **(moments if with_moments else {})}


def check_fit(origin: str, values: Mapping[str, np.ndarray], config: Config, config_path: str) -> None:
    """Refuse a checkpoint that is not of a config.

    Args:
        origin: the checkpoint as messages name it.
        values: released name -> value; moments, all or none, and `global_step` may be among them.
        config: that it should be of.
        config_path: the file that holds it.

    Raises:
        UserError: every name that is missing, left over, or of another shape or kind.
    """
    found = {name: value for name, value in values.items() if name != "global_step" and not is_loss_scale(name)}
    if problems := misfits(found, expected_variables(config, with_moments=any(map(is_moment, found)))):
        raise UserError(
            f"{origin}: is not of the model that {config_path} describes: {'; '.join(problems)}; put back the config.json that "
            "it was trained with, or copy the checkpoint again"
        )

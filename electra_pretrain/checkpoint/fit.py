"""Whether weights are those of a config's networks: every name, shape and kind of number, in both directions; and moments."""

import os
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from electra_pretrain.checkpoint.misfits import misfits
from electra_pretrain.checkpoint.names import MOMENTS, is_moment, is_optimizer_value
from electra_pretrain.checkpoint.pretrained import Pretrained
from electra_pretrain.checkpoint.unseen import check_unseen
from electra_pretrain.config.schema import Config
from electra_pretrain.core.errors import FEW, UserError, first_of
from electra_pretrain.model.electra import Electra, is_frozen


def expected_variables(config: Config) -> dict[str, tf.Variable]:
    """Return the variables of a config's networks for their names, shapes and types; values are never computed."""
    with tf.Graph().as_default():
        return Electra(config).named_variables()


def expected_moments(weights: Mapping[str, tf.Variable], config: Config) -> dict[str, tf.Variable]:
    """Return the names of the moments of a config's weights, each with a weight of its shape and type."""
    return {f"{name}/{slot}": weight for name, weight in weights.items() for slot in MOMENTS if not is_frozen(name, config)}


def check_moments(pretrained: Pretrained) -> None:
    """Refuse a source without moments to go on with; those of an import are all 0, and as good as none.

    Raises:
        UserError: there are none.
    """
    if not any(value.any() for name, value in pretrained.values.items() if is_moment(name)):
        raise UserError(
            f"training.init_moments = true: {pretrained.origin}: has no moments of Adam's (imports and exports seldom do); "
            "name a run or one of its checkpoints in training.init_from, or set training.init_moments=false"
        )


def check_fit(origin: str, values: Mapping[str, np.ndarray], config: Config, config_path: str) -> None:
    """Refuse a checkpoint that is not of a config.

    Args:
        origin: the checkpoint as messages name it.
        values: released name -> value; moments, all or none, and `global_step` may be among them.
        config: that it should be of.
        config_path: the file that holds it.

    Raises:
        UserError: names that are missing, left over, or of another shape or kind; or what no shape shows was changed.
    """
    check_unseen(os.path.dirname(config_path), config)
    weights = expected_variables(config)
    moments = expected_moments(weights, config)
    found_moments = {name: value for name, value in values.items() if is_moment(name)}
    found_weights = {name: value for name, value in values.items() if not is_optimizer_value(name)}
    if problems := misfits(found_weights, weights) or (found_moments and misfits(found_moments, moments)):
        raise UserError(
            f"{origin}: is not of the model that {config_path} describes: {first_of(problems, FEW, '; ')}; put back "
            "the config.json that it was trained with, or copy the checkpoint again"
        )

"""Checkpoints into a trainer's variables, and variables' values for a checkpoint."""

import logging
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from electra_pretrain.checkpoint.bundle import DamagedCheckpoint, read
from electra_pretrain.checkpoint.listing import find, steps
from electra_pretrain.checkpoint.misfits import check_finite, misfits
from electra_pretrain.checkpoint.names import is_loss_scale
from electra_pretrain.core.errors import FEW, UserError, first_of

_log = logging.getLogger(__name__)


def restore_newest(folder: str, variables: Mapping[str, tf.Variable]) -> bool:
    """Assign every variable from the newest checkpoint that is whole and finite; return False where there is none at all.

    Raises:
        DamagedCheckpoint: not one is whole.
        UserError: it is of another config.
    """
    available = steps(folder)
    for step in reversed(available):
        try:
            restore(find(folder, step), variables)
            return True
        except DamagedCheckpoint as error:
            if step == available[0]:
                raise
            _log.warning("%s; going back to the one before", error)
    return False


def restore(prefix: str, variables: Mapping[str, tf.Variable]) -> None:
    """Assign every variable from the checkpoint; a loss scale that it lacks, being no float16 run's own, keeps its value.

    Args:
        prefix: its path without suffix.
        variables: by name.

    Raises:
        DamagedCheckpoint: its files cannot be read in full, or hold what is infinite or not a number.
        UserError: it holds other variables or shapes: it is of another config.
    """
    values = read(prefix)
    try:
        check_finite(prefix, values)
    except UserError as error:
        raise DamagedCheckpoint(str(error)) from error
    variables = {name: variable for name, variable in variables.items() if name in values or not is_loss_scale(name)}
    if problems := misfits(values, variables):
        raise UserError(
            f"{prefix}: a checkpoint of another config: {first_of(problems, FEW, '; ')}; use that run's config, or "
            "another --model_dir"
        )
    for name, variable in variables.items():
        variable.assign(values[name])


def to_host(variables: Mapping[str, tf.Variable]) -> dict[str, np.ndarray]:
    """Copy the variables' values from the devices."""
    return {name: variable.numpy() for name, variable in variables.items()}

"""Which of a source's weights a model takes over, and that they fit it."""

import logging
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from electra_pretrain.checkpoint.difference import GRADIENT_DISENTANGLED, has_difference, is_difference
from electra_pretrain.checkpoint.misfits import check_numbers, misfits
from electra_pretrain.checkpoint.names import STEP_NAME, is_generators, is_loss_scale, is_moment
from electra_pretrain.checkpoint.pretrained import Pretrained
from electra_pretrain.core.errors import FEW, UserError, first_of

_log = logging.getLogger(__name__)
_OWN_EMBEDDINGS = "generator/embeddings/"  # of an untied generator


class Belonging(NamedTuple):
    """What a model takes over from a source.

    Attributes:
        values: the source's, by name.
        variables: the model's, of the same names.
        whole: whether the whole generator is among them.
    """

    values: dict[str, np.ndarray]
    variables: dict[str, tf.Variable]
    whole: bool


def assign(pretrained: Pretrained, variables: Mapping[str, tf.Variable]) -> bool:
    """Give the variables the source's values; a generator that the source lacks keeps its own, a difference stays 0.

    Args:
        pretrained: the source.
        variables: a model's, by released name; with the moments, or all of the optimiser's, if those are to be taken over too.

    Returns:
        Whether the whole generator came from the source.

    Raises:
        UserError: names that are missing, left over, or of another shape; or values that are not finite.
    """
    values, wanted, whole = belonging(pretrained, variables)
    for name, variable in wanted.items():
        variable.assign(values[name])
    if has_difference(variables) and not has_difference(wanted):
        what = "difference from it and its moments begin" if any(map(is_moment, variables)) else "difference from it begins"
        _log.info("%s: has one table for both networks; the discriminator's %s at 0", pretrained.origin, what)
    return whole


def belonging(pretrained: Pretrained, variables: Mapping[str, tf.Variable]) -> Belonging:
    """Return what `assign` gives to which variables; arguments and errors as there."""
    moments = any(map(is_moment, variables))

    def left_out(name: str) -> bool:
        return not moments if is_moment(name) else is_loss_scale(name) or (name == STEP_NAME and name not in variables)

    values = {name: value for name, value in pretrained.values.items() if not left_out(name)}
    _check_sharing(pretrained.origin, values, variables)
    whole = any(is_generators(name) for name in values) or not any(is_generators(name) for name in variables)
    wanted = {name: variable for name, variable in variables.items() if whole or not is_generators(name)}
    if not has_difference(values):
        wanted = {name: variable for name, variable in wanted.items() if not is_difference(name)}
    elif not has_difference(variables):
        raise UserError(
            f"{pretrained.origin}: its discriminator's tables are the generator's plus a difference, for which this config has "
            f'no place; set objective.embedding_sharing = "{GRADIENT_DISENTANGLED}", or start from the discriminator alone, '
            "which export_hf writes to discriminator/"
        )
    if problems := misfits(values, wanted):
        raise UserError(f"{pretrained.origin}: is not of this model: {first_of(problems, FEW, '; ')}")
    check_numbers(pretrained.origin, values)
    return Belonging(values, wanted, whole)


def _check_sharing(origin: str, values: Iterable[str], variables: Iterable[str]) -> None:
    """Refuse a generator with embeddings of its own for a config that gives it none, and the other way round.

    Raises:
        UserError: what to set.
    """
    networks = [name for name in values if name.startswith("generator/")]
    wanted = [name for name in variables if name.startswith("generator/")]
    if not networks or not wanted:
        return
    its, own = (any(name.startswith(_OWN_EMBEDDINGS) for name in names) for names in (networks, wanted))
    if its != own:
        said = ("has none of its own", "has embeddings of its own")
        raise UserError(
            f"{origin}: its generator {said[its]}, the config's {said[own]}; set objective.embedding_sharing to "
            f"{'untied' if its else 'tied (or gradient_disentangled)'}, or start from the discriminator alone, which export_hf "
            "writes to discriminator/: its generator begins anew"
        )

"""Longer rows than the source was trained on: its learnt positions, copied end to end."""

import logging
import re

import numpy as np

from electra_pretrain.checkpoint.pretrained import Pretrained
from electra_pretrain.config.schema import Config
from electra_pretrain.core.errors import UserError

_FIELD = "model.max_position_embeddings"
_TABLE = re.compile(r".*embeddings(_difference)?/position_embeddings(/adam_[mv])?")
_log = logging.getLogger(__name__)


def as_long_as(pretrained: Pretrained, config: Config) -> Pretrained:
    """Extend the source's positions to the config's if that has more; otherwise return it as it is."""
    count = config.model.max_position_embeddings
    return extend_positions(pretrained, count) if count > pretrained.fields.get(_FIELD, count) else pretrained


def extend_positions(pretrained: Pretrained, count: int) -> Pretrained:
    """Return weights for rows of up to `count` tokens: position p starts as the source's position p mod N, if it has N.

    So Longformer was made of RoBERTa (Beltagy et al. 2020, section 5): what attention has learnt of near neighbours holds
    within each copy from the start. Positions below N stay as they are, bit for bit, so that short rows have the logits that
    they had; interpolated, all of them would change. Adam's moments, where there are some, are copied with their rows.

    Args:
        pretrained: the source.
        count: more than it has.

    Raises:
        UserError: it has as many.
    """
    old = pretrained.fields[_FIELD]
    if count <= old:
        raise UserError(
            f"--max_position_embeddings {count}: {pretrained.origin}: {old} positions are there already; leave it out: rows "
            "may be shorter, by --max_seq_length of build_data"
        )
    values = {
        # Filled with the same values in the same order, again and again: whole rows, as each is as wide as before.
        name: np.resize(value, (count, value.shape[1])) if _TABLE.fullmatch(name) else value
        for name, value in pretrained.values.items()
    }
    _log.info("positions %d to %d are new: position p starts as position p mod %d", old, count - 1, old)
    fields = {**pretrained.fields, _FIELD: count, "data.max_seq_length": count}
    return pretrained._replace(origin=f"{pretrained.origin}, its positions extended", values=values, fields=fields)

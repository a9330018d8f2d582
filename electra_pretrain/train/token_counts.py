"""What a token's chance to be masked is in proportion to, where a run masks rare tokens more often than their share."""

import numpy as np

from electra_pretrain.config.schema import Config
from electra_pretrain.records.token_counts import load
from electra_pretrain.train.input import Source


def read_token_weights(config: Config, source: Source) -> np.ndarray | None:
    """Return float32 [V]: count ** -distillation.mlm_smoothing of the records' tokens; None where all have the same chance.

    A token that the records lack counts as one of which there is one.

    Raises:
        UserError: the counts are missing or of other records.
    """
    if config.distillation is None or not config.distillation.mlm_smoothing:
        return None
    counts = np.maximum(load(source.folder, source.manifest), 1)
    weights: np.ndarray = np.power(counts.astype(np.float64), -config.distillation.mlm_smoothing).astype(np.float32)
    return weights


def any_token_weights(config: Config) -> np.ndarray | None:
    """Return as much of no records, for a program that is compiled or timed: how large they are changes nothing there."""
    smooths = config.distillation is not None and config.distillation.mlm_smoothing > 0
    return np.ones(config.data.vocab_size, np.float32) if smooths else None

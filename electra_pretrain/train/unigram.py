"""What guessing a token by its frequency costs, in nats: the loss that a generator must beat."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from electra_pretrain.config.schema import Config
from electra_pretrain.core.batch import INPUT_IDS, INPUT_MASK, SpecialIds
from electra_pretrain.records.manifest import Manifest
from electra_pretrain.records.tfrecord import parse_records
from electra_pretrain.train.input import Paths, Source

TOKENS, SHARDS = 2**20, 8  # read at most so many, from so many shards


def baseline_loss(config: Config, source: Source, paths: Paths) -> float | None:
    """Estimate it from a sample of the training records; None where no generator is trained, or they cannot be read."""
    objective = config.objective
    trains_none = objective.uniform_generator or (objective.has_discriminator and config.distillation is not None)
    return None if trains_none else unigram_entropy(source.manifest, paths.train)


def unigram_entropy(manifest: Manifest, paths: Sequence[str]) -> float | None:
    """Estimate the entropy of the tokens that may be masked, from some rows of a few shards.

    Args:
        manifest: of the records.
        paths: shards.

    Returns:
        None where they cannot be read (training says which, and why), or hold nothing that may be masked.
    """
    chosen = [paths[number] for number in np.unique(np.linspace(0, len(paths) - 1, SHARDS).astype(int))]
    length, vocabulary = manifest.max_seq_length, manifest.vocabulary
    rows = max(1, TOKENS // length // len(chosen))
    counts = np.zeros(vocabulary.size, np.int64)
    try:
        for path in chosen:
            for serialized in tf.data.TFRecordDataset(path).take(rows).batch(1024):
                parsed = {name: values.numpy() for name, values in parse_records(serialized, length).items()}
                counts += np.bincount(parsed[INPUT_IDS][parsed[INPUT_MASK] > 0], minlength=vocabulary.size)
    except (tf.errors.OpError, ValueError):  # ids that the vocabulary lacks, too
        return None
    return entropy(_maskable(counts, vocabulary.special_ids))


def entropy(counts: np.ndarray) -> float | None:
    """Return the entropy in nats of the distribution that some counts are drawn from; None of no counts.

    A sample's own entropy is too low by about half a nat for each kind per draw, which is added (Miller, 1955).
    """
    seen = counts[counts > 0].astype(np.float64)
    total = seen.sum()
    if not total:
        return None
    return float(np.log(total) - (seen * np.log(seen)).sum() / total + (len(seen) - 1) / (2 * total))


def _maskable(counts: np.ndarray, special_ids: SpecialIds) -> np.ndarray:
    """Leave out what is never masked."""
    kept: np.ndarray = counts.copy()
    kept[[special_ids.pad, special_ids.cls, special_ids.sep, special_ids.mask]] = 0
    return kept

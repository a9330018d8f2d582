"""A discriminator whose tables are the generator's plus a difference (method §9): its names, and the sum that others read.

Under `electra/embeddings/` a checkpoint holds the generator's tables, under `electra/embeddings_difference/` what is added.
"""

from collections.abc import Iterable, Mapping

import numpy as np

GRADIENT_DISENTANGLED = "gradient_disentangled"  # the value of objective.embedding_sharing
DIFFERENT = ("word_embeddings", "position_embeddings")
_TABLES, _DIFFERENCE = "electra/embeddings/", "electra/embeddings_difference/"


def is_difference(name: str) -> bool:
    """Return whether a name is that of a table's difference, or of a moment of one."""
    return name.startswith(_DIFFERENCE)


def has_difference(names: Iterable[str]) -> bool:
    """Return whether there is a difference among these names."""
    return any(map(is_difference, names))


def summed(weights: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return weights, released name -> value, with the discriminator's tables in the generator's place; no difference is left.

    The sums are those that the network itself computes, bit for bit.
    """
    differences = {name.replace(_DIFFERENCE, _TABLES): value for name, value in weights.items() if is_difference(name)}
    tables = {name: weights[name] + value for name, value in differences.items()}
    return {name: tables.get(name, value) for name, value in weights.items() if not is_difference(name)}


def differences(discriminators: Mapping[str, np.ndarray], generators: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return released name -> what is to be added to the generator's tables to get the discriminator's.

    Args:
        discriminators: tables by released name, `electra/embeddings/…`.
        generators: tables by the same names.
    """
    names = [f"{_TABLES}{name}" for name in DIFFERENT]
    return {name.replace(_TABLES, _DIFFERENCE): discriminators[name] - generators[name] for name in names}

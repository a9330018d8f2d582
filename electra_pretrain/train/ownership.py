"""Whose a variable is: the generator's, the discriminator's, or of both."""

import enum
from collections.abc import Iterable

from electra_pretrain.checkpoint.names import is_generators
from electra_pretrain.config.objective import ObjectiveConfig

_TABLES = "electra/embeddings/"  # the generator's own stand under its scope
_LEARNT_BY_THE_GENERATOR = ("word_embeddings", "position_embeddings")  # to which the discriminator adds a difference


class Owner(str, enum.Enum):
    """A network, or both; the value is how metrics and fields call it."""

    GENERATOR = "generator"
    DISCRIMINATOR = "discriminator"
    SHARED = "shared"


def owner(name: str, objective: ObjectiveConfig) -> Owner:
    """Return whose loss alone moves a weight of this name, in a model of two networks; SHARED where both do."""
    if is_generators(name):
        return Owner.GENERATOR
    if not name.startswith(_TABLES) or objective.embedding_sharing == "untied":
        return Owner.DISCRIMINATOR
    disentangled = objective.embedding_sharing == "gradient_disentangled"
    if disentangled and name.removeprefix(_TABLES) in _LEARNT_BY_THE_GENERATOR:
        return Owner.GENERATOR
    return Owner.SHARED


def owners(names: Iterable[str], objective: ObjectiveConfig) -> dict[str, Owner]:
    """Return the owner of each name."""
    return {name: owner(name, objective) for name in names}

"""A model that a student learns from: its networks' config, its weights, and by what a run knows it again."""

import hashlib
from typing import NamedTuple

from electra_pretrain.checkpoint.names import is_optimizer_value
from electra_pretrain.checkpoint.pretrained import Pretrained
from electra_pretrain.config.schema import Config


class Teacher(NamedTuple):
    """A model that a student learns from.

    Attributes:
        config: its networks'.
        pretrained: its weights.
    """

    config: Config
    pretrained: Pretrained

    def sha256(self) -> str:
        """Return the hash of its weights and their names."""
        digest = hashlib.sha256()
        for name in sorted(self.pretrained.values):
            if not is_optimizer_value(name):
                digest.update(name.encode())
                digest.update(self.pretrained.values[name].tobytes())
        return digest.hexdigest()

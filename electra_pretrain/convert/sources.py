"""Which kind of source a path is, and its weights."""

from electra_pretrain.checkpoint.pretrained import Pretrained
from electra_pretrain.checkpoint.weight_files import find_weights
from electra_pretrain.convert.hf_import import read_pair
from electra_pretrain.convert.tf1 import read_tf1
from electra_pretrain.core import files


def read_pretrained(path: str) -> Pretrained:
    """Read weights from a path: what `training.init_from` may name.

    Args:
        path: a folder with `discriminator/` and `generator/`, as export_hf writes them; a discriminator's own folder; a run's
            folder or that of a TensorFlow 1 checkpoint (its newest); or one checkpoint's path without suffix.

    Raises:
        UserError: it is none of these, or damaged.
    """
    discriminator, generator = (files.join(path, name) for name in ("discriminator", "generator"))
    if files.is_dir(discriminator):
        return read_pair(discriminator, generator if files.is_dir(generator) else None)
    if find_weights(path) is not None:
        return read_pair(path, None)
    return read_tf1(path)

"""Which kind of source a path is, and its weights."""

import os

from electra_pretrain.checkpoint.pretrained import Pretrained, is_ours
from electra_pretrain.checkpoint.teacher import Teacher
from electra_pretrain.checkpoint.weight_files import find_weights
from electra_pretrain.config.load import CONFIG_NAME, load_config
from electra_pretrain.config.schema import Config
from electra_pretrain.convert.hf_import import read_pair
from electra_pretrain.convert.masked_lm_import import family_in, read_masked_lm
from electra_pretrain.convert.source_config import derive_config
from electra_pretrain.convert.tf1 import read_tf1
from electra_pretrain.core import files
from electra_pretrain.core.errors import UserError


def read_pretrained(path: str) -> Pretrained:
    """Read weights from a path: what `training.init_from` may name.

    Args:
        path: a folder with `discriminator/` and `generator/`, or `masked_lm/`, as export_hf writes them; a model's own
            folder; a run's folder or that of a TensorFlow 1 checkpoint (its newest); or one checkpoint's path without suffix.

    Raises:
        UserError: it is none of these, or damaged.
    """
    discriminator, generator, masked_lm = (files.join(path, name) for name in ("discriminator", "generator", "masked_lm"))
    if files.is_dir(discriminator):
        return read_pair(discriminator, generator if files.is_dir(generator) else None)
    if files.is_dir(masked_lm):
        return read_masked_lm(masked_lm)
    if find_weights(path) is not None:
        return read_pair(path, None) if family_in(path) is None else read_masked_lm(path)
    return read_tf1(path)


def teacher_of(config: Config) -> Teacher | None:
    """Read the teacher that a config names; None where it has no distillation. Raises as `read_teacher`."""
    return None if config.distillation is None else read_teacher(config.distillation.teacher)


def read_teacher(path: str) -> Teacher:
    """Read the model that a student is to learn from: a path as `read_pretrained` takes it.

    Raises:
        UserError: as `read_pretrained`.
    """
    if not path:
        raise UserError("distillation.teacher: not set; name the teacher's folder: --set distillation.teacher=DIR")
    pretrained = read_pretrained(path)
    # One checkpoint's path has no folder of its own.
    config_path = files.join(path if files.is_dir(path) else os.path.dirname(path), CONFIG_NAME)
    config = load_config(config_path) if is_ours(config_path) else derive_config(pretrained)
    return Teacher(config, pretrained)

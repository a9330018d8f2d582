"""Folders of the released TensorFlow 1 code, whose checkpoints are also those of our runs: read as weights, and written.

The file `checkpoint` in them is written but never followed: it names a path, often one on its author's machine.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from electra_pretrain.checkpoint import bundle
from electra_pretrain.checkpoint.listing import INDEX_SUFFIX, PREFIX, names, prefix_of, step_of
from electra_pretrain.checkpoint.misfits import check_numbers
from electra_pretrain.checkpoint.pretrained import Pretrained, describe
from electra_pretrain.config.load import CONFIG_NAME, to_text
from electra_pretrain.config.schema import Config
from electra_pretrain.convert.source_config import check_agree, fields_from_shapes, stated_sizes
from electra_pretrain.core import files
from electra_pretrain.core.errors import UserError
from electra_pretrain.tokenization.wordpiece import vocab_text

_OTHERS_CONFIGS = (CONFIG_NAME, "bert_config.json")


def read_tf1(path: str) -> Pretrained:
    """Read weights, and moments if there are any, of a checkpoint: its path without suffix, or a folder (its newest).

    Raises:
        UserError: there is none, it is damaged, or it is no ELECTRA's; or what lies beside it is not its own.
    """
    prefix = find_bundle(path)
    # The released code kept its sampling temperature among the variables; it is no weight.
    values = bundle.read(prefix, lambda name: not name.endswith("temperature"))
    check_numbers(prefix, values)
    shown = fields_from_shapes(prefix, values)
    folder = prefix.rpartition("/")[0] or "."
    stated = describe(folder)
    path, fields = (files.join(folder, CONFIG_NAME), stated.fields) if stated.fields else _others_config(folder)
    check_agree(path, fields, shown)
    return Pretrained(prefix, values, shown | fields, stated.vocabulary, stated.strip_accents)


def _others_config(folder: str) -> tuple[str, dict[str, Any]]:
    """Find the config that others put beside a checkpoint: its path and sizes, the number of heads among them; or nothing."""
    for path in (files.join(folder, name) for name in _OTHERS_CONFIGS):
        if files.exists(path) and (fields := stated_sizes(path)):
            return path, fields
    return "", {}


def find_bundle(path: str) -> str:
    """Return a checkpoint's path without suffix, from such a path or from a folder, in which a name need not tell a step.

    Raises:
        UserError: there is none.
    """
    if not files.is_dir(path):
        prefix = path.removesuffix(INDEX_SUFFIX)
        if not files.exists(prefix + INDEX_SUFFIX):
            raise UserError(f"{path}: no such checkpoint; give a folder, or a path such as {PREFIX}-1000 in it")
        return prefix
    found = names(path)
    if not found:
        raise UserError(f"{path}: holds no checkpoint; give a folder with {PREFIX}-N{INDEX_SUFFIX} in it")
    return files.join(path, max(found, key=lambda name: -1 if (step := step_of(name)) is None else step))


def write_tf1(output: str, step: int, values: Mapping[str, np.ndarray], config: Config, tokens: list[str]) -> str:
    """Write a checkpoint that tools made for the released code load: `model.ckpt-STEP`, `checkpoint`, `vocab.txt`.

    The config beside them is for a later import: weights do not show how many attention heads they are of.

    Args:
        output: folder.
        step: named in the files.
        values: released name -> value, `global_step` among them.
        config: of the run.
        tokens: the vocabulary.

    Returns:
        The checkpoint's path without suffix.

    Raises:
        UserError: it cannot be written.
    """
    files.make_dirs(output)
    prefix = prefix_of(output, step)
    bundle.write(prefix, values)
    files.write_text(files.join(output, "vocab.txt"), vocab_text(tokens))
    files.write_text(files.join(output, CONFIG_NAME), to_text(config))
    # Relative, so that the folder may be moved.
    state = f'model_checkpoint_path: "{PREFIX}-{step}"\nall_model_checkpoint_paths: "{PREFIX}-{step}"\n'
    files.write_text(files.join(output, "checkpoint"), state)
    return prefix

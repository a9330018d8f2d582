"""Checkpoints of the released TensorFlow 1 code, which are also those of our runs: read as weights, and written.

A bundle holds tensors by name and nothing that could be executed. The file `checkpoint` beside it is never followed: it names
a path, often one on its author's machine.
"""

import re
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from electra_pretrain.checkpoint.pretrained import Pretrained, describe
from electra_pretrain.config.load import CONFIG_NAME, to_text
from electra_pretrain.config.schema import Config
from electra_pretrain.convert.source_config import fields_from_shapes
from electra_pretrain.core import files
from electra_pretrain.core.errors import UserError
from electra_pretrain.tokenization.wordpiece import vocab_text

INDEX_SUFFIX = ".index"


def read_tf1(path: str) -> Pretrained:
    """Weights, and moments if there are any, of a checkpoint: its path without suffix, or a folder (its newest).

    Raises:
        UserError: there is none, it is damaged, or it is no ELECTRA's.
    """
    prefix = locate(path)
    values = _read_bundle(prefix)
    stated = describe(prefix.rpartition("/")[0] or ".")
    return Pretrained(prefix, values, fields_from_shapes(prefix, values) | stated.fields, stated.tokens)


def locate(path: str) -> str:
    """A checkpoint's path without suffix, from such a path or from a folder: its newest.

    Raises:
        UserError: there is none.
    """
    if not files.is_dir(path):
        prefix = path.removesuffix(INDEX_SUFFIX)
        if not files.exists(prefix + INDEX_SUFFIX):
            raise UserError(f"{path}: no such checkpoint; give a folder, or a path such as model.ckpt-1000 in it")
        return prefix
    names = [name.removesuffix(INDEX_SUFFIX) for name in files.list_dir(path) if name.endswith(INDEX_SUFFIX)]
    names = [name for name in names if ".tmp-" not in name]
    if not names:
        raise UserError(f"{path}: holds no checkpoint; give a folder with model.ckpt-N{INDEX_SUFFIX} in it")
    return files.join(path, max(names, key=_step))


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
    prefix = files.join(output, f"model.ckpt-{step}")
    temporary = files.temporary_name(prefix)
    names = sorted(values)
    try:
        tensors = [values[name] for name in names]
        tf.raw_ops.SaveV2(prefix=temporary, tensor_names=names, shape_and_slices=[""] * len(names), tensors=tensors)
        for suffix in (".data-00000-of-00001", INDEX_SUFFIX):
            files.replace(temporary + suffix, prefix + suffix)
    except (OSError, tf.errors.OpError) as error:
        raise UserError(f"{prefix}: cannot be written ({str(error).splitlines()[0]})") from error
    files.write_text(files.join(output, "vocab.txt"), vocab_text(tokens))
    files.write_text(files.join(output, CONFIG_NAME), to_text(config))
    # Relative, so that the folder may be moved.
    state = f'model_checkpoint_path: "model.ckpt-{step}"\nall_model_checkpoint_paths: "model.ckpt-{step}"\n'
    files.write_text(files.join(output, "checkpoint"), state)
    return prefix


def _step(name: str) -> int:
    match = re.search(r"-(\d+)$", name)
    return int(match.group(1)) if match else -1


def _read_bundle(prefix: str) -> dict[str, np.ndarray]:
    try:
        reader = tf.train.load_checkpoint(prefix)
        # The released code kept its sampling temperature among the variables; it is no weight.
        names = [name for name in sorted(reader.get_variable_to_shape_map()) if not name.endswith("temperature")]
        return {name: reader.get_tensor(name) for name in names}
    # The reader raises IndexError for a file that ends too early.
    except (tf.errors.OpError, ValueError, RuntimeError, IndexError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{prefix}: damaged checkpoint ({reason}); use another one, or fetch it again") from error

"""Read and write TensorFlow's tensor bundles: plain name -> value, with the released names, as tools made for those read them.

A bundle holds tensors by name and nothing that could be executed.
"""

import contextlib
import os
from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf

from electra_pretrain.checkpoint.listing import DATA_SUFFIX, INDEX_SUFFIX, prefix_of, remove_old
from electra_pretrain.core import files
from electra_pretrain.core.errors import Unavailable, UserError, reason_of

# A bucket's troubles that pass by themselves, once TensorFlow's own retries have not helped.
_PASSING = (tf.errors.UnavailableError, tf.errors.DeadlineExceededError, tf.errors.AbortedError)


class DamagedCheckpoint(UserError):
    """A checkpoint whose files cannot be read in full."""


def read(prefix: str, wanted: Callable[[str], bool] = lambda name: True) -> dict[str, np.ndarray]:
    """Read a checkpoint's tensors by name.

    Args:
        prefix: its path without suffix.
        wanted: of a name, whether its tensor is to be read; the default reads all.

    Raises:
        UserError: in the place of a file there is something else.
        DamagedCheckpoint: a file ends too early, or a tensor's checksum is wrong.
    """
    folder, name = os.path.split(prefix)
    for found in files.list_dir(folder or "."):
        if found.startswith(f"{name}."):
            files.check_regular(files.join(folder, found))
    try:
        reader = tf.train.load_checkpoint(prefix)
        return {name: reader.get_tensor(name) for name in sorted(reader.get_variable_to_shape_map()) if wanted(name)}
    except UnicodeEncodeError:  # of a folder's name, not of what lies in it
        raise
    # The reader raises IndexError for a file that ends too early.
    except (tf.errors.OpError, ValueError, RuntimeError, IndexError) as error:
        reason = reason_of(error)
        raise DamagedCheckpoint(f"{prefix}: damaged checkpoint ({reason}); use another step's, or copy it again") from error


def write(prefix: str, values: Mapping[str, np.ndarray]) -> None:
    """Write a checkpoint that is there whole or not at all.

    Args:
        prefix: its path without suffix.
        values: by name.

    Raises:
        Unavailable: the bucket did not answer.
        UserError: it cannot be written; nothing half-written is left, and what was there before is as it was.
    """
    temporary = files.temporary_name(prefix)
    names = sorted(values)
    try:
        with tf.device("/cpu:0"):
            tf.raw_ops.SaveV2(
                prefix=temporary,
                tensor_names=names,
                shape_and_slices=[""] * len(names),
                tensors=[values[name] for name in names],
            )
        for suffix in (DATA_SUFFIX, INDEX_SUFFIX):
            files.replace(temporary + suffix, prefix + suffix)
    except (OSError, tf.errors.OpError) as error:
        with contextlib.suppress(OSError, tf.errors.OpError):
            _remove_beginning_with(temporary)
        kind = Unavailable if isinstance(error, _PASSING) else UserError
        reason = reason_of(error)
        raise kind(f"{prefix}: cannot be written ({reason}); make room or mend access, and run the same command") from error


def save(folder: str, step: int, values: Mapping[str, np.ndarray], keep: int, keep_every: int = 0) -> str:
    """Write a run's checkpoint and remove all but the newest `keep` and those of steps that `keep_every` divides.

    Returns:
        Its path without suffix.

    Raises:
        UserError: it cannot be written; checkpoints written before are left as they are.
    """
    prefix = prefix_of(folder, step)
    write(prefix, values)
    remove_old(folder, keep, keep_every)
    return prefix


def _remove_beginning_with(path: str) -> None:
    """Remove files by the beginning of their name: TensorFlow adds to a name what it likes while it writes."""
    folder, name = os.path.split(path)
    for found in files.list_dir(folder):
        if found.startswith(name):
            files.remove(files.join(folder, found))

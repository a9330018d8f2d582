"""Checkpoints with the released names: plain name -> tensor bundles that tools made for the released code read too."""

import contextlib
import os
import sys
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from electra_pretrain.checkpoint.listing import DATA_SUFFIX, INDEX_SUFFIX, PREFIX
from electra_pretrain.checkpoint.listing import steps as steps
from electra_pretrain.checkpoint.pretrained import is_optimizer_value, misfits
from electra_pretrain.core import files
from electra_pretrain.core.errors import Unavailable, UserError

# A bucket's troubles that pass by themselves, once TensorFlow's own retries have not helped.
_PASSING = (tf.errors.UnavailableError, tf.errors.DeadlineExceededError, tf.errors.AbortedError)


class DamagedCheckpoint(UserError):
    """A checkpoint whose files cannot be read in full."""


def save(folder: str, step: int, values: Mapping[str, np.ndarray], keep: int, keep_every: int = 0) -> str:
    """Write a checkpoint and remove all but the newest `keep` and those of steps that `keep_every` divides.

    Returns its path without suffix.

    Raises:
        UserError: it cannot be written; checkpoints written before are left as they are.
    """
    prefix = files.join(folder, f"{PREFIX}-{step}")
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
        reason = str(error).splitlines()[0]
        raise kind(f"{prefix}: cannot be written ({reason}); make room or mend access, and run the same command") from error
    for old in steps(folder)[:-keep]:
        if keep_every and old % keep_every == 0:
            continue
        for suffix in (INDEX_SUFFIX, DATA_SUFFIX):
            files.remove(files.join(folder, f"{PREFIX}-{old}{suffix}"))
    return prefix


def _remove_beginning_with(path: str) -> None:
    """TensorFlow adds to a name what it likes while it writes."""
    folder, name = os.path.split(path)
    for found in files.list_dir(folder):
        if found.startswith(name):
            files.remove(files.join(folder, found))


def find(folder: str, step: int | None = None) -> str:
    """Path (without suffix) of the checkpoint of a step, or of the newest.

    Raises:
        UserError: there is no such checkpoint; those that exist are named.
    """
    available = steps(folder)
    if not available:
        raise UserError(f"{folder}: holds no checkpoint; give the --model_dir of a run that has saved one")
    if step is not None and step not in available:
        raise UserError(f"{folder}: no checkpoint of step {step}; there are {', '.join(map(str, available))}")
    return files.join(folder, f"{PREFIX}-{available[-1] if step is None else step}")


def read(prefix: str, weights_only: bool = False) -> dict[str, np.ndarray]:
    """All tensors of a checkpoint by name.

    Args:
        prefix: its path without suffix.
        weights_only: leave the optimiser's values where they are.

    Raises:
        DamagedCheckpoint: a file ends too early, or a tensor's checksum is wrong.
    """
    try:
        reader = tf.train.load_checkpoint(prefix)
        names = sorted(reader.get_variable_to_shape_map())
        return {name: reader.get_tensor(name) for name in names if not (weights_only and is_optimizer_value(name))}
    # The reader raises IndexError for a file that ends too early.
    except (tf.errors.OpError, ValueError, RuntimeError, IndexError) as error:
        reason = str(error).splitlines()[0]
        raise DamagedCheckpoint(f"{prefix}: damaged checkpoint ({reason}); use another step's, or another run's") from error


def read_mean(folder: str, step: int | None, count: int) -> dict[str, np.ndarray]:
    """Weights averaged over checkpoints that follow each other, and the last one's `global_step`.

    Args:
        folder: of a run.
        step: the last of them; None: the newest.
        count: how many.

    Raises:
        DamagedCheckpoint: one of them cannot be read in full.
        UserError: there are fewer.
    """
    find(folder, step)
    chosen = [each for each in steps(folder) if step is None or each <= step][-count:]
    if len(chosen) < count:
        raise UserError(
            f"{folder}: has {len(chosen)} checkpoints ({', '.join(map(str, chosen))}) where the mean of {count} was asked for; "
            "ask for fewer, or train with a larger training.keep_checkpoint_max"
        )
    sums: dict[str, np.ndarray] = {}
    for each in chosen:
        for name, value in read(find(folder, each), weights_only=True).items():
            sums[name] = sums[name] + value if name in sums else value.astype(np.float64)
    means = {name: (value / count).astype(np.float32) for name, value in sums.items()}
    return {**means, "global_step": np.int64(chosen[-1])}


def restore_newest(folder: str, variables: Mapping[str, tf.Variable]) -> bool:
    """Assign every variable from the newest checkpoint that is whole; False where there is none at all.

    Raises:
        DamagedCheckpoint: not one is whole.
        UserError: it is of another config.
    """
    available = steps(folder)
    for step in reversed(available):
        try:
            restore(find(folder, step), variables)
            return True
        except DamagedCheckpoint as error:
            if step == available[0]:
                raise
            print(f"run_pretraining: warning: {error}; going back to the one before", file=sys.stderr, flush=True)
    return False


def restore(prefix: str, variables: Mapping[str, tf.Variable]) -> None:
    """Assign every variable from the checkpoint.

    Args:
        prefix: its path without suffix.
        variables: by name.

    Raises:
        DamagedCheckpoint: its files cannot be read in full.
        UserError: it holds other variables or shapes: it is of another config.
    """
    values = read(prefix)
    if problems := misfits(values, variables):
        raise UserError(
            f"{prefix}: a checkpoint of another config: {'; '.join(problems)}; use that run's config, or another --model_dir"
        )
    for name, variable in variables.items():
        variable.assign(values[name])


def to_host(variables: Mapping[str, tf.Variable]) -> dict[str, np.ndarray]:
    """The variables' values."""
    return {name: variable.numpy() for name, variable in variables.items()}

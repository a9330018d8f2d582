"""Which checkpoints a folder holds and where, told without TensorFlow, also while the run is still going.

A checkpoint is `model.ckpt-STEP.data-00000-of-00001` and `model.ckpt-STEP.index`. The index is moved into place last, and goes
first: without it there is no checkpoint. Its *prefix* is its path without these suffixes.
"""

import re

from electra_pretrain.core import files
from electra_pretrain.core.errors import FEW, UserError

PREFIX = "model.ckpt"
INDEX_SUFFIX, DATA_SUFFIX = ".index", ".data-00000-of-00001"


def prefix_of(folder: str, step: int) -> str:
    """Return the prefix of a step's checkpoint, whether there is one or not."""
    return files.join(folder, f"{PREFIX}-{step}")


def names(folder: str) -> list[str]:
    """Return the names of all complete bundles in a folder, other tools' included, without suffix, sorted."""
    found = [name.removesuffix(INDEX_SUFFIX) for name in files.list_dir(folder) if name.endswith(INDEX_SUFFIX)]
    return [name for name in found if ".tmp-" not in name]


def step_of(name: str) -> int | None:
    """Return the step that ends a bundle's name; None where no number does."""
    match = re.search(r"-(\d+)$", name)
    return int(match.group(1)) if match else None


def steps(folder: str) -> list[int]:
    """Return the steps of the complete checkpoints in a folder, ascending; none where there is no such folder."""
    if not files.is_dir(folder):
        return []
    matches = (re.fullmatch(rf"{re.escape(PREFIX)}-(\d+)", name) for name in names(folder))
    return sorted(int(match.group(1)) for match in matches if match)


def find(folder: str, step: int | None = None) -> str:
    """Return the prefix of the checkpoint of a step, or of the newest.

    Raises:
        UserError: there is no such checkpoint; those that exist are named, of many the nearest; or `check_name`'s.
    """
    check_name(folder)
    available = steps(folder)
    if not available:
        raise UserError(f"{folder}: holds no checkpoint; give the --model_dir of a run that has saved one")
    if step is not None and step not in available:
        near = sorted(sorted(available, key=lambda each: abs(each - step))[:FEW])
        which = "there are" if len(near) == len(available) else "the nearest are"
        raise UserError(f"{folder}: no checkpoint of step {step}; {which} {', '.join(map(str, near))}")
    return prefix_of(folder, available[-1] if step is None else step)


def check_name(path: str, option: str = "") -> None:
    """Refuse a name under which TensorFlow neither writes nor reads a checkpoint.

    Args:
        path: of the folder.
        option: that it was given by, where that is known.

    Raises:
        UserError: it is not UTF-8.
    """
    if files.readable(path) != path:
        raise UserError(
            f"{' '.join(filter(None, (option, path)))}: TensorFlow takes no name that is not UTF-8; rename the folder"
        )


def check_is_folder(model_dir: str) -> None:
    """Refuse the path of a checkpoint, or of another file, where a run's folder is wanted.

    Raises:
        UserError: it is one; the folder is named.
    """
    is_checkpoint = files.exists(model_dir.removesuffix(INDEX_SUFFIX) + INDEX_SUFFIX)
    if is_checkpoint or (files.exists(model_dir) and not files.is_dir(model_dir)):
        kind = "checkpoint" if is_checkpoint else "file"
        raise UserError(f"{model_dir}: is a {kind}; give the run's folder, {model_dir.rpartition('/')[0] or '.'}")


def check_has(model_dir: str, name: str) -> None:
    """Refuse a folder without a file that every run's or import's has.

    Raises:
        UserError: it is not there; or the folder is none, but a checkpoint's path, or a file.
    """
    path = files.join(model_dir, name)
    if not files.exists(path):
        check_is_folder(model_dir)
        raise UserError(f"{path}: no such file; {model_dir} is not the --model_dir of a run")


def remove_old(folder: str, keep: int, keep_every: int) -> None:
    """Remove all checkpoints but the newest `keep` and those of steps that `keep_every` divides (0: no others)."""
    for old in steps(folder)[:-keep]:
        if keep_every and old % keep_every == 0:
            continue
        for suffix in (INDEX_SUFFIX, DATA_SUFFIX):
            files.remove(prefix_of(folder, old) + suffix)

"""What a run's folder says of the run, and which names in it are the run's."""

import re
from typing import NamedTuple

import tensorflow as tf

from electra_pretrain.checkpoint.listing import check_has, steps
from electra_pretrain.checkpoint.pretrained import Pretrained, describe
from electra_pretrain.checkpoint.vocabulary import RUN_NAME
from electra_pretrain.config.load import CONFIG_NAME
from electra_pretrain.core import files, json_files, typed
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.typed import Count, Sha256
from electra_pretrain.records.manifest import Manifest, Vocabulary
from electra_pretrain.train.metrics_log import METRICS_NAME


class Taught(NamedTuple):
    """By which teacher a student is taught.

    Attributes:
        origin: where its weights were read.
        sha256: of them.
        layers: which of its layers the student began with.
    """

    origin: str
    sha256: Sha256
    layers: tuple[Count, ...]


class About(NamedTuple):
    """What `run.json` says.

    Attributes:
        data: the manifest of the records.
        data_of_phases: those of the earlier phases.
        versions: of this package and TensorFlow.
        hardware: in words.
        teacher: a student's; None of other runs.
    """

    data: Manifest
    data_of_phases: tuple[Manifest, ...]
    versions: dict[str, str]
    hardware: str = "not recorded"
    teacher: Taught | None = None


def load_run(model_dir: str) -> About:
    """Read what a run's folder says of itself.

    Raises:
        UserError: it says nothing, or is damaged.
    """
    path = files.join(model_dir, RUN_NAME)
    check_has(model_dir, RUN_NAME)
    try:
        return typed.read_known(About, json_files.read(path), typed.Place(path))
    except UserError as error:
        raise UserError(f"{error}; use another --model_dir") from error


def is_import(folder: str) -> bool:
    """Return whether import_checkpoint wrote this folder and no run has begun in it: a run has metrics, or says what it is."""
    return files.exists(files.join(folder, CONFIG_NAME)) and not any(
        files.exists(files.join(folder, name)) for name in (RUN_NAME, METRICS_NAME)
    )


def find_import(folder: str) -> Pretrained | None:
    """Return what an import says of itself whose weights a run is to begin with, its weights left out; None if there is none.

    Raises:
        UserError: it is damaged.
    """
    return Pretrained(folder, {}, *describe(folder)) if steps(folder) and is_import(folder) else None


def own_names(vocabulary: Vocabulary) -> str:
    """Return a regular expression of the names that a run gives to files in its folder."""
    return r"model\.ckpt-\d+|nonfinite-batch-\d+\.npz|" + "|".join(
        map(re.escape, (CONFIG_NAME, RUN_NAME, METRICS_NAME, vocabulary.file_name))
    )


def versions() -> dict[str, str]:
    """Return those of this package and of TensorFlow."""
    from electra_pretrain import __version__

    return {"electra_pretrain": __version__, "tensorflow": tf.__version__}

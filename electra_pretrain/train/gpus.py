"""TensorFlow's GPUs: found, of one kind, fit to compile for, and their memory taken as it is needed."""

import logging
import os
from pathlib import Path
from typing import Any

import tensorflow as tf

from electra_pretrain.core import tensorflow_startup
from electra_pretrain.core.errors import UserError
from electra_pretrain.gpu import cuda_parts, visible
from electra_pretrain.gpu.visible import Card

_ROOT = Path("/")
_log = logging.getLogger(__name__)


def find_gpus(device: str) -> list[Any]:
    """Return the GPUs to compute on, ready to be used; none for the CPU.

    Args:
        device: "gpu", "cpu", or "auto" for GPUs if the machine has any.

    Raises:
        UserError: the machine has GPUs that TensorFlow does not see, or has none and "gpu" is asked for; they are of several
            kinds; or XLA cannot compile for them.
    """
    if device == "cpu":
        _hide_gpus()
        return []
    gpus = _visible_gpus()
    if not gpus:
        _check_none_is_missed(device)
        return []
    visible.check_equal(list(map(_card, gpus)), os.environ.get(visible.VARIABLE))
    cuda_parts.check_cuda_parts(cuda_parts.find_cuda_parts(cuda_parts.site_packages(), os.environ))
    _share_memory(gpus)
    return gpus


def count_gpus(device: str) -> int:
    """Count the GPUs that `find_gpus` would return, whatever is wrong with them."""
    return 0 if device == "cpu" else len(_visible_gpus())


def cards() -> list[Card]:
    """Return the cards behind the GPUs that TensorFlow sees, in its order."""
    return list(map(_card, _visible_gpus()))


def _visible_gpus() -> list[Any]:
    with tensorflow_startup.stderr_aside():
        return list(tf.config.get_visible_devices("GPU"))


def _card(gpu: Any) -> Card:
    details = tf.config.experimental.get_device_details(gpu)
    return Card(details.get("device_name", "GPU"), details.get("compute_capability"))


def _hide_gpus() -> None:
    try:
        with tensorflow_startup.stderr_aside():
            tf.config.set_visible_devices([], "GPU")
    except RuntimeError as error:
        raise UserError("--device cpu: GPUs are in use already; compute on the CPU in a process of its own") from error


def _check_none_is_missed(device: str) -> None:
    """Refuse to compute on the CPU beside NVIDIA cards, unless that is asked for."""
    machine = visible.look(_ROOT, os.environ)
    if machine.cards:
        cuda_version = str(tf.sysconfig.get_build_info().get("cuda_version", ""))
        missing = cuda_parts.missing_libraries(cuda_version, cuda_parts.site_packages())
        raise UserError(visible.refusal(machine, visible.why_unseen(machine, cuda_version, missing)))
    if device == "gpu":
        raise UserError("--device gpu: no NVIDIA card is found, neither by nvidia-smi nor in /proc or /dev")


def _share_memory(gpus: list[Any]) -> None:
    """Let memory grow as it is needed, instead of taking the whole card, so that two runs can share one."""
    try:
        for gpu in gpus:
            tf.config.experimental.set_memory_growth(gpu, True)
    except RuntimeError:
        _log.warning("GPUs are in use already in this process, which takes all their memory")

"""What a run's devices are, in words, and what they could compute in a second: the measure for its speed."""

import functools
import logging
import os
import platform
import time

import tensorflow as tf

from electra_pretrain.gpu.visible import in_words, newer_than_xla, without_bfloat16
from electra_pretrain.tpu.chips import generation_peak_tflops
from electra_pretrain.tpu.local import TYPE_VARIABLES
from electra_pretrain.train.cluster import count_cluster
from electra_pretrain.train.devices import compiles_steps, num_workers, on_cpu
from electra_pretrain.train.gpus import cards, find_gpus

_PRODUCT_SIZE = 8192
# What else the machine does for a moment must not pass for its peak: the run would then seem to exceed it.
_TRIES, _SECONDS = 3, 0.5
_log = logging.getLogger(__name__)


def hardware(strategy: tf.distribute.Strategy) -> str:
    """Return the devices in words, such as "8 x TPU core (v3-8)", for the run's own record."""
    if isinstance(strategy, tf.distribute.TPUStrategy):
        name = next((os.environ[variable] for variable in TYPE_VARIABLES if variable in os.environ), "of unknown kind")
        return f"{strategy.num_replicas_in_sync} x TPU core ({name})"
    workers = num_workers(strategy)
    return _in_words(workers, 0 if on_cpu(strategy) else strategy.num_replicas_in_sync // workers)


def _in_words(workers: int, gpus: int) -> str:
    """Return GPUs of each worker, or its CPU, in words."""
    cpu = f"CPU ({platform.machine()}, {os.cpu_count()} cores)"
    each = in_words([card.name for card in cards()[:gpus]]) if gpus else cpu
    return each if workers == 1 else f"{workers} workers of {each}" + ("" if gpus else " each")


def hardware_ahead(cpu_replicas: int, device: str) -> str:
    """Return in words what `make_strategy` will find without a TPU, and refuse what it will refuse.

    Raises:
        UserError: the GPUs cannot be used, or `TF_CONFIG` is wrong.
    """
    return _in_words(count_cluster(), 0 if cpu_replicas > 1 else len(find_gpus(device)))


def announce(strategy: tf.distribute.Strategy, compute_dtype: str, doing: str = "training") -> None:
    """Say in one line what is computed on, and warn of what makes that slow."""
    _log.info("%s on %s, %s", doing, hardware(strategy), compute_dtype)
    if compiles_steps(strategy) and (newer := newer_than_xla(cards())):
        _log.warning("%s: TensorFlow %s is reported to end with an LLVM ERROR on it", ", ".join(newer), tf.__version__)
    slow = without_bfloat16(cards()) if compute_dtype == "bfloat16" and compiles_steps(strategy) else []
    if slow:
        _log.warning("%s: does not compute in bfloat16, so this is slow; use training.compute_dtype float16", ", ".join(slow))


def peak_flops(strategy: tf.distribute.Strategy, compute_dtype: str) -> float | None:
    """Return what all replicas together could compute in a second; None of CPUs, which other programs take a changing part of.

    A TPU's published peak if the machine names it, else a large product's measured rate.
    """
    if on_cpu(strategy):
        return None
    replicas = int(strategy.num_replicas_in_sync)
    if isinstance(strategy, tf.distribute.TPUStrategy):
        names = [os.environ[variable] for variable in TYPE_VARIABLES if variable in os.environ]
        published = next(filter(None, map(generation_peak_tflops, names)), None)
        if published is not None:
            return published * 1e12 * replicas
    return product_flops(strategy.extended.worker_devices[0], compute_dtype, _PRODUCT_SIZE) * replicas


@functools.cache
def product_flops(device: str, dtype: str, size: int) -> float:
    """Measure operations a second of the product of two square matrices on a device, the best of some tries.

    Beside a program that computes all the time it is what that leaves; a run that outlasts the other may come to more.
    """
    with tf.device(device):
        matrix = tf.ones([size, size], tf.as_dtype(dtype))

    def seconds() -> float:
        began = time.monotonic()
        with tf.device(device):
            tf.reduce_sum(tf.matmul(matrix, matrix)[0]).numpy()
        return time.monotonic() - began

    seconds()  # prepares
    tried: list[float] = []
    while len(tried) < _TRIES or sum(tried) < _SECONDS:
        tried.append(seconds())
    return float(2 * size**3 / min(tried))

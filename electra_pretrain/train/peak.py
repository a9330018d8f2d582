"""What the devices are, and what they could compute in a second: the measure for a run's speed."""

import functools
import os
import platform
import time

import tensorflow as tf

from electra_pretrain.tpu.chips import generation_peak_tflops
from electra_pretrain.train.devices import on_cpu

# Where a TPU VM says what it is, "v3-8" for one.
_TPU_VARIABLES = ("TPU_ACCELERATOR_TYPE", "ACCELERATOR_TYPE")
_CPU_SIZE, _ACCELERATOR_SIZE = 1024, 8192
# What else the machine does for a moment must not pass for its peak: the run would then seem to exceed it.
_TRIES, _SECONDS = 3, 0.5


def hardware(strategy: tf.distribute.Strategy) -> str:
    """The devices in words, such as "8 x TPU (v3-8)", for the run's own record."""
    if isinstance(strategy, tf.distribute.TPUStrategy):
        name = next((os.environ[variable] for variable in _TPU_VARIABLES if variable in os.environ), "of unknown kind")
        return f"{strategy.num_replicas_in_sync} x TPU core ({name})"
    if on_cpu(strategy):
        return f"CPU ({platform.machine()}, {os.cpu_count()} cores)"
    gpus = tf.config.list_physical_devices("GPU")
    details = {"device_name": "GPU"} | (tf.config.experimental.get_device_details(gpus[0]) if gpus else {})
    return f"{strategy.num_replicas_in_sync} x {details['device_name']}"


def peak_flops(strategy: tf.distribute.Strategy, compute_dtype: str) -> float:
    """Of all replicas together: a TPU's published peak if the machine names it, else a large product's measured rate."""
    replicas = int(strategy.num_replicas_in_sync)
    if isinstance(strategy, tf.distribute.TPUStrategy):
        names = [os.environ[variable] for variable in _TPU_VARIABLES if variable in os.environ]
        published = next(filter(None, map(generation_peak_tflops, names)), None)
        if published is not None:
            return published * 1e12 * replicas
    device = strategy.extended.worker_devices[0]
    if on_cpu(strategy):
        # Virtual CPUs share the machine; each worker has a machine of its own.
        return product_flops(device, compute_dtype, _CPU_SIZE) * replicas / len(strategy.extended.worker_devices)
    return product_flops(device, compute_dtype, _ACCELERATOR_SIZE) * replicas


@functools.cache
def product_flops(device: str, dtype: str, size: int) -> float:
    """Operations a second of the product of two square matrices on a device, the best of some tries.

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

"""Which devices train: a TPU by name, all GPUs, or the CPU; one strategy object, one loop for all."""

import tensorflow as tf

from electra_pretrain import quiet
from electra_pretrain.errors import UserError


def make_strategy(
    tpu: str | None = None, tpu_zone: str | None = None, gcp_project: str | None = None, cpu_replicas: int = 1
) -> tf.distribute.Strategy:
    """The strategy for the devices at hand.

    Args:
        tpu: name of a TPU, or "local" on a TPU VM; None for GPUs or the CPU.
        tpu_zone: the TPU's zone, where it is not the machine's own.
        gcp_project: the TPU's project, likewise.
        cpu_replicas: virtual CPU devices to split the batch over, to rehearse a TPU's split on any machine.

    Raises:
        UserError: the TPU cannot be reached, or virtual CPUs are asked for too late or beside other devices.
    """
    if tpu:
        return _tpu_strategy(tpu, tpu_zone, gcp_project)
    with quiet.stderr_aside():
        tf.config.list_physical_devices()
    if cpu_replicas > 1:
        return _virtual_cpus(cpu_replicas)
    gpus = tf.config.list_logical_devices("GPU")
    if len(gpus) > 1:
        return tf.distribute.MirroredStrategy([gpu.name for gpu in gpus])
    return tf.distribute.OneDeviceStrategy(gpus[0].name if gpus else "/cpu:0")


def _tpu_strategy(tpu: str, zone: str | None, project: str | None) -> tf.distribute.Strategy:
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(tpu=tpu, zone=zone, project=project)
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
        return tf.distribute.TPUStrategy(resolver)
    except (ValueError, RuntimeError, OSError, tf.errors.OpError) as error:
        # The rest of such a message is an operation's whole definition.
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0][:120]
        raise UserError(
            f"--tpu {tpu}: cannot be used ({reason}); on a TPU VM say --tpu local, with tensorflow-tpu installed and no other "
            "process on the TPU"
        ) from error


def _virtual_cpus(count: int) -> tf.distribute.Strategy:
    cpu = tf.config.list_physical_devices("CPU")[0]
    try:
        if len(tf.config.get_logical_device_configuration(cpu) or []) < count:
            tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * count)
    except RuntimeError as error:
        raise UserError(f"--cpu_replicas {count}: devices are in use already; set it in a process of its own") from error
    return tf.distribute.MirroredStrategy([f"/cpu:{number}" for number in range(count)])


def on_cpu(strategy: tf.distribute.Strategy) -> bool:
    """Whether the replicas are CPUs."""
    return all("CPU" in str(device).upper() for device in strategy.extended.worker_devices)

"""Which devices train: a TPU by name, several machines, all GPUs, or the CPU; one strategy object, one loop for all.

What they are called and could compute is in train/hardware.py.
"""

import contextlib
import functools
import logging
import os
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import tensorflow as tf

from electra_pretrain.core import tensorflow_startup
from electra_pretrain.core.errors import Stopped, Unavailable, UserError, reason_of
from electra_pretrain.execution.memory import keep_all_freed
from electra_pretrain.records.input_pipeline import Worker
from electra_pretrain.tpu import hosts, refusals
from electra_pretrain.train import meeting
from electra_pretrain.train.cluster import CLUSTER_VARIABLE, Cluster, count_cluster, find_cluster
from electra_pretrain.train.gpus import count_gpus, find_gpus

_log = logging.getLogger(__name__)


def make_strategy(
    tpu: str | None = None,
    tpu_zone: str | None = None,
    gcp_project: str | None = None,
    cpu_replicas: int = 1,
    device: str = "auto",
    worker_seconds: float = meeting.SECONDS_TO_COME,
    alike: Mapping[str, str] | None = None,
) -> tf.distribute.Strategy:
    """Return the strategy for the devices at hand; where `TF_CONFIG` names a cluster, this process becomes one of its workers.

    Args:
        tpu: name of a TPU, "grpc://HOST:PORT,…" of its hosts, or "local" on a TPU VM; None for GPUs or the CPU.
        tpu_zone: the TPU's zone, where it is not the machine's own.
        gcp_project: the TPU's project, likewise.
        cpu_replicas: virtual CPU devices to split the batch over, to rehearse a TPU's split on any machine.
        device: "gpu", "cpu", or "auto" for GPUs if the machine has any; not for a TPU.
        worker_seconds: how long to wait for the other workers of a cluster.
        alike: what must be the same for all of them: what it is called -> how it is known.

    Raises:
        Unavailable: a host of the TPU does not answer, or a worker of the cluster does not come.
        UserError: the TPU or the GPUs cannot be used, virtual CPUs are asked for too late or beside other devices, `TF_CONFIG`
            is wrong, or a worker is about something else.
        Stopped: SIGTERM while it waited.
    """
    if tpu:
        if os.environ.get(CLUSTER_VARIABLE):
            _log.warning("%s is set, and left aside: the workers are those of --tpu %s", CLUSTER_VARIABLE, tpu)
        return _tpu_strategy(tpu, tpu_zone, gcp_project)
    if cluster := find_cluster():
        return _worker_strategy(cluster, cpu_replicas, device, worker_seconds, alike)
    if cpu_replicas > 1:
        return _virtual_cpus(cpu_replicas)
    gpus = [f"/gpu:{number}" for number, _ in enumerate(find_gpus(device))]
    if not gpus:
        keep_all_freed()
    if len(gpus) > 1:
        return tf.distribute.MirroredStrategy(gpus)
    return tf.distribute.OneDeviceStrategy(gpus[0] if gpus else "/cpu:0")


def _tpu_strategy(tpu: str, zone: str | None, project: str | None) -> tf.distribute.Strategy:
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(tpu=tpu, zone=zone, project=project)
        hosts.wait_for(resolver.cluster_spec().as_dict().get("worker", []))  # none of a local TPU
        tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
        return tf.distribute.TPUStrategy(resolver)
    except UserError:
        raise
    except (ValueError, RuntimeError, OSError, tf.errors.OpError) as error:
        raise _refused(tpu, error) from error


def _refused(tpu: str, error: Exception) -> UserError:
    """Return what to say of a TPU that TensorFlow cannot use, and what to do about it."""
    refusal = None if hosts.is_remote(tpu) else refusals.find(str(error))
    if refusal is not None:
        return UserError(f"--tpu {tpu}: cannot be used: {refusal.means}; {refusal.remedy}")
    reason = reason_of(error)[:120]  # the rest of such a message is an operation's whole definition
    way_out = (
        f"for one host say --tpu local on the TPU VM; for several see {hosts.GUIDE}"
        if hosts.is_remote(tpu)
        else "on a TPU VM, with tensorflow-tpu installed and no other process on the TPU"
    )
    return UserError(f"--tpu {tpu}: cannot be used ({reason}); {way_out}")


def _worker_strategy(
    cluster: Cluster, cpu_replicas: int, device: str, seconds: float, alike: Mapping[str, str] | None
) -> tf.distribute.Strategy:
    workers = len(cluster.workers)
    if cpu_replicas > 1:
        raise UserError(f"--cpu_replicas {cpu_replicas}: is for one machine; {CLUSTER_VARIABLE} names {workers} workers")
    # Of GPUs the gradients are summed by NCCL; what it does not do, and CPUs, by TensorFlow's own ring.
    implementation = tf.distribute.experimental.CommunicationImplementation
    gpus = find_gpus(device)
    if not gpus:
        keep_all_freed()
    options = tf.distribute.experimental.CommunicationOptions(
        implementation=implementation.NCCL if gpus else implementation.AUTO
    )
    meeting.wait_for_all(cluster, seconds, alike)
    try:
        with meeting.bounded(), tensorflow_startup.stderr_aside():
            return tf.distribute.MultiWorkerMirroredStrategy(communication_options=options)
    except tf.errors.OpError as error:
        raise Unavailable(
            f"{CLUSTER_VARIABLE}: TensorFlow did not connect the {workers} workers ({reason_of(error)}); end what is left of "
            "the run on every machine, and start them all anew"
        ) from error


def _virtual_cpus(count: int) -> tf.distribute.Strategy:
    find_gpus("cpu")
    keep_all_freed()
    with tensorflow_startup.stderr_aside():
        cpu = tf.config.list_physical_devices("CPU")[0]
    try:
        if len(tf.config.get_logical_device_configuration(cpu) or []) < count:
            tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * count)
    except RuntimeError as error:
        raise UserError(f"--cpu_replicas {count}: devices are in use already; set it in a process of its own") from error
    return tf.distribute.MirroredStrategy([f"/cpu:{number}" for number in range(count)])


def on_cpu(strategy: tf.distribute.Strategy) -> bool:
    """Return whether the replicas are CPUs."""
    return all("CPU" in str(device).upper() for device in strategy.extended.worker_devices)


def compiles_steps(strategy: tf.distribute.Strategy) -> bool:
    """Return whether XLA compiles a step as one program: on GPUs, where operation by operation it moves nine times the bytes.

    A TPU compiles whatever it runs; on CPUs only parts are worth it (model/kernels.py).
    """
    return all("GPU" in str(device).upper() for device in strategy.extended.worker_devices)


def count_replicas(cpu_replicas: int, device: str = "auto") -> int:
    """Return how many replicas `make_strategy` will find without a TPU; other machines have as many devices as this one."""
    return count_cluster() * (cpu_replicas if cpu_replicas > 1 else max(1, count_gpus(device)))


def writes_files(strategy: tf.distribute.Strategy) -> bool:
    """Return whether this process is the one that writes the run's folder: all are, but for the other workers of a cluster."""
    return bool(strategy.extended.should_checkpoint)


def num_workers(strategy: tf.distribute.Strategy) -> int:
    """Count the processes that train together."""
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return 1
    return len(strategy.cluster_resolver.cluster_spec().job_tasks("worker"))


def num_input_workers(strategy: tf.distribute.Strategy) -> int:
    """Count the hosts that read records for their replicas: of a TPU slice all, though one process steers them."""
    return int(strategy.extended.num_hosts) if isinstance(strategy, tf.distribute.TPUStrategy) else num_workers(strategy)


def any_worker(strategy: tf.distribute.Strategy, flag: bool) -> bool:
    """Return whether any worker's flag is set; every worker must ask, and all are told the same."""
    if num_workers(strategy) == 1:
        return flag
    return bool(_total(strategy)(tf.constant(float(flag))).numpy() > 0)


@functools.cache
def _total(strategy: tf.distribute.Strategy) -> Callable[[tf.Tensor], tf.Tensor]:
    """Return the sum over all replicas, as a graph: TensorFlow warns of each exchange outside of one."""

    def total(value: tf.Tensor) -> tf.Tensor:
        return strategy.reduce("SUM", strategy.run(lambda: tf.identity(value)), axis=None)

    function: Callable[[tf.Tensor], tf.Tensor] = tf.function(total)
    return function


@contextlib.contextmanager
def explained_lost_workers(strategy: tf.distribute.Strategy, collectives_alone: bool = True) -> Iterator[None]:
    """Turn what TensorFlow says where another worker has gone into a stop in good order.

    Args:
        strategy: the devices.
        collectives_alone: take only what says that it is of the exchange between workers; files may be at fault as well.
    """
    try:
        yield
    except tf.errors.OpError as error:
        of_files = "gs://" in str(error)  # which whoever ends the command explains
        if num_workers(strategy) == 1 or of_files or (collectives_alone and "Collective" not in str(error)):
            raise
        lost = _worker_in(error) or reason_of(error)
        raise Stopped(f"lost another worker ({lost}); run the same command on every worker to go on") from error


def _worker_in(error: tf.errors.OpError) -> str | None:
    """Return the address of the other worker that an error names; None if it names none."""
    cluster, task = find_cluster(), re.search(r"/job:worker/replica:\d+/task:(\d+)", str(error))
    others = {} if cluster is None else {n: worker for n, worker in enumerate(cluster.workers) if n != cluster.number}
    return others.get(int(task[1])) if task else None


def distributed(strategy: tf.distribute.Strategy, make: Callable[[Worker], tf.data.Dataset]) -> Any:
    """Make each worker's data for it; elements go to its replicas in turn.

    Args:
        strategy: the devices.
        make: from a worker to its elements, one for each replica of each batch, without end.
    """

    def for_pipeline(context: tf.distribute.InputContext) -> tf.data.Dataset:
        count = context.num_input_pipelines
        dataset = make(Worker(context.input_pipeline_id, count, context.num_replicas_in_sync // count))
        # Of data that may end, several workers would be given shapes that are not static.
        return dataset.apply(tf.data.experimental.assert_cardinality(tf.data.INFINITE_CARDINALITY))

    return strategy.distribute_datasets_from_function(for_pipeline)

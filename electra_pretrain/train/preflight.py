"""What can be known to be wrong before a run starts: folders, buckets, records, batch, disk; and what to expect of it."""

import logging
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from electra_pretrain.checkpoint.belonging import belonging
from electra_pretrain.checkpoint.fit import expected_moments, expected_variables
from electra_pretrain.checkpoint.pretrained import Pretrained, unstated
from electra_pretrain.checkpoint.teacher import Teacher
from electra_pretrain.config.schema import Config, Phase
from electra_pretrain.core.finding import Finding, Level, collect, heed
from electra_pretrain.core.progress import duration
from electra_pretrain.model.flops import step_flops
from electra_pretrain.records.manifest import check_shards
from electra_pretrain.tpu import hosts
from electra_pretrain.tpu.chips import Slice, find_slice
from electra_pretrain.tpu.compiler import COMPILER
from electra_pretrain.train.cluster import count_cluster
from electra_pretrain.train.devices import count_replicas
from electra_pretrain.train.hardware import hardware_ahead
from electra_pretrain.train.input import check_replicas
from electra_pretrain.train.ruin import check_plan, passes
from electra_pretrain.train.run_folder import find_import
from electra_pretrain.train.start import Start, prepare
from electra_pretrain.train.step_cost import step_cost
from electra_pretrain.train.storage import check_buckets, check_disk, check_folders
from electra_pretrain.train.teacher import layers_of

# KoELECTRA base v3 on a v3-8: 88 TFLOP in the 0.81 s that its author published, of 8 x 61.5 TFLOP/s.
PUBLISHED_SHARE_OF_PEAK = 0.22
_log = logging.getLogger(__name__)


class Request(NamedTuple):
    """What a run is asked to do.

    Attributes:
        config: the experiment.
        data_dirs: folders of records.
        model_dir: the run's folder.
        tpu: name of a TPU, addresses of its hosts, "local", or None.
        zone: the TPU's zone; None where this machine's own is meant.
        pretrained: weights that it starts from; None: random ones, or its own.
        teacher: of a config with distillation.
    """

    config: Config
    data_dirs: Sequence[str]
    model_dir: str
    tpu: str | None
    zone: str | None
    pretrained: Pretrained | None = None
    teacher: Teacher | None = None


class Checked(NamedTuple):
    """What the quick checks found, and the start that they found to be possible; None if it is not."""

    findings: list[Finding]
    start: Start | None


def check_before_start(request: Request) -> Start:
    """Make the quick checks, as before every start; warn, and leave unsaid what is in order.

    Raises:
        UserError: the run would fail.
    """
    findings, start = check_start(request)
    heed(findings)
    assert start is not None, "what keeps a run from its start is a failure"
    return start


def check_everything(request: Request, topology: str | None, cpu_replicas: int, device: str = "auto") -> list[Finding]:
    """Check everything that can be checked without training.

    Args:
        request: the run.
        topology: name of the TPU that it is for; None for another device, or where that is not known.
        cpu_replicas: virtual CPUs that share the batch, where there is no TPU.
        device: "auto", "cpu" or "gpu", where there is no TPU.

    Raises:
        UserError: there is no such TPU.
    """
    target = find_slice(topology) if topology else None
    replicas = target.replicas if target else (None if request.tpu else count_replicas(cpu_replicas, device))
    devices = [] if target or request.tpu else collect(_devices(request.config, cpu_replicas, device))
    findings, start = check_start(request, target)
    memory = check_memory(request.config, target, request.teacher) if target else []
    # Several checks may come upon one thing, and two phases upon the same records.
    return collect(iter([*devices, *findings, *check_thoroughly(request, start, replicas, target), *memory]))


def check_start(request: Request, target: Slice | None = None) -> Checked:
    """Make the quick checks: folders, buckets, records and weights, what may ruin the run, disk.

    Args:
        request: the run.
        target: which TPU it is for; None for another device, or an unknown one.
    """
    prepared: list[Start] = []

    def data() -> Iterator[Finding]:
        prepared.append(prepare(request.config, request.data_dirs, request.model_dir, request.pretrained, request.teacher))
        yield from _rows(prepared[0])
        yield from check_plan(prepared[0], _count_hosts(request.tpu, target))

    config, data_dirs, model_dir, tpu, zone, *_ = request
    findings = collect(
        check_folders(data_dirs, model_dir, tpu),
        check_buckets(data_dirs, model_dir, tpu, zone),
        data(),
        check_disk(config, model_dir),
    )
    return Checked(findings, prepared[0] if prepared else None)


def check_thoroughly(request: Request, start: Start | None, replicas: int | None, target: Slice | None) -> list[Finding]:
    """Check what takes longer or is only of interest beforehand.

    Args:
        request: the run.
        start: the same, its records chosen; None if they do not fit, which was found before.
        replicas: how many devices share the batch; None if that cannot be known here.
        target: which TPU; None for another device, or an unknown one.
    """
    of_records: list[Iterator[Finding]] = []
    if start is not None:
        of_records = [_weights(start), _shards(start)]
    of_target = [] if target is None else [_expectation(request.config, target, request.teacher)]
    return collect(*of_records, _batch(request.config, replicas), *of_target)


def _devices(config: Config, cpu_replicas: int, device: str) -> Iterator[Finding]:
    """Tell what it trains on."""
    yield Finding(Level.OK, f"training on {hardware_ahead(cpu_replicas, device)}, {config.training.compute_dtype}")


def _count_hosts(tpu: str | None, target: Slice | None) -> int:
    """Count the hosts of the TPU, or the workers; a TPU that is known by its name alone is taken to have one."""
    return len(hosts.addresses(tpu)) or (target.hosts if target else 1 if tpu else count_cluster())


def _rows(start: Start) -> Iterator[Finding]:
    """Tell how often each phase reads its rows, and what fits."""
    for phase, source in zip(start.config.all_phases(), start.sources, strict=True):
        if rows := source.manifest.train_examples:
            read = f"{rows:,} training rows of {source.manifest.max_seq_length} tokens, read {passes(phase, source):.1f} times"
            yield Finding(Level.OK, f"{source.folder}: {read}")
    weights = start.pretrained or find_import(start.model_dir)
    if weights is not None and (unsaid := unstated(weights)):
        text = f"{weights.origin}: does not say its {', '.join(unsaid)}: not held against config and records"
        yield Finding(Level.WARNING, text)


def _weights(start: Start) -> Iterator[Finding]:
    """Hold names and shapes of weights to begin with against the config's networks, which a run does once it has them."""
    if start.pretrained is not None:
        wanted, what = expected_variables(start.config), "weights"
        if start.config.training.init_moments:
            wanted, what = wanted | expected_moments(wanted, start.config), "weights and moments"
        belonging(start.pretrained, wanted)
        vocabulary = start.pretrained.vocabulary
        known = "" if vocabulary is None else f"; {vocabulary.path} is the vocabulary of the records"
        yield Finding(Level.OK, f"{what} of {start.pretrained.origin}: names and shapes are those of the config{known}")
    if start.teacher is not None:
        layers = ", ".join(map(str, layers_of(start.teacher, start.config)))
        yield Finding(Level.OK, f"{start.teacher.pretrained.origin}: may teach; a student begins with its layers {layers}")


def _shards(start: Start) -> Iterator[Finding]:
    """Check that every shard is there; that the vocabulary is the manifest's was checked before."""
    for source in start.sources:
        manifest = source.manifest
        shards = (*manifest.train_shards, *manifest.heldout_shards)
        check_shards(source.folder, shards)
        yield Finding(
            Level.OK, f"{source.folder}: the vocabulary, and names and sizes of {len(shards)} shards, are as the manifest says"
        )


def _batch(config: Config, replicas: int | None) -> Iterator[Finding]:
    """Check that the batch can be split evenly."""
    if replicas is None:
        yield Finding(Level.WARNING, "the batch was not checked against the TPU's replicas; add --topology, for example v3-8")
        return
    for phase in config.all_phases():
        check_replicas(phase.config, replicas)
        share = f"{phase.config.training.train_batch_size // replicas} x {phase.config.data.max_seq_length} tokens"
        yield Finding(Level.OK, f"1 replica, {share}" if replicas == 1 else f"{replicas} replicas, {share} each")


def _expectation(config: Config, target: Slice, teacher: Teacher | None) -> Iterator[Finding]:
    """Tell how long the run takes at least, and at the pace that was published."""
    peak = target.peak_tflops * 1e12 * target.replicas
    phases, its = config.all_phases(), None if teacher is None else teacher.config
    seconds = sum((phase.last_step - phase.first_step) * step_flops(phase.config, its) for phase in phases) / peak
    pace = config.training.train_batch_size / (step_flops(config, its) / peak / PUBLISHED_SHARE_OF_PEAK)
    yield Finding(
        Level.OK,
        f"{config.training.num_train_steps:,} steps: {duration(seconds)} by arithmetic alone; "
        f"{duration(seconds / PUBLISHED_SHARE_OF_PEAK)}, {pace:.0f} sequences/s, at the {PUBLISHED_SHARE_OF_PEAK:.0%} of "
        "peak that KoELECTRA's published run reached",
    )


def check_memory(config: Config, target: Slice, teacher: Teacher | None = None) -> list[Finding]:
    """Ask the TPU's compiler whether a step of each phase fits its memory; this takes minutes."""
    return collect(*(_memory(phase, target, teacher) for phase in config.all_phases()))


def _memory(phase: Phase, target: Slice, teacher: Teacher | None) -> Iterator[Finding]:
    if not COMPILER.is_installed():
        yield Finding(Level.WARNING, f"memory was not checked; pip install {COMPILER.install}, and ask again")
        return
    cost = step_cost(phase.config, target, phase.last_step - phase.first_step, teacher=teacher)
    fit = f"{cost.memory_gb} GB of a replica's {cost.memory_of_device_gb} GB"
    length, seconds = phase.config.data.max_seq_length, cost.estimated_step_s
    yield Finding(Level.OK, f"a step of {length} tokens takes {fit}, and {seconds:.3f} s by the compiler's estimate")

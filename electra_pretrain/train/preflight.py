"""What can be known to be wrong before a run starts: folders, bucket, records, batch, disk; and what to expect of it."""

import enum
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from electra_pretrain.checkpoint.pretrained import Pretrained
from electra_pretrain.config.schema import Config
from electra_pretrain.core import files
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.progress import duration
from electra_pretrain.model.flops import step_flops
from electra_pretrain.records.manifest import check_shards
from electra_pretrain.tpu import hosts
from electra_pretrain.tpu.chips import Slice
from electra_pretrain.train.input import Source, check_replicas, choose_sources
from electra_pretrain.train.run_folder import check_earlier_run, check_pretrained

# KoELECTRA base v3 on a v3-8: 88 TFLOP in the 0.81 s that its author published, of 8 x 61.5 TFLOP/s.
PUBLISHED_SHARE_OF_PEAK = 0.22
_METADATA_URL = "http://metadata.google.internal/computeMetadata/v1/instance/zone"


class Level(enum.Enum):
    OK = "ok"
    WARNING = "warning"
    FAILURE = "FAILED"


class Finding(NamedTuple):
    """What a check found."""

    level: Level
    text: str


class Start(NamedTuple):
    """A run about to start.

    Attributes:
        config: the experiment.
        data_dirs: folders of records.
        model_dir: the run's folder.
        tpu: name of a TPU, addresses of its hosts, "local", or None.
        zone: the TPU's zone; None where this machine's own is meant.
        pretrained: weights that it starts from; None: random ones, or its own.
    """

    config: Config
    data_dirs: Sequence[str]
    model_dir: str
    tpu: str | None
    zone: str | None
    pretrained: Pretrained | None = None


def check_start(start: Start) -> list[Finding]:
    """The quick checks, made before every start."""
    return _findings(_folders, _buckets, _records, _weights, _disk)(start)


def check_thoroughly(start: Start, replicas: int | None, target: Slice | None) -> list[Finding]:
    """What takes longer or is only of interest beforehand.

    Args:
        start: the run.
        replicas: how many parts the batch is split into; None if that cannot be known here.
        target: which TPU; None for another device, or an unknown one.
    """
    count = len(hosts.addresses(start.tpu)) or (target.hosts if target else 1)
    return _findings(
        _shards,
        lambda start: _hosts(start, count),
        lambda start: _batch(start, replicas),
        lambda start: _expectation(start, target),
    )(start)


def _findings(*checks: Callable[[Start], Iterator[Finding]]) -> Callable[[Start], list[Finding]]:
    """The checks as one, in which a user's error is a finding."""

    def all_of_them(start: Start) -> list[Finding]:
        found: list[Finding] = []
        for check in checks:
            try:
                found.extend(check(start))
            except UserError as error:
                found.append(Finding(Level.FAILURE, str(error)))
        return found

    return all_of_them


def _folders(start: Start) -> Iterator[Finding]:
    """A remote TPU reads buckets alone; what is written to must be writable."""
    for name, path in [*(("--data", folder) for folder in start.data_dirs), ("--model_dir", start.model_dir)]:
        if hosts.is_remote(start.tpu) and not files.is_remote(path):
            yield Finding(
                Level.FAILURE,
                f"{name} {path}: the hosts of the TPU {start.tpu} cannot read this machine's disk; use gs://BUCKET/… "
                "(python -m electra_pretrain.stage copies records there), or run on the TPU VM itself with --tpu local",
            )
    if start.tpu == hosts.LOCAL and not files.is_remote(start.model_dir):
        yield Finding(
            Level.WARNING, f"--model_dir {start.model_dir}: lies on the TPU VM's own disk, which goes when the VM goes"
        )
    _check_writable(start.model_dir)
    yield Finding(Level.OK, f"{start.model_dir} can be written to")


def _check_writable(folder: str) -> None:
    """Leaves nothing behind, no folder either: a run that is refused has not begun."""
    if files.is_remote(folder) or os.path.isdir(folder):
        probe = files.join(folder, "probe")
        files.write_bytes(probe, b"")
        files.remove(probe)
        return
    above = _existing(folder)
    if not os.path.isdir(above) or not os.access(above, os.W_OK):
        raise UserError(f"{folder}: cannot create this folder ({above} is no folder, or not writable); choose another path")


def _existing(path: str) -> str:
    """The nearest thing above that exists, or the path itself."""
    path = os.path.abspath(path)
    return path if os.path.exists(path) else _existing(os.path.dirname(path))


def _buckets(start: Start) -> Iterator[Finding]:
    """A bucket far from the TPU is slow, and every byte that leaves its region is charged."""
    names = {path.split("/")[2] for path in (*start.data_dirs, start.model_dir) if path.startswith("gs://")}
    zone = start.zone or (_own_zone() if start.tpu and names else None)
    for name in sorted(names):
        location = bucket_location(name)
        if zone is None or location is None:
            yield Finding(Level.WARNING, f"gs://{name}: its location ({location or 'unknown'}) was compared with no zone")
        elif within(zone, location):
            yield Finding(Level.OK, f"gs://{name} is in {location}, where the TPU is ({zone})")
        else:
            yield Finding(
                Level.WARNING,
                f"gs://{name} is in {location}, the TPU in {zone}: slow, and traffic between regions is charged; "
                f"use a bucket in {zone.rpartition('-')[0]}",
            )


def bucket_location(name: str) -> str | None:
    """Where a bucket is, such as "us-central1" or "us"; None if nobody here can say."""
    try:
        from google.cloud import storage

        location: str = storage.Client().get_bucket(name).location
    except Exception:  # no library, no credentials, no right to ask: the run itself may still reach the bucket
        return None
    return location.lower()


def within(zone: str, location: str) -> bool:
    """Whether a zone ("us-central1-a") lies in a bucket's location: a region, or a continent ("us", "eu", "asia")."""
    region = zone.rpartition("-")[0]
    return location in (region, region.split("-")[0]) or (location == "eu" and region.startswith("europe"))


def _own_zone() -> str | None:
    """The zone of the virtual machine that this is."""
    request = urllib.request.Request(_METADATA_URL, headers={"Metadata-Flavor": "Google"})
    try:
        with urllib.request.urlopen(request, timeout=1) as answer:
            return str(answer.read().decode().rpartition("/")[2]) or None
    except (urllib.error.URLError, OSError):
        return None


def _sources(start: Start) -> list[Source]:
    return choose_sources(start.config, start.data_dirs)


def _records(start: Start) -> Iterator[Finding]:
    """Records, vocabulary and an earlier run fit the config."""
    sources = _sources(start)
    check_earlier_run(start.config, [source.manifest for source in sources], start.model_dir)
    for (config, first, last), source in zip(start.config.all_phases(), sources, strict=True):
        examples = source.manifest.train_examples
        epochs = (last - first) * config.training.train_batch_size / examples
        text = f"{source.folder}: {examples:,} examples of {config.data.max_seq_length} tokens, read {epochs:.1f} times"
        yield Finding(Level.OK, text)
        if not source.manifest.heldout_examples and config.training.num_eval_steps:
            yield Finding(Level.WARNING, f"{source.folder}: no held-out records, so nothing will tell whether the run overfits")
        if epochs > 40:
            # BERT read its corpus about 40 times (Devlin et al. 2019, appendix A.2).
            yield Finding(Level.WARNING, f"{source.folder}: examples are read {epochs:.0f} times; more text would help")


def _weights(start: Start) -> Iterator[Finding]:
    """The weights that it starts from fit config and vocabulary; their names and shapes are held against the model itself."""
    if start.pretrained is not None:
        check_pretrained(start.pretrained, start.config, _sources(start)[-1].manifest.vocabulary)
        yield Finding(Level.OK, f"weights of {start.pretrained.origin} fit the config and the records' vocabulary")


def _shards(start: Start) -> Iterator[Finding]:
    """Every shard is there, and the vocabulary is the manifest's."""
    for source in _sources(start):
        manifest = source.manifest
        shards = (*manifest.train_shards, *manifest.heldout_shards)
        check_shards(source.folder, shards)
        vocab = files.join(source.folder, manifest.vocabulary.file_name)
        if not files.exists(vocab) or files.sha256(vocab) != manifest.vocabulary.sha256:
            raise UserError(f"{vocab}: missing, or not the vocabulary that the records were built with; copy it again")
        yield Finding(
            Level.OK, f"{source.folder}: the vocabulary, and names and sizes of {len(shards)} shards, are as the manifest says"
        )


def _hosts(start: Start, count: int) -> Iterator[Finding]:
    """Each host of the TPU has shards of its own to read."""
    for source in _sources(start) if count > 1 else ():
        shards = len(source.manifest.train_shards)
        if shards < count:
            raise UserError(
                f"{source.folder}: {shards} training shards for a TPU of {count} hosts, each of which needs its own; use a "
                "smaller TPU, or build the data anew from more text"
            )
        yield Finding(Level.OK, f"{source.folder}: {shards} training shards for {count} hosts")


def _batch(start: Start, replicas: int | None) -> Iterator[Finding]:
    """The batch can be split evenly."""
    if replicas is None:
        yield Finding(Level.WARNING, "the batch was not checked against the TPU's replicas; add --topology, for example v3-8")
        return
    for config, _, _ in start.config.all_phases():
        check_replicas(config, replicas)
        share = config.training.train_batch_size // replicas
        yield Finding(Level.OK, f"{replicas} replicas, {share} x {config.data.max_seq_length} tokens each")


def _disk(start: Start) -> Iterator[Finding]:
    """Room for the checkpoints that are kept, and the one being written."""
    if files.is_remote(start.model_dir):
        return
    training = start.config.training
    kept = training.keep_checkpoint_max + 1
    if training.keep_every_steps:
        kept += training.num_train_steps // training.keep_every_steps
    needed = kept * checkpoint_bytes(start.config) / 1e9
    free = shutil.disk_usage(_existing(start.model_dir)).free / 1e9
    level = Level.OK if free > needed else Level.WARNING
    yield Finding(level, f"{os.path.abspath(start.model_dir)}: {kept} checkpoints take {needed:.1f} GB, {free:.1f} GB are free")


def checkpoint_bytes(config: Config) -> int:
    """About what a checkpoint takes: weights and two moments, float32, of the tables and the blocks."""
    from electra_pretrain.model.encoder import discriminator_sizes, generator_sizes

    rows = config.data.vocab_size + config.model.max_position_embeddings
    parameters = rows * config.model.embedding_size + config.data.vocab_size
    networks = [discriminator_sizes(config), *([generator_sizes(config)] if config.objective.has_discriminator else [])]
    for sizes in networks:
        hidden, blocks = sizes.hidden_size, config.model.num_hidden_groups or sizes.num_hidden_layers
        parameters += blocks * (4 * hidden * hidden + 2 * hidden * sizes.intermediate_size)
    return 3 * 4 * parameters


def _expectation(start: Start, target: Slice | None) -> Iterator[Finding]:
    """How long it takes at least, and at the pace that was published."""
    if target is None:
        return
    peak = target.peak_tflops * 1e12 * target.replicas
    seconds = sum((last - first) * step_flops(config) for config, first, last in start.config.all_phases()) / peak
    config = start.config
    pace = config.training.train_batch_size / (step_flops(config) / peak / PUBLISHED_SHARE_OF_PEAK)
    yield Finding(
        Level.OK,
        f"{config.training.num_train_steps:,} steps: {duration(seconds)} by arithmetic alone; "
        f"{duration(seconds / PUBLISHED_SHARE_OF_PEAK)}, {pace:.0f} sequences/s, at the {PUBLISHED_SHARE_OF_PEAK:.0%} of "
        "peak that KoELECTRA's published run reached",
    )

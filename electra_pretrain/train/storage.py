"""Where a run reads and writes: whether its folders can be reached and written to, are near the TPU, and have the room."""

import os
import shutil
from collections.abc import Iterator, Sequence

from electra_pretrain.checkpoint.difference import GRADIENT_DISENTANGLED
from electra_pretrain.checkpoint.listing import check_name
from electra_pretrain.config.schema import Config
from electra_pretrain.core import files
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.finding import Finding, Level
from electra_pretrain.model.encoder import discriminator_sizes, generator_sizes
from electra_pretrain.tpu import hosts
from electra_pretrain.tpu.zones import bucket_location, own_zone, within


def check_folders(data_dirs: Sequence[str], model_dir: str, tpu: str | None) -> Iterator[Finding]:
    """Check that TensorFlow takes the names, that a remote TPU gets buckets, all that it reads, and that a run can be kept."""
    for name, path in [*(("--data", folder) for folder in data_dirs), ("--model_dir", model_dir)]:
        try:
            check_name(path, name)
        except UserError as error:
            yield Finding(Level.FAILURE, str(error))
        if hosts.is_remote(tpu) and not files.is_remote(path):
            yield Finding(
                Level.FAILURE,
                f"{name} {path}: the hosts of the TPU {tpu} cannot read this machine's disk; use gs://BUCKET/… "
                "(python -m electra_pretrain.stage copies records there), or run on the TPU VM itself with --tpu local",
            )
    if tpu == hosts.LOCAL and not files.is_remote(model_dir):
        yield Finding(
            Level.WARNING,
            f"--model_dir {model_dir}: lies on this machine's own disk, which goes with the machine unless something keeps it; "
            "what is in a bucket (gs://…) stays",
        )
    _check_writable(model_dir)
    yield Finding(Level.OK, f"{model_dir} can be written to")


def _check_writable(folder: str) -> None:
    """Try to write, and leave nothing behind, no folder either: a run that is refused has not begun."""
    if files.is_remote(folder) or os.path.isdir(folder):
        probe = files.temporary_name(files.join(folder, "probe"))
        files.write_bytes(probe, b"")
        files.remove(probe)
        return
    above = _existing(folder)
    if not os.path.isdir(above) or not os.access(above, os.W_OK):
        raise UserError(f"{folder}: cannot create this folder ({above} is no folder, or not writable); choose another path")


def _existing(path: str) -> str:
    """Return the nearest thing above that exists, or the path itself."""
    path = os.path.abspath(path)
    return path if os.path.exists(path) else _existing(os.path.dirname(path))


def check_buckets(data_dirs: Sequence[str], model_dir: str, tpu: str | None, zone: str | None) -> Iterator[Finding]:
    """Compare the buckets' locations with the TPU's zone."""
    names = {path.split("/")[2] for path in (*data_dirs, model_dir) if path.startswith("gs://")}
    zone = zone or (own_zone() if tpu and names else None)
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


def check_disk(config: Config, model_dir: str) -> Iterator[Finding]:
    """Compare the room for the checkpoints that stay, and the one being written, with what is free."""
    if files.is_remote(model_dir):
        return
    training = config.training
    count = training.keep_checkpoint_max + 1
    if training.keep_every_steps:
        count += training.num_train_steps // training.keep_every_steps
    needed = count * checkpoint_bytes(config) / 1e9
    free = shutil.disk_usage(_existing(model_dir)).free / 1e9
    text = f"{model_dir}: {count} checkpoints take {needed:.1f} GB, {free:.1f} GB are free"
    if free > needed:
        yield Finding(Level.OK, text)
    else:
        yield Finding(Level.WARNING, f"{text}; make room, or keep fewer (training.keep_checkpoint_max, keep_every_steps)")


def checkpoint_bytes(config: Config) -> int:
    """Estimate what a checkpoint takes: weights and two moments, float32, of the tables and the blocks."""
    rows = config.data.vocab_size + config.model.max_position_embeddings
    rows *= 2 if config.objective.embedding_sharing == GRADIENT_DISENTANGLED else 1
    parameters = rows * config.model.embedding_size + config.data.vocab_size
    has_generator = config.objective.has_discriminator and config.distillation is None
    networks = [discriminator_sizes(config), *([generator_sizes(config)] if has_generator else [])]
    for sizes in networks:
        hidden, blocks = sizes.hidden_size, config.model.num_hidden_groups or sizes.num_hidden_layers
        parameters += blocks * (4 * hidden * hidden + 2 * hidden * sizes.intermediate_size)
    return 3 * 4 * parameters

"""The records of a run: which folder serves which phase, whether they fit, and what each replica gets of them."""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from electra_pretrain.config.schema import Config
from electra_pretrain.core import files
from electra_pretrain.core.batch import Batch
from electra_pretrain.core.errors import UserError
from electra_pretrain.records.damage import leave_out_damaged, located_damage
from electra_pretrain.records.input_pipeline import Records, Worker, heldout_dataset, train_dataset
from electra_pretrain.records.manifest import MANIFEST_NAME, Manifest, Shard, check_shards, check_sums, load_manifest
from electra_pretrain.train.devices import distributed


class Source(NamedTuple):
    """A folder of records."""

    folder: str
    manifest: Manifest


class Paths(NamedTuple):
    """The files to read."""

    train: list[str]
    heldout: list[str]


def choose_sources(config: Config, data_dirs: Sequence[str]) -> list[Source]:
    """Choose for each phase of a run the folder whose records have its length; each manifest is loaded once.

    Raises:
        UserError: a phase has no folder or two, a folder serves none, or records and config do not fit.
    """
    given = [Source(folder, load_manifest(folder)) for folder in data_dirs]
    phases = config.all_phases()
    if len(given) == len(phases) == 1:
        check_data(config, given[0])
        return given
    chosen = []
    for number, phase in enumerate(phases):
        length = phase.config.data.max_seq_length
        fitting = [source for source in given if source.manifest.max_seq_length == length]
        if len(fitting) != 1:
            name = f"phases[{number}]" if number < len(config.phases) else "the last phase"
            lengths = ", ".join(f"{source.folder} ({source.manifest.max_seq_length})" for source in given)
            raise UserError(
                f"--data: {name} of the run needs one folder of records of {length} tokens, of which {len(fitting)} "
                f"were given: {lengths}"
            )
        chosen += fitting
    _check_one_kind(chosen)
    for phase, source in zip(phases, chosen, strict=True):
        check_data(phase.config, source)
    for source in given:
        if source not in chosen:
            raise UserError(
                f"--data {source.folder}: no phase of the run has {source.manifest.max_seq_length} tokens; leave it out"
            )
    if len({(vocabulary.sha256, vocabulary.strip_accents) for vocabulary in (each.manifest.vocabulary for each in chosen)}) > 1:
        raise UserError("--data: the folders were built with different vocabularies; build them with one")
    return chosen


def _check_one_kind(sources: Sequence[Source]) -> None:
    """Refuse rows of several kinds, which no config describes, as all phases share its `data.short_documents`.

    Raises:
        UserError: each folder is named with its kind.
    """
    kinds = {source.folder: source.manifest.short_documents for source in sources}
    if len(set(kinds.values())) > 1:
        named = ", ".join(f"{folder} ({kind})" for folder, kind in kinds.items())
        raise UserError(
            f"--data: all phases of a run need rows of one kind, data.short_documents, and these are of several: {named}; "
            "build the others anew with the --short_documents of one"
        )


def shard_paths(source: Source, skip_folder: str | None) -> Paths:
    """Return the shards to read; damaged records lead to an error, or with a folder for mended copies are left out.

    Raises:
        UserError: a shard is missing, no file, empty, or has another size than the manifest says.
    """
    manifest = source.manifest
    if skip_folder is None:
        return Paths(*(check_shards(source.folder, shards) for shards in (manifest.train_shards, manifest.heldout_shards)))
    special_ids = manifest.vocabulary.special_ids
    folder = files.join(skip_folder, str(manifest.max_seq_length))
    shards = (*manifest.train_shards, *manifest.heldout_shards)
    vocab_size = manifest.vocabulary.size
    paths = leave_out_damaged(source.folder, shards, manifest.max_seq_length, special_ids, vocab_size, folder)
    num_train = len(manifest.train_shards)
    return Paths(paths[:num_train], paths[num_train:])


def training_batches(
    config: Config, manifest: Manifest, paths: Paths, step: int, strategy: tf.distribute.Strategy
) -> tf.data.Iterator:
    """Read what the replicas train on, from the phase's update `step` on."""
    records = training_records(config, manifest, paths)
    batch_size = config.training.train_batch_size
    return iter(distributed(strategy, lambda worker: train_dataset(records, batch_size, step, worker)))


class HeldOut:
    """So many batches of held-out records, the same each time they are gone through."""

    def __init__(self, dataset: Any, num_batches: int) -> None:
        self._dataset, self._num_batches = dataset, num_batches

    def __iter__(self) -> Iterator[Batch]:
        return itertools.islice(self._dataset, self._num_batches)


def heldout_batches(config: Config, manifest: Manifest, paths: Paths, strategy: tf.distribute.Strategy) -> HeldOut | None:
    """Read at most `num_eval_steps` batches of held-out records; None where there are none."""
    batch_size = config.training.eval_batch_size
    num_batches = min(config.training.num_eval_steps, -(-manifest.heldout_examples // batch_size))
    if not num_batches:
        return None
    records = _records(config, manifest.heldout_shards, paths.heldout)
    # Begun again at its end, so that it has none.
    dataset = distributed(strategy, lambda worker: heldout_dataset(records, batch_size, num_batches, worker).repeat())
    return HeldOut(dataset, num_batches)


def training_records(config: Config, manifest: Manifest, paths: Paths) -> Records:
    """Return the training records as the config wants them shuffled."""
    return _records(config, manifest.train_shards, paths.train)


def _records(config: Config, shards: Sequence[Shard], paths: Sequence[str]) -> Records:
    data, examples = config.data, tuple(shard.examples for shard in shards)
    return Records(tuple(paths), examples, data.max_seq_length, data.vocab_size, data.shuffle_examples, config.training.seed)


def located(source: Source, paths: Paths, way_out: str) -> AbstractContextManager[None]:
    """Name file and record of what cannot be read in the block, as `damage.located_damage`."""
    manifest = source.manifest
    shards = (*manifest.train_shards, *manifest.heldout_shards)
    length, vocab_size = manifest.max_seq_length, manifest.vocabulary.size
    return located_damage([*paths.train, *paths.heldout], shards, length, vocab_size, way_out)


def global_batch(records: Records, batch_size: int, step: int, num_workers: int) -> Batch:
    """Read all workers' rows of one batch, as NumPy arrays."""
    shares = [next(iter(train_dataset(records, batch_size, step, Worker(n, num_workers, 1)))) for n in range(num_workers)]
    return Batch(*(np.concatenate([value.numpy() for value in values]) for values in zip(*shares, strict=True)))


def check_data(config: Config, source: Source) -> None:
    """Refuse records that the config does not describe.

    Raises:
        UserError: every mismatch is named.
    """
    data_dir, manifest = source
    check_sums(manifest, data_dir)
    pairs = {
        "data.vocab_size": (config.data.vocab_size, manifest.vocabulary.size),
        "data.max_seq_length": (config.data.max_seq_length, manifest.max_seq_length),
        "data.do_lower_case": (config.data.do_lower_case, manifest.vocabulary.do_lower_case),
        "data.short_documents": (config.data.short_documents, manifest.short_documents),
    }
    wrong = {field: pair for field, pair in pairs.items() if pair[0] != pair[1]}
    if not wrong:
        return
    told = "; ".join(f"{field} is {wanted} in the config, {found} in the records" for field, (wanted, found) in wrong.items())
    taken = " ".join(f"--set {field}={str(found).lower()}" for field, (_, found) in wrong.items())
    raise UserError(
        f"{files.join(data_dir, MANIFEST_NAME)}: {told}; take these records as they are, {taken}, or give other --data, built "
        "as the config says"
    )


def check_replicas(config: Config, num_replicas: int) -> None:
    """Refuse batches that cannot be split evenly.

    Raises:
        UserError: a batch size is not divisible.
    """
    training = config.training
    microbatches = num_replicas * training.gradient_accumulation_steps
    if training.train_batch_size % microbatches:
        raise UserError(
            f"training.train_batch_size = {training.train_batch_size}: must be divisible by {num_replicas} replicas "
            f"x {training.gradient_accumulation_steps} gradient_accumulation_steps = {microbatches}"
        )
    if training.eval_batch_size % num_replicas:
        raise UserError(f"training.eval_batch_size = {training.eval_batch_size}: must be divisible by {num_replicas} replicas")

"""Metrics of any checkpoint of a run on held-out records."""

import dataclasses
import logging
from typing import NamedTuple

import tensorflow as tf

from electra_pretrain.checkpoint.listing import check_has, find
from electra_pretrain.checkpoint.teacher import Teacher
from electra_pretrain.checkpoint.unseen import check_unseen
from electra_pretrain.checkpoint.variables import restore
from electra_pretrain.checkpoint.vocabulary import check_folder
from electra_pretrain.config.load import CONFIG_NAME, load_config
from electra_pretrain.config.schema import Config
from electra_pretrain.core import files
from electra_pretrain.core.errors import UserError
from electra_pretrain.records.manifest import load_manifest
from electra_pretrain.train.devices import compiles_steps
from electra_pretrain.train.earlier_run import check_same_teacher
from electra_pretrain.train.hardware import announce
from electra_pretrain.train.input import Source, check_data, check_replicas, heldout_batches, located, shard_paths
from electra_pretrain.train.run_folder import is_import, load_run
from electra_pretrain.train.same_vocabulary import check_records_vocabulary
from electra_pretrain.train.teacher import check_teacher
from electra_pretrain.train.token_counts import read_token_weights
from electra_pretrain.train.trainer import Trainer
from electra_pretrain.train.word_pieces import read_continuations

_log = logging.getLogger(__name__)


class Scores(NamedTuple):
    """What a checkpoint scored.

    Attributes:
        step: the checkpoint's.
        short_documents: how documents came into the rows that were scored; scores on rows of different kinds do not compare.
        metrics: means over those rows, by name.
    """

    step: int
    short_documents: str
    metrics: dict[str, float]


def evaluate(
    model_dir: str,
    data_dir: str,
    step: int | None,
    num_eval_steps: int | None,
    strategy: tf.distribute.Strategy,
    teacher: Teacher | None = None,
) -> Scores:
    """Score a checkpoint on the held-out records of a folder; masks and samples are those of the run's own evaluations.

    Args:
        model_dir: folder of a run.
        data_dir: folder of records that fit its config, the run's own or others; documents may have come into rows otherwise.
        step: which checkpoint; None: the newest.
        num_eval_steps: batches to score; None: as many as the config says.
        strategy: what to compute on.
        teacher: a student's.

    Raises:
        UserError: no such run, checkpoint or held-out records, or they do not fit together.
    """
    about = None if is_import(model_dir) else load_run(model_dir)
    check_has(model_dir, CONFIG_NAME)
    config = load_config(files.join(model_dir, CONFIG_NAME))
    check_unseen(model_dir, config)
    if num_eval_steps is not None:
        config = dataclasses.replace(config, training=dataclasses.replace(config.training, num_eval_steps=num_eval_steps))
    if teacher is not None:
        check_teacher(teacher, config)
        if about is not None:
            check_same_teacher(about, teacher, model_dir)
    announce(strategy, config.training.compute_dtype, "scoring")
    source = Source(data_dir, load_manifest(data_dir))
    config = _for_rows_of(source, config)
    check_data(config, source)
    check_records_vocabulary(source)
    _check_same_vocabulary(model_dir, source)
    check_replicas(config, strategy.num_replicas_in_sync)
    paths = shard_paths(source, None)
    batches = heldout_batches(config, source.manifest, paths, strategy)
    if batches is None:
        raise UserError(f"{data_dir}: no held-out records to score; build them with --heldout_fraction above 0")
    trainer = Trainer(
        config,
        source.manifest.vocabulary.special_ids,
        strategy,
        compiled=compiles_steps(strategy),
        continues=read_continuations(config, source),
        token_weights=read_token_weights(config, source),
        teacher=teacher,
    )
    restore(find(model_dir, step), trainer.variables())
    with located(source, paths, "copy the file again or build the data anew"):
        metrics = trainer.evaluate(batches)
    return Scores(int(trainer.optimizer.global_step.numpy()), config.data.short_documents, metrics)


def _for_rows_of(source: Source, config: Config) -> Config:
    """Return the config for rows of the records' kind, which may be another than those that were trained on.

    Raises:
        UserError: the networks cannot take such rows.
    """
    trained, found = config.data.short_documents, source.manifest.short_documents
    if trained == found:
        return config
    _log.info("scoring on rows that are %s (data.short_documents), as these records are; the config says %s", found, trained)
    data = dataclasses.replace(config.data, short_documents=found)
    return Config.from_dict(dataclasses.replace(config, data=data).to_dict(), source.folder)


def _check_same_vocabulary(model_dir: str, source: Source) -> None:
    """Refuse records of another vocabulary than the run's: their ids mean other tokens."""
    own, theirs = check_folder(model_dir), source.manifest.vocabulary
    if own is not None and own.noted.sha256 != theirs.sha256:
        raise UserError(
            f"{source.folder}: its vocabulary is not that of {model_dir} (SHA-256 {theirs.sha256}, there {own.noted.sha256}); "
            f"build the records with {own.path}"
        )

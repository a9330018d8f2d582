"""Assemble a run from a config, folders of records and a folder for the run; then train, phase after phase."""

import io
import sys
import tempfile
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from electra_pretrain.checkpoint import bundle as checkpoint
from electra_pretrain.checkpoint.pretrained import Pretrained, assign
from electra_pretrain.config.schema import Config, Phase
from electra_pretrain.core import files
from electra_pretrain.core.errors import Stopped, UserError
from electra_pretrain.execution.stop import StopRequest
from electra_pretrain.records.damage import UNDECODABLE, describe_damage
from electra_pretrain.train.devices import num_input_workers, num_workers, on_cpu, writes_files
from electra_pretrain.train.input import (
    Paths,
    Source,
    check_replicas,
    choose_sources,
    global_batch,
    heldout_batches,
    shard_paths,
    training_batches,
    training_records,
)
from electra_pretrain.train.logs import RunLog
from electra_pretrain.train.loop import Job, NonFinite, train
from electra_pretrain.train.peak import hardware, peak_flops
from electra_pretrain.train.run_folder import check_earlier_run, check_pretrained, record_run
from electra_pretrain.train.saver import Saver
from electra_pretrain.train.trainer import Trainer

LEFT_OUT_NAME = "left_out"  # copies of damaged shards, what cannot be read left out


class Part(NamedTuple):
    """A stage of the run and what it reads."""

    stage: Phase
    source: Source
    paths: Paths


def run(
    config: Config,
    data_dirs: Sequence[str],
    model_dir: str,
    strategy: tf.distribute.Strategy,
    skip_bad_records: bool = False,
    pretrained: Pretrained | None = None,
) -> None:
    """Train `config` on the records of `data_dirs`; go on where an earlier run in `model_dir` stopped.

    Args:
        config: the experiment.
        data_dirs: folders of records, one for each sequence length.
        model_dir: the run's folder.
        strategy: the devices.
        skip_bad_records: leave out records that cannot be read, instead of ending with an error.
        pretrained: weights that a new run starts from; None: random ones.

    Raises:
        UserError: records, config, devices or an earlier run do not fit together.
        Stopped: the run was asked to stop, or lost a worker; run again, it goes on.
    """
    sources = choose_sources(config, data_dirs)
    for stage in config.all_phases():
        check_replicas(stage.config, strategy.num_replicas_in_sync)
    files.make_dirs(model_dir)
    manifests = [source.manifest for source in sources]
    check_earlier_run(config, manifests, model_dir)
    if pretrained is not None:
        check_pretrained(pretrained, config, manifests[-1].vocabulary)
    writes = writes_files(strategy)
    if writes:
        files.remove_temporaries(model_dir)
    skip_folder = (files.join(model_dir, LEFT_OUT_NAME) if writes else tempfile.mkdtemp()) if skip_bad_records else None
    parts = [
        Part(stage, source, shard_paths(source, skip_folder))
        for stage, source in zip(config.all_phases(), sources, strict=True)
    ]
    with StopRequest() as stop:
        for number, part in enumerate(parts, 1):
            newest = checkpoint.steps(model_dir)[-1:] or [0]
            if number < len(parts) and newest[0] >= part.stage.last_step:
                continue
            trainer = _restored_trainer(part, model_dir, strategy, pretrained)
            if writes:
                vocab = files.read_bytes(files.join(part.source.folder, part.source.manifest.vocabulary.file_name))
                record_run(config, manifests, vocab, model_dir, hardware(strategy))
            if len(parts) > 1:
                _announce(number, len(parts), part.stage)
            _train_part(part, trainer, model_dir, stop)


def _restored_trainer(part: Part, model_dir: str, strategy: tf.distribute.Strategy, pretrained: Pretrained | None) -> Trainer:
    """The stage's trainer. Where its values come from: the run's own newest checkpoint; else `pretrained`; else the seed."""
    config = part.stage.config
    special_ids = part.source.manifest.vocabulary.special_ids
    trainer = Trainer(config, special_ids, strategy, one_after_the_other=not on_cpu(strategy))
    if not checkpoint.restore_newest(model_dir, trainer.variables()) and pretrained is not None:
        whole = assign(pretrained, trainer.model.named_variables())
        anew = "moments and step begin anew" if whole else "it has no generator: that, moments and step begin anew"
        print(f"run_pretraining: weights from {pretrained.origin}; {anew}", file=sys.stderr, flush=True)
    return trainer


def _announce(number: int, count: int, stage: Phase) -> None:
    config = stage.config
    print(
        f"run_pretraining: part {number} of {count}, to step {stage.last_step}: {config.training.train_batch_size} x "
        f"{config.data.max_seq_length} tokens, learning rate {config.optimizer.learning_rate:g}",
        file=sys.stderr,
        flush=True,
    )


def _train_part(part: Part, trainer: Trainer, model_dir: str, stop: StopRequest) -> None:
    config, strategy = part.stage.config, trainer.strategy
    step, writes = int(trainer.optimizer.global_step.numpy()), writes_files(strategy)
    job = Job(
        config=config,
        last_step=part.stage.last_step,
        trainer=trainer,
        batches=training_batches(config, part.source.manifest, part.paths, step - part.stage.first_step, strategy),
        heldout=heldout_batches(config, part.source.manifest, part.paths, strategy),
        saver=Saver(model_dir, config.training, writes),
        log=RunLog(model_dir, step, writes),
        peak_flops=peak_flops(strategy, config.training.compute_dtype),
    )
    try:
        train(job, stop)
    except NonFinite as error:
        path = _save_batch(part, error.step, num_input_workers(strategy), model_dir)
        raise UserError(
            f"{model_dir}: gradients of {error.in_a_row} steps in a row were not finite, up to step {error.step}; its batch is "
            f"in {path}; run it again with a lower optimizer.learning_rate or in float32; it goes on from its last checkpoint"
        ) from error
    except (tf.errors.DataLossError, *UNDECODABLE) as error:
        damage = describe_damage([*part.paths.train, *part.paths.heldout], config.data.max_seq_length)
        if damage is None:
            raise
        raise UserError(
            f"{damage}; copy the file again or build the data anew, then run the same command to go on; "
            "or add --on_bad_record skip"
        ) from error
    except tf.errors.OpError as error:
        if num_workers(strategy) == 1:
            raise
        reason = error.message.splitlines()[0]
        raise Stopped(f"lost another worker ({reason}); run the same command on every worker to go on") from error


def _save_batch(part: Part, step: int, workers: int, model_dir: str) -> str:
    """The global batch of a step, to study: an archive for numpy.load; returns its path."""
    config = part.stage.config
    records = training_records(config, part.source.manifest, part.paths)
    batch = global_batch(records, config.training.train_batch_size, step - part.stage.first_step, workers)
    archive = io.BytesIO()
    np.savez(archive, **batch._asdict())
    path = files.join(model_dir, f"nonfinite-batch-{step}.npz")
    files.write_bytes(path, archive.getvalue())
    return path

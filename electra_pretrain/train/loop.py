"""A run from top to bottom: each phase's records and trainer, then loops of updates; between them it saves, scores and logs."""

import contextlib
import gc
import io
import logging
import tempfile
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from electra_pretrain.checkpoint.belonging import assign
from electra_pretrain.checkpoint.imported import load_import
from electra_pretrain.checkpoint.listing import steps
from electra_pretrain.checkpoint.misfits import listed
from electra_pretrain.checkpoint.pretrained import Pretrained
from electra_pretrain.checkpoint.teacher import Teacher
from electra_pretrain.checkpoint.variables import restore_newest
from electra_pretrain.config.schema import Config, Phase
from electra_pretrain.core import files
from electra_pretrain.core.batch import Batch
from electra_pretrain.core.errors import Stopped, UserError
from electra_pretrain.core.progress import Progress
from electra_pretrain.execution.stop import StopRequest
from electra_pretrain.train.background import Background, Saver
from electra_pretrain.train.devices import (
    any_worker,
    compiles_steps,
    explained_lost_workers,
    num_input_workers,
    on_cpu,
    writes_files,
)
from electra_pretrain.train.hardware import announce, hardware, peak_flops
from electra_pretrain.train.health import Watch
from electra_pretrain.train.input import (
    Paths,
    Source,
    check_replicas,
    global_batch,
    heldout_batches,
    located,
    shard_paths,
    training_batches,
    training_records,
)
from electra_pretrain.train.report import Report, RunLog
from electra_pretrain.train.run_folder import own_names
from electra_pretrain.train.start import Start, record_run
from electra_pretrain.train.step_cost import smaller_steps
from electra_pretrain.train.teacher import begin_as_student, layers_of
from electra_pretrain.train.token_counts import read_token_weights
from electra_pretrain.train.trainer import Loop, Trainer
from electra_pretrain.train.unigram import baseline_loss
from electra_pretrain.train.word_pieces import read_continuations

LEFT_OUT_NAME = "left_out"  # copies of damaged shards, what cannot be read left out
_log = logging.getLogger(__name__)


class PhaseInput(NamedTuple):
    """A phase of the run and what it reads."""

    phase: Phase
    source: Source
    paths: Paths


def train(start: Start, strategy: tf.distribute.Strategy, skip_bad_records: bool = False) -> None:
    """Train, phase after phase; go on where an earlier run in the same folder stopped.

    While the device runs a loop, the metrics of the one before are written; a checkpoint holds the device up for a copy only
    and is written while it goes on.

    Args:
        start: what the run starts from.
        strategy: the devices.
        skip_bad_records: leave out records that cannot be read, instead of ending with an error.

    Raises:
        UserError: the devices cannot split the batch, records are damaged, too many gradients in a row were not finite, or a
            checkpoint cannot be written.
        Stopped: the run was asked to stop, or lost a worker; run again, it goes on.
    """
    model_dir, writes = start.model_dir, writes_files(strategy)
    with contextlib.ExitStack() as stack:
        stack.enter_context(explained_lost_workers(strategy))
        left_out = stack.enter_context(_left_out_folder(model_dir, writes, skip_bad_records))
        inputs = _open_inputs(start, strategy, left_out)
        announce(strategy, start.config.training.compute_dtype)
        stop = stack.enter_context(StopRequest())
        for number, phase_input in enumerate(inputs, 1):
            phase, source, paths = phase_input
            if number < len(inputs) and max(steps(model_dir), default=0) >= phase.last_step:
                continue
            config, training = phase.config, phase.config.training
            trainer, trained = _restored_trainer(start, config, strategy)
            if writes:
                record_run(start, hardware(strategy))
            if len(inputs) > 1:
                _announce(number, len(inputs), phase)
            step = int(trainer.optimizer.global_step.numpy())
            batches = training_batches(config, source.manifest, paths, step - phase.first_step, strategy)
            heldout = heldout_batches(config, source.manifest, paths, strategy)
            log, peak = RunLog(model_dir, step, writes), peak_flops(strategy, training.compute_dtype)
            with (
                explained_lost_workers(strategy, collectives_alone=False),
                _explained_errors(phase_input, strategy),
                Progress("train", training.num_train_steps, "steps", initial=step) as progress,
                Saver(model_dir, training, writes) as saver,
            ):
                watch, baseline = Watch(start.config, log.rows), baseline_loss(config, source, paths) if writes else None
                report = Report(config, log, progress, step, peak, watch, baseline, start.teacher and start.teacher.config)
                if step:
                    _log.info("going on from step %d" if step < phase.last_step else "finished at step %d before", step)
                # Stopped between a checkpoint and its evaluation; or what trained weights are to become better than.
                if (step or trained) and not log.has("heldout", step):
                    _evaluate(trainer, heldout, step, report)
                while step < phase.last_step:
                    on_device = Background(trainer.run_steps, batches, _steps_to_run(step, phase))
                    report.write_waiting()
                    loop = on_device.result()
                    step += loop.num_steps
                    report.keep(step, loop)
                    if loop.sums["nonfinite_steps"]:
                        report.write_waiting()
                        _check_nonfinite(loop, trainer, phase_input, model_dir)
                    asked = any_worker(strategy, bool(stop.signal_name))
                    if step % training.save_checkpoints_steps == 0 or step == phase.last_step or asked:
                        saver.start(step, trainer.variables())
                        report.write_waiting()
                        if not asked:
                            _evaluate(trainer, heldout, step, report)
                    if asked and step < training.num_train_steps:
                        saver.finish()
                        name = stop.signal_name or "another worker was asked to stop"
                        raise Stopped(f"{name}: stopped at step {step}, which is saved; run the same command to go on")
            # Before the next phase's is built, or weights and moments would be held twice; its functions hold it, and it them.
            del trainer, batches, heldout
            gc.collect()


@contextlib.contextmanager
def _left_out_folder(model_dir: str, writes: bool, skip_bad_records: bool) -> Iterator[str | None]:
    """Give the folder for copies of damaged shards, None for none; of a worker that writes nothing else a temporary one."""
    if not skip_bad_records:
        yield None
    elif writes:
        yield files.join(model_dir, LEFT_OUT_NAME)
    else:
        with tempfile.TemporaryDirectory() as folder:
            yield folder


def _open_inputs(start: Start, strategy: tf.distribute.Strategy, left_out: str | None) -> list[PhaseInput]:
    """Hold the batches against the devices, make the run's folder, and find the shards of every phase."""
    phases = start.config.all_phases()
    for phase in phases:
        check_replicas(phase.config, strategy.num_replicas_in_sync)
    files.make_dirs(start.model_dir)
    if writes_files(strategy):
        files.remove_temporaries(start.model_dir, own_names(start.manifests[-1].vocabulary))
    pairs = zip(phases, start.sources, strict=True)
    return [PhaseInput(phase, source, shard_paths(source, left_out)) for phase, source in pairs]


def _restored_trainer(start: Start, config: Config, strategy: tf.distribute.Strategy) -> tuple[Trainer, bool]:
    """Build a phase's trainer, its values from the run's own newest checkpoint; else from other weights; else from the seed.

    Returned with it: whether all of its weights are trained ones.
    """
    source = start.sources[-1]
    special_ids, pieces = source.manifest.vocabulary.special_ids, read_continuations(config, source)
    in_turn, compiled = not on_cpu(strategy), compiles_steps(strategy)
    weights = read_token_weights(config, source)
    trainer = Trainer(config, special_ids, strategy, in_turn, compiled, pieces, weights, start.teacher)
    if restore_newest(start.model_dir, trainer.variables()):
        imported = load_import(start.model_dir)
        return trainer, imported is None or imported.has_generator
    if start.pretrained is None and start.teacher is not None:
        _begin_from_teacher(start.teacher, trainer, config)
    if start.pretrained is None:
        return trainer, False
    whole = _begin_from(start.pretrained, trainer, config.training.init_moments)
    return trainer, whole


def _begin_from(pretrained: Pretrained, trainer: Trainer, moments: bool) -> bool:
    """Give a trainer the weights of a source, and with `moments` Adam's; tell what was taken, and return if a generator was."""
    variables = trainer.model.named_variables()
    whole = assign(pretrained, variables | trainer.optimizer.moments if moments else variables)
    if moments:
        anew = "steps are counted anew" if whole else "it has no generator: that, its moments and the step begin anew"
    else:
        anew = "moments and step begin anew" if whole else "it has no generator: that, moments and step begin anew"
    _log.info("%s from %s; %s", "weights and moments" if moments else "weights", pretrained.origin, anew)
    return whole


def _begin_from_teacher(teacher: Teacher, trainer: Trainer, config: Config) -> None:
    """Give a student the weights of its teacher, and tell which layers and what begins anew."""
    fresh = begin_as_student(trainer.model, teacher, config)
    layers = ", ".join(map(str, layers_of(teacher, config)))
    anew = f"; the teacher has no {listed(fresh)}" if fresh else ""
    _log.info("a student of %s begins with its layers %s%s", teacher.pretrained.origin, layers, anew)


def _announce(number: int, count: int, phase: Phase) -> None:
    config = phase.config
    own = {"generator": config.optimizer.generator_learning_rate, "discriminator": config.optimizer.discriminator_learning_rate}
    of_networks = "".join(f", {network}'s {rate:g}" for network, rate in own.items() if rate)
    _log.info(
        "phase %d of %d, to step %d: %d x %d tokens, learning rate %s",
        number,
        count,
        phase.last_step,
        config.training.train_batch_size,
        config.data.max_seq_length,
        f"{config.optimizer.learning_rate:g}{of_networks}",
    )


def _steps_to_run(step: int, phase: Phase) -> int:
    """Count the steps to the next save, to the phase's end, or of one loop, whichever comes first."""
    training = phase.config.training
    to_save = training.save_checkpoints_steps - step % training.save_checkpoints_steps
    return min(training.iterations_per_loop, to_save, phase.last_step - step)


def _evaluate(trainer: Trainer, heldout: Iterable[Batch] | None, step: int, report: Report) -> None:
    """Score held-out records, if there are any."""
    if heldout is not None:
        report.heldout(step, trainer.evaluate(heldout))


def _check_nonfinite(loop: Loop, trainer: Trainer, phase_input: PhaseInput, model_dir: str) -> None:
    """Say that steps were not applied; give up if there are too many in a row, and keep the last one's batch."""
    optimizer, limit = trainer.optimizer, phase_input.phase.config.training.max_nonfinite_steps
    last, in_a_row = int(optimizer.last_nonfinite_step.numpy()), int(optimizer.nonfinite_in_a_row.numpy())
    count = float(loop.sums["nonfinite_steps"])
    _log.warning("gradient not finite: %.0f steps not applied, the last of them step %d", count, last)
    if in_a_row >= limit:
        path = _save_batch(phase_input, last, num_input_workers(trainer.strategy), model_dir)
        raise UserError(
            f"{model_dir}: gradients of {in_a_row} steps in a row were not finite, up to step {last}; its batch is "
            f"in {path}; run it again with a lower optimizer.learning_rate or in float32; it goes on from its last checkpoint"
        )


def _save_batch(phase_input: PhaseInput, step: int, workers: int, model_dir: str) -> str:
    """Write the global batch of a step, to study, as an archive for numpy.load; return its path."""
    (phase, source, paths), config = phase_input, phase_input.phase.config
    records = training_records(config, source.manifest, paths)
    batch = global_batch(records, config.training.train_batch_size, step - phase.first_step, workers)
    archive = io.BytesIO()
    np.savez(archive, **batch._asdict())
    path = files.join(model_dir, f"nonfinite-batch-{step}.npz")
    files.write_bytes(path, archive.getvalue())
    return path


@contextlib.contextmanager
def _explained_errors(phase_input: PhaseInput, strategy: tf.distribute.Strategy) -> Iterator[None]:
    """Turn TensorFlow's complaints about records and memory into what a user can act on."""
    way_out = "copy the file again or build the data anew, then run the same command to go on; or add --on_bad_record skip"
    try:
        with located(phase_input.source, phase_input.paths, way_out):
            yield
    except tf.errors.ResourceExhaustedError as error:
        ways = smaller_steps(phase_input.phase.config, strategy.num_replicas_in_sync)
        raise UserError(
            f"out of memory: a step does not fit the device's; is another process on it? Else try {ways}; "
            "the run goes on from its last checkpoint"
        ) from error

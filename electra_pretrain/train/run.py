"""Assemble a run from a config, a folder of records and a folder for the run; then train."""

import io
import json
from typing import Any

import numpy as np
import tensorflow as tf

from electra_pretrain import files
from electra_pretrain.config import Config, differences, load
from electra_pretrain.data.input_pipeline import WindowPlan, heldout_dataset, train_dataset
from electra_pretrain.data.manifest import MANIFEST_NAME, VOCAB_NAME, Manifest, check_shards, load_manifest
from electra_pretrain.data.records import describe_damage
from electra_pretrain.errors import UserError
from electra_pretrain.train import checkpoint
from electra_pretrain.train.devices import on_cpu
from electra_pretrain.train.logs import RunLog
from electra_pretrain.train.loop import Job, NonFinite, train
from electra_pretrain.train.step import Trainer
from electra_pretrain.train.stop import StopRequest

CONFIG_NAME = "config.json"  # the resolved config, as --config takes it
RUN_NAME = "run.json"  # the records' manifest and the versions
# A half-done run may be given these anew; anything else would make it another experiment.
CHANGEABLE = (
    "optimizer.learning_rate",
    "training.num_train_steps",
    "training.save_checkpoints_steps",
    "training.keep_checkpoint_max",
    "training.keep_every_steps",
    "training.iterations_per_loop",
    "training.gradient_accumulation_steps",
    "training.max_nonfinite_steps",
    "training.eval_batch_size",
    "training.num_eval_steps",
)


def run(config: Config, data_dir: str, model_dir: str, strategy: tf.distribute.Strategy) -> None:
    """Train `config` on the records of `data_dir`; go on where an earlier run in `model_dir` stopped.

    Raises:
        UserError: records, config, devices or an earlier run do not fit together.
    """
    manifest = load_manifest(data_dir)
    check_data(config, manifest, data_dir)
    check_replicas(config, strategy.num_replicas_in_sync)
    train_paths = check_shards(data_dir, manifest.train_shards)
    heldout_paths = check_shards(data_dir, manifest.heldout_shards)
    files.make_dirs(model_dir)
    check_earlier_run(config, manifest, model_dir)
    files.remove_temporaries(model_dir)
    trainer = Trainer(config, manifest.vocabulary.special_ids, strategy, one_after_the_other=not on_cpu(strategy))
    checkpoint.restore_newest(model_dir, trainer.variables())
    _record_run(config, manifest, data_dir, model_dir)
    step = int(trainer.optimizer.global_step.numpy())
    job = Job(
        config=config,
        trainer=trainer,
        batches=iter(_distributed(strategy, _training_data(config, manifest, train_paths, step))),
        heldout=heldout_data(config, heldout_paths, strategy),
        model_dir=model_dir,
        log=RunLog(model_dir, step),
    )
    try:
        with StopRequest() as stop:
            train(job, stop)
    except NonFinite as error:
        path = _save_batch(config, manifest, train_paths, error.step, model_dir)
        raise UserError(
            f"{model_dir}: gradients of {error.in_a_row} steps in a row were not finite, up to step {error.step}; its batch is "
            f"in {path}; go on from the last checkpoint with a lower optimizer.learning_rate or in float32"
        ) from error
    except (tf.errors.DataLossError, tf.errors.InvalidArgumentError) as error:
        damage = describe_damage([*train_paths, *heldout_paths], config.data.max_seq_length)
        if damage is None:
            raise
        raise UserError(f"{damage}; copy the file again or rebuild the data, then run the same command to go on") from error


def check_data(config: Config, manifest: Manifest, data_dir: str) -> None:
    """Refuse records that the config does not describe.

    Raises:
        UserError: every mismatch is named.
    """
    pairs = {
        "data.vocab_size": (config.data.vocab_size, manifest.vocabulary.size),
        "data.max_seq_length": (config.data.max_seq_length, manifest.max_seq_length),
        "data.do_lower_case": (config.data.do_lower_case, manifest.vocabulary.do_lower_case),
    }
    wrong = [
        f"{field} is {wanted} in the config, {found} in the records"
        for field, (wanted, found) in pairs.items()
        if wanted != found
    ]
    if wrong:
        raise UserError(
            f"{files.join(data_dir, MANIFEST_NAME)}: {'; '.join(wrong)}; change the config (--set) or build the data anew"
        )
    if not manifest.train_examples:
        raise UserError(f"{data_dir}: holds no training example; build it from more text or with a smaller --heldout_fraction")


def check_replicas(config: Config, num_replicas: int) -> None:
    """Refuse batches that cannot be split evenly.

    Raises:
        UserError: a batch size is not divisible.
    """
    training = config.training
    parts = num_replicas * training.gradient_accumulation_steps
    if training.train_batch_size % parts:
        raise UserError(
            f"training.train_batch_size = {training.train_batch_size}: must be divisible by {num_replicas} replicas "
            f"x {training.gradient_accumulation_steps} gradient_accumulation_steps = {parts}"
        )
    if training.eval_batch_size % num_replicas:
        raise UserError(f"training.eval_batch_size = {training.eval_batch_size}: must be divisible by {num_replicas} replicas")


def check_earlier_run(config: Config, manifest: Manifest, model_dir: str) -> None:
    """Refuse to go on with another experiment in the folder of this one.

    Raises:
        UserError: the fields that differ and may not, or other records.
    """
    path = files.join(model_dir, CONFIG_NAME)
    if not files.exists(path) or not checkpoint.steps(model_dir):
        return
    reached = checkpoint.steps(model_dir)[-1]
    if reached > config.training.num_train_steps:
        raise UserError(
            f"{model_dir}: is at step {reached} already, beyond training.num_train_steps = {config.training.num_train_steps}; "
            "ask for more steps or use another --model_dir"
        )
    changed = differences(load(path), config)
    refused = [f"{name} was {old}, is {new}" for name, (old, new) in changed.items() if name not in CHANGEABLE]
    if refused:
        raise UserError(
            f"{model_dir}: holds a run of another config: {'; '.join(refused)}; use that config or another --model_dir "
            f"(what may change: {', '.join(CHANGEABLE)})"
        )
    fingerprint = load_run(model_dir)["data"]["fingerprint"]
    if fingerprint != manifest.fingerprint:
        raise UserError(
            f"{model_dir}: that run used other records (fingerprint {fingerprint}, now {manifest.fingerprint}); "
            "use the same --data or another --model_dir"
        )


def load_run(model_dir: str) -> dict[str, Any]:
    """What a run's folder says about itself: "data" (the manifest) and "versions".

    Raises:
        UserError: it says nothing, or is damaged.
    """
    path = files.join(model_dir, RUN_NAME)
    if not files.exists(path):
        raise UserError(f"{path}: no such file; {model_dir} is not the --model_dir of a run")
    try:
        values: dict[str, Any] = json.loads(files.read_text(path))
        return {"data": dict(values["data"]), "versions": dict(values["versions"])}
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: damaged ({error}); use another --model_dir") from error


def _record_run(config: Config, manifest: Manifest, data_dir: str, model_dir: str) -> None:
    """The resolved config, what it was trained on and with, and the vocabulary, so that the folder stands alone."""
    from electra_pretrain import __version__

    versions = {"electra_pretrain": __version__, "tensorflow": tf.__version__}
    for name, values in (
        (CONFIG_NAME, config.to_dict()),
        (RUN_NAME, {"data": manifest.to_dict(), "versions": versions}),
    ):
        files.write_text(files.join(model_dir, name), json.dumps(values, ensure_ascii=False, indent=2) + "\n")
    files.write_bytes(files.join(model_dir, VOCAB_NAME), files.read_bytes(files.join(data_dir, VOCAB_NAME)))


def _training_data(config: Config, manifest: Manifest, paths: list[str], step: int) -> tf.data.Dataset:
    plan = WindowPlan.make(
        [shard.examples for shard in manifest.train_shards], config.data.shuffle_examples, config.training.seed
    )
    return train_dataset(paths, plan, config.data.max_seq_length, config.training.train_batch_size, step)


def _save_batch(config: Config, manifest: Manifest, paths: list[str], step: int, model_dir: str) -> str:
    """The global batch of a step, to study: an archive for numpy.load; returns its path."""
    batch = next(iter(_training_data(config, manifest, paths, step)))
    archive = io.BytesIO()
    np.savez(archive, **{name: value.numpy() for name, value in batch._asdict().items()})
    path = files.join(model_dir, f"nonfinite-batch-{step}.npz")
    files.write_bytes(path, archive.getvalue())
    return path


def heldout_data(config: Config, paths: list[str], strategy: tf.distribute.Strategy) -> tf.data.Dataset | None:
    """`num_eval_steps` batches of held-out records, the same each time; None where there are none."""
    training = config.training
    if not paths or not training.num_eval_steps:
        return None
    dataset = heldout_dataset(paths, config.data.max_seq_length, training.eval_batch_size, training.num_eval_steps)
    return _distributed(strategy, dataset)


def _distributed(strategy: tf.distribute.Strategy, dataset: tf.data.Dataset) -> Any:
    options = tf.data.Options()
    # Every replica's rows come from one sequence of global batches; files are never split between workers behind its back.
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.OFF
    return strategy.experimental_distribute_dataset(dataset.with_options(options))

"""What lies in a run's folder before it begins: the same run, which may go on, or another's, which must not be lost."""

import json
import logging
from collections.abc import Sequence

import tensorflow as tf

from electra_pretrain.checkpoint.listing import check_is_folder, steps
from electra_pretrain.checkpoint.teacher import Teacher
from electra_pretrain.checkpoint.unseen import check_unseen
from electra_pretrain.checkpoint.vocabulary import RUN_NAME, check_folder
from electra_pretrain.config.load import CONFIG_NAME, differences, load_config
from electra_pretrain.config.schema import Config
from electra_pretrain.core import files
from electra_pretrain.core.errors import FEW, UserError, first_of
from electra_pretrain.core.together import filled_by
from electra_pretrain.records.manifest import Vocabulary
from electra_pretrain.train.input import Source
from electra_pretrain.train.metrics_log import METRICS_NAME
from electra_pretrain.train.run_folder import About, find_import, load_run
from electra_pretrain.train.same_vocabulary import check_pretrained
from electra_pretrain.train.schedule import learning_rate

_log = logging.getLogger(__name__)


# A half-done run may be given these anew; anything else would make it another experiment.
CHANGEABLE = (
    "optimizer.learning_rate",
    "optimizer.generator_learning_rate",
    "optimizer.discriminator_learning_rate",
    "optimizer.decay_steps",
    "distillation.teacher",
    "training.num_train_steps",
    "training.save_checkpoints_steps",
    "training.keep_checkpoint_max",
    "training.keep_every_steps",
    "training.iterations_per_loop",
    "training.gradient_accumulation_steps",
    "training.remat",
    "training.max_nonfinite_steps",
    "training.eval_batch_size",
    "training.num_eval_steps",
)
RISE = 1.05  # of the learning rate, where a run is prolonged


def check_earlier_run(config: Config, sources: Sequence[Source], model_dir: str, teacher: Teacher | None = None) -> None:
    """Refuse to go on with another experiment in the folder of this one.

    Args:
        config: the experiment.
        sources: the records of each of its phases.
        model_dir: the folder.
        teacher: that a student learns from.

    Raises:
        UserError: the fields that differ and may not, other records or another teacher; or it is a checkpoint's path.
    """
    check_is_folder(model_dir)
    path = files.join(model_dir, CONFIG_NAME)
    if not steps(model_dir):
        _check_foreign(config, sources[-1].manifest.vocabulary, model_dir)
        return
    if not files.exists(path):
        raise UserError(f"{path}: missing, though checkpoints lie beside it; put it back, or use another --model_dir")
    if (imported := find_import(model_dir)) is not None:
        check_pretrained(imported, config, sources[-1])
        return
    reached = steps(model_dir)[-1]
    if reached > config.training.num_train_steps:
        raise UserError(
            f"{model_dir}: is at step {reached} already, beyond training.num_train_steps = {config.training.num_train_steps}; "
            "ask for more steps or use another --model_dir"
        )
    before = load_config(path)
    changed = differences(before, config)
    refused = [
        f"{name} was {json.dumps(old)}, is {json.dumps(new)}" for name, (old, new) in changed.items() if name not in CHANGEABLE
    ]
    if refused:
        raise UserError(
            f"{model_dir}: holds a run of another config: {first_of(refused, FEW, '; ')}; use that config or another "
            f"--model_dir (what may change: {', '.join(CHANGEABLE)})"
        )
    check_folder(model_dir)
    check_unseen(model_dir, config)
    tell_of_rise(before, config, reached, model_dir)
    about = load_run(model_dir)
    used = [manifest.fingerprint for manifest in (*about.data_of_phases, about.data)]
    given = [source.manifest.fingerprint for source in sources]
    if used != given:
        raise UserError(
            f"{model_dir}: that run used other records (fingerprint {', '.join(used)}, now {', '.join(given)}); "
            "use the same --data or another --model_dir"
        )
    if teacher is not None:
        check_same_teacher(about, teacher, model_dir)


def check_same_teacher(about: About, teacher: Teacher, model_dir: str) -> None:
    """Refuse another teacher than a run's own.

    Raises:
        UserError: its weights are others.
    """
    if about.teacher is None or about.teacher.sha256 != teacher.sha256():
        raise UserError(
            f"{teacher.pretrained.origin}: holds other weights than the teacher that {model_dir} learnt from; put that one "
            "back there, or name it as distillation.teacher"
        )


def tell_of_rise(old: Config, new: Config, reached: int, model_dir: str) -> None:
    """Warn where more steps have the learning rate rise again from where it had fallen to."""
    if new.training.num_train_steps <= old.training.num_train_steps:
        return
    before, after = (
        float(learning_rate(tf.constant(reached), config.optimizer, config.training.num_train_steps)) for config in (old, new)
    )
    if after > before * RISE:
        _log.warning(
            f"{model_dir}: with training.num_train_steps = {new.training.num_train_steps} the learning rate rises at step "
            f"{reached} from {before:.3g} to {after:.3g}, which undoes a part of what its fall has gained; to go on evenly, "
            "begin from a checkpoint before its decay (training.init_from and init_moments, in another --model_dir)"
        )


def _check_foreign(config: Config, vocabulary: Vocabulary, model_dir: str) -> None:
    """Refuse to begin a run over files of others, where none was begun before.

    Raises:
        UserError: the folder holds another config or vocabulary, or metrics; or it is that of an export.
    """
    if files.exists(files.join(model_dir, RUN_NAME)):
        load_run(model_dir)  # which refuses what no run has written
        return
    if (command := filled_by(model_dir)) is not None:
        raise UserError(f"{model_dir}: holds what {command} made, which no run goes on with; use another --model_dir")
    config_path, vocab_path = files.join(model_dir, CONFIG_NAME), files.join(model_dir, vocabulary.file_name)
    metrics_path = files.join(model_dir, METRICS_NAME)
    others = {
        config_path: files.exists(config_path) and _is_another(config_path, config),
        vocab_path: files.exists(vocab_path) and files.sha256(vocab_path) != vocabulary.sha256,
        metrics_path: files.exists(metrics_path) and files.size(metrics_path) > 0,
    }
    if found := [path for path, is_another in others.items() if is_another]:
        raise UserError(f"{found[0]}: is not of this run, and would be lost; use another --model_dir, or move it away")


def _is_another(path: str, config: Config) -> bool:
    try:
        return bool(differences(load_config(path), config))
    except UserError:
        return True

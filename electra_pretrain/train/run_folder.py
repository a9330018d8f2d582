"""What a run starts from, held against what lies in its folder; and what the folder says of the run."""

import hashlib
import json
import logging
import os
import re
from collections.abc import Sequence
from typing import NamedTuple

import tensorflow as tf

from electra_pretrain.checkpoint.fit import check_moments
from electra_pretrain.checkpoint.listing import check_has, check_is_folder, steps
from electra_pretrain.checkpoint.pretrained import Pretrained, describe
from electra_pretrain.checkpoint.teacher import Teacher
from electra_pretrain.checkpoint.unseen import check_unseen, of_run
from electra_pretrain.checkpoint.vocabulary import RUN_NAME, check_folder
from electra_pretrain.config.load import CONFIG_NAME, differences, load_config
from electra_pretrain.config.schema import Config
from electra_pretrain.core import files, json_files, typed
from electra_pretrain.core.errors import FEW, UserError, first_of
from electra_pretrain.core.together import filled_by
from electra_pretrain.core.typed import Count, Sha256
from electra_pretrain.records.manifest import Manifest, Vocabulary
from electra_pretrain.train.input import Source, choose_sources
from electra_pretrain.train.metrics_log import METRICS_NAME
from electra_pretrain.train.same_vocabulary import check_pretrained, check_records_vocabulary, check_same_text
from electra_pretrain.train.schedule import learning_rate
from electra_pretrain.train.teacher import check_teacher, layers_of
from electra_pretrain.train.token_counts import read_token_weights
from electra_pretrain.train.word_pieces import read_continuations

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
_log = logging.getLogger(__name__)


class Taught(NamedTuple):
    """By which teacher a student is taught.

    Attributes:
        origin: where its weights were read.
        sha256: of them.
        layers: which of its layers the student began with.
    """

    origin: str
    sha256: Sha256
    layers: tuple[Count, ...]


class About(NamedTuple):
    """What `run.json` says.

    Attributes:
        data: the manifest of the records.
        data_of_phases: those of the earlier phases.
        versions: of this package and TensorFlow.
        hardware: in words.
        teacher: a student's; None of other runs.
    """

    data: Manifest
    data_of_phases: tuple[Manifest, ...]
    versions: dict[str, str]
    hardware: str = "not recorded"
    teacher: Taught | None = None


class Start(NamedTuple):
    """A run that may begin, or go on: config, records, weights and what lies in its folder fit each other.

    Attributes:
        config: the experiment.
        sources: the records of each of its phases.
        model_dir: the run's folder.
        pretrained: weights that a new run starts from; None: random ones, its teacher's, or its own.
        teacher: what a student learns from; None: the config has no distillation.
    """

    config: Config
    sources: Sequence[Source]
    model_dir: str
    pretrained: Pretrained | None
    teacher: Teacher | None = None

    @property
    def manifests(self) -> list[Manifest]:
        """Return the manifest of each phase's records."""
        return [source.manifest for source in self.sources]

    def alike(self) -> dict[str, str]:
        """Return what is the same for all workers of a run: what it is called -> how it is known."""
        config = json.dumps(self.config.to_dict(), sort_keys=True).encode()
        return {
            "config": hashlib.sha256(config).hexdigest(),
            "--data": " ".join(manifest.fingerprint for manifest in self.manifests),
            "--model_dir": self.model_dir if files.is_remote(self.model_dir) else os.path.abspath(self.model_dir),
            **({} if self.teacher is None else {"distillation.teacher": self.teacher.sha256()}),
            **_versions(),
        }


def prepare(
    config: Config,
    data_dirs: Sequence[str],
    model_dir: str,
    pretrained: Pretrained | None = None,
    teacher: Teacher | None = None,
) -> Start:
    """Load the manifests and hold all that a run starts from against each other.

    Args:
        config: the experiment.
        data_dirs: folders of records, one for each sequence length.
        model_dir: the run's folder; nothing is written there.
        pretrained: weights that a new run starts from; None: random ones, or its teacher's.
        teacher: of a config with distillation.

    Raises:
        UserError: records, config, weights, teacher or an earlier run do not fit together.
    """
    start = Start(config, choose_sources(config, data_dirs), model_dir, pretrained, teacher)
    for source in start.sources:
        check_records_vocabulary(source)
        read_continuations(config, source)
        read_token_weights(config, source)
        if teacher is not None:
            check_same_text(teacher.pretrained, source)
    if teacher is not None:
        check_teacher(teacher, config)
    check_earlier_run(config, start.sources, model_dir, teacher)
    if pretrained is not None:
        check_pretrained(pretrained, config, start.sources[-1])
        if config.training.init_moments:
            check_moments(pretrained)
    return start


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
    _tell_of_rise(before, config, reached, model_dir)
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


def _tell_of_rise(old: Config, new: Config, reached: int, model_dir: str) -> None:
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


def is_import(folder: str) -> bool:
    """Return whether import_checkpoint wrote this folder and no run has begun in it: a run has metrics, or says what it is."""
    return files.exists(files.join(folder, CONFIG_NAME)) and not any(
        files.exists(files.join(folder, name)) for name in (RUN_NAME, METRICS_NAME)
    )


def find_import(folder: str) -> Pretrained | None:
    """Return what an import says of itself whose weights a run is to begin with, its weights left out; None if there is none.

    Raises:
        UserError: it is damaged.
    """
    return Pretrained(folder, {}, *describe(folder)) if steps(folder) and is_import(folder) else None


def own_names(vocabulary: Vocabulary) -> str:
    """Return a regular expression of the names that a run gives to files in its folder."""
    return r"model\.ckpt-\d+|nonfinite-batch-\d+\.npz|" + "|".join(
        map(re.escape, (CONFIG_NAME, RUN_NAME, METRICS_NAME, vocabulary.file_name))
    )


def load_run(model_dir: str) -> About:
    """Read what a run's folder says of itself.

    Raises:
        UserError: it says nothing, or is damaged.
    """
    path = files.join(model_dir, RUN_NAME)
    check_has(model_dir, RUN_NAME)
    try:
        return typed.read_known(About, json_files.read(path), typed.Place(path))
    except UserError as error:
        raise UserError(f"{error}; use another --model_dir") from error


def record_run(start: Start, hardware: str) -> None:
    """Write the resolved config, what is trained on and with, and the vocabulary, so that the folder stands alone."""
    *of_phases, data = (manifest.to_dict() for manifest in start.manifests)
    about = {"data": data, "data_of_phases": of_phases, "versions": _versions(), "hardware": hardware}
    if start.teacher is not None:
        layers = layers_of(start.teacher, start.config)
        about["teacher"] = Taught(start.teacher.pretrained.origin, start.teacher.sha256(), layers)._asdict()
    about["unseen"] = of_run(start.config)._asdict()
    for name, values in ((CONFIG_NAME, start.config.to_dict()), (RUN_NAME, about)):
        files.write_text(files.join(start.model_dir, name), json.dumps(values, ensure_ascii=False, indent=2) + "\n")
    folder, manifest = start.sources[-1]
    vocab = manifest.vocabulary.file_name
    files.write_bytes(files.join(start.model_dir, vocab), files.read_bytes(files.join(folder, vocab)))


def _versions() -> dict[str, str]:
    from electra_pretrain import __version__

    return {"electra_pretrain": __version__, "tensorflow": tf.__version__}

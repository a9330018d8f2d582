"""What a run starts from, held against each other and against what lies in its folder; and the record of it."""

import hashlib
import json
import os
from collections.abc import Sequence
from typing import NamedTuple

from electra_pretrain.checkpoint.fit import check_moments
from electra_pretrain.checkpoint.pretrained import Pretrained
from electra_pretrain.checkpoint.teacher import Teacher
from electra_pretrain.checkpoint.unseen import of_run
from electra_pretrain.checkpoint.vocabulary import RUN_NAME
from electra_pretrain.config.load import CONFIG_NAME
from electra_pretrain.config.schema import Config
from electra_pretrain.core import files
from electra_pretrain.records.manifest import Manifest
from electra_pretrain.train.earlier_run import check_earlier_run
from electra_pretrain.train.input import Source, choose_sources
from electra_pretrain.train.run_folder import Taught, versions
from electra_pretrain.train.same_vocabulary import check_pretrained, check_records_vocabulary, check_same_text
from electra_pretrain.train.teacher import check_teacher, layers_of
from electra_pretrain.train.token_counts import read_token_weights
from electra_pretrain.train.word_pieces import read_continuations


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
            **versions(),
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


def record_run(start: Start, hardware: str) -> None:
    """Write the resolved config, what is trained on and with, and the vocabulary, so that the folder stands alone."""
    *of_phases, data = (manifest.to_dict() for manifest in start.manifests)
    about = {"data": data, "data_of_phases": of_phases, "versions": versions(), "hardware": hardware}
    if start.teacher is not None:
        layers = layers_of(start.teacher, start.config)
        about["teacher"] = Taught(start.teacher.pretrained.origin, start.teacher.sha256(), layers)._asdict()
    about["unseen"] = of_run(start.config)._asdict()
    for name, values in ((CONFIG_NAME, start.config.to_dict()), (RUN_NAME, about)):
        files.write_text(files.join(start.model_dir, name), json.dumps(values, ensure_ascii=False, indent=2) + "\n")
    folder, manifest = start.sources[-1]
    vocab = manifest.vocabulary.file_name
    files.write_bytes(files.join(start.model_dir, vocab), files.read_bytes(files.join(folder, vocab)))

"""What a fine-tuning is asked for, and what follows from it before anything is learnt."""

import dataclasses
import logging
import random
from collections.abc import Sequence
from typing import Any

from electra_pretrain.core import files
from electra_pretrain.core.errors import UserError
from electra_pretrain.finetuning import checks, models, registry
from electra_pretrain.finetuning.config import FinetuneConfig, load_finetune_config, size_of
from electra_pretrain.finetuning.examples import Example, can_be_learnt
from electra_pretrain.finetuning.readers.text import ENCODING
from electra_pretrain.finetuning.task import Task

DEV_SHARE = 0.1  # of the training set, set aside by `--select best` where there are no other dev examples to choose by
_log = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Request:
    """What is asked for.

    Attributes:
        model: folder, or name on the hub.
        task: its name.
        data: folder of the task's files.
        output: folder for what comes out.
        seed: of the head, the order of examples, dropout, and the choice of dev examples.
        max_steps: steps in place of the config's epochs; None: those.
        config: its name or path; None: the task's, of the model's size.
        overrides: `field=value`, over the config.
        select: "last" or "best".
        split: which one is scored; None: the task's `scored`.
        encoding: of the task's files.
        precision: of `trainer.PRECISIONS`.
        save_model: whether to save the fine-tuned model.
    """

    model: str
    task: str
    data: str
    output: str
    seed: int = 0
    max_steps: int | None = None
    config: str | None = None
    overrides: tuple[str, ...] = ()
    select: str = "last"
    split: str | None = None
    encoding: str = ENCODING
    precision: str = "auto"
    save_model: bool = True


@dataclasses.dataclass(frozen=True)
class Job:
    """A request, and what it leaves open decided.

    Attributes:
        request: what is asked for.
        task: what is learnt.
        identity: of the model: its name, and the checksum of its weights.
        model_config: the model's own.
        config: how it is fine-tuned.
        split: which one is scored.
    """

    request: Request
    task: Task
    identity: dict[str, str]
    model_config: dict[str, Any]
    config: FinetuneConfig
    split: str

    def asked(self) -> dict[str, Any]:
        """Return all that decides what comes out, checksums of the data included.

        Raises:
            UserError: a split has no file.
        """
        data = {name: registry.split_paths(self.task, self.request.data, name) for name in self._splits()}
        return {
            "task": self.task.name,
            **self.identity,
            "seed": self.request.seed,
            "split": self.split,
            "select": self.request.select,
            "encoding": self.request.encoding,
            "precision": self.request.precision,
            "max_steps": self.request.max_steps,
            "settings": dataclasses.asdict(self.config),
            "data_sha256": {name: [files.sha256(path) for path in paths] for name, paths in data.items()},
        }

    def examples(self) -> tuple[list[Example], list[Example]]:
        """Read what is learnt from, and what `--select best` chooses by: never what is scored.

        Raises:
            UserError: a file is not as its publisher ships it, or nothing can be learnt from it.
        """
        train, dev = self._divided(self._learnable(self._read("train")))
        checks.check_learnt(self.task, train, self.request.data)
        if dev:
            checks.check_scored(self.task, dev, train, "dev")
        return train, dev

    def _divided(self, train: list[Example]) -> tuple[list[Example], list[Example]]:
        """Part the examples that are learnt from those that `--select best` chooses by, or read these."""
        if self.request.select == "last":
            return train, []
        if self._has_own_dev():
            return train, self._read("dev")
        if len(train) < 2:
            raise UserError(f"{self.request.data}: has one training example, of which --select best can set none aside")
        random.Random(f"dev {self.request.seed}").shuffle(train)
        aside = max(1, round(len(train) * DEV_SHARE))
        _log.info(f"the best checkpoint is chosen by {aside:,} examples of the training set, which are not learnt from")
        return train[aside:], train[:aside]

    def scored_examples(self, train: Sequence[Example]) -> list[Example]:
        """Read what is scored, and warn where it will tell little of what is learnt; raises as `examples`."""
        scored = self._read(self.split)
        checks.check_scored(self.task, scored, train, self.split)
        return scored

    def _read(self, split: str) -> list[Example]:
        return list(registry.read_split(self.task, self.request.data, split, self.request.encoding))

    def _learnable(self, examples: list[Example]) -> list[Example]:
        """Leave out what cannot be learnt, and tell how many those are."""
        kept = [example for example in examples if can_be_learnt(example)]
        if not kept:
            raise UserError(f"{self.request.data}: no answer of the train split stands in its context; fetch it again")
        if len(kept) < len(examples):
            left = len(examples) - len(kept)
            _log.info(f"{left:,} of {len(examples):,} questions are not learnt: none of their answers stands in its context")
        return kept

    def _splits(self) -> list[str]:
        """List the splits that are read: to learn from, to score and, if need be, to choose by."""
        return list(dict.fromkeys(["train", self.split, *(["dev"] if self._has_own_dev() else [])]))

    def _has_own_dev(self) -> bool:
        """Tell whether `--select best` can choose by a dev split which is not the one that is scored."""
        if self.request.select == "last" or self.split == "dev" or "dev" not in self.task.files:
            return False
        return registry.find_split(self.task, self.request.data, "dev") is not None


def prepare(request: Request) -> Job:
    """Decide what the request leaves open.

    Raises:
        UserError: there is no such task, model, config or split.
    """
    task = registry.find_task(request.task)
    identity = models.identity(request.model)
    model_config = models.read_config(request.model)
    config = _config(request, task, model_config)
    split = request.split or task.scored
    if split not in task.files:
        raise UserError(f"--split {split}: {task.name} has {', '.join(task.files)}")
    return Job(request, task, identity, model_config, config, split)


def _config(request: Request, task: Task, model_config: dict[str, Any]) -> FinetuneConfig:
    """Load the config, with no more tokens than the model has positions."""
    name = request.config or f"{task.name}_{size_of(model_config['hidden_size'])}"
    config = load_finetune_config(name, list(request.overrides))
    positions = model_config.get("max_position_embeddings") or config.max_seq_length
    if config.max_seq_length > positions:
        _log.warning(f"max_seq_length {config.max_seq_length}: the model has {positions} positions, so {positions} it is")
        config = dataclasses.replace(config, max_seq_length=positions)
    return config

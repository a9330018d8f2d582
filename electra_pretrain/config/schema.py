"""One experiment in one JSON file: its sections and phases, as frozen dataclasses. The only place that knows defaults.

Each section has a file, where each field stands with its default and its rules. Field names are those of the released ELECTRA
hyperparameters wherever the thing is the same.
"""

import dataclasses
from typing import Any, NamedTuple

from electra_pretrain.config.data import DataConfig
from electra_pretrain.config.distillation import DistillationConfig
from electra_pretrain.config.fields import check_rules
from electra_pretrain.config.model import ModelConfig
from electra_pretrain.config.objective import ObjectiveConfig
from electra_pretrain.config.optimizer import OptimizerConfig
from electra_pretrain.config.training import TrainingConfig
from electra_pretrain.core import typed
from electra_pretrain.core.errors import UserError


@dataclasses.dataclass(frozen=True)
class PhaseConfig:
    """An early phase of a run, for instance on short sequences; a field left at 0 has the value of the config's own."""

    until_step: int = 0  # the phase's last step; the learning rate's schedule goes on over all phases
    max_seq_length: int = 0
    train_batch_size: int = 0
    gradient_accumulation_steps: int = 0
    learning_rate: float = 0.0  # the schedule's peak while the phase lasts; the next two as well
    generator_learning_rate: float = 0.0
    discriminator_learning_rate: float = 0.0


@dataclasses.dataclass(frozen=True)
class Config:
    """A whole experiment: its last phase is what the sections say, before it come its `phases`, if there are any."""

    notes: str = ""
    model: ModelConfig = dataclasses.field(default_factory=ModelConfig)
    objective: ObjectiveConfig = dataclasses.field(default_factory=ObjectiveConfig)
    optimizer: OptimizerConfig = dataclasses.field(default_factory=OptimizerConfig)
    training: TrainingConfig = dataclasses.field(default_factory=TrainingConfig)
    data: DataConfig = dataclasses.field(default_factory=DataConfig)
    distillation: DistillationConfig | None = None  # null: the model has no teacher
    phases: tuple[PhaseConfig, ...] = ()

    @classmethod
    def from_dict(cls, values: dict[str, Any], source: str = "config") -> "Config":
        """Build and validate; `source` is named in errors.

        Raises:
            UserError: an unknown key (its nearest neighbours are named), a wrong type, or a value out of range.
        """
        config = typed.read(cls, values, typed.Place(source))
        _validate(config, source)
        return config

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @property
    def asks_teacher(self) -> bool:
        """Whether a step runs a teacher: a masked language model may also learn from the text alone, an ELECTRA student not."""
        taught = self.distillation
        return taught is not None and (self.objective.has_discriminator or taught.alpha_ce > 0 or taught.alpha_cos > 0)

    def all_phases(self) -> "tuple[Phase, ...]":
        """List the run's phases in order: those that the file names, and last the config's own."""
        own = dataclasses.replace(self, phases=())
        ends = [*(phase.until_step for phase in self.phases), self.training.num_train_steps]
        configs = [*(_in_phase(own, phase) for phase in self.phases), own]
        return tuple(Phase(*phase) for phase in zip(configs, [0, *ends[:-1]], ends, strict=True))


class Phase(NamedTuple):
    """A stretch of a run with one batch and one sequence length.

    Attributes:
        config: what holds in it, without phases.
        first_step: steps that come before it.
        last_step: steps that are done when it ends.
    """

    config: Config
    first_step: int
    last_step: int


SECTIONS: dict[str, type] = {
    "model": ModelConfig,
    "objective": ObjectiveConfig,
    "optimizer": OptimizerConfig,
    "training": TrainingConfig,
    "data": DataConfig,
}
# Sections that a config may leave at null.
OPTIONAL_SECTIONS: dict[str, type] = {"distillation": DistillationConfig}
ALL_SECTIONS = {**SECTIONS, **OPTIONAL_SECTIONS}


def _in_phase(config: Config, phase: PhaseConfig) -> Config:
    """Return the config with what the phase says in place of its own."""
    said = {name: value for name, value in dataclasses.asdict(phase).items() if value}
    sections = {}
    for name in ("data", "training", "optimizer"):
        section = getattr(config, name)
        known = {field.name for field in dataclasses.fields(section)}
        sections[name] = dataclasses.replace(section, **{key: said[key] for key in said if key in known})
    return dataclasses.replace(config, **sections)


def _validate(config: Config, source: str) -> None:
    """Hold the rules against a config's last phase, and then against each before it.

    Raises:
        UserError: the first rule that is broken.
    """
    *phases, own = config.all_phases()
    _check_sections(own.config, source)
    for number, phase in enumerate(phases):
        where = f"{source}: phases[{number}]"
        if not phase.first_step < phase.last_step < config.training.num_train_steps:
            raise UserError(
                f"{where}.until_step = {phase.last_step}: must be above {phase.first_step}, where the phase begins, "
                f"and below training.num_train_steps = {config.training.num_train_steps}"
            )
        _check_sections(phase.config, where)


def _check_sections(config: Config, source: str) -> None:
    for name in ALL_SECTIONS:
        if (section := getattr(config, name)) is not None:
            check_rules(section, config, source, name)

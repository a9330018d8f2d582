"""One experiment in one JSON file: five sections and its phases, as frozen dataclasses. The only place that knows defaults.

Each field stands with its default and its rules. Field names are those of the released ELECTRA hyperparameters wherever the
thing is the same.
"""

import dataclasses
from typing import Any, NamedTuple

from electra_pretrain.config.fields import (
    AT_LEAST_1,
    NOT_NEGATIVE,
    POSITIVE,
    SEED,
    SHARE,
    Rule,
    check_rules,
    ruled,
)
from electra_pretrain.core import typed
from electra_pretrain.core.errors import UserError

COMPUTE_DTYPES = ("float32", "bfloat16", "float16")

# Rules that look at more than one field; `c` is the whole `Config`.
_GROUPS_DIVIDE = Rule(
    lambda groups, c: groups == 0 or (groups > 0 and c.model.num_hidden_layers % groups == 0),
    "must divide model.num_hidden_layers; 0 gives each block weights of its own",
)
_GROUPS_ARE_ALBERTS = Rule(
    lambda groups, c: groups == 0 or not c.objective.has_discriminator,
    "needs objective.electra_objective = false: shared blocks are ALBERT's, a masked language model",
)
_NEEDS_TWO_TOWERS = Rule(
    lambda value, c: not value or c.objective.two_tower_generator,
    "needs objective.two_tower_generator = true: the odds of every token given the rest",
)
_NEEDS_A_DISCRIMINATOR = Rule(
    lambda value, c: not value or c.objective.has_discriminator,
    "needs electra_objective or electric_objective; a masked language model alone has no generator",
)
_TOWERS_ARE_UNTIED = Rule(
    lambda value, c: not value or (c.objective.untied_generator and not c.objective.uniform_generator),
    "needs untied_generator = true and uniform_generator = false",
)
_FRACTION = Rule(lambda value, _: 0 < value <= 1, "a fraction: above 0, at most 1")
_GENERATOR_HEADS = Rule(
    lambda value, c: (hidden := round(c.model.hidden_size * value)) >= 1 and hidden % max(1, hidden // 64) == 0,
    "model.hidden_size times this must be divisible by the generator's heads (one per 64); 1/3 of 768 is 0.33333",
)
_WHOLE_MICROBATCHES = Rule(
    lambda rows, c: rows % max(1, c.training.gradient_accumulation_steps) == 0,
    "must be divisible by training.gradient_accumulation_steps",
)
_FITS_THE_POSITIONS = Rule(
    lambda value, c: 8 <= value <= c.model.max_position_embeddings,
    "must be at least 8 and at most model.max_position_embeddings",
)


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """Sizes of the discriminator; the generator's follow from `objective`."""

    num_hidden_layers: int = ruled(12, AT_LEAST_1)
    hidden_size: int = ruled(256, AT_LEAST_1)
    embedding_size: int = ruled(128, AT_LEAST_1)
    intermediate_size: int = ruled(1024, AT_LEAST_1)
    num_attention_heads: int = ruled(
        4, AT_LEAST_1, Rule(lambda heads, c: c.model.hidden_size % heads == 0, "must divide model.hidden_size")
    )
    # blocks in a row that share their weights form a group (ALBERT); 0: no block shares
    num_hidden_groups: int = ruled(0, _GROUPS_DIVIDE, _GROUPS_ARE_ALBERTS)
    max_position_embeddings: int = 512
    hidden_dropout_prob: float = ruled(0.1, SHARE)
    attention_probs_dropout_prob: float = ruled(0.1, SHARE)
    initializer_range: float = ruled(0.02, POSITIVE)


@dataclasses.dataclass(frozen=True)
class ObjectiveConfig:
    """Masking, the generator's shape, and the weights of the two losses."""

    electra_objective: bool = True  # False, and not Electric: a masked language model only (BERT without next sentences)
    # True: Electric; the discriminator scores tokens against the generator's own odds
    electric_objective: bool = ruled(False, _NEEDS_TWO_TOWERS)
    mask_prob: float = ruled(0.15, Rule(lambda value, _: 0 < value < 1, "must be above 0 and below 1"))
    gen_weight: float = ruled(1.0, NOT_NEGATIVE)
    disc_weight: float = ruled(50.0, NOT_NEGATIVE)
    generator_hidden_size: float = ruled(0.25, _FRACTION, _GENERATOR_HEADS)  # fraction of the discriminator's hidden size
    generator_layers: float = ruled(1.0, _FRACTION)  # fraction of the discriminator's layers
    untied_generator: bool = True  # False: generator and discriminator are one encoder
    untied_generator_embeddings: bool = False  # True: the generator has embeddings of its own
    # True: replacements are drawn uniformly, no generator is trained
    uniform_generator: bool = ruled(False, _NEEDS_A_DISCRIMINATOR)
    # True: left-to-right and right-to-left encoders, which see the text unmasked
    two_tower_generator: bool = ruled(False, _NEEDS_A_DISCRIMINATOR, _TOWERS_ARE_UNTIED)
    temperature: float = ruled(1.0, POSITIVE)
    disallow_correct: bool = False  # True: a sample never equals the original token

    @property
    def has_discriminator(self) -> bool:
        """Whether a second network is trained on the generator's samples."""
        return self.electra_objective or self.electric_objective


@dataclasses.dataclass(frozen=True)
class OptimizerConfig:
    """Adam with decoupled weight decay and no bias correction; linear warm-up, polynomial decay."""

    learning_rate: float = ruled(5e-4, POSITIVE)
    num_warmup_steps: int = ruled(10000, Rule(lambda value, _: value >= 0, "must not be negative; 0 means no warm-up"))
    lr_decay_power: float = ruled(1.0, NOT_NEGATIVE)
    weight_decay_rate: float = ruled(0.01, NOT_NEGATIVE)
    adam_beta_1: float = ruled(0.9, SHARE)
    adam_beta_2: float = ruled(0.999, SHARE)
    adam_epsilon: float = ruled(1e-6, POSITIVE)
    max_grad_norm: float = ruled(1.0, POSITIVE)


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """How long, how much at a time, how often saved."""

    train_batch_size: int = ruled(128, AT_LEAST_1, _WHOLE_MICROBATCHES)  # global: all replicas, all accumulated parts
    num_train_steps: int = ruled(1000000, Rule(lambda value, _: 1 <= value < 2**32 - 1, "must lie in 1..4294967294"))
    save_checkpoints_steps: int = ruled(1000, AT_LEAST_1)
    keep_checkpoint_max: int = ruled(5, AT_LEAST_1)  # the newest ones
    # besides, every checkpoint of a multiple of this is kept for ever; 0: none
    keep_every_steps: int = ruled(
        0, Rule(lambda value, _: value >= 0, "must not be negative; 0 keeps the newest checkpoints only")
    )
    iterations_per_loop: int = ruled(200, AT_LEAST_1)  # steps on the device between two looks from the host
    gradient_accumulation_steps: int = ruled(1, AT_LEAST_1)
    remat: bool = False  # each block computes its activations again for its gradient: less memory, a third more work
    max_nonfinite_steps: int = ruled(10, AT_LEAST_1)  # so many in a row, none of them applied, end the run
    eval_batch_size: int = ruled(128, AT_LEAST_1)
    # held-out batches scored at each checkpoint; 0: none
    num_eval_steps: int = ruled(100, Rule(lambda value, _: value >= 0, "must not be negative; 0 means no evaluation"))
    compute_dtype: str = ruled(
        "float32", Rule(lambda value, _: value in COMPUTE_DTYPES, f"must be one of {', '.join(COMPUTE_DTYPES)}")
    )
    init_from: str = ""  # a run's folder or one of its checkpoints, whose weights a new run starts from
    seed: int = ruled(0, SEED)


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """What the records must be; checked against their manifest."""

    max_seq_length: int = ruled(512, _FITS_THE_POSITIONS)
    vocab_size: int = ruled(32200, AT_LEAST_1)
    do_lower_case: bool = False
    shuffle_examples: int = ruled(100000, AT_LEAST_1)  # examples shuffled together; twice as many are held


@dataclasses.dataclass(frozen=True)
class PhaseConfig:
    """An early phase of a run, for instance on short sequences; a field left at 0 has the value of the config's own."""

    until_step: int = 0  # the phase's last step; the learning rate's schedule goes on over all phases
    max_seq_length: int = 0
    train_batch_size: int = 0
    gradient_accumulation_steps: int = 0
    learning_rate: float = 0.0  # the schedule's peak while the phase lasts


@dataclasses.dataclass(frozen=True)
class Config:
    """A whole experiment: its last phase is what the sections say, before it come its `phases`, if there are any."""

    notes: str = ""
    model: ModelConfig = ModelConfig()
    objective: ObjectiveConfig = ObjectiveConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    training: TrainingConfig = TrainingConfig()
    data: DataConfig = DataConfig()
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
    for name in SECTIONS:
        check_rules(getattr(config, name), config, source, name)

"""One experiment in one JSON file: its sections and phases, as frozen dataclasses. The only place that knows defaults.

Each field stands with its default and its rules. Field names are those of the released ELECTRA hyperparameters wherever the
thing is the same.
"""

import dataclasses
from typing import Any, NamedTuple

from electra_pretrain.config.distillation import DistillationConfig
from electra_pretrain.config.fields import (
    AT_LEAST_1,
    HELD,
    LENGTH,
    NOT_NEGATIVE,
    POSITIVE,
    ROWS,
    SEED,
    SHARE,
    STEPS,
    TOKENS,
    WIDTH,
    Rule,
    at_least,
    at_most,
    check_rules,
    one_of,
    ruled,
)
from electra_pretrain.core import typed
from electra_pretrain.core.errors import UserError

COMPUTE_DTYPES = ("float32", "bfloat16", "float16")
EMBEDDING_SHARING = ("tied", "untied", "gradient_disentangled")
MASKING = ("token", "whole_word")
SCHEDULES = ("linear", "cosine", "wsd")
SHORT_DOCUMENTS = ("apart", "joined", "packed")

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
_MASK_PROB_END = Rule(lambda value, _: 0 <= value < 1, "must be at least 0 and below 1; 0 leaves mask_prob as it is")
_KEEPS_ITS_NOISE = Rule(
    lambda value, c: not value or not c.objective.electric_objective,
    "Electric's energies are those of one share of noise; needs electric_objective = false",
)


def _has_two_networks(config: "Config") -> bool:
    objective = config.objective
    return objective.has_discriminator and objective.untied_generator and not objective.uniform_generator


_TWO_NETWORKS = "needs two networks that learn: electra_objective, untied_generator and no uniform_generator"
_HAS_TWO_SETS_OF_TABLES = Rule(lambda value, c: value == "tied" or _has_two_networks(c), _TWO_NETWORKS)
_OWN_RATE = Rule(lambda value, _: value == 0 or POSITIVE.holds(value, _), f"{POSITIVE.text}; 0 takes learning_rate")
_OF_TWO_NETWORKS = Rule(lambda value, c: not value or _has_two_networks(c), _TWO_NETWORKS)
_DECAYS_IN_TIME = Rule(lambda steps, c: 0 <= steps <= c.training.num_train_steps, "must lie in 0..training.num_train_steps")
_DECAYS_AT_ALL = Rule(
    lambda steps, c: steps > 0 or c.optimizer.schedule != "wsd",
    'optimizer.schedule = "wsd" needs it above 0: the last steps, in which the rate falls',
)
_DECAYS_LAST = Rule(
    lambda steps, c: steps == 0 or c.optimizer.schedule == "wsd",
    'is for optimizer.schedule = "wsd" alone; with another it must be 0',
)
_DECAYS_FROM_THE_PEAK = Rule(
    lambda steps, c: steps == 0 or steps + c.optimizer.num_warmup_steps <= c.training.num_train_steps,
    "with optimizer.num_warmup_steps it is more than training.num_train_steps, so that the rate never reaches its peak",
)
_ENDS_BEFORE_THE_WAVE = Rule(
    lambda steps, c: c.optimizer.schedule != "cosine" or steps < c.training.num_train_steps,
    'must be below training.num_train_steps with optimizer.schedule = "cosine", whose wave begins where the warm-up ends',
)
_OF_THE_LINE = Rule(
    lambda power, c: power == 1 or c.optimizer.schedule == "linear",
    'goes with optimizer.schedule = "linear"; with another it must be 1',
)
_SHARES_OF_ONE = Rule(
    lambda share, c: share + c.objective.mask_token_prob <= 1, "mask_token_prob and random_token_prob must add up to at most 1"
)
_NEEDS_A_MASKED_LM = Rule(
    lambda value, c: not value or not c.objective.has_discriminator,
    "needs electra_objective = false: ELECTRA's masking has no random tokens",
)
_DISTILBERT_ALONE_HAS_NONE = Rule(
    lambda count, c: (
        count > 0
        or not (c.objective.has_discriminator or c.model.num_hidden_groups or c.model.embedding_size != c.model.hidden_size)
    ),
    "only DistilBERT's kind may do without token types: a masked language model with blocks of their own and "
    "model.embedding_size = model.hidden_size",
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
_SEES_BOTH_WAYS = Rule(
    lambda value, c: value != "packed" or not c.objective.two_tower_generator,
    "two towers see all that stands before and after, whichever document it is of; needs two_tower_generator = false",
)
_FITS_THE_POSITIONS = Rule(
    lambda value, c: 8 <= value <= c.model.max_position_embeddings,
    "must be at least 8 and at most model.max_position_embeddings",
)


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """Sizes of the discriminator; the generator's follow from `objective`."""

    num_hidden_layers: int = ruled(12, AT_LEAST_1, at_most(1024, "each is compiled and computed in turn"))
    hidden_size: int = ruled(256, AT_LEAST_1, WIDTH)
    embedding_size: int = ruled(128, AT_LEAST_1, WIDTH)
    intermediate_size: int = ruled(1024, AT_LEAST_1, WIDTH)
    num_attention_heads: int = ruled(
        4, AT_LEAST_1, Rule(lambda heads, c: c.model.hidden_size % heads == 0, "must divide model.hidden_size")
    )
    # blocks in a row that share their weights form a group (ALBERT); 0: no block shares
    num_hidden_groups: int = ruled(0, _GROUPS_DIVIDE, _GROUPS_ARE_ALBERTS)
    max_position_embeddings: int = ruled(512, at_least(8), LENGTH)
    # 2: a row's two segments are told apart; 0: they are not (DistilBERT)
    type_vocab_size: int = ruled(2, Rule(lambda count, _: count in (0, 2), "must be 0 or 2"), _DISTILBERT_ALONE_HAS_NONE)
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
    # what mask_prob has become, step by step, at the run's end; 0: it stays
    mask_prob_end: float = ruled(0.0, _MASK_PROB_END, _KEEPS_ITS_NOISE)
    masking: str = ruled("token", one_of(MASKING))  # whole_word: a word's pieces are masked together
    # what is written over a token that was drawn: [MASK], or a random token; else it stays as it is
    mask_token_prob: float = ruled(0.85, Rule(lambda value, _: 0 < value <= 1, "must be above 0 and at most 1"))
    random_token_prob: float = ruled(0.0, SHARE, _SHARES_OF_ONE, _NEEDS_A_MASKED_LM)
    gen_weight: float = ruled(1.0, NOT_NEGATIVE)
    disc_weight: float = ruled(50.0, NOT_NEGATIVE)
    generator_hidden_size: float = ruled(0.25, _FRACTION, _GENERATOR_HEADS)  # fraction of the discriminator's hidden size
    generator_layers: float = ruled(1.0, _FRACTION)  # fraction of the discriminator's layers
    untied_generator: bool = True  # False: generator and discriminator are one encoder
    # tied: the networks share their tables; untied: the generator has embeddings of its own, as wide as it is;
    # gradient_disentangled: the discriminator's tables are the generator's plus a difference, and its loss moves that alone
    embedding_sharing: str = ruled("tied", one_of(EMBEDDING_SHARING), _HAS_TWO_SETS_OF_TABLES)
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

    @property
    def last_mask_prob(self) -> float:
        """The share of tokens that is masked when the run ends, and in held-out records all along."""
        return self.mask_prob_end or self.mask_prob

    @property
    def largest_mask_prob(self) -> float:
        """The largest share of tokens that is masked in any step, for which a step has slots."""
        return max(self.mask_prob, self.mask_prob_end)


@dataclasses.dataclass(frozen=True)
class OptimizerConfig:
    """Adam with decoupled weight decay and no bias correction; linear warm-up, then a schedule."""

    learning_rate: float = ruled(5e-4, POSITIVE)
    # peaks of one network's own weights; 0: learning_rate, which is always that of what both share
    generator_learning_rate: float = ruled(0.0, _OWN_RATE, _OF_TWO_NETWORKS)
    discriminator_learning_rate: float = ruled(0.0, _OWN_RATE, _OF_TWO_NETWORKS)
    # linear: polynomial decay to 0 at the last step (lr_decay_power 1 is a line); cosine: half a wave to 0, from the warm-up's
    # end; wsd: constant, and a decay to 0 over the last decay_steps
    schedule: str = ruled("linear", one_of(SCHEDULES))
    decay_steps: int = ruled(0, _DECAYS_AT_ALL, _DECAYS_LAST, _DECAYS_IN_TIME, _DECAYS_FROM_THE_PEAK)
    num_warmup_steps: int = ruled(
        10000, Rule(lambda value, _: value >= 0, "must not be negative; 0 means no warm-up"), STEPS, _ENDS_BEFORE_THE_WAVE
    )
    lr_decay_power: float = ruled(1.0, NOT_NEGATIVE, _OF_THE_LINE)
    weight_decay_rate: float = ruled(0.01, NOT_NEGATIVE)
    adam_beta_1: float = ruled(0.9, SHARE)
    adam_beta_2: float = ruled(0.999, SHARE)
    adam_epsilon: float = ruled(1e-6, POSITIVE)
    max_grad_norm: float = ruled(1.0, POSITIVE)
    clip_per_network: bool = ruled(False, _OF_TWO_NETWORKS)  # True: each network's gradient has a norm of its own


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """How long, how much at a time, how often saved."""

    train_batch_size: int = ruled(128, AT_LEAST_1, ROWS, _WHOLE_MICROBATCHES)  # global: all replicas, all accumulated parts
    num_train_steps: int = ruled(1000000, Rule(lambda value, _: 1 <= value < 2**32 - 1, "must lie in 1..4294967294"))
    save_checkpoints_steps: int = ruled(1000, AT_LEAST_1, STEPS)
    keep_checkpoint_max: int = ruled(5, AT_LEAST_1, STEPS)  # the newest ones
    # besides, every checkpoint of a multiple of this is kept for ever; 0: none
    keep_every_steps: int = ruled(
        0, Rule(lambda value, _: value >= 0, "must not be negative; 0 keeps the newest checkpoints only"), STEPS
    )
    iterations_per_loop: int = ruled(
        200, AT_LEAST_1, at_most(2**31 - 1, "the device counts them in 31 bits")
    )  # steps on the device between two looks from the host
    gradient_accumulation_steps: int = ruled(1, AT_LEAST_1)
    remat: bool = False  # each block computes its activations again for its gradient: less memory, a third more work
    max_nonfinite_steps: int = ruled(10, AT_LEAST_1, STEPS)  # so many in a row, none of them applied, end the run
    eval_batch_size: int = ruled(128, AT_LEAST_1, ROWS)
    # held-out batches scored at each checkpoint; 0: none
    num_eval_steps: int = ruled(100, Rule(lambda value, _: value >= 0, "must not be negative; 0 means no evaluation"), STEPS)
    compute_dtype: str = ruled("float32", one_of(COMPUTE_DTYPES))
    init_from: str = ""  # a run's folder or one of its checkpoints, whose weights a new run starts from
    # True: the optimiser's moments of init_from, too, so that a run goes on as another; its steps are counted anew
    init_moments: bool = ruled(
        False, Rule(lambda value, c: not value or bool(c.training.init_from), "needs training.init_from")
    )
    seed: int = ruled(0, SEED)


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """What the records must be; checked against their manifest."""

    max_seq_length: int = ruled(512, _FITS_THE_POSITIONS)
    vocab_size: int = ruled(32200, AT_LEAST_1, TOKENS)
    do_lower_case: bool = False
    # how build_data put documents into rows; packed: several in a row, each attending to itself alone
    short_documents: str = ruled("apart", one_of(SHORT_DOCUMENTS), _SEES_BOTH_WAYS)
    shuffle_examples: int = ruled(100000, AT_LEAST_1, HELD)  # examples shuffled together; twice as many are held


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
    model: ModelConfig = ModelConfig()
    objective: ObjectiveConfig = ObjectiveConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    training: TrainingConfig = TrainingConfig()
    data: DataConfig = DataConfig()
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

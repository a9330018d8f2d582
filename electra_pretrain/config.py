"""One experiment in one JSON file: five sections as frozen dataclasses. The only place that knows defaults.

Field names are those of the released ELECTRA hyperparameters wherever the thing is the same.
"""

import dataclasses
import difflib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from electra_pretrain import files
from electra_pretrain.errors import UserError

COMPUTE_DTYPES = ("float32", "bfloat16")


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """Sizes of the discriminator; the generator's follow from `objective`."""

    num_hidden_layers: int = 12
    hidden_size: int = 256
    embedding_size: int = 128
    intermediate_size: int = 1024
    num_attention_heads: int = 4
    max_position_embeddings: int = 512
    hidden_dropout_prob: float = 0.1
    attention_probs_dropout_prob: float = 0.1
    initializer_range: float = 0.02


@dataclasses.dataclass(frozen=True)
class ObjectiveConfig:
    """Masking, the generator's shape, and the weights of the two losses."""

    electra_objective: bool = True  # False, and not Electric: a masked language model only (BERT without next sentences)
    electric_objective: bool = False  # True: Electric; the discriminator scores tokens against the generator's own odds
    mask_prob: float = 0.15
    gen_weight: float = 1.0
    disc_weight: float = 50.0
    generator_hidden_size: float = 0.25  # fraction of the discriminator's hidden size
    generator_layers: float = 1.0  # fraction of the discriminator's layers
    untied_generator: bool = True  # False: generator and discriminator are one encoder
    untied_generator_embeddings: bool = False  # True: the generator has embeddings of its own
    uniform_generator: bool = False  # True: replacements are drawn uniformly, no generator is trained
    two_tower_generator: bool = False  # True: left-to-right and right-to-left encoders, which see the text unmasked
    temperature: float = 1.0
    disallow_correct: bool = False  # True: a sample never equals the original token

    @property
    def has_discriminator(self) -> bool:
        """Whether a second network is trained on the generator's samples."""
        return self.electra_objective or self.electric_objective


@dataclasses.dataclass(frozen=True)
class OptimizerConfig:
    """Adam with decoupled weight decay and no bias correction; linear warm-up, polynomial decay."""

    learning_rate: float = 5e-4
    num_warmup_steps: int = 10000
    lr_decay_power: float = 1.0
    weight_decay_rate: float = 0.01
    adam_beta_1: float = 0.9
    adam_beta_2: float = 0.999
    adam_epsilon: float = 1e-6
    max_grad_norm: float = 1.0


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """How long, how much at a time, how often saved."""

    train_batch_size: int = 128  # global: all replicas, all accumulated parts
    num_train_steps: int = 1000000
    save_checkpoints_steps: int = 1000
    keep_checkpoint_max: int = 5  # the newest ones
    keep_every_steps: int = 0  # besides, every checkpoint of a multiple of this is kept for ever; 0: none
    iterations_per_loop: int = 200  # steps on the device between two looks from the host
    gradient_accumulation_steps: int = 1
    max_nonfinite_steps: int = 10  # so many in a row, none of them applied, end the run
    eval_batch_size: int = 128
    num_eval_steps: int = 100  # held-out batches scored at each checkpoint; 0: none
    compute_dtype: str = "float32"
    seed: int = 0


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """What the records must be; checked against their manifest."""

    max_seq_length: int = 512
    vocab_size: int = 32200
    do_lower_case: bool = False
    shuffle_examples: int = 100000  # examples held in memory and shuffled together


@dataclasses.dataclass(frozen=True)
class Config:
    """A whole experiment."""

    notes: str = ""
    model: ModelConfig = ModelConfig()
    objective: ObjectiveConfig = ObjectiveConfig()
    optimizer: OptimizerConfig = OptimizerConfig()
    training: TrainingConfig = TrainingConfig()
    data: DataConfig = DataConfig()

    @classmethod
    def from_dict(cls, values: dict[str, Any], source: str = "config") -> "Config":
        """Build and validate; `source` is named in errors.

        Raises:
            UserError: an unknown key (its nearest neighbours are named), a wrong type, or a value out of range.
        """
        _refuse_unknown(values, [field.name for field in dataclasses.fields(cls)], source)
        sections: dict[str, Any] = {"notes": values.get("notes", "")}
        for name, section_type in SECTIONS.items():
            sections[name] = _section(section_type, values.get(name, {}), f"{source}: {name}")
        config = cls(**sections)
        _validate(config, source)
        return config

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


SECTIONS: dict[str, type] = {
    "model": ModelConfig,
    "objective": ObjectiveConfig,
    "optimizer": OptimizerConfig,
    "training": TrainingConfig,
    "data": DataConfig,
}


def load(name_or_path: str, overrides: list[str] | None = None) -> Config:
    """Read a config by path, or one that ships with the package by bare name, and apply `section.field=value` overrides.

    Raises:
        UserError: no such config, not JSON, or a rule of `Config.from_dict` is broken.
    """
    path = _find(name_or_path)
    try:
        values = json.loads(files.read_text(path))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not valid JSON ({error})") from error
    if not isinstance(values, dict):
        raise UserError(f"{path}: must hold one JSON object with the sections {', '.join(SECTIONS)}")
    for override in overrides or []:
        _apply_override(values, override)
    return Config.from_dict(values, f"{path} with --set" if overrides else path)


def shipped_folder() -> Path:
    """Where the package's own configs lie: inside it when installed, beside it in a checkout or an editable install."""
    package = Path(__file__).resolve().parent
    installed = package / "configs"
    return installed if installed.is_dir() else package.parent / "configs"


def differences(old: Config, new: Config) -> dict[str, tuple[Any, Any]]:
    """`section.field` -> (old, new) for each field that differs, notes aside."""
    found = {}
    for section in SECTIONS:
        before, after = dataclasses.asdict(getattr(old, section)), dataclasses.asdict(getattr(new, section))
        found.update({f"{section}.{key}": (before[key], after[key]) for key in before if before[key] != after[key]})
    return found


def _find(name_or_path: str) -> str:
    if files.exists(name_or_path) and not files.is_dir(name_or_path):
        return name_or_path
    shipped = shipped_folder()
    names = sorted(path.name for path in shipped.glob("*.json"))
    for candidate in (name_or_path, f"{name_or_path}.json"):
        if candidate in names:
            return str(shipped / candidate)
    raise UserError(f"{name_or_path}: no such config; give a path, or one of {', '.join(names)}")


def _apply_override(values: dict[str, Any], override: str) -> None:
    target, equals, text = override.partition("=")
    section, dot, field = target.partition(".")
    if not (equals and dot and section in SECTIONS):
        raise UserError(f"--set {override}: must read section.field=value, with a section of {', '.join(SECTIONS)}")
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        value = text
    known = {each.name: each.type for each in dataclasses.fields(SECTIONS[section])}
    _refuse_unknown({field: value}, list(known), f"--set {override}")
    values.setdefault(section, {})[field] = _typed(value, known[field], f"--set {target}")


def _refuse_unknown(values: dict[str, Any], known: list[str], where: str) -> None:
    for key in values:
        if key not in known:
            nearest = difflib.get_close_matches(key, known, n=3, cutoff=0.4) or known
            raise UserError(f'{where}: unknown key "{key}"; did you mean {" or ".join(nearest)}?')


def _section(section_type: type, values: Any, where: str) -> Any:
    if not isinstance(values, dict):
        raise UserError(f"{where}: must be a JSON object, not {values!r}")
    types = {field.name: field.type for field in dataclasses.fields(section_type)}
    _refuse_unknown(values, list(types), where)
    return section_type(**{key: _typed(value, types[key], f"{where}.{key}") for key, value in values.items()})


def _typed(value: Any, expected: Any, where: str) -> Any:
    if expected is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if not isinstance(value, expected) or (isinstance(value, bool) and expected is not bool):
        raise UserError(f"{where} = {json.dumps(value, ensure_ascii=False)}: must be of type {expected.__name__}")
    return value


# (fields, rule, what to say). A rule sees the value and the whole config.
_RULES: tuple[tuple[str, Callable[[Any, Config], bool], str], ...] = (
    ("model.num_hidden_layers", lambda value, _: value >= 1, "must be at least 1"),
    ("model.hidden_size", lambda value, _: value >= 1, "must be at least 1"),
    ("model.embedding_size", lambda value, _: value >= 1, "must be at least 1"),
    ("model.intermediate_size", lambda value, _: value >= 1, "must be at least 1"),
    ("model.num_attention_heads", lambda value, _: value >= 1, "must be at least 1"),
    ("model.num_attention_heads", lambda value, c: c.model.hidden_size % value == 0, "must divide model.hidden_size"),
    ("model.hidden_dropout_prob", lambda value, _: 0 <= value < 1, "must be at least 0 and below 1"),
    ("model.attention_probs_dropout_prob", lambda value, _: 0 <= value < 1, "must be at least 0 and below 1"),
    ("model.initializer_range", lambda value, _: value > 0, "must be above 0"),
    ("objective.mask_prob", lambda value, _: 0 < value < 1, "must be above 0 and below 1"),
    ("objective.temperature", lambda value, _: value > 0, "must be above 0"),
    ("objective.gen_weight", lambda value, _: value >= 0, "must not be negative"),
    ("objective.disc_weight", lambda value, _: value >= 0, "must not be negative"),
    (
        "objective.electric_objective",
        lambda value, c: not value or c.objective.two_tower_generator,
        "needs objective.two_tower_generator = true: the odds of every token given the rest",
    ),
    *(
        (
            f"objective.{field}",
            lambda value, c: not value or c.objective.has_discriminator,
            "needs electra_objective or electric_objective; a masked language model alone has no generator",
        )
        for field in ("uniform_generator", "two_tower_generator")
    ),
    (
        "objective.two_tower_generator",
        lambda value, c: not value or (c.objective.untied_generator and not c.objective.uniform_generator),
        "needs untied_generator = true and uniform_generator = false",
    ),
    ("objective.generator_layers", lambda value, _: 0 < value <= 1, "a fraction: above 0, at most 1"),
    ("objective.generator_hidden_size", lambda value, _: 0 < value <= 1, "a fraction: above 0, at most 1"),
    (
        "objective.generator_hidden_size",
        lambda value, c: (hidden := round(c.model.hidden_size * value)) >= 1 and hidden % max(1, hidden // 64) == 0,
        "model.hidden_size times this must be divisible by the generator's heads (one per 64); 1/3 of 768 is 0.33333",
    ),
    ("optimizer.learning_rate", lambda value, _: value > 0, "must be above 0"),
    ("optimizer.num_warmup_steps", lambda value, _: value >= 0, "must not be negative; 0 means no warm-up"),
    ("optimizer.lr_decay_power", lambda value, _: value >= 0, "must not be negative"),
    ("optimizer.weight_decay_rate", lambda value, _: value >= 0, "must not be negative"),
    ("optimizer.adam_beta_1", lambda value, _: 0 <= value < 1, "must be at least 0 and below 1"),
    ("optimizer.adam_beta_2", lambda value, _: 0 <= value < 1, "must be at least 0 and below 1"),
    ("optimizer.adam_epsilon", lambda value, _: value > 0, "must be above 0"),
    ("optimizer.max_grad_norm", lambda value, _: value > 0, "must be above 0"),
    ("training.num_train_steps", lambda value, _: 1 <= value < 2**32 - 1, "must lie in 1..4294967294"),
    ("training.save_checkpoints_steps", lambda value, _: value >= 1, "must be at least 1"),
    ("training.keep_checkpoint_max", lambda value, _: value >= 1, "must be at least 1"),
    ("training.keep_every_steps", lambda value, _: value >= 0, "must not be negative; 0 keeps the newest checkpoints only"),
    ("training.iterations_per_loop", lambda value, _: value >= 1, "must be at least 1"),
    ("training.gradient_accumulation_steps", lambda value, _: value >= 1, "must be at least 1"),
    ("training.max_nonfinite_steps", lambda value, _: value >= 1, "must be at least 1"),
    ("training.train_batch_size", lambda value, _: value >= 1, "must be at least 1"),
    (
        "training.train_batch_size",
        lambda value, c: value % c.training.gradient_accumulation_steps == 0,
        "must be divisible by training.gradient_accumulation_steps",
    ),
    ("training.eval_batch_size", lambda value, _: value >= 1, "must be at least 1"),
    ("training.num_eval_steps", lambda value, _: value >= 0, "must not be negative; 0 means no evaluation"),
    ("training.compute_dtype", lambda value, _: value in COMPUTE_DTYPES, f"must be {' or '.join(COMPUTE_DTYPES)}"),
    ("training.seed", lambda value, _: 0 <= value < 2**32, "must lie in 0..4294967295"),
    ("data.vocab_size", lambda value, _: value >= 1, "must be at least 1"),
    ("data.shuffle_examples", lambda value, _: value >= 1, "must be at least 1"),
    (
        "data.max_seq_length",
        lambda value, c: 8 <= value <= c.model.max_position_embeddings,
        "must be at least 8 and at most model.max_position_embeddings",
    ),
)


def _validate(config: Config, source: str) -> None:
    for target, rule, text in _RULES:
        section, field = target.split(".")
        value = getattr(getattr(config, section), field)
        if not rule(value, config):
            raise UserError(f"{source}: {target} = {value}: {text}")

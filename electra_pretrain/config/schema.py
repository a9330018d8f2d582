"""One experiment in one JSON file: five sections and its phases, as frozen dataclasses. The only place that knows defaults.

Field names are those of the released ELECTRA hyperparameters wherever the thing is the same.
"""

import dataclasses
import difflib
import json
import math
from pathlib import Path
from typing import Any, NamedTuple

from electra_pretrain.config.rules import validate
from electra_pretrain.core import files
from electra_pretrain.core.errors import UserError

CONFIG_NAME = "config.json"  # the resolved config in a run's folder, as --config takes it


@dataclasses.dataclass(frozen=True)
class ModelConfig:
    """Sizes of the discriminator; the generator's follow from `objective`."""

    num_hidden_layers: int = 12
    hidden_size: int = 256
    embedding_size: int = 128
    intermediate_size: int = 1024
    num_attention_heads: int = 4
    num_hidden_groups: int = 0  # blocks in a row that share their weights form a group (ALBERT); 0: no block shares
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
    remat: bool = False  # each block computes its activations again for its gradient: less memory, a third more work
    max_nonfinite_steps: int = 10  # so many in a row, none of them applied, end the run
    eval_batch_size: int = 128
    num_eval_steps: int = 100  # held-out batches scored at each checkpoint; 0: none
    compute_dtype: str = "float32"
    init_from: str = ""  # a run's folder or one of its checkpoints, whose weights a new run starts from
    seed: int = 0


@dataclasses.dataclass(frozen=True)
class DataConfig:
    """What the records must be; checked against their manifest."""

    max_seq_length: int = 512
    vocab_size: int = 32200
    do_lower_case: bool = False
    shuffle_examples: int = 100000  # examples held in memory and shuffled together


@dataclasses.dataclass(frozen=True)
class PhaseConfig:
    """An early part of a run, for instance on short sequences; a field left at 0 has the value of the config's own."""

    until_step: int = 0  # the phase's last step; the learning rate's schedule goes on over all phases
    max_seq_length: int = 0
    train_batch_size: int = 0
    gradient_accumulation_steps: int = 0
    learning_rate: float = 0.0  # the schedule's peak while the phase lasts


@dataclasses.dataclass(frozen=True)
class Config:
    """A whole experiment: after the last of its `phases`, if there are any, the sections alone hold."""

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
        _refuse_unknown(values, [field.name for field in dataclasses.fields(cls)], source)
        sections: dict[str, Any] = {"notes": values.get("notes", ""), "phases": _phases(values.get("phases", []), source)}
        for name, section_type in SECTIONS.items():
            sections[name] = _section(section_type, values.get(name, {}), f"{source}: {name}")
        config = cls(**sections)
        validate(config, source)
        return config

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    def stages(self) -> "tuple[Stage, ...]":
        """The run's parts in order: its phases, and the config's own at the end."""
        own = dataclasses.replace(self, phases=())
        ends = [*(phase.until_step for phase in self.phases), self.training.num_train_steps]
        configs = [*(_in_phase(own, phase) for phase in self.phases), own]
        return tuple(Stage(*part) for part in zip(configs, [0, *ends[:-1]], ends, strict=True))


class Stage(NamedTuple):
    """A part of a run with one batch and one sequence length.

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


def load(name_or_path: str, overrides: list[str] | None = None) -> Config:
    """Read a config by path, or one that ships with the package by bare name, and apply `section.field=value` overrides.

    Raises:
        UserError: no such config, not JSON, or a rule of `Config.from_dict` is broken.
    """
    path = _find(name_or_path)
    return resolve(read_object(path), overrides or [], path)


def left_out(name_or_path: str, overrides: list[str]) -> list[str]:
    """`section.field = default` for each field that neither the file nor an override states; files may be partial."""
    values = read_object(_find(name_or_path))
    for override in overrides:
        _apply_override(values, override)
    return [
        f"{section}.{field.name} = {json.dumps(field.default)}"
        for section, section_type in SECTIONS.items()
        for field in dataclasses.fields(section_type)
        if field.name not in values.get(section, {})
    ]


def resolve(values: dict[str, Any], overrides: list[str], source: str) -> Config:
    """A config from its sections and `section.field=value` overrides; raises as `Config.from_dict`."""
    for override in overrides:
        _apply_override(values, override)
    return Config.from_dict(values, f"{source} with --set" if overrides else source)


def read_object(path: str) -> dict[str, Any]:
    """A JSON file that holds one object.

    Raises:
        UserError: there is no such file, or it is something else.
    """
    if not files.exists(path) or files.is_dir(path):
        raise UserError(f"{path}: no such file")
    try:
        values = json.loads(files.read_text(path))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not valid JSON ({error})") from error
    if not isinstance(values, dict):
        raise UserError(f"{path}: must hold one JSON object")
    return values


def to_text(config: Config) -> str:
    """The config as a file holds it."""
    return json.dumps(config.to_dict(), ensure_ascii=False, indent=2) + "\n"


def shipped_folder() -> Path:
    """Where the package's own configs lie: inside it when installed, beside it in a checkout or an editable install."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "configs"
    return installed if installed.is_dir() else package.parent / "configs"


def differences(old: Config, new: Config) -> dict[str, tuple[Any, Any]]:
    """`section.field` -> (old, new) for each field that differs, notes aside."""
    found = {}
    for section in SECTIONS:
        before, after = dataclasses.asdict(getattr(old, section)), dataclasses.asdict(getattr(new, section))
        found.update({f"{section}.{key}": (before[key], after[key]) for key in before if before[key] != after[key]})
    if old.phases != new.phases:
        found["phases"] = ([dataclasses.asdict(phase) for phase in old.phases], [dataclasses.asdict(p) for p in new.phases])
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
        raise UserError(
            f"--set {override}: must read section.field=value, with a section of {', '.join(SECTIONS)}; "
            "notes and phases are set in the file"
        )
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


def _phases(values: Any, source: str) -> tuple[PhaseConfig, ...]:
    if not isinstance(values, (list, tuple)):
        raise UserError(f"{source}: phases: must be a JSON list of objects, not {values!r}")
    return tuple(_section(PhaseConfig, phase, f"{source}: phases[{number}]") for number, phase in enumerate(values))


def _in_phase(config: Config, phase: PhaseConfig) -> Config:
    """The config with what the phase says in place of its own."""
    said = {name: value for name, value in dataclasses.asdict(phase).items() if value}
    sections = {}
    for name in ("data", "training", "optimizer"):
        section = getattr(config, name)
        known = {field.name for field in dataclasses.fields(section)}
        sections[name] = dataclasses.replace(section, **{key: said[key] for key in said if key in known})
    return dataclasses.replace(config, **sections)


_TYPE_NAMES = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


def _typed(value: Any, expected: Any, where: str) -> Any:
    if expected is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise UserError(f"{where} = {value}: must be a finite number")
    if not isinstance(value, expected) or (isinstance(value, bool) and expected is not bool):
        raise UserError(f"{where} = {json.dumps(value, ensure_ascii=False)}: must be {_TYPE_NAMES[expected]}")
    return value

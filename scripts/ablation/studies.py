"""What is compared: a study is a config and the variants of it that are run, each with every seed. The table to add to."""

import dataclasses
from collections.abc import Callable, Mapping

from electra_pretrain.config.data import SHORT_DOCUMENTS
from electra_pretrain.config.load import load_config
from electra_pretrain.config.schema import Config
from electra_pretrain.core.errors import UserError, nearest

BASELINE = "baseline"
LOOKS = 10  # checkpoints of a run that are scored
AS_THEY_ARE, ONE_A_LINE = "as they are", "one a line"  # what a document is: what the corpus says, or each of its sentences

Overrides = Callable[[Config], tuple[str, ...]]  # of the study's config, which some fields go by


def fields(*overrides: str) -> Overrides:
    """Make a variant of `section.field=value` overrides that are the same whatever the config."""
    return lambda _: overrides


def _rate(network: str, factor: float) -> Overrides:
    return lambda config: (f"optimizer.{network}_learning_rate={factor * config.optimizer.learning_rate:g}",)


def _constant_then_decay(config: Config) -> tuple[str, ...]:
    return "optimizer.schedule=wsd", f"optimizer.decay_steps={max(1, config.training.num_train_steps // 10)}"


def _together(config: Config) -> tuple[str, ...]:
    """Return what was better by itself in one of the columns, and worse in none."""
    falling = OPTIONS["mask_prob_falling"](config)
    return (*OPTIONS["gradient_disentangled"](config), *OPTIONS["generator_rate_double"](config), *falling)


OPTIONS: Mapping[str, Overrides] = {
    BASELINE: fields(),
    "untied": fields("objective.embedding_sharing=untied"),
    "gradient_disentangled": fields("objective.embedding_sharing=gradient_disentangled"),
    "generator_rate_double": _rate("generator", 2.0),
    "discriminator_rate_half": _rate("discriminator", 0.5),
    "clip_per_network": fields("optimizer.clip_per_network=true"),
    "mask_prob_falling": fields("objective.mask_prob=0.3", "objective.mask_prob_end=0.15"),
    "whole_word": fields("objective.masking=whole_word"),
    "cosine": fields("optimizer.schedule=cosine"),
    "wsd": _constant_then_decay,
    "together": _together,
}
# The first is what the others are held against.
WAYS: Mapping[str, Overrides] = {
    BASELINE if way == SHORT_DOCUMENTS[0] else way: fields(f"data.short_documents={way}") for way in SHORT_DOCUMENTS
}


@dataclasses.dataclass(frozen=True)
class Study:
    """Runs to compare.

    Attributes:
        title: of its part of a page.
        config: a pretraining config, by name.
        base: what all of its runs change in it.
        variants: name -> what that one changes besides; one of them is the baseline.
        seeds: how many.
        documents: `AS_THEY_ARE` or `ONE_A_LINE`.
        finetune: `field=value` overrides of the task's config for fine-tuning.
        finetune_steps: its steps; None: the config's epochs.
        finetune_seeds: fine-tunings of each run, whose mean is the run's score.
        minutes: what a cell may take until one was measured, on one core; None: not known.
        picture: "differences" to the baseline, or "curves" against minutes.
        names: what a variant is called in tables, where that is not its name.
    """

    title: str
    config: str
    base: tuple[str, ...]
    variants: Mapping[str, Overrides] = dataclasses.field(default_factory=lambda: OPTIONS)
    seeds: int = 3
    documents: str = AS_THEY_ARE
    finetune: tuple[str, ...] = ()
    finetune_steps: int | None = None
    finetune_seeds: int = 1
    minutes: float | None = None
    picture: str = "differences"
    names: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def config_of(self, variant: str, more: tuple[str, ...] = (), seed: int = 0) -> Config:
        """Load the config of a run.

        Args:
            variant: its name.
            more: overrides of the whole study, beside its own.
            seed: of the run.
        """
        return load_config(self.config, self.overrides_of(variant, more, seed))

    def overrides_of(self, variant: str, more: tuple[str, ...] = (), seed: int = 0) -> list[str]:
        """List what a run changes in the config: the study's, the variant's, and what lets its checkpoints be scored later."""
        shared = [*self.base, *more]
        plain = load_config(self.config, shared)
        every = max(1, plain.training.num_train_steps // LOOKS)
        kept = [f"training.save_checkpoints_steps={every}", f"training.keep_every_steps={every}", "training.num_eval_steps=0"]
        return [*shared, *self.variants[variant](plain), *kept, f"training.seed={seed}"]


_FINETUNE = ("learning_rate=5e-4", "warmup_proportion=0.1")
_TINY = (
    "training.train_batch_size=32",
    "training.num_train_steps=3000",
    "training.iterations_per_loop=150",
)
# At rates from 0.0005 on, with batches of 512 tokens, these discriminators came to say the same of every token. Rows are
# packed, for a row of one review is mostly padding; before some four million tokens discriminators stay near chance.
_MINI = (
    "model.num_hidden_layers=4",
    "model.hidden_size=256",
    "model.intermediate_size=1024",
    "model.initializer_range=0.035",
    "optimizer.learning_rate=0.0004",
    "optimizer.num_warmup_steps=1000",
    "training.train_batch_size=16",
    "training.num_train_steps=6000",
    "training.iterations_per_loop=150",
    "data.max_seq_length=64",
    "data.short_documents=packed",
)
_PUBLISHED = ("training.num_train_steps=100000",)

STUDIES: Mapping[str, Study] = {
    "tiny": Study(
        "Two layers of 128",
        "tiny.json",
        _TINY,
        finetune=(*_FINETUNE, "max_seq_length=32"),
        finetune_steps=400,
        minutes=5,
    ),
    "mini": Study(
        "Four layers of 256",
        "tiny.json",
        _MINI,
        documents=ONE_A_LINE,
        finetune=("learning_rate=2e-4", "warmup_proportion=0.1", "max_seq_length=64"),
        finetune_steps=1000,
        minutes=60,
    ),
    "packing": Study(
        "The three ways of short documents",
        "tiny.json",
        (*_TINY, "data.max_seq_length=128", "training.train_batch_size=16"),
        WAYS,
        documents=ONE_A_LINE,
        finetune=(*_FINETUNE, "max_seq_length=64"),
        finetune_steps=400,
        minutes=8,
        picture="curves",
        names={BASELINE: "apart"},
    ),
    "small_v3": Study("The published small model's size", "small_v3.json", _PUBLISHED),
    "base_v3": Study("The published base model's size", "base_v3.json", _PUBLISHED),
}


def find_study(name: str) -> Study:
    """Return the study of that name.

    Raises:
        UserError: there is none.
    """
    if name not in STUDIES:
        raise UserError(f"--study {name}: unknown; {nearest(name, list(STUDIES))}")
    return STUDIES[name]

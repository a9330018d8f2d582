"""Weights from elsewhere that training may start from: what they are, and whether they fit a config."""

from typing import Any, NamedTuple

import numpy as np

from electra_pretrain.checkpoint.names import is_generator_alone
from electra_pretrain.checkpoint.unseen import check_unseen
from electra_pretrain.checkpoint.vocabulary import check_folder
from electra_pretrain.config.load import CONFIG_NAME, load_config
from electra_pretrain.config.schema import SECTIONS, Config
from electra_pretrain.core import files, json_files
from electra_pretrain.core.errors import UserError
from electra_pretrain.tokenization.model_folder import ModelVocabulary, read_file, read_vocabulary

# What weights mean depends on these; a source and a run must agree in them. The generator's sizes show in its shapes.
MUST_AGREE = (
    "model.num_hidden_layers",
    "model.hidden_size",
    "model.embedding_size",
    "model.intermediate_size",
    "model.num_attention_heads",
    "model.max_position_embeddings",
    "data.vocab_size",
    "data.do_lower_case",
)


class Pretrained(NamedTuple):
    """Weights, and what their source says of itself.

    Attributes:
        origin: the source as messages name it.
        values: released name -> float32; the optimiser's values among them where the source has some.
        fields: "section.field" -> value of each field of a config that the source states or its shapes show.
        vocabulary: None where the source has none.
        strip_accents: whether accents were taken off the text; None where the source does not say.
    """

    origin: str
    values: dict[str, np.ndarray]
    fields: dict[str, Any]
    vocabulary: ModelVocabulary | None
    strip_accents: bool | None = None

    @property
    def tokens(self) -> tuple[str, ...]:
        """Return the vocabulary's tokens in the order of their ids, none where the source has no vocabulary."""
        return () if self.vocabulary is None else self.vocabulary.tokens


class Description(NamedTuple):
    """What lies beside a checkpoint: the last three fields of `Pretrained`."""

    fields: dict[str, Any]
    vocabulary: ModelVocabulary | None
    strip_accents: bool | None = None


def describe(folder: str) -> Description:
    """Read what lies beside a checkpoint and tells of it: a run's or an import's `config.json`, and the vocabulary.

    Raises:
        UserError: one of them is damaged, or not the one that the run or the import had.
    """
    config = files.join(folder, CONFIG_NAME)
    stated = load_config(config) if is_ours(config) else None
    if stated is not None:
        check_unseen(folder, stated)
    about = check_folder(folder)
    return Description(
        {} if stated is None else {name: field_value(stated, name) for name in MUST_AGREE},
        read_vocabulary(folder) if about is None else read_file(about.path),
        None if about is None else about.noted.strip_accents,
    )


def is_ours(path: str) -> bool:
    """Return whether it is a config of this package; Hugging Face's has the same name."""
    values = json_files.read(path) if files.exists(path) else None
    return isinstance(values, dict) and all(name in values for name in SECTIONS)


def field_value(config: Config, field: str) -> Any:
    """Return the value of "section.field"."""
    section, name = field.split(".")
    return getattr(getattr(config, section), name)


def check_config(pretrained: Pretrained, config: Config) -> None:
    """Hold what a source says of itself against a run's config.

    Raises:
        UserError: all fields in which they differ; or the source's own vocabulary and word table do; or it is a generator.
    """
    if config.objective.has_discriminator and is_generator_alone(pretrained.values):
        raise UserError(
            f"{pretrained.origin}: is a generator, where a discriminator is needed; give the discriminator's folder"
        )
    wrong = [
        f"{field} is {value} there, {field_value(config, field)} in the config"
        for field, value in pretrained.fields.items()
        if field in MUST_AGREE and value != field_value(config, field)
    ]
    vocabulary, rows = pretrained.vocabulary, pretrained.fields.get("data.vocab_size")
    if vocabulary is not None and rows is not None and len(vocabulary.tokens) != rows:
        count = len(vocabulary.tokens)
        raise UserError(f"{pretrained.origin}: {vocabulary.path} has {count} tokens, its word table {rows} rows")
    if wrong:
        raise UserError(f"{pretrained.origin}: does not fit the config: {'; '.join(wrong)}; change these fields with --set")


def unstated(pretrained: Pretrained) -> list[str]:
    """Return what a source does not say of itself, so that it could not be held against a run."""
    fields = [field.partition(".")[2] for field in MUST_AGREE if field not in pretrained.fields]
    return fields + ["vocabulary"] * (pretrained.vocabulary is None)

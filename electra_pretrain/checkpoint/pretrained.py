"""Weights from elsewhere that training may start from: what they are, and whether they fit a config and its model."""

import logging
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from electra_pretrain.checkpoint.difference import GRADIENT_DISENTANGLED, has_difference, is_difference
from electra_pretrain.checkpoint.unseen import check_unseen
from electra_pretrain.checkpoint.vocabulary import check_folder
from electra_pretrain.config.load import CONFIG_NAME, load_config
from electra_pretrain.config.schema import SECTIONS, Config
from electra_pretrain.core import files, json_files
from electra_pretrain.core.errors import FEW, UserError, first_of
from electra_pretrain.tokenization.model_folder import ModelVocabulary, read_file, read_vocabulary

_log = logging.getLogger(__name__)
# Of float16's dynamic loss scale; `train/loss_scale.py` says what they are.
LOSS_SCALE_NAMES = ("loss_scale", "loss_scale_good_steps")
MOMENTS = ("adam_m", "adam_v")
STEP_NAME = "global_step"
_OWN_EMBEDDINGS = "generator/embeddings/"  # of an untied generator
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


def is_optimizer_value(name: str) -> bool:
    """Return whether a name is the step's, a moment's or the loss scale's, not a weight's."""
    return name == STEP_NAME or is_moment(name) or is_loss_scale(name)


def is_moment(name: str) -> bool:
    """Return whether a name is that of one of Adam's moments."""
    return name.endswith(tuple(f"/{slot}" for slot in MOMENTS))


def is_loss_scale(name: str) -> bool:
    """Return whether a name is one of those that only runs in float16 have; elsewhere nothing goes by it."""
    return name in LOSS_SCALE_NAMES


def is_generators(name: str) -> bool:
    """Return whether a weight is the generator's own, two towers' included."""
    return name.startswith(("generator", "cloze_predictions/"))


def is_generator_alone(names: Iterable[str]) -> bool:
    """Return whether these are the weights of a generator, or another masked language model, without a discriminator's head."""
    heads = {name.partition("/")[0] for name in names} & {"discriminator_predictions", "generator_predictions"}
    return heads == {"generator_predictions"}


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


class Belonging(NamedTuple):
    """What a model takes over from a source.

    Attributes:
        values: the source's, by name.
        variables: the model's, of the same names.
        whole: whether the whole generator is among them.
    """

    values: dict[str, np.ndarray]
    variables: dict[str, tf.Variable]
    whole: bool


def assign(pretrained: Pretrained, variables: Mapping[str, tf.Variable]) -> bool:
    """Give the variables the source's values; a generator that the source lacks keeps its own, a difference stays 0.

    Args:
        pretrained: the source.
        variables: a model's, by released name; with the moments, or all of the optimiser's, if those are to be taken over too.

    Returns:
        Whether the whole generator came from the source.

    Raises:
        UserError: names that are missing, left over, or of another shape; or values that are not finite.
    """
    values, wanted, whole = belonging(pretrained, variables)
    for name, variable in wanted.items():
        variable.assign(values[name])
    if has_difference(variables) and not has_difference(wanted):
        what = "difference from it and its moments begin" if any(map(is_moment, variables)) else "difference from it begins"
        _log.info("%s: has one table for both networks; the discriminator's %s at 0", pretrained.origin, what)
    return whole


def belonging(pretrained: Pretrained, variables: Mapping[str, tf.Variable]) -> Belonging:
    """Return what `assign` gives to which variables; arguments and errors as there."""
    moments = any(map(is_moment, variables))

    def left_out(name: str) -> bool:
        return not moments if is_moment(name) else is_loss_scale(name) or (name == STEP_NAME and name not in variables)

    values = {name: value for name, value in pretrained.values.items() if not left_out(name)}
    _check_sharing(pretrained.origin, values, variables)
    whole = any(is_generators(name) for name in values) or not any(is_generators(name) for name in variables)
    wanted = {name: variable for name, variable in variables.items() if whole or not is_generators(name)}
    if not has_difference(values):
        wanted = {name: variable for name, variable in wanted.items() if not is_difference(name)}
    elif not has_difference(variables):
        raise UserError(
            f"{pretrained.origin}: its discriminator's tables are the generator's plus a difference, for which this config has "
            f'no place; set objective.embedding_sharing = "{GRADIENT_DISENTANGLED}", or start from the discriminator alone, '
            "which export_hf writes to discriminator/"
        )
    if problems := misfits(values, wanted):
        raise UserError(f"{pretrained.origin}: is not of this model: {first_of(problems, FEW, '; ')}")
    check_numbers(pretrained.origin, values)
    return Belonging(values, wanted, whole)


def _check_sharing(origin: str, values: Iterable[str], variables: Iterable[str]) -> None:
    """Refuse a generator with embeddings of its own for a config that gives it none, and the other way round.

    Raises:
        UserError: what to set.
    """
    networks = [name for name in values if name.startswith("generator/")]
    wanted = [name for name in variables if name.startswith("generator/")]
    if not networks or not wanted:
        return
    its, own = (any(name.startswith(_OWN_EMBEDDINGS) for name in names) for names in (networks, wanted))
    if its != own:
        said = ("has none of its own", "has embeddings of its own")
        raise UserError(
            f"{origin}: its generator {said[its]}, the config's {said[own]}; set objective.embedding_sharing to "
            f"{'untied' if its else 'tied (or gradient_disentangled)'}, or start from the discriminator alone, which export_hf "
            "writes to discriminator/: its generator begins anew"
        )


def check_numbers(origin: str, values: Mapping[str, np.ndarray]) -> None:
    """Refuse weights and moments that are no float32, or hold what is infinite or not a number.

    Raises:
        UserError: the names of those.
    """
    values = {name: value for name, value in values.items() if name != STEP_NAME}
    if wrong := [name for name, value in values.items() if value.dtype != np.float32]:
        raise UserError(
            f"{origin}: holds {values[wrong[0]].dtype} instead of float32, in {listed(wrong)}; use another checkpoint"
        )
    check_finite(origin, values)


def check_finite(origin: str, values: Mapping[str, np.ndarray]) -> None:
    """Refuse what is infinite or not a number.

    Raises:
        UserError: the names of what holds it.
    """
    if bad := [name for name, value in values.items() if value.dtype.kind == "f" and not np.all(np.isfinite(value))]:
        raise UserError(f"{origin}: holds values that are not finite, in {listed(bad)}; use another checkpoint")


def misfits(values: Mapping[str, np.ndarray], variables: Mapping[str, tf.Variable]) -> list[str]:
    """Return what keeps values from being those of the variables; nothing if they fit."""
    known = {name: variable for name, variable in variables.items() if name in values}
    kinds = {name: (values[name].dtype.name, variable.dtype.base_dtype.name) for name, variable in known.items()}
    shapes = {name: (list(values[name].shape), variable.shape.as_list()) for name, variable in known.items()}
    found = {
        "missing": [name for name in variables if name not in values],
        "left over": [name for name in values if name not in variables],
    }
    problems = [f"{kind}: {listed(names)}" for kind, names in found.items() if names]
    problems += [f"{names} has shape {has} instead of {wanted}" for names, has, wanted in _differing(shapes)]
    return problems + [f"{names} holds {has} instead of {wanted}" for names, has, wanted in _differing(kinds)]


def _differing(pairs: Mapping[str, tuple[Any, Any]]) -> Iterator[tuple[str, Any, Any]]:
    """Yield the names, joined, of each two things that differ, and these."""
    names: dict[str, list[str]] = {}
    for name, pair in pairs.items():
        if pair[0] != pair[1]:
            names.setdefault(str(pair), []).append(name)
    for alike in names.values():
        yield listed(alike), *pairs[alike[0]]


def listed(names: Iterable[str]) -> str:
    """Name the first of many: those that differ in the layer's number alone are told once, with their count."""
    alike: dict[str, list[str]] = {}
    for name in names:
        alike.setdefault(re.sub(r"layer_\d+", "layer_*", name), []).append(name)
    return first_of([found[0] if len(found) == 1 else f"{name} ({len(found)})" for name, found in alike.items()], FEW)

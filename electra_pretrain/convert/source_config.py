"""The config that a source's weights belong to: what their shapes show of it, and the whole of it."""

import logging
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from electra_pretrain.checkpoint.difference import GRADIENT_DISENTANGLED, has_difference
from electra_pretrain.checkpoint.pretrained import Pretrained
from electra_pretrain.config.data import DataConfig
from electra_pretrain.config.schema import Config
from electra_pretrain.core import json_files, typed
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.typed import Size

_log = logging.getLogger(__name__)
_FIRST = "encoder/layer_0"
_FIRST_GROUP = "encoder/group_0"  # of blocks that share weights
_TYPES = "electra/embeddings/token_type_embeddings"
_TYPE_COUNT = 2


class _Sizes(NamedTuple):
    """What is read of a `config.json` of Hugging Face's form beside weights of another."""

    num_hidden_layers: Size | None = None
    hidden_size: Size | None = None
    embedding_size: Size | None = None
    intermediate_size: Size | None = None
    num_attention_heads: Size | None = None
    max_position_embeddings: Size | None = None
    vocab_size: Size | None = None


def fields_from_shapes(origin: str, values: Mapping[str, np.ndarray]) -> dict[str, Any]:
    """Return the fields of a config ("section.field") that the shapes of released variables show; heads do not show.

    Raises:
        UserError: these are not the weights of an ELECTRA discriminator; what is missing is named.
    """

    def shape(name: str) -> tuple[int, int]:
        if name not in values or values[name].ndim != 2:
            raise UserError(f"{origin}: no ELECTRA discriminator: {name} is missing or no matrix")
        rows, columns = values[name].shape
        return rows, columns

    vocab_size, embedding_size = shape("electra/embeddings/word_embeddings")
    groups = len({name.split("/")[2] for name in values if name.startswith("electra/encoder/group_")})
    hidden_size, intermediate_size = shape(f"electra/{_FIRST_GROUP if groups else _FIRST}/intermediate/dense/kernel")
    layers = _count_layers("electra", values)
    is_discriminator = any(name.startswith("discriminator_predictions/") for name in values)
    types = shape(_TYPES)[0] if is_discriminator or _TYPES in values else 0
    if types not in (0, _TYPE_COUNT):
        raise UserError(f"{origin}: has {types} token types; a model here has {_TYPE_COUNT}")
    fields: dict[str, Any] = {
        **({"model.num_hidden_groups": groups} if groups else {"model.num_hidden_layers": layers}),
        "model.type_vocab_size": types,
        "model.hidden_size": hidden_size,
        "model.embedding_size": embedding_size,
        "model.intermediate_size": intermediate_size,
        "model.max_position_embeddings": shape("electra/embeddings/position_embeddings")[0],
        "data.vocab_size": vocab_size,
    }
    if f"generator/{_FIRST}/intermediate/dense/kernel" in values:
        fields |= {
            "objective.untied_generator": True,
            "objective.embedding_sharing": _sharing(values),
            "objective.generator_hidden_size": shape(f"generator/{_FIRST}/intermediate/dense/kernel")[0] / hidden_size,
            "objective.generator_layers": _count_layers("generator", values) / layers,
        }
    elif "generator_predictions/output_bias" in values:
        fields["objective.untied_generator"] = False
    return fields


def _sharing(names: Iterable[str]) -> str:
    if has_difference(names):
        return GRADIENT_DISENTANGLED
    return "untied" if "generator/embeddings/word_embeddings" in names else "tied"


def stated_sizes(path: str) -> dict[str, Any]:
    """Read the sizes in a `config.json` of Hugging Face's form, as fields of a config; none where it has another form.

    Raises:
        UserError: it is no JSON, of another kind of model, or a size is none.
    """
    values = json_files.read_object(path)
    if "hidden_size" not in values:
        return {}
    if values.get("model_type", "electra") != "electra":
        raise UserError(f'{path}: model_type = {json_files.shown(values["model_type"])}; models here have "electra"')
    return as_fields(typed.read_known(_Sizes, values, typed.Place(path))._asdict())


def as_fields(stated: Mapping[str, Any]) -> dict[str, Any]:
    """Return what Hugging Face's `config.json` states, by the names of our fields."""
    sections = {name: "data" if name == "vocab_size" else "model" for name in stated}
    return {f"{sections[name]}.{name}": value for name, value in stated.items() if value is not None}


def check_agree(path: str, stated: Mapping[str, Any], shown: Mapping[str, Any]) -> None:
    """Refuse a config whose sizes are not those of the weights.

    Args:
        path: of the config.
        stated: "section.field" -> what it says.
        shown: what the shapes of the weights show.

    Raises:
        UserError: every field in which they differ.
    """
    wrong = [
        f"{name.split('.')[1]} = {stated[name]}, the weights have {shown[name]}"
        for name in stated
        if name in shown and stated[name] != shown[name]
    ]
    if wrong:
        raise UserError(f"{path}: does not fit the weights beside it: {'; '.join(wrong)}; put their own there")


def derive_config(pretrained: Pretrained) -> Config:
    """Return a config with the source's sizes; the rest has the package's defaults."""
    sections: dict[str, Any] = {"notes": f"Sizes of {pretrained.origin}; everything else by default."}
    for field, value in pretrained.fields.items():
        section, name = field.split(".")
        sections.setdefault(section, {})[name] = value
    if "num_attention_heads" not in sections["model"]:
        heads = max(1, sections["model"]["hidden_size"] // 64)
        sections["model"]["num_attention_heads"] = heads
        _log.warning(
            "the source does not say how many attention heads it has; taken: %d, one for each 64 of hidden_size; "
            "if that is wrong, give --config",
            heads,
        )
    if "data.do_lower_case" not in pretrained.fields and _has_no_capital(pretrained.tokens):
        _log.warning(
            "no token has a capital letter, and the source does not say whether its text is lower-cased; taken: cased; "
            "if that is wrong, give a --config with data.do_lower_case"
        )
    longest = sections["model"]["max_position_embeddings"]
    sections["data"].setdefault("max_seq_length", min(DataConfig.max_seq_length, longest))
    return Config.from_dict(sections, f"config of {pretrained.origin}")


def _has_no_capital(tokens: Iterable[str]) -> bool:
    """Tell whether a vocabulary, special tokens aside, knows the small letters of the alphabet and no capital."""
    letters = {char for token in tokens if not token.startswith("[") for char in token if char.isascii()}
    return any(map(str.islower, letters)) and not any(map(str.isupper, letters))


def _count_layers(scope: str, names: Iterable[str]) -> int:
    numbers = {match.group(1) for name in names if (match := re.match(rf"{scope}/encoder/layer_(\d+)/", name))}
    return len(numbers)

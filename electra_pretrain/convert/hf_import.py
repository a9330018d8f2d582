"""Read Hugging Face's `discriminator/` and `generator/` as weights with released names, without `transformers`."""

import logging
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from electra_pretrain.checkpoint.difference import DIFFERENT, differences
from electra_pretrain.checkpoint.misfits import check_numbers, listed
from electra_pretrain.checkpoint.names import is_generator_alone
from electra_pretrain.checkpoint.pretrained import Pretrained
from electra_pretrain.checkpoint.weight_files import find_weights
from electra_pretrain.convert.names import from_hugging_face, to_hugging_face
from electra_pretrain.convert.source_config import as_fields, check_agree, fields_from_shapes
from electra_pretrain.convert.tensor_files import read_tensors
from electra_pretrain.core import files, json_files, typed
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.json_files import shown
from electra_pretrain.core.typed import Amount, Share, Size
from electra_pretrain.model.layers import LAYER_NORM_EPSILON
from electra_pretrain.tokenization import hf_file
from electra_pretrain.tokenization.model_folder import read_shared

_log = logging.getLogger(__name__)
_TABLES = "embeddings/"
# In `config.json`: what our networks compute, and no field of our config changes.
FIXED = {
    "hidden_act": "gelu",
    "position_embedding_type": "absolute",
    "layer_norm_eps": LAYER_NORM_EPSILON,
    "is_decoder": False,
    "add_cross_attention": False,
}


class _Stated(NamedTuple):
    """What is read of `config.json`; other keys of it, names and paths among them, never are."""

    num_hidden_layers: Size
    hidden_size: Size
    embedding_size: Size
    intermediate_size: Size
    num_attention_heads: Size
    max_position_embeddings: Size
    hidden_dropout_prob: Share | None = None
    attention_probs_dropout_prob: Share | None = None
    initializer_range: Amount | None = None
    vocab_size: Size | None = None


class _Tokenizer(NamedTuple):
    """What is read of `tokenizer_config.json`."""

    do_lower_case: bool | None = None
    strip_accents: bool | None = None


def read_pair(discriminator: str, generator: str | None) -> Pretrained:
    """Read the weights of a discriminator and, if there is one, of its generator.

    Raises:
        UserError: a file is missing, damaged or of another kind of model; the two are no pair, or of two vocabularies.
    """
    values = _read_weights(discriminator, "electra")
    fields = _read_config(discriminator)
    heads = fields["model.num_attention_heads"]
    if generator is None:
        _hint_at_generator(discriminator)
    else:
        own = _read_weights(generator, "generator")
        _check_roles(discriminator, generator, values, own)
        values |= _besides(discriminator, generator, values, own)
    shown = fields_from_shapes(discriminator, values)
    check_agree(files.join(discriminator, "config.json"), fields, shown)
    if generator is not None:
        _check_generator(generator, heads, shown, own)
    case = read_case(discriminator)
    return Pretrained(
        origin=discriminator if generator is None else f"{discriminator} and {generator}",
        values=values,
        fields={**fields, **shown, **({} if case is None else {"data.do_lower_case": case.do_lower_case})},
        vocabulary=read_shared(discriminator, generator),
        strip_accents=None if case is None else case.strip_accents,
    )


def _hint_at_generator(discriminator: str) -> None:
    """Warn of a generator beside a discriminator that is read alone, as where export_hf has written both."""
    parent = discriminator.rstrip("/").rpartition("/")[0] or "."
    generator = files.join(parent, "generator")
    if files.is_dir(generator) and find_weights(generator) is not None:
        _log.warning(
            f"{generator}: lies beside {discriminator} and is not read; to take it over, add --generator {generator}, or give "
            f"training.init_from the folder of both, {parent}"
        )


def _read_weights(folder: str, scope: str) -> dict[str, np.ndarray]:
    path, tensors = read_tensors(folder, "generator" if scope == "generator" else "discriminator")
    # Written by old releases of transformers: a buffer, and the word table a second time.
    tensors.pop("electra.embeddings.position_ids", None)
    check_numbers(path, tensors)
    projection = tensors.pop("generator_lm_head.weight", None)
    values, unknown = {}, []
    for name, tensor in tensors.items():
        released, transposed = from_hugging_face(name, scope)
        if to_hugging_face(released) != (name, transposed):
            unknown.append(name)
        values[released] = np.ascontiguousarray(tensor.T) if transposed else tensor
    if unknown:
        raise UserError(f"{folder}: left over: {listed(unknown)}; give a model of ElectraForPreTraining or ElectraForMaskedLM")
    word_table = values.get(f"{scope}/{_TABLES}word_embeddings")
    if projection is not None and (word_table is None or not np.array_equal(projection, word_table)):
        raise UserError(f"{folder}: generator_lm_head.weight is not the word table; a generator here has them as one")
    return values


def _check_roles(discriminator: str, generator: str, values: dict[str, np.ndarray], own: dict[str, np.ndarray]) -> None:
    """Refuse two networks of which one has the other's head."""
    swapped = is_generator_alone(values), any(name.startswith("discriminator_predictions/") for name in own)
    if all(swapped):
        raise UserError(f"{discriminator} is a generator and {generator} its discriminator; swap the two")
    for folder, wrong, has, needs in (
        (discriminator, swapped[0], "generator", "discriminator"),
        (generator, swapped[1], "discriminator", "generator"),
    ):
        if wrong:
            raise UserError(f"{folder}: is a {has}, where a {needs} is needed; give the {needs}'s folder")


def _besides(
    discriminator: str, generator: str, values: dict[str, np.ndarray], own: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Return the generator's weights but for those that it shares: its tables, or (one encoder for both) all but its head.

    Where the two share token types and LayerNorm alone, and all tables are as large, the generator's come to stand in the place
    of the discriminator's, and with them the difference.
    """

    def equal(name: str) -> bool:
        twin = values.get(name.replace("generator/", "electra/", 1))
        return twin is not None and np.array_equal(own[name], twin)

    networks = [name for name in own if name.startswith("generator/")]
    if networks and all(equal(name) for name in networks):
        return {name: value for name, value in own.items() if name not in networks}
    tables = [name for name in networks if name.startswith(f"generator/{_TABLES}")]
    if tables and all(equal(name) for name in tables):
        return {name: value for name, value in own.items() if name not in tables}
    apart = [f"generator/{_TABLES}{name}" for name in DIFFERENT]
    if tables and all(equal(name) for name in tables if name not in apart) and _alike(apart, own, values):
        _log.info("%s: has other tables than %s, which become its own plus a difference", generator, discriminator)
        generators = {name.replace("generator/", "electra/", 1): own[name] for name in apart}
        others = {name: value for name, value in own.items() if name not in tables}
        return {**others, **generators, **differences(values, generators)}
    if any(name.startswith("generator/embeddings_project/") for name in own):
        other = listed(name for name in tables if not equal(name))
        raise UserError(f"{generator}: is not the generator of {discriminator}: they do not share {other}")
    return own


def _alike(tables: list[str], own: dict[str, np.ndarray], values: dict[str, np.ndarray]) -> bool:
    """Tell whether the generator has these tables, each in the shape of the discriminator's."""
    twins = [(own.get(name), values.get(name.replace("generator/", "electra/", 1))) for name in tables]
    return all(one is not None and twin is not None and one.shape == twin.shape for one, twin in twins)


def _read_config(folder: str) -> dict[str, Any]:
    """Read what `config.json` says of sizes."""
    values = _read_json(folder, "config.json")
    check_fixed(f"{folder}/config.json", values, {"model_type": "electra", **FIXED})
    return as_fields(typed.read_known(_Stated, values, typed.Place(f"{folder}/config.json"))._asdict())


def check_fixed(path: str, values: Mapping[str, Any], fixed: Mapping[str, Any]) -> None:
    """Refuse a `config.json` that asks for what no network here computes.

    Raises:
        UserError: the first such setting, or code of the model's own.
    """
    if "auto_map" in values:
        raise UserError(f"{path}: auto_map: this model needs code of its own, which is never run here")
    for name, wanted in fixed.items():
        if name in values and values[name] != wanted:
            raise UserError(f"{path}: {name} = {shown(values[name])}; models here have {shown(wanted)}")


class Case(NamedTuple):
    """What becomes of text before it is cut."""

    do_lower_case: bool
    strip_accents: bool


def read_case(folder: str) -> Case | None:
    """Read what the tokeniser's settings say of case and accents; without a word on these, they go with the case."""
    settings, tokenizer = (files.join(folder, name) for name in ("tokenizer_config.json", hf_file.FILE_NAME))
    lower, strip = None, None
    if files.exists(settings):
        lower, strip = typed.read_known(_Tokenizer, json_files.read_object(settings), typed.Place(settings))
    if lower is None and files.exists(tokenizer):
        *_, lower, strip = hf_file.read_tokenizer_json(tokenizer)
    return None if lower is None else Case(lower, lower if strip is None else strip)


def _read_json(folder: str, name: str) -> dict[str, Any]:
    path = files.join(folder, name)
    if not files.exists(path):
        raise UserError(f"{path}: no such file; give the folder of a Hugging Face model")
    return json_files.read_object(path)


def _check_generator(folder: str, heads: int, shown: dict[str, Any], own: dict[str, np.ndarray]) -> None:
    """Refuse a generator of other sizes than its weights', or with other heads than its size gives; no shape shows those."""
    stated = _read_config(folder)
    as_network = {re.sub("^generator/", "electra/", name): value for name, value in own.items()}
    check_agree(files.join(folder, "config.json"), stated, fields_from_shapes(folder, as_network))
    if "objective.generator_hidden_size" in shown:
        heads = max(1, stated["model.hidden_size"] // 64)
    if stated["model.num_attention_heads"] != heads:
        raise UserError(f"{folder}/config.json: num_attention_heads = {stated['model.num_attention_heads']}; must be {heads}")

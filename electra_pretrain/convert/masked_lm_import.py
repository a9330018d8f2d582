"""Read Hugging Face's BERT, ALBERT and DistilBERT as weights with released names, without `transformers`."""

import re
from typing import Any, NamedTuple

import numpy as np

from electra_pretrain.checkpoint.misfits import check_numbers, listed
from electra_pretrain.checkpoint.pretrained import Pretrained
from electra_pretrain.convert.hf_import import FIXED, check_fixed, read_case
from electra_pretrain.convert.masked_lm import (
    ALBERT,
    BERT,
    DISTILBERT,
    Family,
    from_family,
    settings_by_our_names,
    without_projection_onto_itself,
)
from electra_pretrain.convert.names import from_hugging_face, to_hugging_face
from electra_pretrain.convert.source_config import as_fields, check_agree, fields_from_shapes
from electra_pretrain.convert.tensor_files import read_tensors
from electra_pretrain.core import files, json_files, typed
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.typed import Share, Size
from electra_pretrain.tokenization.model_folder import read_shared

FAMILIES = {family.model_type: family for family in (BERT, ALBERT, DISTILBERT)}
_FIXED = {**FIXED, "inner_group_num": 1, "sinusoidal_pos_embds": False}
# What is no part of a masked language model here: buffers, and heads of other tasks.
_LEFT_OUT = re.compile(r".*\.position_ids|(.*\.)?pooler(\..*)?|cls\.seq_relationship\..*|sop_classifier\..*")
_TABLE_AGAIN = ("cls.predictions.decoder.weight", "predictions.decoder.weight", "vocab_projector.weight")
_BIAS_AGAIN = ("cls.predictions.decoder.bias", "predictions.decoder.bias")
_OF_MASKED_LM = ("electra/", "generator_predictions/")
_OLD_ENDS = {"LayerNorm.gamma": "LayerNorm.weight", "LayerNorm.beta": "LayerNorm.bias"}


class _Stated(NamedTuple):
    """What is read of `config.json`, by ELECTRA's keys; other keys of it never are."""

    num_hidden_layers: Size
    hidden_size: Size
    intermediate_size: Size
    num_attention_heads: Size
    max_position_embeddings: Size
    vocab_size: Size
    embedding_size: Size | None = None
    num_hidden_groups: Size | None = None
    hidden_dropout_prob: Share | None = None
    attention_probs_dropout_prob: Share | None = None


def family_in(folder: str) -> Family | None:
    """Return the family of the Hugging Face model in a folder; None where it holds none of these.

    Raises:
        UserError: its `config.json` is no JSON object.
    """
    path = files.join(folder, "config.json")
    return FAMILIES.get(str(json_files.read_object(path).get("model_type"))) if files.exists(path) else None


def read_masked_lm(folder: str) -> Pretrained:
    """Read a masked language model, or such a network without its head.

    Raises:
        UserError: a file is missing or damaged, or the model is one that no network here computes.
    """
    family = family_in(folder)
    if family is None:
        raise UserError(f"{folder}: holds no model of {', '.join(FAMILIES)} that config.json tells of")
    stated = _read_config(folder, family)
    values = _read_weights(folder, family)
    shown = fields_from_shapes(folder, values)
    check_agree(files.join(folder, "config.json"), stated, shown)
    case = read_case(folder)
    return Pretrained(
        origin=folder,
        values=values,
        fields={
            **stated,
            **shown,
            "objective.electra_objective": False,
            **({} if case is None else {"data.do_lower_case": case.do_lower_case}),
        },
        vocabulary=read_shared(folder, None),
        strip_accents=None if case is None else case.strip_accents,
    )


def _read_config(folder: str, family: Family) -> dict[str, Any]:
    path = files.join(folder, "config.json")
    values = settings_by_our_names(json_files.read_object(path), family)
    check_fixed(path, values, _FIXED)
    return as_fields(typed.read_known(_Stated, values, typed.Place(path))._asdict())


def _read_weights(folder: str, family: Family) -> dict[str, np.ndarray]:
    path, tensors = read_tensors(folder, "model")
    tensors = {_by_todays_name(name): tensor for name, tensor in tensors.items()}
    if not any(name.startswith(f"{family.prefix}.") for name in tensors):  # the network's own class, without a head
        tensors = {f"{family.prefix}.{name}": tensor for name, tensor in tensors.items()}
    tensors = {name: tensor for name, tensor in tensors.items() if not _LEFT_OUT.fullmatch(name)}
    check_numbers(path, tensors)
    again = {name: tensors.pop(name) for name in (*_TABLE_AGAIN, *_BIAS_AGAIN) if name in tensors}
    if family is ALBERT:
        tensors = without_projection_onto_itself(tensors, folder)
    values, unknown = {}, []
    for name, tensor in tensors.items():
        as_electra = from_family(name, family)
        released, transposed = from_hugging_face(as_electra, "electra")
        if to_hugging_face(released) != (as_electra, transposed) or not released.startswith(_OF_MASKED_LM):
            unknown.append(name)
        values[released] = np.ascontiguousarray(tensor.T) if transposed else tensor
    if unknown:
        raise UserError(f"{folder}: left over: {listed(unknown)}; give a model of {family.architecture}")
    for name, tensor in again.items():
        own = "generator_predictions/output_bias" if name in _BIAS_AGAIN else "electra/embeddings/word_embeddings"
        if own not in values or not np.array_equal(tensor, values[own]):
            raise UserError(f"{folder}: {name} is not {listed([own])}; a model here has them as one")
    return values


def _by_todays_name(name: str) -> str:
    """Return the name of a weight that the first releases of BERT called otherwise."""
    return next((name.removesuffix(old) + new for old, new in _OLD_ENDS.items() if name.endswith(old)), name)

"""A masked language model alone as Hugging Face knows it: one table of names a family, used both ways.

BERT has no projection between embeddings and blocks; a network with one is exported as ELECTRA's generator, which has the
same layers under other names. Where blocks share weights it is ALBERT, without token types DistilBERT.
"""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from electra_pretrain.config.schema import Config
from electra_pretrain.core.errors import UserError

_ALBERTS_MAPPING = "albert.encoder.embedding_hidden_mapping_in"
_GROUP = ("electra.encoder.group_{}.", "albert.encoder.albert_layer_groups.{}.albert_layers.0.")


class Family(NamedTuple):
    """How a family of masked language models is called in `transformers`.

    Attributes:
        architecture: its class with a head.
        model_type: in `config.json`.
        prefix: of the names of its network, before a dot; without the head's class, names lack it.
        pairs: (ELECTRA's, its own) parts of names, applied in this order; each line undoes itself from right to left.
    """

    architecture: str
    model_type: str
    prefix: str
    pairs: tuple[tuple[str, str], ...]


BERT = Family(
    "BertForMaskedLM",
    "bert",
    "bert",
    (
        ("electra.", "bert."),
        ("generator_predictions.", "cls.predictions.transform."),
        ("generator_lm_head.bias", "cls.predictions.bias"),
    ),
)
ALBERT = Family(
    "AlbertForMaskedLM",
    "albert",
    "albert",
    (
        ("electra.embeddings_project.", f"{_ALBERTS_MAPPING}."),
        ("electra.embeddings.", "albert.embeddings."),
        *((f".attention.self.{part}.", f".attention.{part}.") for part in ("query", "key", "value")),
        *((f".attention.output.{part}.", f".attention.{part}.") for part in ("dense", "LayerNorm")),
        (".intermediate.dense.", ".ffn."),
        (".output.dense.", ".ffn_output."),
        (".output.LayerNorm.", ".full_layer_layer_norm."),
        ("generator_predictions.", "predictions."),
        ("generator_lm_head.bias", "predictions.bias"),
    ),
)
DISTILBERT = Family(
    "DistilBertForMaskedLM",
    "distilbert",
    "distilbert",
    (
        ("electra.embeddings.", "distilbert.embeddings."),
        ("electra.encoder.layer.", "distilbert.transformer.layer."),
        *((f".attention.self.{part}.", f".attention.{part[0]}_lin.") for part in ("query", "key", "value")),
        (".attention.output.dense.", ".attention.out_lin."),
        (".attention.output.LayerNorm.", ".sa_layer_norm."),
        (".intermediate.dense.", ".ffn.lin1."),
        (".output.dense.", ".ffn.lin2."),
        (".output.LayerNorm.", ".output_layer_norm."),
        ("generator_predictions.dense.", "vocab_transform."),
        ("generator_predictions.LayerNorm.", "vocab_layer_norm."),
        ("generator_lm_head.bias", "vocab_projector.bias"),
    ),
)
_ELECTRA_ONLY = ("summary_type", "summary_use_proj", "summary_activation", "summary_last_dropout")
# (ours, DistilBERT's) keys of `config.json`.
_DISTILBERTS_KEYS = {
    "num_hidden_layers": "n_layers",
    "hidden_size": "dim",
    "intermediate_size": "hidden_dim",
    "num_attention_heads": "n_heads",
    "hidden_act": "activation",
    "hidden_dropout_prob": "dropout",
    "attention_probs_dropout_prob": "attention_dropout",
}
_NOT_DISTILBERTS = ("embedding_size", "type_vocab_size", "layer_norm_eps", "position_embedding_type")


def family_of(config: Config) -> Family | None:
    """Return the family that computes what the config's masked language model does; None: it is an ElectraForMaskedLM."""
    if config.model.num_hidden_groups:
        return ALBERT
    if config.model.embedding_size != config.model.hidden_size:
        return None
    return BERT if config.model.type_vocab_size else DISTILBERT


def as_masked_lm(
    tensors: dict[str, np.ndarray], settings: dict[str, Any], config: Config
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Rename weights and `config.json` of an ElectraForMaskedLM as the config's family has them."""
    family = family_of(config)
    if family is None:
        return tensors, settings
    renamed = {to_family(name, family): tensor for name, tensor in tensors.items()}
    assert len(renamed) == len(tensors), "two weights share a name"
    settings = {key: value for key, value in settings.items() if key not in _ELECTRA_ONLY}
    settings |= {"architectures": [family.architecture], "model_type": family.model_type}
    if family is BERT:
        del settings["embedding_size"]
    elif family is ALBERT:
        renamed |= _projection_onto_itself(config)
        groups = {"num_hidden_groups": config.model.num_hidden_groups, "inner_group_num": 1}
        settings |= {**groups, "classifier_dropout_prob": config.model.hidden_dropout_prob}
    else:
        kept = {key: value for key, value in settings.items() if key not in _NOT_DISTILBERTS}
        settings = {_DISTILBERTS_KEYS.get(key, key): value for key, value in kept.items()}
        settings |= {"sinusoidal_pos_embds": False, "qa_dropout": 0.1, "seq_classif_dropout": 0.2}
    return renamed, settings


def _projection_onto_itself(config: Config) -> dict[str, np.ndarray]:
    """Return ALBERT's projection where there is none here: it always has one."""
    size = config.model.hidden_size
    if config.model.embedding_size != size:
        return {}
    return {
        f"{_ALBERTS_MAPPING}.weight": np.eye(size, dtype=np.float32),
        f"{_ALBERTS_MAPPING}.bias": np.zeros(size, np.float32),
    }


def without_projection_onto_itself(tensors: Mapping[str, np.ndarray], folder: str) -> dict[str, np.ndarray]:
    """Undo `_projection_onto_itself`, of ALBERT's own names.

    Raises:
        UserError: sizes are equal, and it projects all the same: no network here does.
    """
    weight, bias = (tensors.get(f"{_ALBERTS_MAPPING}.{part}") for part in ("weight", "bias"))
    if weight is None or weight.shape[0] != weight.shape[1]:
        return dict(tensors)
    if bias is None or bias.any() or not np.array_equal(weight, np.eye(len(weight))):
        raise UserError(f"{folder}: {_ALBERTS_MAPPING} projects onto the same size; no network here has such a layer")
    return {name: tensor for name, tensor in tensors.items() if not name.startswith(_ALBERTS_MAPPING)}


def to_family(name: str, family: Family) -> str:
    """Return the family's name of a weight, given ElectraForMaskedLM's."""
    ours, theirs = _GROUP
    name = re.sub(re.escape(ours).replace(r"\{\}", r"(\d+)"), theirs.replace("{}", r"\1"), name)
    for own, other in family.pairs:
        name = name.replace(own, other)
    return name


def from_family(name: str, family: Family) -> str:
    """Return ElectraForMaskedLM's name of a weight, given the family's; of a name that it does not have, another such."""
    for own, other in reversed(family.pairs):
        name = name.replace(other, own)
    ours, theirs = _GROUP
    return re.sub(re.escape(theirs).replace(r"\{\}", r"(\d+)"), ours.replace("{}", r"\1"), name)


def settings_by_our_names(settings: Mapping[str, Any], family: Family) -> dict[str, Any]:
    """Return what a family's `config.json` holds, by the keys that ELECTRA's has; embeddings as wide as the rest are stated."""
    if family is DISTILBERT:
        ours = {theirs: own for own, theirs in _DISTILBERTS_KEYS.items()}
        settings = {ours.get(key, key): value for key, value in settings.items()}
    if family is not ALBERT and "hidden_size" in settings:
        settings = {**settings, "embedding_size": settings["hidden_size"]}
    return dict(settings)

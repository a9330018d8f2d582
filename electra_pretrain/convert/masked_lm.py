"""A masked language model alone as Hugging Face knows it: BERT, ALBERT where blocks share weights, or ELECTRA's generator.

BERT has no projection between embeddings and blocks; a network with one is exported as ELECTRA's generator, which has the
same layers under other names.
"""

import re
from typing import Any

import numpy as np

from electra_pretrain.config.schema import Config

# (ELECTRA's name, the other's), patterns applied to a whole name in this order.
_BERT = (
    (r"^electra\.", "bert."),
    (r"^generator_predictions\.", "cls.predictions.transform."),
    (r"^generator_lm_head\.bias$", "cls.predictions.bias"),
)
_ALBERT = (
    (r"^electra\.embeddings_project\.", "albert.encoder.embedding_hidden_mapping_in."),
    (r"^electra\.embeddings\.", "albert.embeddings."),
    (r"^electra\.encoder\.group_(\d+)\.", r"albert.encoder.albert_layer_groups.\1.albert_layers.0."),
    (r"\.attention\.self\.", ".attention."),
    (r"\.attention\.output\.", ".attention."),
    (r"\.intermediate\.dense\.", ".ffn."),
    (r"\.output\.dense\.", ".ffn_output."),
    (r"\.output\.LayerNorm\.", ".full_layer_layer_norm."),
    (r"^generator_predictions\.", "predictions."),
    (r"^generator_lm_head\.bias$", "predictions.bias"),
)
_ELECTRA_ONLY = ("summary_type", "summary_use_proj", "summary_activation", "summary_last_dropout")


def architecture(config: Config) -> str:
    """Name the class in `transformers` that computes what the config's masked language model does."""
    if config.model.num_hidden_groups:
        return "AlbertForMaskedLM"
    return "BertForMaskedLM" if config.model.embedding_size == config.model.hidden_size else "ElectraForMaskedLM"


def as_masked_lm(
    tensors: dict[str, np.ndarray], settings: dict[str, Any], config: Config
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Rename weights and `config.json` of an ElectraForMaskedLM as `architecture(config)` has them."""
    name = architecture(config)
    settings = {**settings, "architectures": [name]}
    if name == "ElectraForMaskedLM":
        return tensors, settings
    settings = {key: value for key, value in settings.items() if key not in _ELECTRA_ONLY}
    if name == "BertForMaskedLM":
        del settings["embedding_size"]
        return _renamed(tensors, _BERT), {**settings, "model_type": "bert"}
    return _albert_tensors(tensors, config), {
        **settings,
        "model_type": "albert",
        "num_hidden_groups": config.model.num_hidden_groups,
        "inner_group_num": 1,
        "classifier_dropout_prob": config.model.hidden_dropout_prob,
    }


def _albert_tensors(tensors: dict[str, np.ndarray], config: Config) -> dict[str, np.ndarray]:
    renamed = _renamed(tensors, _ALBERT)
    if config.model.embedding_size == config.model.hidden_size:
        # ALBERT always projects: here onto itself.
        size, mapping = config.model.hidden_size, "albert.encoder.embedding_hidden_mapping_in"
        renamed |= {f"{mapping}.weight": np.eye(size, dtype=np.float32), f"{mapping}.bias": np.zeros(size, np.float32)}
    return renamed


def _renamed(tensors: dict[str, np.ndarray], patterns: tuple[tuple[str, str], ...]) -> dict[str, np.ndarray]:
    renamed = {}
    for name, tensor in tensors.items():
        for pattern, replacement in patterns:
            name = re.sub(pattern, replacement, name)
        renamed[name] = tensor
    assert len(renamed) == len(tensors), "two weights share a name"
    return renamed

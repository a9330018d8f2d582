"""Write Hugging Face directories, `discriminator/`, `generator/`, `masked_lm/`, without `transformers`."""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from electra_pretrain.checkpoint.difference import summed
from electra_pretrain.checkpoint.misfits import listed
from electra_pretrain.checkpoint.names import is_optimizer_value
from electra_pretrain.checkpoint.weight_files import SAFETENSORS_NAME
from electra_pretrain.config.schema import Config
from electra_pretrain.convert.masked_lm import as_masked_lm
from electra_pretrain.convert.model_card import CardFacts, model_card
from electra_pretrain.convert.names import discriminator_names, generator_names, to_hugging_face
from electra_pretrain.convert.tensor_files import safetensors_bytes
from electra_pretrain.core import files
from electra_pretrain.core.batch import SPECIAL_TOKENS
from electra_pretrain.core.errors import UserError
from electra_pretrain.model.encoder import Sizes, discriminator_sizes, generator_sizes
from electra_pretrain.model.layers import LAYER_NORM_EPSILON
from electra_pretrain.tokenization import wordpiece
from electra_pretrain.tokenization.tokenizer import Tokenizer

MASKED_LM = "masked_lm"  # the only network of a run without a discriminator
ARCHITECTURES = {"discriminator": "ElectraForPreTraining", "generator": "ElectraForMaskedLM", MASKED_LM: "ElectraForMaskedLM"}


def write_hugging_face(
    output: str,
    weights: Mapping[str, np.ndarray],
    config: Config,
    tokenizer: Tokenizer,
    facts: CardFacts,
    dtype: str = "float32",
    with_generator: bool = True,
) -> list[str]:
    """Write the directories of the networks that the config trains.

    Args:
        output: folder to write them to; what lies there under the same names is replaced.
        weights: released name -> value; moments and `global_step` may be among them.
        config: of the run.
        tokenizer: of the run's records.
        facts: for the model card.
        dtype: of the weights written: "float32", "bfloat16" or "float16".
        with_generator: False where the generator among the weights is none that was trained.

    Returns:
        The directories written.

    Raises:
        UserError: a weight is beyond the dtype's range or not a number, or the output cannot be written.
    """
    trained = {name: weights[name] for name in sorted(weights) if not is_optimizer_value(name)}
    discriminators = summed(trained)
    for each in (trained, discriminators):
        _check_range(each, dtype)
    written = []
    for kind, (names, sizes) in _networks(list(discriminators), config, with_generator).items():
        own = discriminators if kind == "discriminator" else trained
        tensors = state_dict({name: own[name] for name in names})
        settings = hugging_face_config(kind, sizes, config, tokenizer, dtype)
        if kind == MASKED_LM:
            tensors, settings = as_masked_lm(tensors, settings, config)
        folder = files.join(output, kind)
        files.make_dirs(folder)
        contents = {
            "config.json": to_json(settings),
            "tokenizer.json": tokenizer.to_json(),
            "tokenizer_config.json": to_json(tokenizer_config(config, tokenizer)),
            "special_tokens_map.json": to_json(_special_tokens()),
            "README.md": model_card(kind, config, facts),
        }
        for name, text in contents.items():
            files.write_text(files.join(folder, name), text)
        files.write_bytes(files.join(folder, tokenizer.file_name), tokenizer.file_content)
        files.write_bytes(files.join(folder, SAFETENSORS_NAME), safetensors_bytes(tensors, dtype))
        written.append(folder)
    return written


def _networks(trained: list[str], config: Config, with_generator: bool) -> dict[str, tuple[list[str], Sizes]]:
    """Tell which weights make up which network, and its sizes."""
    own = discriminator_sizes(config)
    if not config.objective.has_discriminator:
        return {MASKED_LM: (trained, own)}
    networks = {"discriminator": (discriminator_names(trained), own)}
    if with_generator and no_generator_because(config) is None:
        sizes = generator_sizes(config) if config.objective.untied_generator else own
        networks["generator"] = (generator_names(trained), sizes)
    return networks


def no_generator_because(config: Config) -> str | None:
    """Say why an export holds no generator; None where it does."""
    if config.objective.uniform_generator:
        return "uniform replacements have none"
    if config.objective.two_tower_generator:
        return "two towers have no counterpart in transformers"
    if config.distillation is not None and config.objective.has_discriminator:
        return "a student learns on the samples of its teacher's generator"
    return None


def to_json(values: dict[str, Any]) -> str:
    return json.dumps(values, ensure_ascii=False, indent=2) + "\n"


def state_dict(weights: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Turn one network's released weights into Hugging Face name -> value."""
    state = {}
    for released, value in weights.items():
        name, transposed = to_hugging_face(released)
        assert name not in state, f"two weights for {name}"
        state[name] = np.ascontiguousarray(value.T if transposed else value)
    return state


def hugging_face_config(
    kind: str, sizes: Sizes, config: Config, tokenizer: Tokenizer, dtype: str = "float32"
) -> dict[str, Any]:
    """Return the content of an ElectraConfig's `config.json`; `as_masked_lm` makes others of it."""
    return {
        "architectures": [ARCHITECTURES[kind]],
        "model_type": "electra",
        **sizes._asdict(),
        "vocab_size": tokenizer.vocab_size,
        "max_position_embeddings": config.model.max_position_embeddings,
        "type_vocab_size": config.model.type_vocab_size,
        "hidden_act": "gelu",
        "hidden_dropout_prob": config.model.hidden_dropout_prob,
        "attention_probs_dropout_prob": config.model.attention_probs_dropout_prob,
        "initializer_range": config.model.initializer_range,
        "layer_norm_eps": LAYER_NORM_EPSILON,
        "pad_token_id": tokenizer.special_ids.pad,
        "position_embedding_type": "absolute",
        "summary_type": "first",
        "summary_use_proj": True,
        "summary_activation": "gelu",
        "summary_last_dropout": 0.1,
        "tie_word_embeddings": True,
        "dtype": dtype,
    }


def tokenizer_config(config: Config, tokenizer: Tokenizer) -> dict[str, Any]:
    """Return the content of `tokenizer_config.json`.

    Case and accents are always written, since other defaults turn Korean into [UNK].
    """
    is_wordpiece, has_types = tokenizer.type == wordpiece.TYPE, bool(config.model.type_vocab_size)
    return {
        # The class that takes tokenizer.json as it is.
        "tokenizer_class": "PreTrainedTokenizerFast",
        # By this, in transformers 5, BertTokenizer and ElectraTokenizer take it as it is, too: without it they take the
        # vocabulary alone and build the rest anew, as WordPiece without NFC. There is no code here, so none is trusted.
        "trust_remote_code": True,
        "do_lower_case": tokenizer.do_lower_case,
        "strip_accents": tokenizer.strip_accents,
        "tokenize_chinese_chars": is_wordpiece,
        "model_max_length": config.model.max_position_embeddings,
        "model_input_names": ["input_ids", *(["token_type_ids"] if has_types else []), "attention_mask"],
        # WordPiece does not keep where spaces were, and BERT's rules guess; SentencePiece keeps them.
        "clean_up_tokenization_spaces": is_wordpiece,
        **_special_tokens(),
    }


def _special_tokens() -> dict[str, str]:
    return dict(zip(("pad_token", "unk_token", "cls_token", "sep_token", "mask_token"), SPECIAL_TOKENS, strict=True))


def _check_range(weights: dict[str, np.ndarray], dtype: str) -> None:
    """Refuse values that the dtype cannot hold."""
    largest = 65504.0 if dtype == "float16" else np.finfo(np.float32).max
    # Written so that what is not a number is found too.
    if bad := [name for name, value in weights.items() if not np.all(np.abs(value) <= largest)]:
        raise UserError(f"--dtype {dtype}: a weight is larger than {largest:g} or not a number, in {listed(bad)}")

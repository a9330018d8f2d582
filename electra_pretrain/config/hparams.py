"""Hyperparameter files of the released ELECTRA code, flat JSON as KoELECTRA published its own, as a config of ours.

Keys are those of the released `configure_pretraining.py`. What a file leaves out is as in KoELECTRA's copy of it: base, 32,200
tokens, cased, and for base and large the values of the paper's table 6.
"""

import dataclasses
import os
from typing import Any

from electra_pretrain.config.kinds import HPARAMS, refuse_others
from electra_pretrain.config.load import resolve
from electra_pretrain.config.retired import RETIRED
from electra_pretrain.config.schema import SECTIONS, Config
from electra_pretrain.core import json_files, typed
from electra_pretrain.core.errors import UserError, nearest
from electra_pretrain.core.json_files import shown

_SIZE_FIELDS = ("num_hidden_layers", "hidden_size", "embedding_size", "intermediate_size", "num_attention_heads")
SIZES = {
    "small": dict(zip(_SIZE_FIELDS, (12, 256, 128, 1024, 4), strict=True)),
    "base": dict(zip(_SIZE_FIELDS, (12, 768, 768, 3072, 12), strict=True)),
    "large": dict(zip(_SIZE_FIELDS, (24, 1024, 1024, 4096, 16), strict=True)),
}
DEFAULT_SIZE = "base"
# What a size brings with it unless the file says otherwise.
_OF_SIZE: dict[str, dict[str, Any]] = {
    "small": {"max_seq_length": 128, "train_batch_size": 128, "learning_rate": 5e-4, "generator_hidden_size": 0.25},
    "base": {"max_seq_length": 512, "train_batch_size": 256, "learning_rate": 2e-4, "generator_hidden_size": 1 / 3},
    "large": {
        "max_seq_length": 512,
        "train_batch_size": 2048,
        "learning_rate": 2e-4,
        "generator_hidden_size": 0.25,
        "mask_prob": 0.25,
    },
}
# Our fields have the released names, so that most keys are one of them.
_SECTION_OF = {
    field.name: section for section in SECTIONS if section != "model" for field in dataclasses.fields(SECTIONS[section])
} | {name: section for section, fields in RETIRED.items() for name in fields}
_OVERRIDABLE = (*_SIZE_FIELDS, "max_position_embeddings", "initializer_range")
_DROPOUTS = ("hidden_dropout_prob", "attention_probs_dropout_prob")
# The released code's own, before a size brings others.
_DEFAULT_MASK_PROB, _DEFAULT_LENGTH = 0.15, 128
# The only values that the networks here have.
_FIXED = {"hidden_act": "gelu", "type_vocab_size": 2}
# Keys that say where, not what: a command's options here.
_ELSEWHERE = {
    "tpu_name": "give --tpu NAME",
    "tpu_zone": "give --tpu_zone ZONE",
    "gcp_project": "give --gcp_project PROJECT",
    "num_tpu_cores": "the TPU's own number is used",
    "tpu_job_name": "not needed",
    "pretrain_tfrecords": "give --data FOLDER, made by build_data",
    "vocab_file": "give --vocab FILE to build_data; a run takes the vocabulary from its records",
    "data_dir": "give --data FOLDER, made by build_data",
    "model_name": "give --model_dir FOLDER",
    "model_dir": "give --model_dir FOLDER",
    "results_txt": "metrics lie in the run's folder, metrics.jsonl",
    "results_pkl": "metrics lie in the run's folder, metrics.jsonl",
    "do_train": "run_pretraining trains",
    "do_eval": "run_pretraining scores held-out records at each checkpoint, evaluate_pretraining any checkpoint",
    "debug": "--config tiny.json is for a first look",
    "max_predictions_per_seq": "follows from mask_prob and max_seq_length",
}


def load_hparams(path: str, overrides: list[str]) -> tuple[Config, list[str]]:
    """Load a hyperparameter file with `section.field=value` overrides: the config, and a line on what became of each key.

    Raises:
        UserError: no such file, not JSON, a key that the released code does not have either, or a value that is refused.
    """
    hparams, place = json_files.read_object(path), typed.Place(path)
    refuse_others(hparams, path, HPARAMS)
    known = {*_SECTION_OF, *_ELSEWHERE, "model_size", "model_hparam_overrides", "embedding_size", "use_tpu"}
    for key in hparams:
        if key not in known:
            meant = nearest(key, sorted(known))
            raise UserError(
                f"{path}: {shown(key)} is no hyperparameter of the released ELECTRA code; mend or remove it ({meant})"
            )
    notes = f"From {os.path.basename(path)}, hyperparameters of the released ELECTRA code."
    values: dict[str, Any] = {"notes": notes, **{section: {} for section in SECTIONS}}
    lines = [*_model(hparams, values, place), *_fields(hparams, values)]
    if "use_tpu" in hparams:
        dtype = "bfloat16" if typed.read(bool, hparams["use_tpu"], place.field("use_tpu")) else "float32"
        values["training"]["compute_dtype"] = dtype
        lines.append(f"use_tpu = {shown(hparams['use_tpu'])} -> training.compute_dtype = {dtype}; where to train says --tpu")
    lines += [f"{key} = {shown(hparams[key])}: ignored; {_ELSEWHERE[key]}" for key in hparams if key in _ELSEWHERE]
    lines += _masked_slots(hparams, values)
    return resolve(values, overrides, path), lines


def _model(hparams: dict[str, Any], values: dict[str, Any], place: typed.Place) -> list[str]:
    """Fill in the network's sizes and what they bring with them."""
    given = {"model_size": DEFAULT_SIZE, "model_hparam_overrides": {}, **hparams}
    size = typed.read(str, given["model_size"], place.field("model_size"))
    if size not in SIZES:
        raise UserError(f"{place.field('model_size')} = {shown(size)}: must be {', '.join(SIZES)}")
    overrides = place.field("model_hparam_overrides")
    changes = typed.read(dict[str, Any], given["model_hparam_overrides"], overrides)
    typed.refuse_unknown(changes, (*_OVERRIDABLE, *_DROPOUTS, *_FIXED), overrides)
    for key, value in changes.items():
        if key in _FIXED and value != _FIXED[key]:
            raise UserError(f"{overrides.field(key)} = {shown(value)}: can only be {shown(_FIXED[key])} here")
    model = {**SIZES[size], **{key: value for key, value in changes.items() if key not in _FIXED}}
    if size != "small" and "embedding_size" not in changes:
        model["embedding_size"] = model["hidden_size"]
    if "embedding_size" in hparams and hparams["embedding_size"] is not None:
        model["embedding_size"] = hparams["embedding_size"]
    values["model"] = model
    for key, value in _OF_SIZE[size].items():
        values[_SECTION_OF[key]][key] = value
    unsaid = "" if "model_size" in hparams else " (not in the file; KoELECTRA's default, where the released code's is small)"
    sizes = ", ".join(f"{key} {model[key]}" for key in _SIZE_FIELDS)
    lines = [f"model_size = {size}{unsaid} -> model: {sizes}"]
    lines += [f"{key} is not in the file: {value:g}, as {size}" for key, value in _OF_SIZE[size].items() if key not in hparams]
    lines += [f"model_hparam_overrides: {key} = {shown(changes[key])} -> model.{key}" for key in changes if key not in _FIXED]
    return lines


def _fields(hparams: dict[str, Any], values: dict[str, Any]) -> list[str]:
    """Fill in the fields that have the same name; a line for each."""
    lines = []
    for key, section in _SECTION_OF.items():
        if key in hparams:
            value, became = hparams[key], f"{section}.{key}"
            if key == "generator_hidden_size" and value == 0.33:
                # As the tables round it: 0.33 of 768 are 253, which cannot be split into heads.
                value, became = 1 / 3, f"{became} = 1/3"
            values[section][key] = value
            lines.append(f"{key} = {shown(hparams[key])} -> {became}")
    return lines


def _masked_slots(hparams: dict[str, Any], values: dict[str, Any]) -> list[str]:
    """Tell where the released code masks fewer tokens than its own settings say, or more.

    Its configure_pretraining.py counts max_predictions_per_seq from the file and its defaults, and only then has model_size
    change max_seq_length (and, of large, mask_prob), where the file leaves them out.
    """
    before = {"mask_prob": _DEFAULT_MASK_PROB, "max_seq_length": _DEFAULT_LENGTH, **hparams}
    after = {"mask_prob": _DEFAULT_MASK_PROB, **values["objective"], **values["data"]}
    counted, meant = (_slots(each["mask_prob"], each["max_seq_length"]) for each in (before, after))
    if counted == meant:
        return []
    return [
        f"masked slots: {meant} of {after['max_seq_length']} tokens, by mask_prob {after['mask_prob']}; the released code has "
        f"{counted} with this file, since it counts them by mask_prob {before['mask_prob']} and max_seq_length "
        f"{before['max_seq_length']} before model_size changes what the file leaves out"
    ]


def _slots(mask_prob: Any, max_seq_length: Any) -> int | None:
    """Count as the released code does; None of what is no such number, which is refused elsewhere."""
    try:
        return int((mask_prob + 0.005) * max_seq_length)
    except (TypeError, ValueError, OverflowError):
        return None

"""Weights that are not the config's, or no numbers, are named instead of fine-tuned."""

import json
import shutil

import numpy as np
import pytest
import torch
import transformers
from safetensors.numpy import load_file, save_file

from electra_pretrain.core.errors import UserError
from electra_pretrain.finetuning import models
from electra_pretrain.finetuning.registry import find_task
from tests.support.finetune_data import VOCAB, make_model

QUERY = "electra.encoder.layer.0.attention.self.query.weight"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return make_model(tmp_path_factory.mktemp("model"))


def load(folder):
    transformers.logging.set_verbosity_error()
    return models.load_model(str(folder), models.read_config(str(folder)), find_task("nsmc"), len(VOCAB))


def edit_config(folder, **fields):
    path = folder / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **fields}))


def edit_weights(folder, change):
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def as_bin(folder, change):
    weights = {name: torch.tensor(value) for name, value in load_file(folder / "model.safetensors").items()}
    change(weights)
    torch.save(weights, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def as_list(folder, values):
    torch.save(values, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()


def first_is(value):
    return lambda weights: weights[QUERY].__setitem__((0, 0), value)


FAULTS = {
    "another intermediate_size": (
        lambda folder: edit_config(folder, intermediate_size=48),
        r"model.safetensors: electra.encoder.layer.0.intermediate.dense.bias has shape \[64\], its config.json asks for "
        r"\[48\], and 5 more; put back the config.json",
    ),
    "a layer less": (
        lambda folder: edit_config(folder, num_hidden_layers=1),
        "model.safetensors: holds electra.encoder.layer.1.attention.output.LayerNorm.bias and 15 more, of an encoder that",
    ),
    "a layer more": (
        lambda folder: edit_config(folder, num_hidden_layers=3),
        "lack 16 of the encoder, electra.encoder.layer.2.",
    ),
    "NaN": (
        lambda folder: edit_weights(folder, first_is(np.nan)),
        f"model.safetensors: holds values that are not finite, in {QUERY};",
    ),
    "infinite": (
        lambda folder: as_bin(folder, first_is(np.inf)),
        f"pytorch_model.bin: holds values that are not finite, in {QUERY};",
    ),
    "whole numbers": (
        lambda folder: edit_weights(folder, lambda weights: weights.update({QUERY: weights[QUERY].astype(np.int8)})),
        f"model.safetensors: holds whole numbers, in {QUERY};",
    ),
    "complex numbers": (
        lambda folder: edit_weights(folder, lambda weights: weights.update({QUERY: weights[QUERY].astype(np.complex64)})),
        f"model.safetensors: holds complex numbers, in {QUERY};",
    ),
    "complex numbers in a .bin": (
        lambda folder: as_bin(folder, lambda weights: weights.update({QUERY: weights[QUERY].to(torch.complex64)})),
        f"pytorch_model.bin: holds complex numbers, in {QUERY};",
    ),
    "a list in a .bin": (
        lambda folder: as_list(folder, []),
        "pytorch_model.bin: is no file of tensors alone, by their names; fetch it again",
    ),
    "whole numbers in a .bin": (
        lambda folder: as_bin(folder, lambda weights: weights.update({QUERY: weights[QUERY].int()})),
        f"pytorch_model.bin: holds whole numbers, in {QUERY};",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_is_wrong_is_named_by_file_and_weight(model, tmp_path, fault):
    spoil, message = FAULTS[fault]
    folder = tmp_path / "model"
    shutil.copytree(model, folder)
    spoil(folder)
    with pytest.raises(UserError, match=message) as raised:
        load(folder)
    assert "\n" not in str(raised.value)


def test_a_buffer_is_no_weight_and_a_pooler_may_be_left_out(model, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(model, folder)
    more = {"electra.embeddings.position_ids": torch.arange(64)[None], "electra.pooler.dense.bias": torch.zeros(32)}
    as_bin(folder, lambda weights: weights.update(more))
    assert load(folder).config.num_labels == 2


def test_shards_are_one_model_and_a_missing_one_is_named(model, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(model, folder)
    (folder / "model.safetensors").rename(folder / "model-1.safetensors")
    names = dict.fromkeys(load_file(folder / "model-1.safetensors"), "model-1.safetensors")
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": names}))
    assert load(folder).config.num_labels == 2
    assert models.identity(str(folder))["model_sha256"] == models.identity(str(model))["model_sha256"]
    index.write_text(json.dumps({"metadata": {}, "weight_map": {**names, QUERY: "model-2.safetensors"}}))
    with pytest.raises(UserError, match=r"index.json: names model-2.safetensors, which does not lie beside it"):
        models.identity(str(folder))


def test_a_tokenizer_of_two_minds_is_refused(model, tmp_path):
    folder = tmp_path / "model"
    shutil.copytree(model, folder)
    models.load_tokenizer(str(folder))
    lines = sorted(json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"].items(), key=lambda item: item[1])
    tokens = [token for token, _ in lines]
    tokens[6], tokens[7] = tokens[7], tokens[6]
    (folder / "vocab.txt").write_text("".join(f"{token}\n" for token in tokens))
    with pytest.raises(UserError, match=r"vocab.txt: is not the vocabulary of .*tokenizer.json: id 6 is .* here, .* there"):
        models.load_tokenizer(str(folder))


def test_the_folder_of_a_run_is_none_of_a_model(tmp_path):
    for name in ("config.json", "run.json"):
        (tmp_path / name).write_text("{}")
    with pytest.raises(UserError, match="has none of model.safetensors, .*; it is the folder of a run or an import: give what"):
        models.identity(str(tmp_path))

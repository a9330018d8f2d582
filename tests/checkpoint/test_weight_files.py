"""Weights in one file or in shards are found, and shards that are missing or another model's are told by name."""

import json

import pytest

from electra_pretrain.checkpoint.weight_files import check_shard, find_weights, instead_of
from electra_pretrain.core.errors import UserError

INDEX = "model.safetensors.index.json"
PLACES = {"a": "model-1.safetensors", "b": "model-2.safetensors", "c": "model-2.safetensors"}


def write_index(folder, places, name=INDEX):
    (folder / name).write_text(json.dumps({"metadata": {"total_size": 3}, "weight_map": places}))


def test_shards_are_found_with_their_tensors(tmp_path):
    assert find_weights(str(tmp_path)) is None
    write_index(tmp_path, PLACES)
    for name in set(PLACES.values()):
        (tmp_path / name).touch()
    found = find_weights(str(tmp_path))
    assert found.path == str(tmp_path / INDEX)
    assert found.shards == {str(tmp_path / "model-1.safetensors"): {"a"}, str(tmp_path / "model-2.safetensors"): {"b", "c"}}
    (tmp_path / "pytorch_model.bin").touch()
    assert find_weights(str(tmp_path)) == found
    (tmp_path / "model.safetensors").touch()
    assert find_weights(str(tmp_path)).shards == {str(tmp_path / "model.safetensors"): None}


@pytest.mark.parametrize(
    ("places", "message"),
    [
        (PLACES, f"{INDEX}: names model-1.safetensors, which does not lie beside it"),
        ({}, f"{INDEX}: weight_map is empty"),
        ({"a": "../model-1.safetensors"}, "must be the plain name of a file"),
        ({"a": 1}, "weight_map.a = 1: must be text"),
    ],
)
def test_an_index_that_leads_nowhere_is_refused(tmp_path, places, message):
    write_index(tmp_path, places)
    with pytest.raises(UserError, match=message):
        find_weights(str(tmp_path))


def test_a_shard_holds_what_its_index_says():
    check_shard("i", "s", frozenset("ab"), frozenset("ab"))
    check_shard("i", "s", None, frozenset("ab"))
    with pytest.raises(UserError, match="s: is not the file that i names: it lacks b; holds besides c and 1 more; fetch both"):
        check_shard("i", "s", frozenset("ab"), frozenset("acd"))


def test_what_to_give_in_place_of_a_folder_without_weights_is_said(tmp_path):
    assert "the folder of a Hugging Face model" in instead_of(str(tmp_path))
    (tmp_path / "run.json").touch()
    assert instead_of(str(tmp_path)) == "it is the folder of a run or an import: give what export_hf makes of it"
    for kind in ("discriminator", "generator"):
        (tmp_path / kind).mkdir()
        assert instead_of(str(tmp_path), kind) == f"did you mean {tmp_path / kind}?"

"""Whether the weights of a model are numbers, and all of them those that its config asks for.

`transformers` casts whole numbers, leaves layers out that the config does not have, and takes what is not finite as it is.
"""

import hashlib
import os
from collections.abc import Mapping
from typing import Any

from electra_pretrain.checkpoint.weight_files import BIN_NAME, SAFETENSORS_NAME, WeightFiles, check_shard, find_weights
from electra_pretrain.core import files
from electra_pretrain.core.errors import UserError, first_of

_BUFFERS = ("position_ids", "token_type_ids")  # whole numbers in every model; weights are none


def check_loaded(model: str, loaded: Any, about: Mapping[str, Any]) -> None:
    """Refuse a model whose weights are not its config's, or no numbers.

    Args:
        model: its folder, or its name on the hub.
        loaded: the model with its new head, by `from_pretrained(…, ignore_mismatched_sizes=True)`.
        about: what that says of the loading.

    Raises:
        UserError: a weight of another shape, missing, left over, of whole or complex numbers, or not finite, with file and
            weight named; or a file that holds other things than tensors.
    """
    found = _weight_files(model)
    path = found.path
    kinds = {name: kind for name, kind in _kinds(found).items() if name.rpartition(".")[2] not in _BUFFERS}
    if wrong := sorted(about["mismatched_keys"]):
        name, has, wanted = wrong[0]
        more = f", and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        raise UserError(
            f"--model {path}: {name} has shape {list(has)}, its config.json asks for {list(wanted)}{more}; put back "
            "the config.json of these weights"
        )
    lost = [name for name in sorted(about["missing_keys"]) if _is_encoders(name, loaded) and ".pooler." not in name]
    if lost:
        raise UserError(f"--model {path}: its weights lack {len(lost)} of the encoder, {lost[0]} the first")
    if extra := [name for name in sorted(about["unexpected_keys"]) if _is_encoders(name, loaded)]:
        raise UserError(
            f"--model {path}: holds {first_of(extra)}, of an encoder that its config.json does not describe; put "
            "back the config.json of these weights"
        )
    if whole := [name for name, kind in kinds.items() if _is_whole(kind)]:
        raise UserError(f"--model {path}: holds whole numbers, in {first_of(whole)}; give a model that is not quantised")
    if complex_ := [name for name, kind in kinds.items() if kind.startswith("C")]:
        raise UserError(f"--model {path}: holds complex numbers, in {first_of(complex_)}; use another model")
    if infinite := [name for name, value in loaded.state_dict().items() if not value.isfinite().all()]:
        raise UserError(f"--model {path}: holds values that are not finite, in {first_of(infinite)}; use another model")


def _is_encoders(name: str, loaded: Any) -> bool:
    """Tell whether a weight belongs to a module of the encoder that the model has, whichever its file calls the encoder."""
    path = name.removeprefix(f"{loaded.base_model_prefix}.").split(".")
    return path[0] in dict(loaded.base_model.named_children()) and path[-1] not in _BUFFERS


def sha256(found: WeightFiles) -> str:
    """Return what tells weights from others: their file's hash, or one of the hashes of all shards."""
    hashes = [files.sha256(shard) for shard in found.shards]
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()


def _weight_files(model: str) -> WeightFiles:
    """Find the files that were loaded; of a model on the hub its copy here, or its name alone if that has several."""
    from huggingface_hub import try_to_load_from_cache

    if os.path.isdir(model):
        return find_weights(model) or WeightFiles(model, {})
    paths = [try_to_load_from_cache(model, name) for name in (SAFETENSORS_NAME, BIN_NAME)]
    path = next((path for path in paths if isinstance(path, str) and os.path.exists(path)), None)
    return WeightFiles(model, {}) if path is None else WeightFiles(path, {path: None})


def _kinds(found: WeightFiles) -> dict[str, str]:
    """Read, without the values, which kind of number each tensor of the files holds.

    Raises:
        UserError: a shard is not the one that its index names.
    """
    kinds: dict[str, str] = {}
    for shard, named in found.shards.items():
        held = _kinds_in(shard)
        check_shard(found.path, shard, named, frozenset(held))
        kinds |= held
    return kinds


def _kinds_in(path: str) -> dict[str, str]:
    if path.endswith(".safetensors"):
        from safetensors import safe_open

        with safe_open(path, framework="numpy") as file:
            return {name: file.get_slice(name).get_dtype() for name in file.keys()}  # noqa: SIM118
    import torch

    found = torch.load(path, map_location="meta", weights_only=True)
    if not isinstance(found, dict) or not all(isinstance(tensor, torch.Tensor) for tensor in found.values()):
        raise UserError(f"--model {path}: is no file of tensors alone, by their names; fetch it again")
    return {name: _kind(tensor) for name, tensor in found.items()}


def _kind(tensor: Any) -> str:
    """Tell the kind of number by the first letter that safetensors has for it."""
    return "F" if tensor.is_floating_point() else "C" if tensor.is_complex() else "I"


def _is_whole(kind: str) -> bool:
    return kind.startswith(("I", "U", "BOOL"))

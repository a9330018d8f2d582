"""Tensors from `model.safetensors` or `pytorch_model.bin`, whole or in shards, read so that nothing in the file is executed.

A `.bin` is a pickle, which can call anything. PyTorch's weights-only reader builds tensors from it and refuses the rest;
there is no reader of our own, so that such a file needs PyTorch.
"""

import io
import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from electra_pretrain.checkpoint.weight_files import NAMES, SAFETENSORS_NAME, check_shard, find_weights, instead_of
from electra_pretrain.core import files, optional
from electra_pretrain.core.errors import UserError

# The weights-only reader of earlier releases could be led to execute code (CVE-2025-32434).
_OLDEST_SAFE_TORCH = (2, 6)
# No weight is one, but a buffer may be; by safetensors' names.
_WHOLE_NUMBERS = {"BOOL": "?", "U8": "u1", "I8": "i1", "I16": "<i2", "I32": "<i4", "I64": "<i8"}


class Tensors(NamedTuple):
    """A model's tensors by name, in float32; those that are no floating-point numbers as they are. `path`: of file or index."""

    path: str
    values: dict[str, np.ndarray]


def read_tensors(folder: str, kind: str) -> Tensors:
    """Read all tensors in a Hugging Face model's folder; safetensors come first.

    Args:
        folder: of the model.
        kind: of network that is wanted: "discriminator" or "generator".

    Raises:
        UserError: there is no such file, it is damaged or no tensor file, or PyTorch is needed and missing or too old.
    """
    if not files.is_dir(folder):
        what = f"is a file; give the {kind}'s folder" if files.exists(folder) else f"no such folder; give the {kind}'s"
        raise UserError(f"{folder}: {what}")
    found = find_weights(folder)
    if found is None:
        raise UserError(f"{folder}: holds none of {', '.join(NAMES)}; {instead_of(folder, kind)}")
    tensors: dict[str, np.ndarray] = {}
    for shard, named in found.shards.items():
        held = _read_safetensors(shard) if shard.endswith(".safetensors") else _read_bin(shard)
        check_shard(found.path, shard, named, frozenset(held))
        tensors |= held
    return Tensors(found.path, tensors)


def safetensors_bytes(tensors: Mapping[str, np.ndarray], dtype: str) -> bytes:
    """Return the content of a `model.safetensors`.

    Args:
        tensors: float32, by name.
        dtype: "float32", "bfloat16" or "float16".
    """
    from safetensors.numpy import save

    kind = _dtypes()[dtype]
    return save({name: np.ascontiguousarray(tensor, kind) for name, tensor in tensors.items()}, metadata={"format": "pt"})


def rounded(tensor: np.ndarray, dtype: str) -> np.ndarray:
    """Return a float32 tensor's values as a file of the dtype holds them, in float32."""
    return _in_float32(tensor.astype(_dtypes()[dtype]))


def _dtypes() -> dict[str, np.dtype]:
    """Return the kinds of floating-point numbers by name; every number of theirs but float64's is one in float32, too."""
    import ml_dtypes

    kinds = (np.float64, np.float32, np.float16, ml_dtypes.bfloat16)
    return {np.dtype(kind).name: np.dtype(kind) for kind in kinds}


def _in_float32(values: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):  # of float64: infinite, then, and refused as that
        return values.astype(np.float32) if values.dtype in _dtypes().values() else values


def _read_safetensors(path: str) -> dict[str, np.ndarray]:
    import safetensors

    dtypes = dict(zip(("F64", "F32", "F16", "BF16"), _dtypes().values(), strict=True))
    dtypes |= {name: np.dtype(kind) for name, kind in _WHOLE_NUMBERS.items()}
    try:
        found: list[tuple[str, dict[str, Any]]] = safetensors.deserialize(files.read_bytes(path))  # type: ignore[no-untyped-call]
    except safetensors.SafetensorError as error:
        raise UserError(f"{path}: damaged or no safetensors file ({error}); fetch it again") from error
    if unknown := [(name, view["dtype"]) for name, view in found if view["dtype"] not in dtypes]:
        raise UserError(f"{path}: {unknown[0][0]} holds {unknown[0][1]}, a kind of number that no weight here has")
    return {
        name: _in_float32(np.frombuffer(view["data"], dtypes[view["dtype"]]).reshape(view["shape"])) for name, view in found
    }


def _read_bin(path: str) -> dict[str, np.ndarray]:
    torch = optional.load("torch", f"{path}, beside which there is no {SAFETENSORS_NAME}", extra="torch")
    if tuple(int(number) for number in torch.__version__.split(".")[:2]) < _OLDEST_SAFE_TORCH:
        install = optional.extra_name("torch")
        raise UserError(f"{path}: PyTorch {torch.__version__} does not read it safely; run: pip install {install}")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = torch.load(io.BytesIO(files.read_bytes(path)), map_location="cpu", weights_only=True)
        return {name: (tensor.float() if tensor.is_floating_point() else tensor).numpy() for name, tensor in found.items()}
    # A damaged pickle can end in any error. PyTorch's text is not passed on: it advises to read the file unsafely.
    except Exception as error:
        kind = type(error).__name__
        raise UserError(f"{path}: damaged, or no file of tensors alone ({kind}); nothing in it was executed") from error

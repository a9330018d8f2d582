"""Damage to weights, in a safetensors file or a TensorFlow checkpoint: well-formed files of tensors that no model has."""

import json
import random
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np

from tests.fuzz.damage import Damage, NotApplicable
from tests.fuzz.damage.json_values import WRITTEN

Tensors = dict[str, np.ndarray]
# Which belongs to every network, and is no scalar as the step is.
NEVER_DAMAGED = ("global_step",)
# That any reader must have: a tensor that only training or only the generator needs may be missing.
NEEDED = ("word_embeddings", "layer", "dense")


def not_a_number(tensors: Tensors, name: str) -> None:
    tensors[name] = tensors[name].copy()
    tensors[name].flat[0] = np.nan


def infinite(tensors: Tensors, name: str) -> None:
    tensors[name] = tensors[name].copy()
    tensors[name].flat[-1] = -np.inf


def integers(tensors: Tensors, name: str) -> None:
    tensors[name] = np.round(tensors[name]).astype(np.int32)


def truths(tensors: Tensors, name: str) -> None:
    tensors[name] = tensors[name] > 0


def another_shape(tensors: Tensors, name: str) -> None:
    tensors[name] = np.concatenate([tensors[name], tensors[name][:1]])


def flat(tensors: Tensors, name: str) -> None:
    """All numbers there, in one row; of a vector, in a matrix."""
    tensors[name] = tensors[name].reshape(-1) if tensors[name].ndim > 1 else tensors[name][np.newaxis]


def no_numbers(tensors: Tensors, name: str) -> None:
    tensors[name] = tensors[name][:0]


def tensor_lost(tensors: Tensors, name: str) -> None:
    del tensors[name]


def tensor_renamed(tensors: Tensors, name: str) -> None:
    tensors[f"{name}\n\ud7ff"] = tensors.pop(name)


def all_lost(tensors: Tensors, name: str) -> None:
    tensors.clear()
    tensors["x"] = np.zeros(1, np.float32)


CHANGES: list[Callable[[Tensors, str], None]] = [
    not_a_number, infinite, integers, truths, another_shape, flat, no_numbers, tensor_lost, tensor_renamed, all_lost,
]  # fmt: skip


def _of_safetensors(change: Callable[[Tensors, str], None]) -> Damage:
    def damage(path: Path, chance: random.Random) -> None:
        from safetensors.numpy import load_file, save_file

        tensors = load_file(path)
        change(tensors, _some_name(tensors, chance))
        save_file({name: np.ascontiguousarray(values) for name, values in tensors.items()}, path, {"format": "pt"})

    damage.__name__ = change.__name__
    return damage


def _of_checkpoint(change: Callable[[Tensors, str], None]) -> Damage:
    def damage(path: Path, chance: random.Random) -> None:
        from electra_pretrain.checkpoint import bundle

        prefix = str(path.with_suffix(""))
        tensors = bundle.read(prefix)
        change(tensors, _some_name(tensors, chance))
        bundle.write(prefix, tensors)

    damage.__name__ = change.__name__
    return damage


def _some_name(tensors: Tensors, chance: random.Random) -> str:
    names = [name for name in sorted(tensors) if any(part in name for part in NEEDED) and "adam" not in name]
    if not names:
        raise NotApplicable("holds no tensor that every reader needs")
    return chance.choice(names)


def endless_header(path: Path, chance: random.Random) -> None:
    path.write_bytes(struct.pack("<Q", 1 << 40) + path.read_bytes()[8:])


def header_of_nothing(path: Path, chance: random.Random) -> None:
    path.write_bytes(struct.pack("<Q", 0) + path.read_bytes()[8:])


def nested_header(path: Path, chance: random.Random) -> None:
    header = WRITTEN["nested"].encode()
    path.write_bytes(struct.pack("<Q", len(header)) + header)


def tensors_beyond_the_end(path: Path, chance: random.Random) -> None:
    content = path.read_bytes()
    (size,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + size])
    name = chance.choice(sorted(header.keys() - {"__metadata__"}))
    header[name]["data_offsets"] = [0, 1 << 40]
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + size :])


SAFETENSORS: list[Damage] = [
    *map(_of_safetensors, CHANGES), endless_header, header_of_nothing, nested_header, tensors_beyond_the_end,
]  # fmt: skip
CHECKPOINT: list[Damage] = [*map(_of_checkpoint, CHANGES)]

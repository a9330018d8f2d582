"""The files that hold the weights of a Hugging Face model: one, or shards that an index names."""

from typing import NamedTuple

from electra_pretrain.checkpoint.vocabulary import is_run_or_import
from electra_pretrain.core import files, json_files, typed
from electra_pretrain.core.errors import UserError, first_of
from electra_pretrain.core.typed import FileName, Place

SAFETENSORS_NAME, BIN_NAME = "model.safetensors", "pytorch_model.bin"
_INDEX_SUFFIX = ".index.json"
# In the order in which they are looked for, `transformers`' own.
NAMES = tuple(name + suffix for name in (SAFETENSORS_NAME, BIN_NAME) for suffix in ("", _INDEX_SUFFIX))


class WeightFiles(NamedTuple):
    """Where a model's weights are.

    Attributes:
        path: of the one file, or of the index.
        shards: the files -> the names of the tensors that the index says are in each; None of a file without an index.
    """

    path: str
    shards: dict[str, frozenset[str] | None]


class _Index(NamedTuple):
    weight_map: dict[str, FileName]


def find_weights(folder: str) -> WeightFiles | None:
    """Find the files of a model's weights; None where there are none.

    Raises:
        UserError: an index is damaged, or names a file that is not there.
    """
    path = next((path for name in NAMES if files.exists(path := files.join(folder, name))), None)
    if path is None:
        return None
    if not path.endswith(_INDEX_SUFFIX):
        return WeightFiles(path, {path: None})
    places = typed.read_known(_Index, json_files.read(path), Place(path)).weight_map
    if not places:
        raise UserError(f"{path}: weight_map is empty; fetch the file again")
    shards: dict[str, frozenset[str] | None] = {}
    for name in sorted(set(places.values())):
        shard = files.join(folder, name)
        if not files.exists(shard):
            raise UserError(f"{path}: names {name}, which does not lie beside it; fetch that file, too")
        shards[shard] = frozenset(tensor for tensor, place in places.items() if place == name)
    return WeightFiles(path, shards)


def instead_of(folder: str, kind: str = "discriminator") -> str:
    """Say what to give in place of a folder without a model's weights.

    Args:
        folder: that was given.
        kind: of network that is wanted: "discriminator" or "generator".
    """
    if files.is_dir(inner := files.join(folder, kind)):
        return f"did you mean {inner}?"
    if is_run_or_import(folder):
        return "it is the folder of a run or an import: give what export_hf makes of it"
    return "give the folder of a Hugging Face model, such as export_hf writes"


def check_shard(index: str, shard: str, named: frozenset[str] | None, held: frozenset[str]) -> None:
    """Refuse a shard that holds other tensors than its index says: it is of another model, or of another saving of it.

    Args:
        index: path of the index.
        shard: path of the shard.
        named: what the index says that it holds; None where there is no index.
        held: what it holds.

    Raises:
        UserError: the names that are missing or left over.
    """
    if named is None or named == held:
        return
    found = {"lacks": named - held, "holds besides": held - named}
    wrong = "; ".join(f"{what} {first_of(sorted(names))}" for what, names in found.items() if names)
    raise UserError(f"{shard}: is not the file that {index} names: it {wrong}; fetch both again")

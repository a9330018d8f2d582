"""How often each token occurs in a folder of records, kept beside them: what `inspect_data --token_counts` writes."""

import json
from typing import Annotated, NamedTuple

import numpy as np

from electra_pretrain.core import files, json_files, typed
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.typed import Count, Place
from electra_pretrain.records.manifest import Manifest

NAME = "token_counts.json"


class _Kept(NamedTuple):
    """What the file holds: counts by id, special tokens at 0, and the fingerprint of the records that they are of."""

    fingerprint: Annotated[str, typed.Check(bool, "must not be empty")]
    counts: tuple[Count, ...]


def save(folder: str, manifest: Manifest, counts: np.ndarray) -> str:
    """Write the counts, int64 [V], beside the records; return the file's path."""
    path = files.join(folder, NAME)
    files.write_text(path, json.dumps({"fingerprint": manifest.fingerprint, "counts": counts.tolist()}) + "\n")
    return path


def load(folder: str, manifest: Manifest) -> np.ndarray:
    """Read the counts, int64 [V].

    Raises:
        UserError: there are none, or those of other records.
    """
    path, command = files.join(folder, NAME), f"python -m electra_pretrain.inspect_data {folder} --token_counts"
    if not files.exists(path):
        raise UserError(f"{path}: no such file, and distillation.mlm_smoothing asks for it; write it with {command}")
    kept = typed.read(_Kept, json_files.read(path), Place(path))
    if kept.fingerprint != manifest.fingerprint or len(kept.counts) != manifest.vocabulary.size:
        raise UserError(f"{path}: is not of the records beside it; write it anew with {command}")
    return np.array(kept.counts, np.int64)

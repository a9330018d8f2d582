"""What made a vocabulary stands beside it, in FILE.json: settings, sources with hashes, commands, and its case."""

import hashlib
import importlib.metadata
import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from electra_pretrain.core import files, json_files, typed
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.together import write_all

SUFFIX = ".json"  # what made vocab.txt stands in vocab.txt.json
_PACKAGES = ("tokenizers", "sentencepiece", "python-mecab-ko", "python-mecab-ko-dic")


def save(path: str, content: bytes, record: dict[str, Any], beside: Mapping[str, bytes] | None = None) -> None:
    """Write a vocabulary with what made it: never one of an earlier vocabulary and one of this.

    Args:
        path: of the vocabulary; what made it goes to `path.json`.
        content: of the vocabulary.
        record: what made it; its hash is added.
        beside: more files that belong to it, by their paths.

    Raises:
        UserError: the files cannot be written; what was there before is as it was.
    """
    record = {**record, "sha256": hashlib.sha256(content).hexdigest()}
    settings = json.dumps(record, ensure_ascii=False, indent=2) + "\n"
    write_all({**(beside or {}), path + SUFFIX: files.readable(settings).encode("utf-8"), path: content})


class _Case(NamedTuple):
    """What is needed of the file; the rest is handed on."""

    do_lower_case: bool


def read(path: str) -> dict[str, Any] | None:
    """Read what made a vocabulary, if that lies beside it.

    Raises:
        UserError: the file is damaged.
    """
    beside = path + SUFFIX
    if not files.exists(beside):
        return None
    try:
        record = json_files.read_object(beside)
        typed.read_known(_Case, record, typed.Place(beside))
    except UserError as error:
        raise UserError(f"{error}; mend or delete it") from error
    return record


def saved_lower_case(path: str) -> bool | None:
    """Tell whether the vocabulary was learnt from lower-cased text, None if that is not known; raises as `read`."""
    record = read(path)
    return None if record is None else bool(record["do_lower_case"])


def saved_strip_accents(path: str) -> bool:
    """Tell whether the vocabulary belongs to a model or records of others whose text lost its accents; raises as `read`."""
    record = read(path)
    return record is not None and record.get("strip_accents") is True


def resolve_lower_case(asked: bool | None, vocab_path: str) -> bool:
    """Decide whether text is lower-cased: as asked, else as the vocabulary was learnt, else not; raises as `read`."""
    return bool(saved_lower_case(vocab_path)) if asked is None else asked


def versions() -> dict[str, str]:
    """Return the versions of the installed packages on which a vocabulary's bytes may depend."""
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found

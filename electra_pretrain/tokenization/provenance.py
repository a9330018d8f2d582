"""What made a vocabulary stands beside it, in FILE.json: settings, sources with hashes, commands, and its case."""

import importlib.metadata
import json
from typing import Any, NamedTuple

from electra_pretrain.core import files, json_files, typed
from electra_pretrain.core.errors import UserError

SUFFIX = ".json"  # what made vocab.txt stands in vocab.txt.json
_PACKAGES = ("tokenizers", "sentencepiece", "python-mecab-ko", "python-mecab-ko-dic")


def save(path: str, content: bytes, record: dict[str, Any]) -> None:
    """Write a vocabulary, and before it what made it.

    Raises:
        UserError: the files cannot be written.
    """
    files.write_text(path + SUFFIX, json.dumps(record, ensure_ascii=False, indent=2) + "\n")
    files.write_bytes(path, content)


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

"""The vocabulary that belongs to a folder's weights: a run's `run.json` or an import's `import.json` says which it is."""

import json
from typing import NamedTuple

from electra_pretrain.core import files
from electra_pretrain.core.errors import UserError
from electra_pretrain.tokenization.identity import check_vocabulary
from electra_pretrain.tokenization.tokenizer import TYPES, Tokenizer, file_name, load_tokenizer
from electra_pretrain.tokenization.wordpiece import FILE_NAME

RUN_NAME = "run.json"  # the records' manifests and the versions
IMPORT_NAME = "import.json"  # what import_checkpoint took its weights from
_KINDS = {"type": str, "sha256": str, "do_lower_case": bool, "strip_accents": bool}


class Recorded(NamedTuple):
    """What a folder says of its vocabulary.

    Attributes:
        type: one of `tokenizer.TYPES`.
        sha256: of its file.
        do_lower_case: whether text is lower-cased.
        strip_accents: whether accents are taken off it.
        path: the vocabulary's file.
        kept_in: the file that says this.
    """

    type: str
    sha256: str
    do_lower_case: bool
    strip_accents: bool
    path: str
    kept_in: str


def recorded(folder: str) -> Recorded | None:
    """Read what a folder of weights says of its vocabulary; None where it says nothing, as one that others wrote.

    Raises:
        UserError: the file that says it is damaged.
    """
    for name in (RUN_NAME, IMPORT_NAME):
        path = files.join(folder, name)
        if files.exists(path):
            return _read(folder, path)
    return None


def _read(folder: str, path: str) -> Recorded | None:
    values = files.read_json_object(path)
    data = values if path.endswith(IMPORT_NAME) else values.get("data")
    vocabulary = data.get("vocabulary") if isinstance(data, dict) else None
    if vocabulary is None and path.endswith(IMPORT_NAME):
        return None  # the source had none
    found = {name: vocabulary.get(name) if isinstance(vocabulary, dict) else None for name in _KINDS}
    wrong = [name for name, kind in _KINDS.items() if not isinstance(found[name], kind)]
    if wrong or found["type"] not in TYPES:
        raise UserError(f"{path}: damaged: does not say the vocabulary's {(wrong or ['type'])[0]}; copy it again")
    return Recorded(**found, path=files.join(folder, file_name(str(found["type"]))), kept_in=path)  # type: ignore[arg-type]


def check_folder(folder: str) -> Recorded | None:
    """Refuse a folder of weights whose vocabulary is not the one that it says; return what it says, None for nothing.

    Raises:
        UserError: the vocabulary is missing or another.
    """
    found = recorded(folder)
    if found is not None:
        check_vocabulary(found.path, found.sha256, found.kept_in)
    return found


def load_folder_tokenizer(folder: str, do_lower_case: bool) -> Tokenizer:
    """Load the tokeniser that belongs to a folder of weights.

    Args:
        folder: of a run or an import.
        do_lower_case: the config's; for a folder that says nothing itself.

    Raises:
        UserError: the vocabulary is missing, another, or damaged, or used otherwise than the config says.
    """
    found = check_folder(folder)
    if found is None:
        return load_tokenizer(files.join(folder, FILE_NAME), do_lower_case)
    if found.do_lower_case != do_lower_case:
        raise UserError(
            f"{folder}: config.json says data.do_lower_case = {json.dumps(do_lower_case)}, {found.kept_in} "
            f"{json.dumps(found.do_lower_case)}; mend config.json, or import again with a --config that is right"
        )
    return load_tokenizer(found.path, do_lower_case, found.strip_accents)

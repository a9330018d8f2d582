"""The vocabulary that belongs to a folder's weights: a run's `run.json` or an import's `import.json` says which it is."""

import json
from typing import Annotated, Any, NamedTuple

from electra_pretrain.core import files, json_files, typed
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.together import check_unchanged
from electra_pretrain.core.typed import Check, Place, Sha256, Size
from electra_pretrain.tokenization.identity import check_vocabulary
from electra_pretrain.tokenization.tokenizer import TYPES, Tokenizer, file_name, load_tokenizer
from electra_pretrain.tokenization.wordpiece import FILE_NAME

RUN_NAME = "run.json"  # the records' manifests and the versions
IMPORT_NAME = "import.json"  # what import_checkpoint took its weights from


class Noted(NamedTuple):
    """A vocabulary as `import.json` notes it; a manifest says the same and more."""

    type: Annotated[str, Check(lambda name: name in TYPES, f"must be one of {', '.join(TYPES)}")]
    sha256: Sha256
    size: Size
    do_lower_case: bool
    strip_accents: bool


class Recorded(NamedTuple):
    """What a folder says of its vocabulary, the vocabulary's path, and that of the file that says it."""

    noted: Noted
    path: str
    kept_in: str


class _Run(NamedTuple):
    data: dict[str, Any]


class _Data(NamedTuple):
    vocabulary: dict[str, Any]


class _Import(NamedTuple):
    vocabulary: dict[str, Any] | None


def recorded(folder: str) -> Recorded | None:
    """Read what a folder of weights says of its vocabulary; None where it says nothing, as one that others wrote.

    Raises:
        UserError: the file that says it is damaged.
    """
    for name in (RUN_NAME, IMPORT_NAME):
        path = files.join(folder, name)
        if files.exists(path):
            return _read(folder, path, of_run=name == RUN_NAME)
    return None


def is_run_or_import(folder: str) -> bool:
    """Tell whether a folder says that it is a run's or an import's: its weights are checkpoints, not yet exported."""
    return any(files.exists(files.join(folder, name)) for name in (RUN_NAME, IMPORT_NAME))


def _read(folder: str, path: str, of_run: bool) -> Recorded | None:
    values, place = json_files.read(path), Place(path)
    vocabulary: dict[str, Any] | None
    if of_run:
        values, place = typed.read_known(_Run, values, place).data, place.field("data")
        vocabulary = typed.read_known(_Data, values, place).vocabulary
    else:
        vocabulary = typed.read_known(_Import, values, place).vocabulary
    if vocabulary is None:
        return None  # the source of the import had none
    noted = typed.read_known(Noted, vocabulary, place.field("vocabulary"))
    return Recorded(noted, files.join(folder, file_name(noted.type)), path)


def check_folder(folder: str) -> Recorded | None:
    """Refuse a folder of weights whose vocabulary is not the one that it says; return what it says, None for nothing.

    Of a checkpoint that export_tf1 wrote nothing is returned, but its vocabulary must be the one that went with it.

    Raises:
        UserError: the vocabulary is missing or another.
    """
    found = recorded(folder)
    if found is not None:
        check_vocabulary(found.path, found.noted.sha256, found.kept_in)
    else:
        check_unchanged(folder, "export_tf1", FILE_NAME)
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
    if found.noted.do_lower_case != do_lower_case:
        raise UserError(
            f"{folder}: config.json says data.do_lower_case = {json.dumps(do_lower_case)}, {found.kept_in} "
            f"{json.dumps(found.noted.do_lower_case)}; mend config.json, or import again with a --config that is right"
        )
    return load_tokenizer(found.path, do_lower_case, strip_accents=found.noted.strip_accents)

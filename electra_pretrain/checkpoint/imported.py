"""What import_checkpoint notes beside the weights, so that their exports can tell where they are from: `import.json`."""

import json
from typing import NamedTuple

from electra_pretrain.checkpoint.unseen import Unseen
from electra_pretrain.checkpoint.vocabulary import IMPORT_NAME, Noted
from electra_pretrain.core import files, json_files, typed
from electra_pretrain.core.typed import Count


class Imported(NamedTuple):
    """Where the weights are from that a folder began with.

    Attributes:
        origin: the source as messages name it.
        step: of the checkpoint that holds them: 0, or the source's own where the optimiser came along.
        has_generator: whether the generator beside the discriminator is the source's too, not a fresh one.
        vocabulary: None where the source had none.
        unseen: what the weights do not show; None in what an earlier version wrote.
    """

    origin: str
    step: Count
    has_generator: bool
    vocabulary: Noted | None
    unseen: Unseen | None = None


def save_import(folder: str, imported: Imported) -> None:
    nested = {"vocabulary": imported.vocabulary, "unseen": imported.unseen}
    values = {**imported._asdict(), **{name: value and value._asdict() for name, value in nested.items()}}
    files.write_text(files.join(folder, IMPORT_NAME), json.dumps(values, ensure_ascii=False, indent=2) + "\n")


def load_import(folder: str) -> Imported | None:
    """Read what a folder's weights were imported from; None where they were not, or an earlier version did it.

    Raises:
        UserError: the file is damaged.
    """
    path = files.join(folder, IMPORT_NAME)
    if not files.exists(path):
        return None
    return typed.read_known(Imported, json_files.read(path), typed.Place(path))

"""What import_checkpoint notes beside the weights, so that their exports can tell where they are from: `import.json`."""

import json
from typing import Any, NamedTuple

from electra_pretrain.checkpoint.vocabulary import IMPORT_NAME
from electra_pretrain.core import files
from electra_pretrain.core.errors import UserError


class Imported(NamedTuple):
    """Where the weights are from that a folder began with.

    Attributes:
        origin: the source as messages name it.
        step: of the checkpoint that holds them: 0, or the source's own where the optimiser came along.
        has_generator: whether the generator beside the discriminator is the source's too, not a fresh one.
        vocabulary: as a manifest has it; None where the source had none.
    """

    origin: str
    step: int
    has_generator: bool
    vocabulary: dict[str, Any] | None


def save_import(folder: str, imported: Imported) -> None:
    files.write_text(files.join(folder, IMPORT_NAME), json.dumps(imported._asdict(), ensure_ascii=False, indent=2) + "\n")


def load_import(folder: str) -> Imported | None:
    """Read what a folder's weights were imported from; None where they were not, or an earlier version did it.

    Raises:
        UserError: the file is damaged.
    """
    path = files.join(folder, IMPORT_NAME)
    if not files.exists(path):
        return None
    values = files.read_json_object(path)
    kinds = {"origin": str, "step": int, "has_generator": bool}
    if wrong := [name for name, kind in kinds.items() if not isinstance(values.get(name), kind)]:
        raise UserError(f"{path}: damaged: {wrong[0]} is missing or no {kinds[wrong[0]].__name__}; import again")
    return Imported(**{name: values[name] for name in kinds}, vocabulary=values.get("vocabulary"))

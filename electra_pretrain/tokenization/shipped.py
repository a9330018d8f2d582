"""Vocabularies that ship with the package, found by their bare name from any folder."""

from pathlib import Path

from electra_pretrain.core import files
from electra_pretrain.core.errors import UserError


def find_vocab(name_or_path: str) -> str:
    """Path of a vocabulary given by its path or, if it ships with the package, by its name.

    Raises:
        UserError: there is no such vocabulary.
    """
    if files.exists(name_or_path) and not files.is_dir(name_or_path):
        return name_or_path
    folder = _shipped_folder()
    names = sorted(path.name for path in folder.glob("*.txt"))
    for candidate in (name_or_path, f"{name_or_path}.txt"):
        if candidate in names:
            return str(folder / candidate)
    raise UserError(
        f"{name_or_path}: no such vocabulary file; make one with train_vocab, or name one that ships: {', '.join(names)}"
    )


def _shipped_folder() -> Path:
    """Inside the package when installed, beside it in a checkout or an editable install."""
    package = Path(__file__).resolve().parent.parent
    installed = package / "vocab"
    return installed if installed.is_dir() else package.parent / "vocab"

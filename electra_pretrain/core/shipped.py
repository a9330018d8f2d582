"""Files that ship with the package: configs, vocabularies, a sample of text."""

from pathlib import Path

from electra_pretrain.core import files
from electra_pretrain.core.errors import UserError, nearest

PACKAGE = Path(__file__).resolve().parent.parent
SAMPLE_CORPUS = str(PACKAGE / "sample_corpus" / "*.txt")
_FEW = 20  # so many names fit in a message; of more, the nearest are named


def folder(name: str) -> Path:
    """Return the folder of `configs` or `vocab`: in the package when installed, beside it in an editable install."""
    installed = PACKAGE / name
    return installed if installed.is_dir() else PACKAGE.parent / name


def find(name_or_path: str, subfolder: str, suffix: str, kind: str) -> str:
    """Find a file given by its path or, if it ships with the package, by its name.

    Args:
        name_or_path: what a user gave; of a shipped file the suffix may be left out.
        subfolder: of `configs` or `vocab`, where such files ship.
        suffix: of such files.
        kind: what they are called in the message.

    Raises:
        UserError: there is no such file, and none ships under that name; those that do are named, of many the nearest.
    """
    if files.exists(name_or_path) and not files.is_dir(name_or_path):
        return name_or_path
    names = sorted(path.name for path in folder(subfolder).glob(f"*{suffix}"))
    for name in (name_or_path, f"{name_or_path}{suffix}"):
        if name in names:
            return str(folder(subfolder) / name)
    if files.is_dir(name_or_path):
        inside = sorted(name for name in files.list_dir(name_or_path) if name.endswith(suffix) and name[0] != ".")
        advice = f"name one in it, such as {files.join(name_or_path, inside[0])}" if inside else f"it holds no {suffix} file"
        raise UserError(f"{name_or_path}: is a folder, no {kind}; {advice}")
    which = f": {', '.join(names)}" if len(names) <= _FEW else f"; {nearest(name_or_path, names)}"
    raise UserError(f"{name_or_path}: no such {kind}; give a path, or the name of one that ships{which}")

"""Whether a vocabulary's file is still the one that records or weights were made with: they keep its hash."""

from electra_pretrain.core import files
from electra_pretrain.core.errors import UserError


def check_vocabulary(path: str, sha256: str, kept_in: str) -> None:
    """Refuse a file that is not the vocabulary whose hash was kept: with another one, ids mean other tokens.

    Args:
        path: the vocabulary's file.
        sha256: of the right one.
        kept_in: the file that says so.

    Raises:
        UserError: the file is missing, or is another.
    """
    found = files.sha256(path) if files.exists(path) and not files.is_dir(path) else None
    if found != sha256:
        what = "missing" if found is None else f"not the vocabulary that belongs here (SHA-256 {found})"
        raise UserError(f"{path}: {what}; {kept_in} says SHA-256 {sha256}: put back the file as it was")

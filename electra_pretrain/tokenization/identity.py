"""Whether vocabularies are the same: the file that records or weights were made with, by its hash, or tokens, id by id."""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

from electra_pretrain.core import files
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.json_files import shown
from electra_pretrain.tokenization.wordpiece import idle_lines


class Difference(NamedTuple):
    """The first id at which two vocabularies differ, and the token that each has there: "" for none."""

    id: int
    one: str
    other: str


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


def first_difference(one: Sequence[str], other: Sequence[str]) -> Difference | None:
    """Return the first difference between two vocabularies; None where every token has the same id in both.

    Lines that no text is cut into count for nothing: a file may keep them and another drop them, with white space at a line's
    end, as `tokenizers` does when it reads a `vocab.txt`.
    """
    pairs = itertools.zip_longest(_looked_up(one), _looked_up(other), fillvalue="")
    return next((Difference(index, *pair) for index, pair in enumerate(pairs) if pair[0] != pair[1]), None)


def told(difference: Difference, here: str, there: str) -> str:
    """Put a difference into words."""
    one, other = (shown(token) if token else "nothing" for token in (difference.one, difference.other))
    return f"id {difference.id} is {one} {here}, {other} {there}"


def _looked_up(tokens: Sequence[str]) -> list[str]:
    """Return the tokens by id, and "" for each that is never looked up."""
    tokens = [token.rstrip() for token in tokens]
    idle = idle_lines(tokens)
    return ["" if index in idle else token for index, token in enumerate(tokens)]

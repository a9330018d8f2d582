"""Rules that drop a line: too short, too long, too little Hangul."""

import re

from electra_pretrain.core.errors import UserError
from electra_pretrain.core.typed import Size
from electra_pretrain.corpus.cleaning.characters import ALL_HANGUL
from electra_pretrain.corpus.cleaning.rules import Reject


def min_length(characters: Size) -> Reject:
    """Drop a line of fewer characters, spaces counted."""
    return lambda text: text if len(text) >= characters else None


def max_length(characters: Size) -> Reject:
    """Drop a line of more characters, spaces counted."""
    return lambda text: text if len(text) <= characters else None


def hangul_share(at_least: float) -> Reject:
    """Drop a line in which Hangul (syllables and jamo) is a smaller share of the characters, spaces aside."""
    if not 0 <= at_least <= 1:
        raise UserError(f"at_least: {at_least} must lie in 0..1")
    hangul = re.compile(f"[{ALL_HANGUL}]+")

    def reject(text: str) -> str | None:
        visible = len("".join(text.split()))
        other = len("".join(hangul.sub("", text).split()))
        return text if visible - other >= at_least * visible else None

    return reject

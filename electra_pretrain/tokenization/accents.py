"""Whether accents were taken off text, as the released ELECTRA code does where it lower-cases: told by what came of it."""

import unicodedata
from collections.abc import Iterable


def without_accents(text: str) -> str:
    """Return the text as the released code's tokeniser leaves it: decomposed (Hangul into jamo), without combining marks."""
    return "".join(char for char in unicodedata.normalize("NFD", text) if unicodedata.category(char) != "Mn")


def were_stripped(tokens: Iterable[str]) -> bool:
    """Tell whether tokens may come from text without accents: whether none of them holds what stripping would have changed."""
    return all(without_accents(token) == token for token in tokens)

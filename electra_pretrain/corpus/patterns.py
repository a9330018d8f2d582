"""What the words of `--corpus` name: patterns, which commas separate, each in every way in which Hangul may be written."""

import fnmatch
import itertools
import os
import unicodedata
from collections.abc import Iterator, Sequence

from electra_pretrain.core import files
from electra_pretrain.core.errors import UserError

_MOST_SPELLINGS = 64


def patterns_of(word: str) -> list[str]:
    """Split a word at its commas, unless something bears the whole of it for its name."""
    is_name = "," in word and "://" not in word.partition(",")[2] and any(map(files.exists, spellings(word)))
    return [word] if is_name else [pattern for part in word.split(",") if (pattern := part.strip())]


def spellings(pattern: str) -> Iterator[str]:
    """Spell a pattern in all ways in which Hangul may be written, each name in it by itself."""
    yield pattern
    if pattern.isascii():
        return
    names = [list(dict.fromkeys(_forms(name))) for name in pattern.split("/")]
    spelled = itertools.chain(_forms(pattern), map("/".join, itertools.product(*names)))
    yield from (each for each in itertools.islice(spelled, _MOST_SPELLINGS) if each != pattern)


def no_such_file(pattern: str, word: str) -> UserError:
    """Return the error for a pattern that matches nothing, of the word that it is from."""
    commas = (
        "; commas separate names: of one that holds a comma give the whole, in a word of its own, or ? in the comma's place"
    )
    return UserError(
        f"{pattern}: no such file; check the path or the glob (quote it, so that the shell leaves it alone)"
        f"{commas if pattern != word.strip() else ''}"
    )


def would_find(words: Sequence[str], path: str) -> str | None:
    """Return the pattern that finds a path as soon as something lies there; None if none does.

    Of a pattern with `**` it is the last name, and the folder that the pattern begins with, that count.
    """

    def names(place: str) -> list[str]:
        return (place if files.is_remote(place) else os.path.abspath(place)).split("/")

    for pattern in itertools.chain.from_iterable(map(patterns_of, words)):
        wanted, found = names(pattern), names(path)
        if "**" in wanted:
            start = wanted.index("**")
            wanted = [*wanted[:start], *["*"] * (len(found) - start - 1), wanted[-1]]
        hidden = found[-1].startswith(".") and not wanted[-1].startswith(".")  # which globs pass over
        if len(wanted) == len(found) and not hidden and all(map(fnmatch.fnmatchcase, found, wanted)):
            return pattern
    return None


def _forms(name: str) -> tuple[str, str]:
    return unicodedata.normalize("NFC", name), unicodedata.normalize("NFD", name)

"""Kinds of characters, by Unicode's blocks and categories, and what language a line may be in, as far as its script tells."""

import enum
import functools
import unicodedata

import numpy as np


class Kind(enum.IntEnum):
    """What a character is; those before `SPACE` are visible, as are the two last."""

    HANGUL = 0  # syllables and jamo: as typed, conjoining, half-width
    LATIN = 1
    HANJA = 2
    KANA = 3
    DIGIT = 4
    SIGN = 5  # punctuation, symbols, numbers such as ① and Ⅳ
    EMOJI = 6  # what is shown as a picture by default; ♥ and ★ are signs
    OTHER = 7  # letters and marks of other scripts, and what Unicode does not know
    SPACE = 8
    CONTROL = 9
    INVISIBLE = 10  # zero-width, marks of direction, soft hyphens, fillers, variation selectors
    REPLACEMENT = 11  # U+FFFD
    PRIVATE = 12  # of private use, as old word processors wrote Hangul of the 15th century


VISIBLE = (*range(Kind.SPACE), Kind.REPLACEMENT, Kind.PRIVATE)
LETTERS = (Kind.HANGUL, Kind.LATIN, Kind.HANJA, Kind.KANA, Kind.OTHER)
LANGUAGES = ("Korean", "Latin-script", "Japanese", "Chinese", "other script", "mixed", "no letters")
LANGUAGE_SHARE = 0.7  # of a line's letters that are of one script
KANA_SHARE = 0.1  # of the letters of a Japanese line: Chinese has none

_OF_CATEGORY = {"Z": Kind.SPACE, "P": Kind.SIGN, "S": Kind.SIGN, "N": Kind.SIGN} | {
    "Nd": Kind.DIGIT, "Cc": Kind.CONTROL, "Cf": Kind.INVISIBLE, "Co": Kind.PRIVATE,
}  # fmt: skip
_RANGES = {
    Kind.SPACE: "\t-\r\x85",
    Kind.HANGUL: "\uac00-\ud7a3\u3131-\u318e\u1100-\u11ff\ua960-\ua97f\ud7b0-\ud7ff\uffa1-\uffdc",
    Kind.LATIN: "A-Za-z\xaa\xba\xc0-\xd6\xd8-\xf6\xf8-\u02af\u1d00-\u1dbf\u1e00-\u1eff\u2c60-\u2c7f\ua722-\ua7ff"
    "\uab30-\uab5a\uab5c-\uab64\uab66-\uab68\ufb00-\ufb06\uff21-\uff3a\uff41-\uff5a\U0001df00-\U0001df2a",
    Kind.HANJA: "\u3005\u3007\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af",
    Kind.KANA: "\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff\uff66-\uff9f\U0001aff0-\U0001b16f",
    # Unicode's Emoji_Presentation below the planes of pictures, and those planes.
    Kind.EMOJI: "\u231a\u231b\u23e9-\u23ec\u23f0\u23f3\u25fd\u25fe\u2614\u2615\u2648-\u2653\u267f\u2693\u26a1\u26aa\u26ab"
    "\u26bd\u26be\u26c4\u26c5\u26ce\u26d4\u26ea\u26f2\u26f3\u26f5\u26fa\u26fd\u2705\u270a\u270b\u2728\u274c\u274e"
    "\u2753-\u2755\u2757\u2795-\u2797\u27b0\u27bf\u2b1b\u2b1c\u2b50\u2b55\U0001f000-\U0001faff",
    Kind.INVISIBLE: "\u034f\u115f\u1160\u3164\uffa0\ufe00-\ufe0f\U000e0000-\U000e0fff",
    Kind.REPLACEMENT: "\ufffd",
}
_LAST_ASSIGNED = 0x32400  # beyond it there are tags and private use only


@functools.cache
def kinds_of_characters() -> np.ndarray:
    """Return the kind of every code point: uint8 [0x110000]."""
    table = np.full(0x110000, Kind.OTHER, np.uint8)
    for code in range(_LAST_ASSIGNED):
        category = unicodedata.category(chr(code))
        table[code] = _OF_CATEGORY.get(category, _OF_CATEGORY.get(category[0], Kind.OTHER))
    table[0xF0000:] = Kind.PRIVATE
    for kind, ranges in _RANGES.items():
        for first, last in _spans(ranges):
            table[first : last + 1] = kind
    return table


def languages(counts: np.ndarray) -> np.ndarray:
    """Tell the language of each line by its script alone, as an index of `LANGUAGES`.

    Args:
        counts: int64 [n, K]: characters of each kind in each line.

    Returns:
        int64 [n].
    """
    letters = counts[:, LETTERS].sum(1)
    shares = counts / np.maximum(letters, 1)[:, None]
    hangul, latin, hanja, kana, other = (shares[:, kind] for kind in LETTERS)
    is_language = [
        letters == 0,
        hangul >= LANGUAGE_SHARE,
        latin >= LANGUAGE_SHARE,
        (kana >= KANA_SHARE) & (kana + hanja >= LANGUAGE_SHARE),
        hanja >= LANGUAGE_SHARE,
        other >= LANGUAGE_SHARE,
    ]
    numbers = [LANGUAGES.index("no letters"), *range(LANGUAGES.index("mixed"))]
    return np.select(is_language, numbers, LANGUAGES.index("mixed"))


def _spans(ranges: str) -> list[tuple[int, int]]:
    """Read what stands in a regular expression's `[…]`: code points, first and last of each range."""
    spans, rest = [], ranges
    while rest:
        length = 3 if rest[1:2] == "-" else 1
        spans.append((ord(rest[0]), ord(rest[length - 1])))
        rest = rest[length:]
    return spans

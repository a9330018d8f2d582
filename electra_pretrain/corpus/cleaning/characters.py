"""Named classes of characters that Korean text is made of, each as the inside of a regular expression's `[…]`."""

import functools
import re

from electra_pretrain.core.errors import UserError, nearest

HANGUL = "가-힣"
# Jamo as typed (ㅋ, ㅠ), conjoining, and half-width: all that counts as Hangul when it is measured.
ALL_HANGUL = HANGUL + "ㄱ-ㆎ\u1100-\u11ff\ua960-\ua97f\ud7b0-\ud7ff\uffa1-\uffdc"
ZERO_WIDTH_JOINER, TEXT_STYLE, EMOJI_STYLE, KEYCAP = "\u200d", "\ufe0e", "\ufe0f", "\u20e3"
_CLASSES = {
    "hangul": HANGUL,
    "jamo": "ㄱ-ㅣ",
    "ascii": "\x20-\x7e",
    "latin": "A-Za-zÀ-ÖØ-öø-ɏ",
    "digits": "0-9",
    "hanja": "々〇㐀-䶿一-鿿豈-\ufaff\U00020000-\U000323af",
    "kana": "ぁ-ゖァ-ヺー",
}
CLASS_NAMES = (*_CLASSES, "emoji")


def character_class(name: str) -> str:
    """Return the inside of `[…]` for one of `CLASS_NAMES`.

    Raises:
        UserError: there is no such class; the nearest ones are named.
    """
    if name == "emoji":
        return emoji_parts() + ZERO_WIDTH_JOINER + EMOJI_STYLE + KEYCAP
    if name not in _CLASSES:
        raise UserError(f'unknown characters "{name}"; {nearest(name, CLASS_NAMES)}')
    return _CLASSES[name]


@functools.cache
def emoji_parts() -> str:
    """Return every character that emoji are made of, joiners, styles, digits and keycaps aside, by the `emoji` package."""
    import emoji

    found = set("".join(emoji.EMOJI_DATA)) - set("0123456789#*" + ZERO_WIDTH_JOINER + TEXT_STYLE + EMOJI_STYLE + KEYCAP)
    # Flags of countries' parts are spelt in tags, which are invisible.
    return re.escape("".join(sorted(one for one in found if not "\U000e0000" <= one <= "\U000e007f")))

"""Rules that shorten what is repeated."""

import re

from electra_pretrain.core.errors import UserError
from electra_pretrain.corpus.cleaning.rules import Rewrite, Times

MAX_GROUP = 4  # syllables in a repeated group: 하하호호하하호호하하호호


def squeeze(to: Times, digits: bool, signs: bool) -> Rewrite:
    """Let stand `to` times what stands more often in a row: a character, or a group of 2 to 4 of them.

    With to = 2: ㅋㅋㅋㅋ → ㅋㅋ, 와하하하핫 → 와하하핫, 대박대박대박 → 대박대박.

    Args:
        to: how often it may stand, at least 1.
        digits: also digits (10000 → 100); without, numbers stay what they are.
        signs: also signs and emoji (!!!!! → !!); without, only letters, jamo and syllables.
    """
    if to < 1:
        raise UserError(f"to: {to} must be at least 1")
    one = {(True, True): r"\S", (True, False): r"\w", (False, True): r"[^\s\d]", (False, False): r"[^\W\d]"}[digits, signs]
    character = re.compile(rf"({one})\1{{{to},}}")
    group = re.compile(rf"({one}{{2,{MAX_GROUP}}}?)\1{{{to},}}")
    times = r"\1" * to
    # Most lines hold no repetition: a look at single characters, 1 to 4 apart, tells that faster than groups do.
    apart = "|".join(rf"{'.' * gap}\1" * to for gap in range(MAX_GROUP))
    suspect = re.compile(rf"({one})(?={apart})")

    def rewrite(text: str) -> str:
        if not suspect.search(text):
            return text
        before = ""
        while before != text:  # a squeezed stretch may complete a group; it only gets shorter
            before, text = text, group.sub(times, character.sub(times, text))
        return text

    return rewrite


def runs(at_least: Times, to: Times) -> Rewrite:
    """Shorten one letter, syllable, jamo, digit or `_` in a row, and nothing else: ㅋㅋㅋㅋ → ㅋㅋ.

    With at_least = 4 and to = 2 it is soynlp 0.0.493's repeat_normalize: ㅋㅋㅋ and 1000 stay, 10000 becomes 100.

    Args:
        at_least: how often it stands where it is shortened.
        to: how often it stands then, fewer.
    """
    if not 1 <= to < at_least:
        raise UserError(f"to: {to} must be at least 1, and fewer than at_least, {at_least}")
    pattern = re.compile(rf"(\w)\1{{{at_least - 1},}}")
    return lambda text: pattern.sub(r"\1" * to, text)

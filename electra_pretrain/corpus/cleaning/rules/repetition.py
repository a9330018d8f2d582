"""Rules that shorten what is repeated."""

import re

from electra_pretrain.core.errors import UserError
from electra_pretrain.corpus.cleaning.rules import Rewrite, Times

_REPEATED = 4  # so often in a row soynlp calls it repetition
_REPETITION = re.compile(rf"(\w)\1{{{_REPEATED - 1},}}")
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


def repeat_normalize(num_repeats: int) -> Rewrite:
    """Do what soynlp's function of that name does, in its release 0.0.493, which published recipes call.

    One letter, syllable, jamo, digit or `_` that stands four times in a row or more stands `num_repeats` times, and white space
    becomes one space, none at the ends. With 2: ㅋㅋㅋㅋ → ㅋㅋ and 10000 → 100, but ㅋㅋㅋ, 1000, !!!!! and 대박대박대박 stay.

    Args:
        num_repeats: 0 to 3; 0 shortens nothing.
    """
    if not 0 <= num_repeats < _REPEATED:
        raise UserError(f"num_repeats: {num_repeats} must be 0 to {_REPEATED - 1}; what stands {_REPEATED} times is shortened")
    if not num_repeats:
        return lambda text: " ".join(text.split())
    return lambda text: " ".join(_REPETITION.sub(r"\1" * num_repeats, text).split())

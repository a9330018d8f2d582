"""Rules that cut something out of a line, or write zeros over it; the place of what is cut stays a space."""

import re

from electra_pretrain.core.errors import UserError
from electra_pretrain.corpus.cleaning.characters import (
    EMOJI_STYLE,
    KEYCAP,
    TEXT_STYLE,
    ZERO_WIDTH_JOINER,
    character_class,
    emoji_parts,
)
from electra_pretrain.corpus.cleaning.rules import Rewrite, Times

# Only characters that an address may hold: Korean particles follow it without a space. Its last one is no full stop.
_URL = re.compile(
    r"(?:\b(?:[Hh]ttps?|HTTPS?|[Ff]tp|FTP)://|\b(?:[Ww]ww|WWW)\.)[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]*[A-Za-z0-9/_=&#-]", re.A
)
EMAIL = re.compile(r"(?<![A-Za-z0-9_%+-])[A-Za-z0-9_%+-][A-Za-z0-9._%+-]{0,63}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
# Begins with a letter: `#1` counts, `C#` is a name, `&#44032;` a character, `a.kr/#top` an address. Several may run together.
_HASHTAGS = re.compile(r"(?<![\w#＃&/=@])(?:[#＃][^\W\d]\w*)+")
# Holds a letter: `@_@` is a face.
_MENTION = re.compile(r"(?<![\w%+@-])@_*[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)*(?![A-Za-z0-9_@])")
_PHONE = re.compile(
    r"(?<![0-9-])(?:\+82[-. ]?(?:\(0\)|0)?|\(?0)(?:1[016789]|2|3[1-3]|4[1-4]|5[1-5]|6[1-4]|70|80|50[0-9]?)\)?[-. ]?"
    r"[0-9]{3,4}[-. ]?[0-9]{4}(?![0-9-])"
)
_RESIDENT = re.compile(r"(?<![0-9])[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])\s?-?\s?[0-9][0-9]{6}(?![0-9])")
_DIGIT = re.compile("[0-9]")


def characters(keep: list[str], signs: str) -> Rewrite:
    """Replace every run of characters outside the named classes and the listed signs by a space.

    Args:
        keep: names from `characters.CLASS_NAMES`.
        signs: further characters, one by one.
    """
    pattern = re.compile(f"[^\\s{''.join(map(character_class, keep))}{re.escape(signs)}]+")
    return lambda text: pattern.sub(" ", text)


def emoji() -> Rewrite:
    """Cut out emoji, whole sequences at once."""
    one = f"[{emoji_parts()}]"
    pattern = re.compile(
        f"[0-9#*]{EMOJI_STYLE}?{KEYCAP}|{one}(?:{one}|[{ZERO_WIDTH_JOINER}{TEXT_STYLE}{EMOJI_STYLE}{KEYCAP}])*"
    )
    return lambda text: text if text.isascii() else pattern.sub(" ", text)


def urls() -> Rewrite:
    """Cut out web addresses (http, https, ftp, www.)."""
    return lambda text: _URL.sub(" ", text) if "://" in text or "ww." in text or "WWW." in text else text


def emails() -> Rewrite:
    """Cut out e-mail addresses."""
    return lambda text: EMAIL.sub(" ", text) if "@" in text else text


def hashtags() -> Rewrite:
    """Cut out hashtags, with their words: #먹스타그램#맛집."""
    return lambda text: _HASHTAGS.sub(" ", text) if "#" in text or "＃" in text else text


def mentions() -> Rewrite:
    """Cut out mentions of a user, @user; particles behind them stay, and so do e-mail addresses and `@ 5,000`."""
    return lambda text: _MENTION.sub(" ", text) if "@" in text else text


def phone_numbers() -> Rewrite:
    """Set every digit of a Korean phone number to 0: 010-1234-5678 → 000-0000-0000."""
    return lambda text: _PHONE.sub(_zeros, text)


def resident_numbers() -> Rewrite:
    """Set every digit of a resident-registration number to 0, and of any other number that reads like one."""
    return lambda text: _RESIDENT.sub(_zeros, text)


def masks(at_least: Times) -> Rewrite:
    """Cut out marks that stand for a censored word, `OOO` or `○○○`, of at least so many letters O."""
    if at_least < 2:
        raise UserError(f"at_least: {at_least} must be at least 2; one letter alone may be anything")
    pattern = re.compile(rf"(?<![A-Za-z])(?:O{{{at_least},}}|○{{{at_least},}}|◯{{{at_least},}})(?![A-Za-z])")
    return lambda text: pattern.sub(" ", text) if any(mark in text for mark in ("OO", "○○", "◯◯")) else text


def _zeros(match: re.Match[str]) -> str:
    return _DIGIT.sub("0", match[0])

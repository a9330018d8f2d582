"""Cleaning rules. Each function takes a rule's parameters and gives the rule: a line in; the line, changed or not, or None out.

Most change a line; the last three drop one. A rule compiles what it needs once, looks first whether there is anything to do,
and gives the same text if not. What is cut out leaves a space, so that no two words run together.
"""

import html as html_entities
import re
import unicodedata
from collections.abc import Callable

from electra_pretrain.core.errors import UserError
from electra_pretrain.corpus.cleaning.characters import (
    ALL_HANGUL,
    EMOJI_STYLE,
    KEYCAP,
    TEXT_STYLE,
    ZERO_WIDTH_JOINER,
    character_class,
    emoji_parts,
)

Rewrite = Callable[[str], str]
Reject = Callable[[str], str | None]
# Text escaped more often, and comments and scripts longer, stay; without limits a hostile line would take for ever.
MAX_HTML_PASSES = 5
MAX_HTML_SPAN = 1000
MAX_GROUP = 4  # syllables in a repeated group: 하하호호하하호호하하호호
_TAGS = (
    "a abbr address article aside audio b big blockquote body br button center cite code col dd del div dl dt em embed "
    "figcaption figure font footer form h1 h2 h3 h4 h5 h6 head header hr html i iframe img input ins label li link main mark "
    "meta nav object ol option p pre q s script section select small source span strike strong style sub sup svg table tbody "
    "td textarea tfoot th thead title tr tt u ul video wbr"
)
_INLINE_TAG = re.compile(
    r"</?(?:a|abbr|b|big|code|em|font|i|ins|mark|q|s|small|span|strike|strong|sub|sup|tt|u|wbr)(?:\s[^<>]*)?/?>", re.I
)
_OTHER_TAG = re.compile(
    rf"<!--.{{0,{MAX_HTML_SPAN}}}?-->|<!doctype[^<>]*>|<(script|style)\b[^<>]*>.{{0,{MAX_HTML_SPAN}}}?</\1>"
    rf"|</?(?:{_TAGS.replace(' ', '|')})(?:\s[^<>]*)?/?>",
    re.I,
)
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
# Controls that separate words (tab, line breaks) are left to the rule `whitespace`.
_INVISIBLE = (
    "\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b\u200c\u200e\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0d\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff"
)  # fmt: skip
# Only characters that an address may hold: Korean particles follow it without a space. Its last one is no full stop.
_URL = re.compile(
    r"(?:\b(?:[Hh]ttps?|HTTPS?|[Ff]tp|FTP)://|\b(?:[Ww]ww|WWW)\.)[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]*[A-Za-z0-9/_=&#-]", re.A
)
_EMAIL = re.compile(r"(?<![A-Za-z0-9_%+-])[A-Za-z0-9_%+-][A-Za-z0-9._%+-]{0,63}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+")
_PHONE = re.compile(
    r"(?<![0-9-])(?:\+82[-. ]?(?:\(0\)|0)?|\(?0)(?:1[016789]|2|3[1-3]|4[1-4]|5[1-5]|6[1-4]|70|80|50[0-9]?)\)?[-. ]?"
    r"[0-9]{3,4}[-. ]?[0-9]{4}(?![0-9-])"
)
_RESIDENT = re.compile(r"(?<![0-9])[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])\s?-?\s?[0-9][0-9]{6}(?![0-9])")
_DIGIT = re.compile("[0-9]")
# Jamo in the order in which Unicode composes syllables from them.
_INITIALS, _VOWELS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ", "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
_FILLER = "\u3164"
_FINALS = _FILLER + "ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ"
_SPELT_SYLLABLE = re.compile(f"{_FILLER}([{_INITIALS}])([{_VOWELS}])([{_FINALS}])")


def html() -> Rewrite:
    """Turn entities into their characters; cut out tags, and comments, scripts and styles of up to 1,000 characters.

    Only names that HTML knows are tags: `<영화 제목>` and `<Matrix>` are text. A tag within a line of text (`<b>`) leaves
    no space, a block's does.
    """

    def once(text: str) -> str:
        if "&" in text:
            text = _ENTITY.sub(lambda match: html_entities.unescape(match[0]), text).replace("\n", " ")
        if "<" in text:
            text = _OTHER_TAG.sub(" ", _INLINE_TAG.sub("", text))
        return text

    def rewrite(text: str) -> str:
        if "<" not in text and "&" not in text:
            return text
        for _ in range(MAX_HTML_PASSES):
            before, text = text, once(text)
            if text == before:
                break
        return text

    return rewrite


def spelt_syllables() -> Rewrite:
    """Compose syllables that KS X 1001 lacks, and old programs wrote as a filler and three jamo: filler ㅅ ㅞ ㅅ → 쉣."""

    def composed(match: re.Match[str]) -> str:
        initial, vowel, final = (jamo.index(match[group]) for group, jamo in enumerate((_INITIALS, _VOWELS, _FINALS), start=1))
        return chr(ord("가") + (initial * len(_VOWELS) + vowel) * len(_FINALS) + final)

    return lambda text: _SPELT_SYLLABLE.sub(composed, text) if _FILLER in text else text


def invisible() -> Rewrite:
    """Delete control characters, zero-width characters, direction marks, soft hyphens and Hangul fillers, without a space.

    Joiners and style marks stay within emoji, which they belong to.
    """
    emoji = emoji_parts()
    suspect = re.compile(f"[{_INVISIBLE}{ZERO_WIDTH_JOINER}{TEXT_STYLE}{EMOJI_STYLE}]")
    cut = re.compile(
        f"[{_INVISIBLE}]|(?<![{emoji}])(?<![{emoji}]{EMOJI_STYLE}){ZERO_WIDTH_JOINER}|{ZERO_WIDTH_JOINER}(?![{emoji}])"
        f"|(?<![{emoji}0-9#*])[{TEXT_STYLE}{EMOJI_STYLE}]"
    )
    return lambda text: cut.sub("", text) if suspect.search(text) else text


def nfc() -> Rewrite:
    """Bring text into Unicode's composed form, in which a syllable is one character; macOS writes jamo one by one (NFD)."""
    return lambda text: text if unicodedata.is_normalized("NFC", text) else unicodedata.normalize("NFC", text)


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
    return lambda text: _EMAIL.sub(" ", text) if "@" in text else text


def phone_numbers() -> Rewrite:
    """Set every digit of a Korean phone number to 0: 010-1234-5678 → 000-0000-0000."""
    return lambda text: _PHONE.sub(_zeros, text)


def resident_numbers() -> Rewrite:
    """Set every digit of a resident-registration number to 0, and of any other number that reads like one."""
    return lambda text: _RESIDENT.sub(_zeros, text)


def squeeze(to: int, digits: bool, signs: bool) -> Rewrite:
    """Let stand `to` times what stands more often in a row: a character, or a group of 2 to 4 of them.

    With to = 2: ㅋㅋㅋㅋ → ㅋㅋ, 와하하하핫 → 와하하핫, 대박대박대박 → 대박대박.

    Args:
        to: how often it may stand, at least 1.
        digits: also digits (10000 → 100, as soynlp's repeat_normalize does); without, numbers stay what they are.
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


def masks(at_least: int) -> Rewrite:
    """Cut out marks that stand for a censored word, `OOO` or `○○○`, of at least so many letters O."""
    if at_least < 2:
        raise UserError(f"at_least: {at_least} must be at least 2; one letter alone may be anything")
    pattern = re.compile(rf"(?<![A-Za-z])(?:O{{{at_least},}}|○{{{at_least},}}|◯{{{at_least},}})(?![A-Za-z])")
    return lambda text: pattern.sub(" ", text) if any(mark in text for mark in ("OO", "○○", "◯◯")) else text


def whitespace() -> Rewrite:
    """Replace every run of white space by one space; none stays at the ends."""
    return lambda text: " ".join(text.split())


def min_length(characters: int) -> Reject:
    """Drop a line of fewer characters, spaces counted."""
    return lambda text: text if len(text) >= characters else None


def max_length(characters: int) -> Reject:
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


def _zeros(match: re.Match[str]) -> str:
    return _DIGIT.sub("0", match[0])

"""Rules that mend what is broken: markup, spelt-out and decomposed syllables, what cannot be seen, white space."""

import html as html_entities
import re

from electra_pretrain.core import composing
from electra_pretrain.corpus.cleaning.characters import EMOJI_STYLE, TEXT_STYLE, ZERO_WIDTH_JOINER, emoji_parts
from electra_pretrain.corpus.cleaning.rules import Rewrite

# Text escaped more often, and comments and scripts longer, stay; without limits a hostile line would take for ever.
MAX_HTML_PASSES = 5
MAX_HTML_SPAN = 1000
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
    return composing.nfc


def whitespace() -> Rewrite:
    """Replace every run of white space by one space; none stays at the ends."""
    return lambda text: " ".join(text.split())

"""Kinds of characters against Unicode's own names, and the scripts of lines."""

import re
import unicodedata

import numpy as np
import pytest

from electra_pretrain.corpus.stats.kinds import LANGUAGES, VISIBLE, Kind, kinds_of_characters, languages


def kind(character):
    return Kind(kinds_of_characters()[ord(character)])


EXAMPLES = {
    Kind.HANGUL: "가힣ㄱㅎㅏㅣㆎ\u1100\u11ffﾡ",
    Kind.LATIN: "azAZéßøĀＡｚ",
    Kind.HANJA: "一龥々〇㐀\uf900\U00020000",
    Kind.KANA: "ぁんァヺーｱﾞ",
    Kind.DIGIT: "09０９٣",
    Kind.SIGN: ".,!?…·①Ⅳ★♥♡ⓒ㈜+=$₩",
    Kind.EMOJI: "😀🤦🏽🇰✨⚡⭐❌",
    Kind.OTHER: "яαעกअ\u0301",
    Kind.SPACE: " \t\u00a0\u3000\u2028",
    Kind.CONTROL: "\x00\x1b\x7f\x9d",
    Kind.INVISIBLE: "\u200b\u200d\ufeff\u00ad\u3164\u115f\ufe0f\U000e0001",
    Kind.REPLACEMENT: "\ufffd",
    Kind.PRIVATE: "\ue000\uf8ff\U000f0000\U0010fffd",
}


@pytest.mark.parametrize("expected", Kind, ids=lambda kind: kind.name)
def test_characters_have_the_kind_that_a_reader_gives_them(expected):
    assert {character: kind(character) for character in EXAMPLES[expected]} == dict.fromkeys(EXAMPLES[expected], expected)


def test_scripts_are_those_of_unicodes_names():
    """Every letter whose name begins with a script's is of that kind, and no other is."""
    scripts = {"HANGUL": Kind.HANGUL, "CJK": Kind.HANJA, "HIRAGANA": Kind.KANA, "KATAKANA": Kind.KANA, "LATIN": Kind.LATIN}
    scripts["HENTAIGANA"] = Kind.KANA
    wrong = []
    for code in range(0x3000, 0x20000):
        character = chr(code)
        if not unicodedata.category(character).startswith("L") or kind(character) is Kind.INVISIBLE:
            continue
        name = unicodedata.name(character, "").removeprefix("HALFWIDTH ").removeprefix("FULLWIDTH ").replace("-", " ")
        expected = scripts.get(name.split(" ")[0], Kind.OTHER)
        if kind(character) is not expected and not re.search("ITERATION|KATAKANA HIRAGANA|MODIFIER LETTER", name):
            wrong.append((hex(code), name, kind(character).name))
    assert not wrong, wrong[:20]


def test_what_is_no_space_and_is_printed_is_visible():
    assert {Kind(number) for number in range(len(Kind))} - {Kind(number) for number in VISIBLE} == {
        Kind.SPACE, Kind.CONTROL, Kind.INVISIBLE,
    }  # fmt: skip


LINES = {
    "한국어 문장이다. 10% KBS": "Korean",
    "大韓民國은 민주공화국이다": "mixed",
    "안녕하세요 hello": "mixed",
    "Only English, 100%": "Latin-script",
    "これは日本語の文です。": "Japanese",
    "这是中文。": "Chinese",
    "Привет, мир": "other script",
    "123 !!! ㈜": "no letters",
}


def test_languages_are_told_by_script():
    counts = np.array([np.bincount([kind(one) for one in line], minlength=len(Kind)) for line in LINES])
    assert [LANGUAGES[number] for number in languages(counts)] == list(LINES.values())

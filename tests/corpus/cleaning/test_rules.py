"""Cleaning rules: known examples, and what holds for any text."""

import itertools
import re
import time
import unicodedata
from types import SimpleNamespace

import emoji as emoji_package
import pytest
from hypothesis import given
from hypothesis import strategies as st

from electra_pretrain.core.errors import UserError
from electra_pretrain.corpus.cleaning.cleaner import Cleaner
from electra_pretrain.corpus.cleaning.recipe import RULES, Recipe, load_recipe, shipped_names

rules = SimpleNamespace(**RULES)
EXAMPLES = {
    "html": (
        rules.html(),
        {
            "<p class='a'>첫째.</p><p>둘째.</p>": " 첫째.  둘째. ",
            "<b>굵은</b>글씨": "굵은글씨",
            "가&nbsp;나 &lt;3 &#44032;&#xAC01;": "가\xa0나 <3 가각",
            "두 번 &amp;amp;quot;": '두 번 "',
            "&lt;br&gt;줄": " 줄",
            "줄&#10;바꿈": "줄 바꿈",
            "<script>let a = '<b>';</script>글<!-- 주석 -->": " 글 ",
            "<영화 제목>, <Matrix>, 3 < 5 > 2, R&D, AT&T; a &copy b": "<영화 제목>, <Matrix>, 3 < 5 > 2, R&D, AT&T; a &copy b",
        },
    ),
    "spelt_syllables": (
        rules.spelt_syllables(),
        {"\u3164ㅂㅘㅅ다": "봣다", "\u3164ㅅㅞㅅ": "쉣",
         "난\u3164ㄷㅏㅋㅋㅋ": "난닼ㅋㅋ", "\u3164ㄱㅏ\u3164": "가", "\u3164ㅋㅋㅋ": "\u3164ㅋㅋㅋ"},
    ),
    "invisible": (
        rules.invisible(),
        {
            "가\u200b나\ufeff다\x07라\xad마\u3164바\u202e사": "가나다라마바사",
            "👨\u200d👩\u200d👧 ❤\ufe0f 1\ufe0f\u20e3": "👨\u200d👩\u200d👧 ❤\ufe0f 1\ufe0f\u20e3",
            "가\u200d나\ufe0f": "가나",
            "가\t나\u2028다": "가\t나\u2028다",
        },
    ),
    "nfc": (rules.nfc(), {unicodedata.normalize("NFD", "한국어 é"): "한국어 é"}),
    "characters": (
        rules.characters(["hangul", "jamo", "ascii", "emoji"], "·"),
        {"가나·漢字♡ㅋ ok!": "가나· ㅋ ok!", "좋아요👍🏽!": "좋아요👍🏽!", "あ]-^\\": " ]-^\\"},
    ),
    "characters without emoji": (
        rules.characters(["hangul", "latin", "digits", "hanja", "kana"], ".-"),
        {"漢字 カナ é 3.5-7! 😀": "漢字 カナ é 3.5-7   "},
    ),
    "emoji": (rules.emoji(), {"굿👍🏽굿": "굿 굿", "1️⃣번 3번 🇰🇷": " 번 3번  ", "가족👨\u200d👩\u200d👧!": "가족 !"}),
    "urls": (
        rules.urls(),
        {
            "주소는 http://naver.com/a?b=1에서": "주소는  에서",
            "(www.naver.com). 끝": "( ). 끝",
            "https://ko.wikipedia.org.": " .",
            "www 말고 wwww. 는": "www 말고 wwww. 는",
        },
    ),
    "emails": (rules.emails(), {
        "하겠습니다.unionm@naver.com 입니다": "하겠습니다.  입니다", "a@b 골뱅이": "a@b 골뱅이",
        "메일 a.b@c.co.kr로": "메일  로"}),
    "hashtags": (rules.hashtags(), {
        "좋아요!#먹스타그램#맛집 #MeToo운동": "좋아요!   ", "＃태그 ##둘": "  ##둘",
        **{text: text for text in ("#1 문제 #2020년", "C# C#은 # 제목", "a.kr/#top a.kr/b#top", "&#44032; 가#나 @#@#굿")}}),
    "mentions": (rules.mentions(), {
        "@_user_1님 (@a.b.c). .@d": " 님 ( ). . ",
        **{text: text for text in ("a@b.com", "한글@naver.com", "사과 @ 5,000원", "@500원", "놀랍다@_@ @_@;", "@BOB@이후")}}),
    "brackets": (rules.brackets(["[]", "<>"], 6), {"[속보] <사진>": "   "}),
    "news_notices": (
        rules.news_notices(["무단전재"], ["뉴스1"]),
        {"무단 전재 금지": None, "(서울=뉴스1)": None, "뉴스1": "뉴스1", "봄이 왔다. (사진=뉴스1)": "봄이 왔다. (사진=뉴스1)"}),
    "bylines": (
        rules.bylines(["기자"], ["뉴스1"]),
        {"(서울=뉴스1) 홍길동 기자 = 비가 온다. 김철수 기자": "  비가 온다. "}),
    "repeat_normalize": (rules.repeat_normalize(2), {
        "ㅋㅋㅋ ㅋㅋㅋㅋ 1000 10000 !!!!! ____": "ㅋㅋㅋ ㅋㅋ 1000 100 !!!!! __", "대박대박대박대박": "대박대박대박대박",
        "오호호호호호홋": "오호호홋", " ㅎㅎ\t\u3000ㅎㅎ  ": "ㅎㅎ ㅎㅎ", "AAAAaaaa": "AAaa"}),
    "repeat_normalize to 0": (rules.repeat_normalize(0), {"ㅋㅋㅋㅋ  ": "ㅋㅋㅋㅋ"}),
    "phone_numbers": (
        rules.phone_numbers(),
        {
            "전화 010-1234-5678로": "전화 000-0000-0000로",
            "02)123-4567, +82 10 9876 5432": "00)000-0000, +00 00 0000 0000",
            "01012345678": "00000000000",
            "2016-11-24, 1588-1234, 10000원, 201012345678": "2016-11-24, 1588-1234, 10000원, 201012345678",
        },
    ),
    "resident_numbers": (
        rules.resident_numbers(),
        {"주민번호 900101-1234567.": "주민번호 000000-0000000.", "901301-1234567": "901301-1234567"},
    ),
    "squeeze to 2": (
        rules.squeeze(2, True, False),
        {
            "ㅋㅋㅋㅋ": "ㅋㅋ",
            "와하하하하하하하하하핫": "와하하핫",
            "10000원!!!!": "100원!!!!",
            "대박대박대박대박": "대박대박",
            "하하호호하하호호하하호호": "하하호호하하호호",
            "아하아아하아아하아하아하": "아하아아하아하",  # squeezed once, it holds a group three times again
            "ㅋㅋ 하하 가나다 토마토": "ㅋㅋ 하하 가나다 토마토",
        },
    ),
    "squeeze to 3": (rules.squeeze(3, False, True), {"ㅠㅠㅠㅠㅠ!!!!!!": "ㅠㅠㅠ!!!", "1000000 ....": "1000000 ...",
                                                            "♥♥♥♥♥": "♥♥♥"}),
    "masks": (rules.masks(3), {"이 OOO아": "이  아", "○○○ 씨": "  씨", "OO YOOO GOOOAL": "OO YOOO GOOOAL"}),
    "whitespace": (rules.whitespace(), {" 가\u3000 나\t\xa0다\u2028라 ": "가 나 다 라"}),
    "min_length": (rules.min_length(3), {"가 나": "가 나", "가나": None}),
    "max_length": (rules.max_length(3), {"가 나": "가 나", "가나다라": None}),
    "hangul_share": (rules.hangul_share(0.5), {"가 나 ab": "가 나 ab", "가 ab": None, "ㅋㅋ a": "ㅋㅋ a", "abc": None}),
}  # fmt: skip
CASES = [(name, given_, wanted) for name, (_, cases) in EXAMPLES.items() for given_, wanted in cases.items()]


@pytest.mark.parametrize(("name", "text", "wanted"), CASES)
def test_known_examples(name, text, wanted):
    assert EXAMPLES[name][0](text) == wanted


# Text that rules have something to do with, besides any text at all.
PIECES = [
    *"가각힣ㅋㅠㅎㅏ아 \t.!?~OO○aZ09漢あé♥😀🏽\u200d\ufe0f\u200b\u3164\xa0\u1100\u1161\u11a8\u0301<>&;/#",
    "하하", "대박", "&amp;", "&lt;", "<br>", "http://", "www.", "a@b.kr", "010-1234-5678", "900101-1234567", "OOO",
    "홍길동 기자", "(서울=뉴스1)", "[", "]", ". ", "=", "무단전재", "#태그", "@user",
]  # fmt: skip
TEXT = st.one_of(st.text(st.characters(exclude_categories=["Cs"])), st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
ONE_LINE = TEXT.map(lambda text: text.replace("\n", " "))


@pytest.mark.parametrize("name", EXAMPLES)
@given(text=ONE_LINE)
def test_a_rule_applied_twice_is_the_rule_applied_once(name, text):
    once = EXAMPLES[name][0](text)
    assert once is None or EXAMPLES[name][0](once) == once


# NFC is no longer where a character has no composed form; nothing else adds text.
@pytest.mark.parametrize("name", sorted(EXAMPLES.keys() - {"nfc"}))
@given(text=ONE_LINE)
def test_no_rule_makes_text_longer_or_breaks_a_line(name, text):
    new = EXAMPLES[name][0](text)
    assert new is None or (len(new) <= len(text) and "\n" not in new)


@pytest.mark.parametrize("name", shipped_names())
@given(text=ONE_LINE)
def test_what_a_shipped_recipe_keeps_is_nfc_one_line_without_loose_ends(name, text):
    kept, reason = Cleaner(load_recipe(name)).clean(text)
    if text.strip() == "":
        return
    assert (kept is None) == (reason is not None)
    if kept is not None:
        assert unicodedata.is_normalized("NFC", kept)
        assert kept == " ".join(kept.split()) and kept
        assert not re.search("[\u0000-\u001f\u200b\ufeff\u3164]", kept)


@given(text=ONE_LINE)
def test_squeezed_text_has_nothing_left_to_squeeze(text):
    """Against the plainest definition: no group of 1 to 4 characters stands more often than it may."""
    squeezed = rules.squeeze(2, True, True)(text)
    for size, start in itertools.product((1, 2, 3, 4), range(len(squeezed))):
        group = squeezed[start : start + size]
        if len(group) == size and not re.search(r"\s", group):
            assert squeezed[start : start + 3 * size] != group * 3


def test_digits_and_signs_are_left_alone_unless_asked_for():
    texts = {
        (False, False): "111 !!! 가가",
        (True, False): "11 !!! 가가",
        (False, True): "111 !! 가가",
        (True, True): "11 !! 가가",
    }
    for (digits, signs), wanted in texts.items():
        assert rules.squeeze(2, digits, signs)("111 !!! 가가가") == wanted


def test_all_emoji_go_and_all_emoji_stay():
    drop, keep = rules.emoji(), rules.characters(["emoji"], "")
    for sequence, values in emoji_package.EMOJI_DATA.items():
        if values["status"] == emoji_package.STATUS["fully_qualified"] and not re.search("[\U000e0000-\U000e007f]", sequence):
            assert drop(sequence).strip() == "", sequence
            assert rules.invisible()(sequence) == sequence
            if not re.match("[0-9#*]", sequence):
                assert keep(sequence) == sequence


def test_hostile_lines_take_no_time():
    """Patterns that look back and forth must not become quadratic on one long line."""
    lines = ["a" * 100_000, "a." * 50_000, "<b" * 30_000 + ">" * 30_000, "&amp;" * 20_000, "www" * 40_000, "01" * 50_000]
    lines += [
        "가나" * 40_000,
        "ab" * 10 + "가" * 100_000,
        "<!--" * 20_000,
        "<p " * 30_000,
        "http://" * 15_000,
        "<script>" * 10_000,
        "O" * 100_000,
        "[" * 50_000 + "가" + "]" * 50_000,
        "[a" * 50_000 + "]" * 50_000,
        "[<" * 30_000 + ">]" * 30_000,
        "(서울=" * 25_000,
        "[홍길동 " * 20_000,
    ]
    lines += [
        piece * 15_000
        for piece in ("#가", "@a.", "홍길동 기자 ", ". 홍길동 기자", "홍길동 기자 a@b.kr ", "홍길동 기자 =", "사진=")
    ]
    lines += ["\u0323\u0301" * 50_000, "홍길동·" * 20_000, ". " * 50_000, "기자" + " " * 100_000, "무 단 " * 20_000]
    for line, (name, (rule, _)) in itertools.product(lines, EXAMPLES.items()):
        began = time.process_time()
        rule(line + "@ OO 홍길동 기자")
        assert time.process_time() - began < 1, f"{name} on {line[:9]}…"


def recipe(*rules):
    return Recipe("test", "", list(rules), None)


def test_rules_are_counted_and_reasons_named():
    cleaner = Cleaner(
        recipe({"rule": "urls"}, {"rule": "whitespace"}, {"rule": "min_length", "characters": 3}, {"rule": "nfc"})
    )
    lines = ["긴 문장이다", "긴  문장이다", "짧다", "http://a.kr", "주소 http://a.kr"]
    assert [cleaner.clean(line) for line in lines] == [
        ("긴 문장이다", None), ("긴 문장이다", None), (None, "min_length"), (None, "urls: nothing left"), (None, "min_length"),
    ]  # fmt: skip
    assert cleaner.counts() == [
        {"rule": "urls", "changed": 1, "dropped": 1},
        {"rule": "whitespace", "changed": 2, "dropped": 0},
        {"rule": "min_length", "changed": 0, "dropped": 2},
        {"rule": "nfc", "changed": 0, "dropped": 0},
    ]


@pytest.mark.parametrize(
    "make",
    [
        lambda: rules.squeeze(0, True, True), lambda: rules.masks(1), lambda: rules.hangul_share(1.5),
        lambda: rules.characters(["hanguel"], ""), lambda: rules.repeat_normalize(4), lambda: rules.repeat_normalize(-1),
    ],
)  # fmt: skip
def test_senseless_parameters_are_refused(make):
    with pytest.raises(UserError):
        make()

"""The published recipes against straightforward functions that do, word for word, what their sources say."""

import itertools
import unicodedata

import emoji
import pytest
from hypothesis import given
from hypothesis import strategies as st

from electra_pretrain.corpus.cleaning.cleaner import Cleaner
from electra_pretrain.corpus.cleaning.recipe import load_recipe

# Words apart, each of which the sources and we read alike: an address of the web that a space ends, a mask alone.
WORDS = """
    가나다라 ㅋㅋㅋ ㅋㅋㅋㅋㅋ 와하하하하핫 대박대박대박 1000 10000 !!!!! ____ 漢字 理想적인 Café ok 👍 👍🏽👍🏽 ♥ ♡ … “인용” ★
    (괄호) 3.5％ ℃ 가·나∼다~ あ http://a.kr/b?c=1 https://www.a.co.kr OOO GOOOAL <b [속보 #1 C# - _ *
"""
LINES = st.lists(st.sampled_from(WORDS.split()), max_size=12).map(" ".join)


def kept_only(text, wanted):
    return "".join(one if wanted(one) else " " for one in text)


def without_runs(text):
    """Shorten as soynlp 0.0.493 does: of the same letter or digit at least four in a row become two."""
    runs = [(one, len(list(run))) for one, run in itertools.groupby(text)]
    return "".join(one * (2 if times >= 4 and (one.isalnum() or one == "_") else times) for one, times in runs)


def by_words(text, change):
    return " ".join(change(word) for word in text.split())


def long_enough(text):
    text = " ".join(text.split())
    return text if len(text) >= 10 else None


def hangul_syllable(one):
    return "가" <= one <= "힣"


def kcelectra(text):
    emojis = set("".join(emoji.EMOJI_DATA))
    text = kept_only(
        text, lambda one: one.isascii() or "ㄱ" <= one <= "ㅣ" or hangul_syllable(one) or one in "％·∼" or one in emojis
    )
    text = by_words(text, lambda word: "" if word.startswith(("http://", "https://")) else word)
    text = long_enough(without_runs(text))
    return None if text is None else " ".join(by_words(text, lambda word: "" if word == "OOO" else word).split()) or None


def koelectra_v1(text):
    """All that it does to lines without hashtags, brackets, addresses and notices."""
    return long_enough(without_runs(kept_only(text, lambda one: one.isascii() or hangul_syllable(one) or one in "％·∼")))


def koelectra_v3(text):
    return long_enough(without_runs(text))


def lmkor(text):
    """By what Unicode calls the characters; the signs beside ASCII's are ours."""

    def wanted(one):
        name = unicodedata.name(one)
        return one.isascii() or "HANGUL" in name or "LATIN" in name or one in "·…‘’“”〈〉《》「」『』【】～％℃"

    return long_enough(kept_only(text, wanted))


@pytest.mark.parametrize("source", [kcelectra, koelectra_v1, koelectra_v3, lmkor])
@given(text=LINES)
def test_a_recipe_does_what_its_source_says(source, text):
    if not text:
        return
    assert Cleaner(load_recipe(source.__name__).for_domain(None)).clean(text).text == source(text)


def cleaned(name, line, domain=None):
    return Cleaner(load_recipe(name).for_domain(domain)).clean(line)


def test_kcelectra_step_by_step():
    assert cleaned("kcelectra", "漢字 이 OOO들 ㅋㅋㅋㅋㅋ 보세요👍 https://a.kr/b 최고♡").text == "이 들 ㅋㅋ 보세요👍 최고"
    assert cleaned("kcelectra", "ㅋㅋㅋㅋㅋㅋㅋㅋㅋㅋㅋㅋ") == (None, "min_length"), "shortened before it is measured"
    assert cleaned("kcelectra", "아홉글자뿐이다아.") == (None, "min_length")
    assert cleaned("kcelectra", "열글자가되는문장이다").text == "열글자가되는문장이다"
    assert cleaned("kcelectra", unicodedata.normalize("NFD", "열글자가되는문장이다")).text == "열글자가되는문장이다"
    assert cleaned("kcelectra", "OOOO OO동에 사는 사람들의 이야기").text == "OO OO동에 사는 사람들의 이야기"
    assert cleaned("kcelectra", "OOO 여섯 글자다").text == "여섯 글자다", "OOO goes last, after the length is measured"
    assert cleaned("kcelectra", "OOO OOO OOO") == (None, "masks: nothing left")


NEWS = "(서울=뉴스1) 홍길동 기자 = 정부는 漢字 교육을 #교육 늘린다고 @gov가 【단독】 말했다. a@b.kr"


def test_koelectra_v1_drops_what_may_be_noise_of_news_only():
    assert cleaned("koelectra_v1", NEWS, "news") == (None, "news_notices")
    assert cleaned("koelectra_v1", NEWS).text == "(서울=뉴스1) 홍길동 기자 = 정부는 교육을 늘린다고 가 말했다."
    assert cleaned("koelectra_v1", "가나다라 ㅋㅋ 理想 【앵커】 [속보] <사진> {표} 마바사아자").text == "가나다라 마바사아자"


def test_koelectra_v3_keeps_hanja_and_cuts_bylines_of_news_only():
    assert cleaned("koelectra_v3", NEWS, "news").text == "정부는 漢字 교육을 늘린다고 가 말했다."
    assert cleaned("koelectra_v3", NEWS).text == "(서울=뉴스1) 홍길동 기자 = 정부는 漢字 교육을 늘린다고 가 말했다."
    assert cleaned("koelectra_v3", "기사의 무단 전재 및 재배포 금지", "news") == (None, "news_notices")
    assert cleaned("koelectra_v3", "기사의 무단 전재 및 재배포 금지").text is not None


def test_lmkor_keeps_neither_hanja_nor_emoji():
    line = "이상(理想)한 Café 3.5% “인용”👍 문장이다"
    assert cleaned("lmkor", line).text == "이상( )한 Café 3.5% “인용” 문장이다"

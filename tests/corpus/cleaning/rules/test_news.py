"""Bylines and notices go; sentences that speak of reporters and rights of others stay."""

import pytest

from electra_pretrain.core.errors import UserError
from electra_pretrain.corpus.cleaning.rules.news import bylines, news_notices

AGENCIES = ["뉴스1", "뉴시스", "연합뉴스"]
CUT = bylines(["기자", "인턴기자", "특파원"], AGENCIES)
NOTICE = news_notices(["무단전재", "저작권자ⓒ"], AGENCIES)

BYLINES = {
    "(서울=연합뉴스) 홍길동 기자 = 정부는 말했다.": "정부는 말했다.",
    "[서울=뉴시스]홍길동 기자 = 정부는 말했다.": "정부는 말했다.",
    "(서울=연합뉴스) 홍길동 김철수 기자 = 정부는 말했다.": "정부는 말했다.",
    "(베이징·서울=뉴스1) 홍길동 특파원·김철수 인턴기자 = 정부는 말했다.": "정부는 말했다.",
    "(세종=연합뉴스) 정부는 말했다.": "정부는 말했다.",
    "정부는 말했다. 홍길동 기자 hong@news.co.kr": "정부는 말했다.",
    "정부는 말했다. 홍길동 기자(hong@news.co.kr)": "정부는 말했다.",
    "정부는 말했다. 홍길동 기자": "정부는 말했다.",
    '"비가 온다."  남궁민수 기자 ': '"비가 온다."',
    "정부는 말했다. /홍길동 특파원": "정부는 말했다. /",
    "[스포츠조선 홍길동 기자] 골을 넣었다.": "골을 넣었다.",
    "【홍길동 기자】 골을 넣었다.": "골을 넣었다.",
    "골을 넣었다. (사진=홍길동 기자) 다음은 결승이다.": "골을 넣었다.   다음은 결승이다.",
    "글·사진 홍길동 기자": "",
    "홍길동·김철수 기자 a@b.kr": "",
    "홍길동기자 a@b.kr 김철수기자 c@b.kr": "",
    "허재 기자 a@b.kr": "",
    "홍길동 기자 (서울=연합뉴스)": "",
}
SENTENCES = [
    "기자 회견을 열었다",
    "그는 기자였다",
    "신문 기자가 되고 싶다",
    "홍길동 기자는 말했다.",
    "김철수 기자 회견을 열었다.",
    "그의 꿈은 방송국 기자",
    "사회부 기자",
    "정치부 기자",
    "방송국 기자",
    "그를 만난 사람은 홍길동 기자",
    "그는 (전 한겨레 기자) 책을 냈다.",
    "왜 그랬을까? 이상한 사람들! 조작된 기자",
    "그가 외친다! 이놈의 기자",
    "누구세요? 이제는 기자",
    "홍길동 기자의 질문에 답했다. 기자 여러분",
    "그는 서울=연합뉴스라고 적었다.",
    "특파원으로 간 홍길동 기자, 워싱턴에서",
    "메일은 a@b.com으로",
]


@pytest.mark.parametrize(("line", "rest"), BYLINES.items())
def test_bylines_and_datelines_go(line, rest):
    assert CUT(line).strip() == rest


@pytest.mark.parametrize("line", SENTENCES)
def test_what_is_said_of_reporters_stays(line):
    assert CUT(line) == line


@pytest.mark.parametrize(
    ("line", "dropped"),
    {
        "<저작권자 ⓒ 연합뉴스, 무단 전재-재배포 금지>": True,
        "기사의 무단전재를 금합니다.": True,
        "(서울=뉴스1) 정부는 말했다.": True,
        "정부는 말했다 【대전=뉴시스】": True,
        "저작권자는 그 사람이다.": False,
        "서울은 뉴스1이 있는 곳이다. (서울)": False,
        "무단으로 전재했다.": False,
        "(서울=중앙일보) 정부는 말했다.": False,
    }.items(),
)
def test_notices_drop_their_line(line, dropped):
    assert NOTICE(line) == (None if dropped else line)


def test_without_words_nothing_happens_and_empty_words_are_refused():
    line = "(서울=뉴스1) 홍길동 기자 = 무단전재"
    assert news_notices([], [])(line) == line and bylines([], [])(line) == line
    assert bylines([], ["뉴스1"])(line).strip() == "홍길동 기자 = 무단전재"
    assert bylines(["기자"], [])(line) == "(서울=뉴스1) 무단전재" and news_notices([], ["뉴스1"])(line) is None
    for make in (lambda: news_notices([" "], []), lambda: bylines([""], []), lambda: bylines([], [""])):
        with pytest.raises(UserError, match="none of them may be empty"):
            make()

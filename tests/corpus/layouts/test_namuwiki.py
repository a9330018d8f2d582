"""NamuWiki's dump: an article of the array a document, its text without markup."""

import bz2
import io
import json
import re
import resource
import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from electra_pretrain.core.errors import Damaged, UserError
from electra_pretrain.corpus.blocks import BlockReader
from electra_pretrain.corpus.damage import Damage
from electra_pretrain.corpus.decoding import Decoder
from electra_pretrain.corpus.layouts.layout import Content
from electra_pretrain.corpus.layouts.namuwiki import NAMUWIKI
from electra_pretrain.corpus.layouts.namuwiki_markup import plain_text
from electra_pretrain.corpus.layouts.registry import layout_of
from electra_pretrain.corpus.reader import Corpus
from electra_pretrain.corpus.reading import Reading

PAGES = [
    ("0", "서울", "[목차]\n== 개요 ==\n'''서울'''은 [[대한민국]]의 [[수도]]이다.[* 법률.]\n * 목록"),
    ("0", "한양", "#redirect 서울"),
    (0, "한성", "#넘겨주기 서울"),
    ("1", "틀:글", "틀이다."),
    (1, "틀:둘", "틀이다."),
    (0, "부산", "항구이다.\n\n[[분류:도시]]"),
    ("0", "빈 문서", "[include(틀:삭제)]"),
]
DOCUMENTS = [(1, "서울", ["서울", "서울은 대한민국의 수도이다.", "목록"]), (6, "부산", ["부산", "항구이다."])]


def dump(pages=PAGES, **options):
    objects = [dict(zip(("namespace", "title", "text", "contributors"), [*page, ["나"]], strict=True)) for page in pages]
    return json.dumps(objects, **options)


@pytest.mark.parametrize("name", ["namuwiki.json", "namu.json.bz2", "dump", "a.txt"])
@pytest.mark.parametrize("options", [{}, {"ensure_ascii": False, "indent": 1}], ids=["compact", "indented"])
def test_the_dump_is_recognised_and_read_by_both_readers(tmp_path, name, options):
    content = dump(**options).encode()
    (tmp_path / name).write_bytes(bz2.compress(content) if name.endswith(".bz2") else content)
    corpus = Corpus([str(tmp_path / name)])
    found = list(corpus.located_documents())
    assert [(document.numbers[0], document.title, document.sentences) for document in found] == DOCUMENTS
    assert {document.unit for document in found} == {"document"}
    blocks = BlockReader(corpus).blocks(10)
    assert [document for block in blocks for document in block.documents()] == [fields[2] for fields in DOCUMENTS]


def test_the_dump_as_a_plain_script_reads_it(tmp_path):
    """Links, bold, footnotes and lists by a few expressions, on articles that hold no more."""
    path = tmp_path / "a.json"
    path.write_text(dump())
    documents = []
    for page in json.loads(dump()):
        if str(page["namespace"]) == "0" and not page["text"].startswith("#"):
            text = re.sub(
                r"\[\*[^]]*\]|\[\[분류:[^]]*\]\]|\[include\(.*?\)\]|\[목차\]|^==.*==$|'''|^ \* ", "", page["text"], flags=re.M
            )
            lines = [line for line in re.sub(r"\[\[(.*?)\]\]", r"\1", text).split("\n") if line]
            documents += [[page["title"], *lines]] if lines else []
    assert list(Corpus([str(path)]).documents()) == documents


MARKUP = {
    "[[문서]]의 [[문서|글]]과 [[문서#s-1]], [[:분류:도시]] [[#s-2]]": "문서의 글과 문서, 분류:도시",
    "앞[[파일:a.png|width=100%]][[분류:도시]] [[https://a.b|바깥]] [[http://c.d]] 뒤": "앞 바깥  뒤",
    '앞 {{{#!wiki style="color:red"\n안 {{{#!wiki style=""\n더 안}}}\n}}}뒤': "앞 안 더 안\n뒤",
    "{{{+1 크게}}} {{{-2 작게}}} {{{#red 빨강}}} {{{#fff,#000 색}}} {{{그대로}}}": "크게 작게 빨강 색 그대로",
    "{{{#!folding [ {{{#blue 펼치기}}} ]\n접힌 글\n}}}": "접힌 글",
    "{{{#!html <b>굵게</b>}}}{{{#!syntax python\nprint()\n}}}글": "글",
    "[include(틀:글, a=[[b|c]], d={{{e}}})]글[youtube(abc, width=3)][목차][tableofcontents][date][각주][anchor(가)]": "글",
    "줄[br]바꿈 [ruby(글, ruby=루비, color=red)] [math(x^2)]끝": "줄 바꿈 글 끝",
    "'''굵게''' ''기울여'' '''''둘 다''''' __밑줄__ x^^2^^ H,,2,,O": "굵게 기울여 둘 다 밑줄 x2 H2O",
    "글 ~~지운 '''글'''~~ 남고 --지운 글-- 끝": "글 남고 끝",
    "글[* 주석 [[링크]]와 [괄호] [* 안쪽 주석] 끝]이다[*이름 주석].[*이름]": "글이다.",
    "글\n|| 가 || 나 ||\n||<-2><|2><#fff> 다 ||\n끝": "글\n끝",
    "||<tablewidth=100%> 가\n나\n다 ||\n끝": "끝",
    "||<-2> {{{#!folding [ 표 ]\n|| 안 || 쪽 ||\n}}} ||\n끝": "끝",
    "|| 끝이 없는 표\n== 제목 ==\n글": "글",
    "== 가 ==\n글\n==# 접은 문단 #==\n====== 나 ======\n----": "글",
    " * 하나\n  * 둘\n 1. 셋\n 1.#7 넷\n a. 다섯": "하나\n둘\n셋\n넷\n다섯",
    "> 인용\n>> 깊은 인용": "인용\n깊은 인용",
    "## 주석 {{{ [[\n글": "글",
    r"\[\[그대로\]\] \'\'\' \~~글\~~": "[[그대로]] ''' ~~글~~",
    "<math>x^2</math>글": "글",
    "{{|상자|}}": "상자",
    "[단독] 글 [가] (나) 1. 다": "[단독] 글 [가] (나) 1. 다",
    "1. 글\n2001-2005 a - b ㅋㅋ~ 음~~~~ 네,": "1. 글\n2001-2005 a - b ㅋㅋ~ 음~~~~ 네,",
    "열린 {{{#red 글\n[[링크\n글[* 주석": "열린 글\n링크\n글 주석",
    "닫힌 }}} ]] 글": "닫힌   글",
}


@pytest.mark.parametrize("markup", MARKUP)
def test_markup_becomes_text(markup):
    text = plain_text(markup)
    assert text == MARKUP[markup]
    if "\\" not in markup:
        assert plain_text(text) == text


words = st.text("가나다라마힣abcXYZ09", min_size=1, max_size=6)
paragraphs = st.lists(words, min_size=1, max_size=8).map(" ".join)


def wrapped(inner):
    one = inner.map(" ".join)
    return st.lists(
        st.one_of(
            words,
            st.builds("[[{}|{}]]".format, words, one),
            st.builds("'''{}'''".format, words),
            st.builds("~~{}~~".format, words),
            st.builds("[* {}]".format, one),
            st.builds("{{{{{{#red {}}}}}}}".format, one),
            st.builds("{{{{{{{}}}}}}}".format, one),
            st.builds("[include(틀:{})]".format, one),
        ),
        min_size=1,
        max_size=4,
    )


@given(st.lists(paragraphs, max_size=5))
def test_text_without_markup_stays(lines):
    assert plain_text("\n".join(lines)).split("\n") == (lines or [""])


@given(st.recursive(st.lists(words, min_size=1, max_size=3), wrapped, max_leaves=8).map(" ".join))
def test_no_sign_is_left_and_nothing_more_to_take(markup):
    text = plain_text(markup)
    assert not set("[]{}'~*|#") & set(text)
    assert plain_text(text) == text


HOSTILE = [
    "{{{",
    "[[",
    "[* ",
    "[include(",
    "]]",
    "}}}",
    "'' ",
    "~~ a",
    "-- ~~ ",
    "|| a\n",
    "> ",
    "[[a|",
    "{{{#!wiki\n",
    "\\",
    "##",
    " * ",
]


@pytest.mark.parametrize("opening", HOSTILE)
def test_what_is_never_closed_takes_linear_time(opening):
    took = []
    for count in (10_000, 40_000):
        start = time.process_time()
        plain_text(opening * count)
        took.append(time.process_time() - start)
    assert took[1] < 10 * took[0] + 0.3  # 16 times, if it grew with the square


@pytest.mark.parametrize(("opening", "closing"), [("[[", "]]"), ("{{{", "}}}"), ("[* a", "]"), ("[[a{{{ ", "}}}]]")])
def test_deep_nesting_ends_no_stack(opening, closing):
    assert "글" in plain_text(opening * 100_000 + "x" + closing * 100_000 + "\n글")


BAD = {
    "no pages": ('[{"namespace": 0, "title": "글"}]', r'a\.json, document 1: no object with "namespace" and a "text"'),
    "no objects": ("[1, 2]", r"a\.json, document 1: no object with"),
    "text of another kind": ('[{"namespace": 0, "title": "글", "text": 3}]', r"a\.json, document 1: no object with"),
    "cut short": (dump()[:-80], r"a\.json"),
    "half a pair": (
        '[{"namespace": 0, "title": "글", "text": "\\ud83d"}]',
        r"a\.json, document 1: holds half a surrogate pair",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_damage_is_named_in_one_line(tmp_path, name):
    content, message = BAD[name]
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(UserError, match=message) as raised:
        list(Corpus([str(tmp_path / "a.json")], Reading(layout="namuwiki")).documents())
    assert "\n" not in str(raised.value)
    assert isinstance(raised.value, Damaged) or name == "half a pair"


def test_a_broken_page_is_left_out_if_asked(tmp_path):
    (tmp_path / "a.json").write_text(dump().replace('"text": "#redirect \\uc11c\\uc6b8"', '"text": 3'))
    corpus = Corpus([str(tmp_path / "a.json")], Reading(on_bad_file="skip"))
    assert [document[0] for document in corpus.documents()] == ["서울", "부산"]
    assert corpus.damage.left_out == 1


@pytest.mark.parametrize("head", ['[{"title": "글", "text": "글"}]', '{"namespace": "0", "title": "글", "text": ""}', "[]", ""])
def test_other_json_is_not_taken_for_it(head):
    assert layout_of("a.json", head.encode()) is not NAMUWIKI


def resident_bytes():
    """How much memory this process has now (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


class Endless(io.RawIOBase):
    """A dump of so many bytes that is made while it is read."""

    def __init__(self, size):
        super().__init__()
        self._page = (dump([(0, "부산", ("항구이다. " * 100 + "\n") * 500 + "[[바다]]")])[1:-1] + ", ").encode()
        self._left, self._text = size, b"["

    def read(self, size=-1):
        if len(self._text) < size and self._left > 0:
            self._text += self._page
            self._left -= len(self._page)
            if self._left <= 0:
                self._text = self._text[:-2] + b"]"
        piece, self._text = self._text[:size], self._text[size:]
        return piece


def endless(size):
    return NAMUWIKI.records(Content("a.json", Endless(size), b"[", Decoder(), Damage("error")))


def test_memory_does_not_grow_with_the_dump():
    peaks = []
    for size in (10_000_000, 30_000_000):
        tracemalloc.start()
        assert sum(1 for _ in endless(size)) > size // 2_000_000
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]


@pytest.mark.slow
def test_two_gigabytes_in_bounded_memory():
    before = resident_bytes()
    for _ in endless(2_000_000_000):
        assert resident_bytes() < before + 100_000_000


@pytest.mark.parametrize(
    ("page", "certain"),
    [
        ({"title": "가", "namespace": "0", "contributors": [], "text": "글"}, True),
        ({"text": "글", "title": "가", "namespace": 0}, True),
        ({"title": "가", "text": "글"}, False),
        ({"title": "가", "text": "글", "namespace": "main"}, False),
        ({"id": 1, "title": "가", "text": "글", "namespace": 0}, False),
    ],
)
def test_keys_of_the_first_page_in_any_order_make_it_certain(page, certain):
    assert NAMUWIKI.begins(json.dumps([page], ensure_ascii=False).encode()) is certain

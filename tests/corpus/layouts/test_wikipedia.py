"""Wikipedia: the XML dump and WikiExtractor's files, a page a document, its text without markup."""

import bz2
import io
import resource
import time
import tracemalloc
import xml.dom.minidom
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from electra_pretrain.core import optional
from electra_pretrain.core.errors import Damaged, UserError
from electra_pretrain.corpus.blocks import BlockReader
from electra_pretrain.corpus.damage import Damage
from electra_pretrain.corpus.decoding import Decoder
from electra_pretrain.corpus.layouts import wikipedia_dump, wikipedia_extracted
from electra_pretrain.corpus.layouts.layout import Content
from electra_pretrain.corpus.layouts.registry import layout_of
from electra_pretrain.corpus.layouts.wikipedia import WIKIPEDIA
from electra_pretrain.corpus.layouts.wikipedia_markup import plain_text
from electra_pretrain.corpus.reader import Corpus
from electra_pretrain.corpus.reading import Reading

parse = pytest.importorskip("mwparserfromhell").parse

HEAD = (
    '<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11" xml:lang="ko">\n'
    '  <siteinfo><sitename>위키백과</sitename><namespaces><namespace key="0" /></namespaces></siteinfo>\n'
)
PAGES = [  # id, namespace, title, markup
    (1, 0, "서울", "'''서울'''은 [[대한민국]]의 [[수도 (도시)|수도]]이다.\n\n== 역사 ==\n* 조선 & 대한제국"),
    (2, 0, "한양", "#넘겨주기 [[서울]]"),
    (3, 1, "토론:서울", "토론이다."),
    (4, 0, "부산", "항구이다."),
    (5, 0, "빈 문서", "{{삭제}}"),
    (6, 10, "틀:글", "틀이다."),
    (8, 0, "부산시", "옛 이름이다."),
    (7, 0, "세종 <시>", "행정도시이다."),
]
DOCUMENTS = [
    (1, "1", "서울", ["서울", "서울은 대한민국의 수도이다.", "조선 & 대한제국"]),
    (4, "4", "부산", ["부산", "항구이다."]),
    (7, "7", "세종 <시>", ["세종 <시>", "행정도시이다."]),
]


def page(id, namespace, title, markup, redirect=False):
    return (
        f"  <page>\n    <title>{escape(title)}</title>\n    <ns>{namespace}</ns>\n    <id>{id}</id>\n"
        + ('    <redirect title="서울" />\n' if redirect else "")
        + f"    <revision>\n      <id>{id}9</id>\n      <contributor><id>77</id></contributor>\n      <model>wikitext</model>\n"
        f'      <text bytes="9" xml:space="preserve">{escape(markup)}</text>\n    </revision>\n  </page>\n'
    )


def dump():
    return HEAD + "".join(page(*fields, redirect=fields[0] == 8) for fields in PAGES) + "</mediawiki>\n"


EXTRACTED = """<doc id="1" url="https://ko.wikipedia.org/wiki?curid=1" title="서울">
서울

서울은 대한민국의 수도이다.
조선 &amp; 대한제국

</doc>
<doc id="2" revid="8" url="https://ko.wikipedia.org/wiki?curid=2" title="빈 문서">
빈 문서

</doc>
<doc id="4" url="https://ko.wikipedia.org/wiki?curid=4" title="부산">
부산

항구이다.
</doc>
<doc id="7" url="https://ko.wikipedia.org/wiki?curid=7" title="세종 &lt;시&gt;">
세종 &lt;시&gt;

행정도시이다.
</doc>
"""
PLACES = {"dump": [1, 4, 8], "extracted": [1, 3, 4]}
FILES = {"kowiki-pages-articles.xml": "dump", "kowiki.xml.bz2": "dump", "wiki_00": "extracted", "wiki_00.bz2": "extracted"}


def content_of(text):
    if isinstance(text, str):
        text = text.encode()
    return Content("a.xml", io.BytesIO(text), text[: 1 << 16], Decoder(), Damage("error"))


@pytest.mark.parametrize("name", FILES)
def test_both_forms_are_recognised_and_read_by_both_readers(tmp_path, name):
    content = {"dump": dump(), "extracted": EXTRACTED}[FILES[name]].encode()
    # The dump's multistream file is many compressed ones, one behind the other.
    halves = [content[:1000], content[1000:]]
    (tmp_path / name).write_bytes(b"".join(map(bz2.compress, halves)) if name.endswith(".bz2") else content)
    corpus = Corpus([str(tmp_path / name)])
    found = list(corpus.located_documents())
    assert [(document.id, document.title, document.sentences) for document in found] == [fields[1:] for fields in DOCUMENTS]
    assert [document.numbers[0] for document in found] == PLACES[FILES[name]]
    assert {document.unit for document in found} == {"document"}
    blocks = BlockReader(corpus).blocks(10)
    assert [document for block in blocks for document in block.documents()] == [fields[3] for fields in DOCUMENTS]


def test_the_dump_as_a_plain_script_reads_it(tmp_path):
    """Every article's text is what the parser itself makes of it, where it makes plain text of all that is there."""
    path = tmp_path / "a.xml"
    path.write_text(dump())
    expected = []
    for element in xml.dom.minidom.parseString(dump()).getElementsByTagName("page"):
        title, namespace, text = (element.getElementsByTagName(name)[0].firstChild.data for name in ("title", "ns", "text"))
        lines = [str(line) for line in parse(text).strip_code().split("\n") if line.strip()]
        if namespace == "0" and lines and not (element.getElementsByTagName("redirect") or text.startswith("#")):
            expected.append([title, *[line.strip() for line in lines if line.strip() != "역사"]])
    assert list(Corpus([str(path)]).documents()) == expected


MARKUP = {
    "'''굵게''' ''기울여'' '''''둘 다''''' 쓴다.": "굵게 기울여 둘 다 쓴다.",
    "[[문서]]의 [[문서|글]]과 [[문서#절]], [[:분류:도시]], [[:en:Seoul|영어]]": "문서의 글과 문서, 분류:도시, 영어",
    "앞{{틀|값={{안쪽|a}}|b=[[c]]}}뒤": "앞뒤",
    "서울({{llang|en|Seoul}}, {{한자|漢}})은 {{lang|en|x}} 크다.": "서울은 크다.",
    "서울({{한자|漢}}, 1990년; {{lang|en|x}})": "서울(1990년)",
    '글.<ref>출처 [http://a.b 글]\n둘째</ref><ref name="a" /> 다음': "글. 다음",
    "앞[[파일:a.jpg|섬네일|설명 [[링크]]와\n둘째]] [[그림:b.png]] [[File:c.png|20px]] 뒤": "앞 뒤",
    "글\n[[분류:도시]]\n[[Category:City]]\n[[en:Seoul]]\n": "글",
    "앞<!-- 주석 {{ [[ -->뒤": "앞뒤",
    "앞<math>x^2 {{ </math>뒤<br />줄": "앞뒤 줄",
    "__목차없음__\n글\n__NOTOC__": "글",
    "== 역사 ==\n글\n=== 고대 ===\n====\n": "글",
    "* 하나\n** 둘\n# 셋\n; 용어\n: 설명\n----\n": "하나\n둘\n셋\n용어\n설명",
    '앞\n{| class="wikitable"\n! 머리\n|-\n| a || {{b}}\n{|\n| 안쪽\n|}\n|}\n뒤': "앞\n뒤",
    "a &lt; b &amp;&nbsp;c &#44032;": "a < b &\xa0c 가",
    "<nowiki>[[그대로]] ''</nowiki> <small>작게</small> H<sub>2</sub>O": "[[그대로]] '' 작게 H2O",
    "<제목>과 <Matrix>": "<제목>과 <Matrix>",
    "[http://a.b 바깥 ''고리''] ([http://c.d]) http://e.f": "바깥 고리 http://e.f",
    "<gallery>\n파일:a.jpg|글\n</gallery>\n글": "글",
    "열린 {{틀\n'''굵게 [[링크\n끝 }} ]]": "열린",  # to the end of the template, as MediaWiki does
    "열린 [[링크 하나\n다음 {{틀 줄\n'''끝": "열린 링크 하나\n다음 틀 줄\n끝",
    "{|\n| 끝이 없는 표\n글": "글",
}


@pytest.mark.parametrize("markup", MARKUP)
def test_markup_becomes_text(markup):
    text = plain_text(markup, parse)
    assert text == MARKUP[markup]
    if "nowiki" not in markup:
        assert plain_text(text.replace("&", "&amp;"), parse) == text


words = st.text("가나다라마힣abcXYZ09", min_size=1, max_size=6)
paragraphs = st.lists(words, min_size=1, max_size=8).map(" ".join)
spans = st.one_of(
    words,
    st.builds("[[{}|{}]]".format, words, words),
    st.builds("'''{}'''".format, words),
    st.builds("{{{{{}|{}}}}}".format, words, words),
    st.builds("<ref>{}</ref>".format, words),
    st.builds("<small>{}</small>".format, words),
)


@given(st.lists(paragraphs, max_size=5))
def test_text_without_markup_stays(lines):
    assert plain_text("\n".join(lines), parse).split("\n") == (lines or [""])


@given(st.lists(spans, min_size=1, max_size=12).map(" ".join))
def test_no_sign_is_left_and_nothing_more_to_take(markup):
    text = plain_text(markup, parse)
    assert not set("[]{}'<>|") & set(text)
    assert plain_text(text, parse) == text


HOSTILE = [
    "{{",
    "[[",
    "\n{|",
    "{{a|b=\n",
    "<ref>",
    "<b>",
    "<!--",
    "<nowiki>",
    "'''a ",
    "<a ",
    "({{a}}",
    "[http://a ",
    "[[a|",
    "=",
    "]]",
]


@pytest.mark.parametrize("opening", HOSTILE)
def test_what_is_never_closed_takes_linear_time(opening):
    def seconds(count):
        start = time.process_time()
        plain_text(opening * count, parse)
        return time.process_time() - start

    # The better of two: another process may take the cache. 16 times, if it grew with the square.
    fewer, more = (min(seconds(count), seconds(count)) for count in (4_000, 16_000))
    assert more < 10 * fewer + 0.5


@pytest.mark.parametrize("opening", ["<!-- ", "<nowiki> "])
def test_the_end_of_what_never_ends_is_sought_once(opening):
    start = time.process_time()
    assert not set(plain_text(opening * 100_000, parse)) & set("<>")
    assert time.process_time() - start < 5


@pytest.mark.parametrize(("opening", "closing"), [("[[", "]]"), ("{{", "}}"), ("\n{|", "\n|}"), ("<ref>", "</ref>")])
def test_deep_nesting_ends_no_stack(opening, closing):
    assert "글" in plain_text(opening * 50_000 + "x" + closing * 50_000 + "\n글", parse)


BAD = {
    "cut short": (dump()[:-14], r'a\.xml: not valid XML after page 8, "세종 <시>" \(no element found.*\); fetch it again'),
    "broken": (dump().replace("항구", "<항구", 1), r'not valid XML after page 3, "토론:서울" \(.*\)'),
    "not UTF-8": (dump().encode("cp949"), r"not valid XML before its first page"),
    "of an encoding unknown to expat": (
        '<?xml version="1.0" encoding="euc-kr"?><mediawiki></mediawiki>',
        r"not valid XML before its first page \(of an encoding that cannot be read: multi-byte",
    ),
    "of no encoding": ('<?xml version="1.0" encoding="x"?><mediawiki></mediawiki>', "an encoding that cannot be read: unknown"),
    "nothing but a head": (HEAD, "not valid XML before its first page"),
    "no end": (EXTRACTED[:-8], r'a\.xml: no </doc> ends the article "세종 <시>", which the file ends in'),
    "no end before another": (
        EXTRACTED.replace("</doc>\n", "", 1),
        r'a\.xml, line 7: no </doc> ends the article "서울"; extract the file again',
    ),
    "no beginning": (EXTRACTED + "글\n", r'a\.xml, line 22: no <doc id="…"> begins this article'),
}


@pytest.mark.parametrize("name", BAD)
def test_damage_is_named_in_one_line(tmp_path, name):
    content, message = BAD[name]
    path = tmp_path / "a.xml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(Damaged, match=message) as raised:
        list(Corpus([str(path)]).documents())
    assert "\n" not in str(raised.value)


def test_what_stands_before_the_damage_is_kept_if_asked(tmp_path):
    path = tmp_path / "a.xml"
    path.write_text(dump()[:-400])
    corpus = Corpus([str(path)], Reading(on_bad_file="skip"))
    assert [document[0] for document in corpus.documents()] == ["서울", "부산"]
    assert corpus.damage.left_out == 1


BOMB = (
    '<?xml version="1.0"?><!DOCTYPE mediawiki [<!ENTITY a0 "lol">'
    + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 20}">' for n in range(1, 12))
    + "]><mediawiki><page><title>a</title><ns>0</ns><revision><text>&a11;</text></revision></page></mediawiki>"
)


def test_entities_do_not_grow():
    with pytest.raises(UserError, match="begins neither with <mediawiki"):
        list(WIKIPEDIA.records(content_of(BOMB)))
    tracemalloc.start()
    with pytest.raises(Damaged, match="amplification"):
        list(wikipedia_dump.records(content_of(BOMB)))
    assert tracemalloc.get_traced_memory()[1] < 100_000_000
    tracemalloc.stop()


@pytest.mark.parametrize(
    "head", [b"<html><body>", b'{"id": "1", "url": ""}', b"<mediawikis>", b'<doc id="1">\n', b"<document>", b""]
)
def test_other_text_is_not_taken_for_it(head):
    assert not WIKIPEDIA.begins(head)


def test_something_else_under_this_name_is_refused(tmp_path):
    (tmp_path / "wiki_00").write_text('{"id": "1", "text": "글"}\n')
    with pytest.raises(UserError, match=r"wiki_00: begins neither .*--layout jsonl"):
        list(Corpus([str(tmp_path / "wiki_00")], Reading(layout="wikipedia")).documents())


def test_the_parser_is_missed_in_one_line(tmp_path, monkeypatch):
    def missing(name):
        raise ImportError(name)

    monkeypatch.setattr(optional.importlib, "import_module", missing)
    (tmp_path / "a.xml").write_text(dump())
    with pytest.raises(UserError, match=r"a\.xml: needs mwparserfromhell, .* pip install 'electra_pretrain\[wiki\]'"):
        list(Corpus([str(tmp_path / "a.xml")]).documents())


def test_wikiextractor_needs_no_parser(tmp_path, monkeypatch):
    monkeypatch.setattr(optional.importlib, "import_module", lambda name: pytest.fail(name))
    (tmp_path / "wiki_00").write_text(EXTRACTED)
    assert len(list(Corpus([str(tmp_path / "wiki_00")]).documents())) == 3


def test_a_title_may_hold_quotation_marks():
    text = EXTRACTED.replace('title="부산"', 'title="그는 "왕"이다"')
    assert 'title="그는' in text
    assert [record.title for record in WIKIPEDIA.records(content_of(text))][1] == '그는 "왕"이다'


def test_an_extracted_article_without_end_is_given_in_pieces(monkeypatch):
    monkeypatch.setattr(wikipedia_extracted, "MAX_ARTICLE_CHARACTERS", 1_000)
    text = '<doc id="1" url="u" title="글">\n글\n\n' + "열 글자로 된 한 줄\n" * 1_000 + "</doc>\n"
    records = list(WIKIPEDIA.records(content_of(text)))
    assert max(len(record.text) for record in records) < 1_200
    assert "".join(record.text for record in records).replace("\n", "") == "글" + "열 글자로 된 한 줄" * 1_000
    assert {(record.number, record.title) for record in records} == {(1, "글")}


def resident_bytes():
    """How much memory this process has now (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


class Endless:
    """A dump of so many bytes that is made while it is read."""

    def __init__(self, size):
        self._left, self._page = size, page(4, 0, "부산", ("항구이다. " * 100 + "\n") * 200 + "[[바다]]").encode()
        self._text = HEAD.encode()

    def read(self, size=-1):
        if len(self._text) < size and self._left > 0:
            self._text += self._page
            self._left -= len(self._page)
            if self._left <= 0:
                self._text += b"</mediawiki>"
        piece, self._text = self._text[:size], self._text[size:]
        return piece


def endless(size):
    return WIKIPEDIA.records(Content("a.xml", Endless(size), HEAD.encode(), Decoder(), Damage("error")))


def test_memory_does_not_grow_with_the_dump():
    peaks = []
    for size in (2_000_000, 10_000_000):
        tracemalloc.start()
        assert sum(1 for _ in endless(size)) > size // 400_000
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.5 * peaks[0]


@pytest.mark.slow
def test_two_gigabytes_in_bounded_memory():
    before = resident_bytes()
    for _ in endless(2_000_000_000):
        assert resident_bytes() < before + 100_000_000


def test_the_layout_needs_no_suffix():
    assert layout_of("wiki_00", EXTRACTED.encode()) is WIKIPEDIA
    assert layout_of("a.txt", b'\xef\xbb\xbf<?xml version="1.0"?>\n' + HEAD.encode()) is WIKIPEDIA

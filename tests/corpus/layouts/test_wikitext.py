"""WikiText: an article a document, in files as KoWikiText and NamuWikiText are."""

import bz2
import io
import tracemalloc

import pytest

from electra_pretrain.core.errors import UserError
from electra_pretrain.corpus.blocks import BlockReader
from electra_pretrain.corpus.damage import Damage
from electra_pretrain.corpus.decoding import Decoder
from electra_pretrain.corpus.layouts import wikitext
from electra_pretrain.corpus.layouts.layout import Content
from electra_pretrain.corpus.layouts.registry import layout_of
from electra_pretrain.corpus.reader import Corpus
from electra_pretrain.corpus.reading import Reading

TEXT = """ = 서울 =

서울은 수도이다.
 한강이 흐른다.

 = = 역사 = =

조선의 도읍이었다.

 = = = 근대 = = =
a = b 이고 = 5 = 이다.

 = E = mc² =

질량과 에너지이다.

 = 제목뿐 =

 = = 개요 = =

 = 부산 =

항구이다.
"""
ARTICLES = [
    (1, "서울", ["서울", "서울은 수도이다.", "한강이 흐른다.", "조선의 도읍이었다.", "a = b 이고 = 5 = 이다."]),
    (13, "E = mc²", ["E = mc²", "질량과 에너지이다."]),
    (21, "부산", ["부산", "항구이다."]),
]


def by_a_plain_script(text):
    """The same in a few lines: paragraphs below titles, without the headings of sections."""
    articles = []
    for line in map(str.strip, text.split("\n")):
        if line.startswith("= ") and line.endswith(" =") and not line.startswith("= ="):
            articles.append([line[2:-2]])
        elif line and not line.startswith("= ="):
            articles[-1].append(line)
    return [article for article in articles if len(article) > 1]


@pytest.mark.parametrize("name", ["kowikitext.train", "namuwikitext.dev", "a.txt", "a.test.bz2"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_articles_are_recognised_and_know_their_place(tmp_path, name, line_end):
    content = TEXT.replace("mc² =", "mc² = ").replace("\n", line_end).encode()
    (tmp_path / name).write_bytes(bz2.compress(content) if name.endswith(".bz2") else content)
    found = list(Corpus([str(tmp_path / name)]).located_documents())
    assert [(document.numbers[0], document.title, document.sentences) for document in found] == ARTICLES
    assert {document.unit for document in found} == {"line"}
    assert [document.sentences for document in found] == by_a_plain_script(TEXT)


def test_both_readers_and_another_encoding(tmp_path):
    path = tmp_path / "a.train"
    path.write_bytes(TEXT.replace("²", "2").encode("cp949"))
    reading = Reading(encoding="cp949")
    documents = list(Corpus([str(path)], reading).documents())
    blocks = BlockReader(Corpus([str(path)], reading)).blocks(10)
    assert (
        [document for block in blocks for document in block.documents()]
        == documents
        == by_a_plain_script(TEXT.replace("²", "2"))
    )


@pytest.mark.parametrize(
    "content",
    ["서울\n\n = 서울 =\n\n글\n", "= 제목 =\n\n글\n", " = = 소제목 = =\n\n글\n", " = 제목 =\n글\n", " = 5\n\n글 =\n\n", ""],
    ids=["text before", "AsciiDoc", "a section", "no empty line", "no heading", "empty"],
)
def test_other_text_is_not_taken_for_it(content):
    assert layout_of("a.txt", content.encode()).name == "text"


def test_what_stands_before_the_first_title_is_the_rest_of_an_article(tmp_path):
    path = tmp_path / "part-1"
    path.write_text("한강이 흐른다.\n\n = 부산 =\n\n항구이다.\n")
    found = list(Corpus([str(path)], Reading(layout="wikitext")).located_documents())
    assert [(document.title, document.sentences) for document in found] == [
        ("", ["한강이 흐른다."]),
        ("부산", ["부산", "항구이다."]),
    ]


def test_a_file_without_titles_is_refused(tmp_path):
    path = tmp_path / "a.train"
    path.write_text("글\n\n글\n")
    with pytest.raises(UserError, match=r"a\.train: no line is an article's title, ` = 제목 =`; .* --layout"):
        list(Corpus([str(path)], Reading(layout="wikitext")).documents())


def test_an_article_without_end_is_given_in_pieces(monkeypatch):
    monkeypatch.setattr(wikitext, "MAX_ARTICLE_CHARACTERS", 100_000)
    peak = {}
    for lines in (20_000, 80_000):
        content = io.BytesIO(" = 가 =\n\n".encode() + "열 글자로 된 한 줄\n".encode() * lines)
        tracemalloc.start()
        records = wikitext.WIKITEXT.records(Content("a", content, b"", Decoder(), Damage("error")))
        texts = [(record.title, len(record.text)) for record in records]
        peak[lines] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert len(texts) > lines // 10_000 and max(length for _, length in texts) < 120_000
        assert {title for title, _ in texts} == {"가"}
    assert peak[80_000] < 1.5 * peak[20_000]

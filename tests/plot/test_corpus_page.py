"""The page of a corpus: what its charts show, and that nothing in a corpus becomes part of the page."""

from electra_pretrain.plot import corpus_page
from electra_pretrain.plot.corpus_page import Bars, CorpusFacts, Section


def test_bars_are_the_heights_that_were_given(monkeypatch):
    drawn = []
    svg = corpus_page.svg
    monkeypatch.setattr(corpus_page, "svg", lambda draw: svg(lambda figure: (draw(figure), drawn.append(figure))))
    corpus_page.length_bars(Bars("Lines by length", "lines", [0, 1, 2, 4], [0, 3, 7, 5]))
    (axis,) = drawn[0].axes
    assert [bar.get_height() for bar in axis.patches] == [0, 3, 7, 5]
    assert [bar.get_x() for bar in axis.patches] == list(axis.get_xticks())
    assert [label.get_text() for label in axis.get_xticklabels()] == ["0", "1", "2", "4"]
    assert axis.get_title(loc="left") == "Lines by length" and axis.get_ylabel() == "lines"


def test_titles_heads_cells_and_notes_are_text():
    hostile = "<b onclick='x'>&"
    section = Section(hostile, [hostile, ""], [[hostile, hostile]], hostile)
    page = corpus_page.corpus_page(CorpusFacts(hostile, [section, section], [Bars(hostile, hostile, [0, 1], [0, 1])]))
    assert "<b " not in page and page.count("&lt;b onclick=") >= 12
    assert page.index("<svg") < page.rindex("<table")

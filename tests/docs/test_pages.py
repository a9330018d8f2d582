"""Pages hang together: links lead somewhere, README is short, every page is in the index, Korean pages are in step."""

import re

import pytest

from tests.conftest import ROOT
from tests.docs import pages, shell

DOCS = ROOT / "docs"
KOREAN = sorted(path.name for path in (DOCS / "ko").glob("*.md"))
TRANSLATED = [("README.md", "README_KO.md"), *((f"docs/{name}", f"docs/ko/{name}") for name in KOREAN)]
HANGUL = re.compile("[가-힣]")


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", pages.all_pages(), ids=pages.name_of)
def test_links_lead_to_files_and_headings(page):
    for target in pages.links(pages.read(page)):
        path, _, anchor = target.partition("#")
        found = (page.parent / path).resolve() if path else page
        assert found.exists(), target
        assert ROOT in [found, *found.parents], target
        if anchor:
            assert anchor in pages.anchors(pages.read(found)), target


def test_readme_is_short():
    assert len(read("README.md").splitlines()) <= 150
    assert len(read("README_KO.md").splitlines()) <= 150


def test_index_names_every_page():
    index = pages.links(read("docs/index.md"))
    for page in [*DOCS.glob("*.md"), *(DOCS / "ko").glob("*.md"), *pages.notebooks()]:
        if page.name != "index.md":
            assert page.relative_to(DOCS).as_posix() in index, page


def test_every_page_begins_with_what_it_is_for():
    for page in pages.all_pages():
        levels = [level for level, _ in pages.headings(pages.read(page))]
        assert levels[0] == 1 and levels.count(1) == 1, page
        first = pages.prose(pages.read(page)).split("\n", 1)[1].lstrip()
        assert not first.startswith(("#", "|", "- ", "!")), page


def test_sections_that_the_code_cites_exist():
    numbers = {int(m[1]) for _, words in pages.headings(read("docs/method.md")) if (m := re.match(r"(\d+)\. ", words))}
    cited = set()
    for path in (ROOT / "electra_pretrain").rglob("*.py"):
        for run in re.findall(r"method §\d+(?:, §\d+)*", path.read_text(encoding="utf-8")):
            cited |= {int(number) for number in re.findall(r"§(\d+)", run)}
    assert cited and cited <= numbers


def shape(table):
    return [len(row) for row in table]


def facts(table):
    """Numbers and code of a table's cells, which no translation changes."""
    return [[sorted(re.findall(r"`[^`]+`|\d[\d,.]*\d", cell)) for cell in row] for row in table[1:]]


@pytest.mark.parametrize(("english", "korean"), TRANSLATED, ids=lambda name: name)
def test_korean_pages_are_in_step(english, korean):
    ours, theirs = read(english), read(korean)
    assert [level for level, _ in pages.headings(ours)] == [level for level, _ in pages.headings(theirs)]
    tables, translated = pages.tables(ours), pages.tables(theirs)
    assert list(map(shape, tables)) == list(map(shape, translated))
    for table, other in zip(tables, translated, strict=True):
        assert facts(table) == facts(other)
    code, translated_code = (
        [(block.language, block.runs, shell.commands(block.text)) for block in pages.blocks(text) if block.language == "bash"]
        for text in (ours, theirs)
    )
    assert code == translated_code
    assert len(pages.blocks(ours)) == len(pages.blocks(theirs))
    words = re.sub(r"`[^`]*`|\]\([^)]*\)|<[^>]*>|[^\w]", "", pages.prose(theirs))
    assert len(HANGUL.findall(words)) > 0.4 * len(words)


def test_files_that_the_architecture_names_exist():
    """Those of the package by their path in it; a room's folder ends in a slash."""
    named = re.findall(r"`((?:[a-z_]+/)+(?:[a-z_0-9]+\.(?:py|json))?|[a-z_]+(?:/[a-z_]+)*\.py)`", read("docs/architecture.md"))
    assert "train/loop.py" in named and "corpus/cleaning/" in named
    assert [name for name in named if not (ROOT / "electra_pretrain" / name).exists() and not (ROOT / name).exists()] == []

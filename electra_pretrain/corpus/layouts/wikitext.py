"""WikiText, as KoWikiText and NamuWikiText are handed out: articles one after the other, each below its title.

    ` = 제목 =`, an empty line, paragraphs a line each; sections begin with ` = = 소제목 = =`, deeper ones with more signs.

A record is an article: its title, then its paragraphs; empty lines within it end nothing. Headings of sections are left out:
the same few words (개요, 같이 보기) stand above every other paragraph. Korpora (`task_lmdata.py`) leaves them out of its
training text, too. Some of NamuWiki's articles have headings of the first level; in NamuWikiText they look like titles, and
begin a record.
"""

import re
from collections.abc import Iterator

from electra_pretrain.core.errors import UserError
from electra_pretrain.corpus.layouts.layout import Content, Layout, Record
from electra_pretrain.corpus.layouts.lines import lines

MAX_ARTICLE_CHARACTERS = (
    1_000_000  # a longer one is given in pieces: where titles are missing, the file would be a single article
)
_SIGN = "="
# A title and an empty line are the first that stands in such a file; the title's line begins with a space, unlike in AsciiDoc.
_BEGINNING = re.compile(rb"(?:\xef\xbb\xbf)?[ \t\r\n]*(?<= )= (?!= )[^\n]+ =[ \t]*\r?\n[ \t]*\r?\n")


def _records(content: Content) -> Iterator[Record]:
    titles, start, title, paragraphs, length = 0, 1, "", list[str](), 0
    for number, line in lines(content.name, content.file, content.decoder):
        level, name = _heading(line)
        if level == 1 or length >= MAX_ARTICLE_CHARACTERS:
            yield from _article(start, title, paragraphs)
            paragraphs, length = [], 0
        if level == 1:
            titles, start, title = titles + 1, number, name
            paragraphs.append(title)
        elif not level and (paragraph := line.strip()):
            paragraphs.append(paragraph)
            length += len(paragraph)
    yield from _article(start, title, paragraphs)
    if not titles and paragraphs:
        raise UserError(f"{content.name}: no line is an article's title, ` = 제목 =`; this is no wikitext: see --layout")


def _heading(line: str) -> tuple[int, str]:
    """Return the level of a heading, 1 for an article's title, and its words; 0 of what is none."""
    if not line.startswith(" = "):
        return 0, ""
    words = line.split()
    leading = next((n for n, word in enumerate(words) if word != _SIGN), len(words))
    trailing = next((n for n, word in enumerate(reversed(words)) if word != _SIGN), len(words))
    level = min(leading, trailing, (len(words) - 1) // 2)
    return level, " ".join(words[level : len(words) - level])


def _article(number: int, title: str, paragraphs: list[str]) -> Iterator[Record]:
    """Give an article, if anything of it is left but its title."""
    if paragraphs and paragraphs != [title]:
        yield Record(number, "\n".join(paragraphs), title=title)


WIKITEXT = Layout("wikitext", "line", _records, lambda head: bool(_BEGINNING.match(head)))

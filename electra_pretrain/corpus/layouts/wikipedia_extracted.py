"""WikiExtractor's files: `<doc id="…" url="…" title="…">`, the title, the text a paragraph a line, `</doc>`.

WikiExtractor writes `&`, `<` and `>` of the text as entities, which are read back; tags that it left behind stay. Articles of
which it found nothing but the title are left out.
"""

import html
import re
from collections.abc import Iterator

from electra_pretrain.core.errors import Damaged
from electra_pretrain.corpus.layouts.layout import Content, Record
from electra_pretrain.corpus.layouts.lines import lines

MAX_ARTICLE_CHARACTERS = 1_000_000  # a longer one is given in pieces
_OPENING = re.compile(r'<doc id="([^"]*)".* title="(.*)">\s*\Z')
_CLOSING = "</doc>"


def records(content: Content) -> Iterator[Record]:
    """Read the articles of such a file; a number is that of the article.

    Raises:
        Damaged: an article has no beginning or no end.
    """
    count, id, title, article, length = 0, "", "", list[str](), 0
    is_open = False
    for number, line in lines(content.name, content.file, content.decoder):
        opening = _OPENING.match(line)
        if opening and not is_open:
            count, is_open = count + 1, True
            id, title = opening[1], html.unescape(opening[2])
            article, length = [title], 0
        elif opening or (not is_open and line.strip()):
            raise Damaged(f"{content.name}, line {number}: {_missing(is_open, title)}; extract the file again")
        elif line.strip() == _CLOSING or length >= MAX_ARTICLE_CHARACTERS:
            is_open = line.strip() != _CLOSING
            yield from _article(count, id, title, article)
            article, length = [_text(line)] if is_open else [], 0
        elif paragraph := _text(line):
            if len(article) == 1 and paragraph == title:
                continue  # the first line repeats it
            article.append(paragraph)
            length += len(paragraph)
    if is_open:
        raise Damaged(f"{content.name}: {_missing(is_open, title)}, which the file ends in; extract it again")


def _missing(is_open: bool, title: str) -> str:
    return f'no </doc> ends the article "{title}"' if is_open else 'no <doc id="…"> begins this article'


def _text(line: str) -> str:
    return line.strip().replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _article(number: int, id: str, title: str, article: list[str]) -> Iterator[Record]:
    if article != [title] and any(article):
        yield Record(number, "\n".join(article), id, title)

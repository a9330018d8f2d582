"""NamuWiki's dump: one JSON array of `{"namespace", "title", "text", "contributors"}`, 10 GB and more.

A record is an article: its title, then its text without NamuWiki's markup (`namuwiki_markup` says what is kept). Redirects
are left out, as are all namespaces but that of articles (0, in later dumps "0") and what nothing is left of but a title.
"""

import re
from collections.abc import Iterator
from typing import Any

from electra_pretrain.core.errors import Damaged
from electra_pretrain.corpus.layouts.json_path import parse
from electra_pretrain.corpus.layouts.json_stream import elements
from electra_pretrain.corpus.layouts.layout import Content, Layout, Record, named
from electra_pretrain.corpus.layouts.namuwiki_markup import plain_text

_BEGINNING = re.compile(rb'(?:\xef\xbb\xbf)?\s*\[\s*\{\s*"(?:namespace|title|text|contributors)"\s*:')
# In whatever order: a page's text is seldom longer than the head that is looked at.
_KEYS = [re.compile(pattern) for pattern in (rb'"namespace"\s*:\s*"?\d+"?\s*[,}]', rb'"title"\s*:\s*"', rb'"text"\s*:\s*"')]
_REDIRECT = re.compile(r"\s*#(?:redirect|넘겨주기)\b", re.IGNORECASE)


def _records(content: Content) -> Iterator[Record]:
    for number, page in elements(content, parse("[]")):
        try:
            record = _record(content, number, page)
        except Damaged as error:
            content.damage.of_record(error)
            continue
        if record is not None:
            yield record


def _record(content: Content, number: int, page: Any) -> Record | None:
    """Make a record of a page; None of what is no article.

    Raises:
        Damaged: it is not such a page.
    """
    where = f"{content.name}, document"
    if page is None or (isinstance(page, dict) and page.get("text", "") is None):  # null, passed over as anywhere
        return None
    if not (isinstance(page, dict) and "namespace" in page and isinstance(page.get("text"), str)):
        raise Damaged(
            f'{where} {number}: no object with "namespace" and a "text", as pages of NamuWiki\'s dump are; see --layout'
        )
    if str(page["namespace"]) != "0" or _REDIRECT.match(page["text"]):
        return None
    title = named(page.get("title"))
    text = content.decoder.settle(f"{title}\n{page['text']}", where, number)
    if text is None:
        return None
    title, _, markup = text.partition("\n")
    body = plain_text(markup)
    return Record(number, f"{title}\n{body}", title=title) if body else None


def _begins(head: bytes) -> bool:
    return bool(_BEGINNING.match(head)) and all(key.search(head) for key in _KEYS)


NAMUWIKI = Layout("namuwiki", "document", _records, _begins)

"""Wikipedia's XML dump: pages one after the other, their text in MediaWiki's markup.

Articles alone (namespace 0) are read, and of them no redirects. `wikipedia_markup` says what is kept of their text. One page is
held in memory at a time. Entities that grow without end are refused by expat.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple
from xml.etree import ElementTree

from electra_pretrain.core import optional
from electra_pretrain.core.errors import Damaged, UserError
from electra_pretrain.corpus.layouts.layout import Content, Record
from electra_pretrain.corpus.layouts.wikipedia_markup import plain_text

_REDIRECT = re.compile(r"\s*#(?:redirect|넘겨주기)\b", re.IGNORECASE)


class _Page(NamedTuple):
    id: str
    title: str
    text: str
    is_article: bool


def records(content: Content) -> Iterator[Record]:
    """Read the articles of a dump; a number is the page's place in it.

    Raises:
        Damaged: it is not XML, or ends too early; the last page before that is named.
    """
    parser = optional.load("mwparserfromhell", content.name, extra="wiki")
    number, title = 0, ""
    try:
        for number, page in enumerate(_pages(content), start=1):
            title = page.title
            text = plain_text(page.text, parser.parse) if page.is_article else ""
            if text:
                yield Record(number, f"{title}\n{text}", page.id, title)
    except ElementTree.ParseError as error:
        last = f'after page {number:,}, "{title}"' if number else "before its first page"
        raise Damaged(f"{content.name}: not valid XML {last} ({error}); fetch it again") from error


def _pages(content: Content) -> Iterator[_Page]:
    events = ElementTree.iterparse(content.file, events=("start", "end"))
    try:
        _, root = next(events)
    except UserError:  # the file's own damage
        raise
    except (LookupError, ValueError) as error:
        raise ElementTree.ParseError(f"of an encoding that cannot be read: {error}") from error
    for event, element in events:
        if event == "end" and _name(element) == "page":
            yield _page(element)
            root.clear()


def _page(element: ElementTree.Element) -> _Page:
    fields = {_name(child): child for child in element}
    revision = {_name(child): child.text or "" for child in fields.get("revision", ())}
    values = {name: (child.text or "").strip() for name, child in fields.items()}
    text = revision.get("text", "")
    is_article = values.get("ns", "0") == "0" and "redirect" not in fields and not _REDIRECT.match(text)
    return _Page(values.get("id", ""), values.get("title", ""), text, is_article)


def _name(element: ElementTree.Element) -> str:
    """Return an element's name without its namespace."""
    return element.tag.rpartition("}")[2]

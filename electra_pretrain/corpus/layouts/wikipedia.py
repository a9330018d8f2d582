"""Wikipedia, told apart by what a file begins with: the XML dump (`pages-articles.xml`), or what WikiExtractor makes of it.

A record is an article: its title, then its text. WikiExtractor's other form, JSON lines, is the layout `jsonl`.
"""

import re
from collections.abc import Iterator

from electra_pretrain.core.errors import UserError
from electra_pretrain.corpus.layouts import wikipedia_dump, wikipedia_extracted
from electra_pretrain.corpus.layouts.layout import Content, Layout, Record

_DUMP = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*)?<mediawiki[\s>]")
_EXTRACTED = re.compile(rb'(?:\xef\xbb\xbf)?\s*<doc id="[^"\n]*"[^\n]* title="')


def _records(content: Content) -> Iterator[Record]:
    if _DUMP.match(content.head):
        return wikipedia_dump.records(content)
    if _EXTRACTED.match(content.head):
        return wikipedia_extracted.records(content)
    raise UserError(
        f"{content.name}: begins neither with <mediawiki, as Wikipedia's dump does, nor with <doc id=\"…\", as WikiExtractor's "
        "files do; its JSON lines are read with --layout jsonl"
    )


def _begins(head: bytes) -> bool:
    return bool(_DUMP.match(head) or _EXTRACTED.match(head))


WIKIPEDIA = Layout("wikipedia", "document", _records, _begins)

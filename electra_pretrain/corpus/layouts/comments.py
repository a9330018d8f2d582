"""Comments: each is a line; those that name the same article or thread, one after the other, are a document."""

import itertools
import logging
from collections.abc import Iterator

from electra_pretrain.core.errors import UserError
from electra_pretrain.corpus.layouts.layout import Content, Layout, Record
from electra_pretrain.corpus.layouts.lines import with_newlines
from electra_pretrain.corpus.layouts.text import TEXT

# What is longer the reader cuts into documents of this size in any case: so that no endless thread is held in memory.
_MAX_THREAD_CHARACTERS = 1_000_000
_REMEMBERED_THREADS = 200_000  # some 20 MB
_log = logging.getLogger(__name__)


def comments(carrier: Layout) -> Layout:
    """Return the layout of comments that a file of another layout carries, a record a comment; of text, a line."""
    return Layout("comments", carrier.unit, lambda content: _records(carrier, content), is_sought=carrier.is_sought)


def _records(carrier: Layout, content: Content) -> Iterator[Record]:
    if content.thread_field and carrier is TEXT:
        raise UserError(f"{content.name}: lines of text name no thread; --thread_field is for JSON, CSV, TSV and Parquet")
    found = _comments(carrier.records(content))
    return _threads(content, found) if content.thread_field else found


def _comments(records: Iterator[Record]) -> Iterator[Record]:
    """Bring each comment into a line; those that are empty are left out."""
    for number, text, id, title, thread in records:
        line = with_newlines(text.strip())
        if "\n" in line:
            line = " ".join(stripped for each in line.split("\n") if (stripped := each.strip()))
        if line:
            yield Record(number, line, id, title, thread)


def _threads(content: Content, found: Iterator[Record]) -> Iterator[Record]:
    """Join comments of one thread; one that names none stands alone."""
    seen, again = set[int](), 0
    for thread, group in itertools.groupby(found, key=lambda record: record.thread):
        if not thread:
            yield from group
            continue
        again += hash(thread) in seen
        if len(seen) < _REMEMBERED_THREADS:
            seen.add(hash(thread))
        yield from _joined(group)
    if again:
        _log.warning(
            "%s: %s%s times a thread comes again after others, and is a document of its own; sort the file by %s to join them",
            content.name,
            "at least " if len(seen) == _REMEMBERED_THREADS else "",
            f"{again:,}",
            content.thread_field,
        )


def _joined(comments: Iterator[Record]) -> Iterator[Record]:
    """Make documents of a thread: one, or more if it is long."""
    first, lines, characters = None, list[str](), 0
    for comment in comments:
        first = first or comment
        lines.append(comment.text)
        characters += len(comment.text)
        if characters >= _MAX_THREAD_CHARACTERS:
            yield first._replace(text="\n".join(lines), id=first.thread)
            first, lines, characters = None, [], 0
    if first is not None:
        yield first._replace(text="\n".join(lines), id=first.thread)

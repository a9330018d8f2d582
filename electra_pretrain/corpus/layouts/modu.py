"""모두의 말뭉치 (NIKL): one JSON object a file, its documents with paragraphs, or with utterances of speakers.

Newspaper, written and web corpora have paragraphs, each a line here; spoken and messenger corpora utterances, of which a turn,
what one speaker says in a row, is a line.
"""

import re
from collections.abc import Iterator
from typing import Any

from electra_pretrain.core.errors import UserError
from electra_pretrain.core.plain_text import BYTE_ORDER_MARK
from electra_pretrain.corpus.layouts import json_path
from electra_pretrain.corpus.layouts.json_path import SHOWN_KEYS
from electra_pretrain.corpus.layouts.json_stream import JSON, read_elements
from electra_pretrain.corpus.layouts.layout import Content, Form, Layout, Record, named
from electra_pretrain.corpus.layouts.lines import with_newlines

_DOCUMENTS, _FORM = json_path.parse("document[]"), json_path.parse("form")
_KINDS = ("paragraph", "utterance")
_WAYS = {f"document[].{kind}[].form" for kind in _KINDS}
_TOKENS = re.compile(r'("(?:[^"\\]|\\.)*")\s*(:?)|([\[{])|([\]}])')


def begins(head: bytes) -> bool:
    """Tell whether a file begins with an object with documents whose paragraphs or utterances have a form."""
    if b'"document"' not in head or not any(b'"%s"' % kind.encode() in head for kind in _KINDS):
        return False
    text = head.decode("utf-8", "replace").removeprefix(BYTE_ORDER_MARK).lstrip()
    return text.startswith("{") and not _WAYS.isdisjoint(_ways(text))


def _ways(text: str) -> Iterator[str]:
    """Give the way to each key of JSON that may be cut short, such as `document[].id`."""
    ways, way = list[str](), ""
    for string, colon, opening, closing in _TOKENS.findall(text):
        if colon and ways:
            way = f"{ways[-1]}.{string[1:-1]}".removeprefix(".")
            yield way
        elif opening:
            ways.append(f"{way}[]" if opening == "[" else way)
            way = ways[-1]
        elif closing and ways:
            ways.pop()
            way = ways[-1] if ways else ""


def _records(content: Content) -> Iterator[Record]:
    """Read the documents; those without text are passed over. Whoever names another path to the text is given that."""
    if content.text_field != Content._field_defaults["text_field"]:
        yield from JSON.records(content)
        return
    where = f"{content.name}, document"
    for number, document, _, is_settled in read_elements(content, _DOCUMENTS):
        lines = _lines(document, content.form, f"{where} {number}")
        text = "\n".join(lines)
        text = text if is_settled else content.decoder.settle(text, where, number) or ""
        if text:
            metadata = document.get("metadata")
            title = metadata.get("title") if isinstance(metadata, dict) else None
            yield Record(number, text, named(document.get("id")), named(title))


def _lines(document: Any, form: Form, where: str) -> list[str]:
    """Return a document's paragraphs or turns.

    Raises:
        UserError: it has neither paragraphs nor utterances, or they hold no text.
    """
    if not isinstance(document, dict):
        raise UserError(f"{where}: is {type(document).__name__}, not an object")
    kinds = [kind for kind in _KINDS if kind in document]
    if not kinds:
        raise UserError(
            f"{where}: has neither paragraph nor utterance, but {', '.join(list(document)[:SHOWN_KEYS]) or 'nothing'}; name "
            "its text by --text_field, as in document[].sentence[].form"
        )
    return [line for kind in kinds for line in _lines_of_kind(document, kind, form, where)]


def _lines_of_kind(document: dict[str, Any], kind: str, form: Form, where: str) -> list[str]:
    if not isinstance(document[kind], list | None):
        raise UserError(f"{where}: its {kind} is {type(document[kind]).__name__}, not an array")
    items = [item for item in document[kind] or () if item is not None]
    try:
        forms = [item[form].strip() for item in items]
    except (KeyError, TypeError, AttributeError):  # to look at each takes twice as long
        forms = [_form(item, form, f"{where}, {kind}") for item in items]
    return forms if kind == "paragraph" else _turns(items, forms)


def _form(item: Any, form: Form, where: str) -> str:
    """Return what a paragraph or utterance says; where it has no `original_form`, its form."""
    text = item.get(form) if isinstance(item, dict) else None
    if text is None:
        text = next(iter(json_path.values(_FORM, item, lambda: where)), "")
    if not isinstance(text, str):
        raise UserError(f"{where}: {form} holds {type(text).__name__}, not text")
    return text.strip()


def _turns(utterances: list[Any], forms: list[str]) -> list[str]:
    """Join what one speaker says in a row; where none is named, an utterance is a turn."""
    turns, last = list[list[str]](), None
    for utterance, form in zip(utterances, forms, strict=True):
        if not form:
            continue
        speaker = utterance.get("speaker_id")
        if speaker is None or speaker != last:
            turns.append([])
        turns[-1] += with_newlines(form).split("\n")
        last = speaker
    return [" ".join(turn) for turn in turns]


MODU = Layout("modu", "document", _records, begins)

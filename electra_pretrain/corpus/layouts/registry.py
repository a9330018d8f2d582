"""All layouts by name, and which of them a file is of: by what it begins with where that is certain, else by its suffix."""

import os
import re

from electra_pretrain.core import compression
from electra_pretrain.core.errors import UserError, nearest
from electra_pretrain.corpus import sniffing
from electra_pretrain.corpus.layouts.comments import comments
from electra_pretrain.corpus.layouts.json_lines import JSON_LINES
from electra_pretrain.corpus.layouts.json_stream import JSON, is_lines
from electra_pretrain.corpus.layouts.layout import Layout
from electra_pretrain.corpus.layouts.modu import MODU
from electra_pretrain.corpus.layouts.namuwiki import NAMUWIKI
from electra_pretrain.corpus.layouts.parquet import PARQUET
from electra_pretrain.corpus.layouts.tables import CSV, TSV
from electra_pretrain.corpus.layouts.text import TEXT
from electra_pretrain.corpus.layouts.wikipedia import WIKIPEDIA
from electra_pretrain.corpus.layouts.wikitext import WIKITEXT
from electra_pretrain.corpus.sniffing import Looks, NotText, looks_like

AUTO = "auto"
COMMENTS = comments(TEXT)
_ALL = (TEXT, JSON_LINES, JSON, CSV, TSV, PARQUET, MODU, WIKITEXT, WIKIPEDIA, NAMUWIKI, COMMENTS)
LAYOUTS = {layout.name: layout for layout in _ALL}
_SUFFIXES = {
    ".txt": TEXT,
    ".jsonl": JSON_LINES,
    ".ndjson": JSON_LINES,
    ".json": JSON,
    ".csv": CSV,
    ".tsv": TSV,
    ".parquet": PARQUET,
}
_PLAIN = (TEXT, CSV, TSV)  # which read whatever they are given
_LONGEST_SUFFIX = 12  # behind the last dot of a name may stand a sentence


def layout_by_name(name: str) -> Layout:
    """Return the layout of that name.

    Raises:
        UserError: there is none; the nearest ones are named.
    """
    if name not in LAYOUTS:
        raise UserError(f"--layout {name}: unknown; {nearest(name, [AUTO, *LAYOUTS])}")
    return LAYOUTS[name]


def layout_of(name: str, head: bytes, wanted: str = AUTO) -> Layout:
    """Tell the layout of a content that is called `name` and begins with `head`; `wanted` is what `--layout` says.

    Raises:
        NotText: it is no text, or cannot be told what it is.
    """
    if wanted == COMMENTS.name:
        return comments(_by_suffix(name, head) or TEXT)
    if wanted != AUTO:
        return layout_by_name(wanted)
    certain = next((layout for layout in LAYOUTS.values() if layout.begins(head)), None)
    if certain is not None:
        return certain
    layout, looks = _by_suffix(name, head), looks_like(head)
    if layout is None:
        if not head:  # nor is there any text in it
            return TEXT
        raise _unknown(name, looks)
    if looks is not None and not _reads(layout, looks):
        raise NotText(
            f"{name}: looks like {looks.what}, not like {_promised(layout)}; {looks.advice} (--layout {layout.name} insists)",
            looks.what,
        )
    return layout


def layout_among(name: str, head: bytes, wanted: str = AUTO) -> Layout:
    """Tell the same of one of many files that nobody named: those of a folder, or of an archive.

    Raises:
        NotText: it is no text, whatever `wanted` says, or cannot be told what it is.
    """
    layout, looks = layout_of(name, head, wanted), looks_like(head)
    if wanted != AUTO and looks is not None and not looks.structured and not layout.is_sought:
        raise NotText(f"{name}: looks like {looks.what}", looks.what)
    return layout


def _by_suffix(name: str, head: bytes) -> Layout | None:
    layout = by_suffix(name)
    return JSON_LINES if layout is JSON and is_lines(head) else layout


def by_suffix(name: str) -> Layout | None:
    """Tell a layout by the suffix before that of the compression; None if that says nothing."""
    name = name.removesuffix(compression.suffix_of(name))
    return next((layout for suffix, layout in _SUFFIXES.items() if name.lower().endswith(suffix)), None)


def _reads(layout: Layout, looks: Looks) -> bool:
    """Tell whether a layout may be of a content that looks so; of most mistakes it tells better itself."""
    if layout is JSON_LINES and looks in (sniffing.JSON_ARRAY, sniffing.JSON_OBJECT):
        return False
    if layout is PARQUET:
        return looks in (sniffing.PARQUET, sniffing.BINARY)  # the second may be the first, damaged
    return looks.structured and layout not in _PLAIN


def _promised(layout: Layout) -> str:
    return {TEXT: "text", JSON_LINES: "JSON lines"}.get(layout, layout.name.upper())


def _unknown(name: str, looks: Looks | None) -> NotText:
    stem = name.removesuffix(compression.suffix_of(name))
    suffix = os.path.splitext(re.split("[/!]", stem)[-1])[1]  # of a member, "archive.zip!member", its own
    says = f"its suffix {suffix} says nothing of" if 1 < len(suffix) <= _LONGEST_SUFFIX else "it has no suffix that says"
    if looks is None:
        kind = suffix or "no suffix"
        return NotText(
            f"{name}: {says} how it is laid out; it looks like plain text: say --layout text, a sentence a line, or "
            f"another ({', '.join(LAYOUTS)})",
            f"plain text, {kind}",
        )
    return NotText(f"{name}: {says} how it is laid out; it looks like {looks.what}: {looks.advice}", looks.what)

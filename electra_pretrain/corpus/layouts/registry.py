"""All layouts by name, and which of them a file is of: by what it begins with where that is certain, else by its suffix."""

from electra_pretrain.core import compression
from electra_pretrain.core.errors import UserError, nearest
from electra_pretrain.corpus.layouts.json_lines import JSON_LINES
from electra_pretrain.corpus.layouts.json_stream import JSON, is_lines
from electra_pretrain.corpus.layouts.layout import Layout
from electra_pretrain.corpus.layouts.namuwiki import NAMUWIKI
from electra_pretrain.corpus.layouts.parquet import PARQUET
from electra_pretrain.corpus.layouts.tables import CSV, TSV
from electra_pretrain.corpus.layouts.text import TEXT
from electra_pretrain.corpus.layouts.wikipedia import WIKIPEDIA
from electra_pretrain.corpus.layouts.wikitext import WIKITEXT

AUTO = "auto"
LAYOUTS = {layout.name: layout for layout in (TEXT, JSON_LINES, JSON, CSV, TSV, PARQUET, WIKITEXT, WIKIPEDIA, NAMUWIKI)}
_SUFFIXES = {
    ".txt": TEXT,
    ".jsonl": JSON_LINES,
    ".ndjson": JSON_LINES,
    ".json": JSON,
    ".csv": CSV,
    ".tsv": TSV,
    ".parquet": PARQUET,
}


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
        UserError: it is no text, or cannot be told what it is.
    """
    if wanted != AUTO:
        return layout_by_name(wanted)
    certain = next((layout for layout in LAYOUTS.values() if layout.begins(head)), None)
    return certain or _by_suffix(name, head) or TEXT


def _by_suffix(name: str, head: bytes) -> Layout | None:
    layout = by_suffix(name)
    return JSON_LINES if layout is JSON and is_lines(head) else layout


def by_suffix(name: str) -> Layout | None:
    """Tell a layout by the suffix before that of the compression; None if that says nothing."""
    name = name.removesuffix(compression.suffix_of(name))
    return next((layout for suffix, layout in _SUFFIXES.items() if name.lower().endswith(suffix)), None)

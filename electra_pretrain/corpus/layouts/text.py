"""Plain text: a sentence a line, an empty line between documents."""

from collections.abc import Iterator

from electra_pretrain.corpus.layouts.layout import Content, Layout, Record
from electra_pretrain.corpus.layouts.lines import lines


def _records(content: Content) -> Iterator[Record]:
    """Give every line by itself: `reader.Corpus` puts documents together, so that each sentence knows its line."""
    for number, line in lines(content.name, content.file, content.decoder):
        yield Record(number, line)


TEXT = Layout("text", "line", _records)

"""Read a corpus once and measure it, block by block, on any number of processes, with the same result."""

from typing import NamedTuple

from electra_pretrain.core.errors import UserError, first_of
from electra_pretrain.core.progress import Progress
from electra_pretrain.corpus.reader import Corpus
from electra_pretrain.corpus.stats.encodings import UTF_16, FileEncoding, FileReader
from electra_pretrain.corpus.stats.measure import Measured, measure
from electra_pretrain.corpus.stats.repetition import FrequentLine, MostFrequent, Repetition
from electra_pretrain.execution.processes import Runner

BLOCK_CHARACTERS = 1_000_000  # whose arrays take some 50 MB


class CorpusStats(NamedTuple):
    """What a corpus is."""

    files: list[FileEncoding]
    measured: Measured
    lines: Repetition
    documents: Repetition
    frequent: list[FrequentLine]


def corpus_stats(corpus: Corpus, num_lines: int, run: Runner) -> CorpusStats:
    """Measure a corpus.

    Args:
        corpus: its files; their encoding is found here.
        num_lines: how many lines of each kind are kept to be shown.
        run: maps over blocks.

    Raises:
        UserError: a file is damaged or not of its format, or there is no text.
    """
    reader = FileReader(corpus)
    total: Measured | None = None
    lines, documents, frequent = Repetition(), Repetition(), MostFrequent()
    with Progress("measure", corpus.stored_bytes / 1e6, "MB") as progress:
        blocks = run(measure, ((block, num_lines) for block in reader.blocks(BLOCK_CHARACTERS)))
        for block in progress.following(blocks, lambda: reader.stored_bytes_read / 1e6):
            total = block.measured if total is None else total.plus(block.measured, num_lines)
            lines.add(block.lines)
            documents.add(block.documents)
            frequent.add(block.frequent)
    if total is None:
        raise _no_text(reader.found)
    return CorpusStats(reader.found, total, lines, documents, frequent.top(num_lines, lines))


def _no_text(found: list[FileEncoding]) -> UserError:
    paths = [file.path for file in found]
    if unread := [file.path for file in found if file.encoding == UTF_16]:
        return UserError(
            f"{first_of(unread)}: UTF-16, and there is no other text; convert it: iconv -f utf-16 -t utf-8 FILE > NEW_FILE"
        )
    return UserError(f"{first_of(paths)}: the corpus is empty; there is no text in it: name files that hold some")

"""Deal a corpus that no one machine reads out to workers: a file each, and the blocks that one reader of all would make.

Where blocks begin and end follows from the lengths of all documents: `measure` has every file read for them, `plan` deals the
blocks out to the files in which they begin.
"""

import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from electra_pretrain.core.progress import Progress
from electra_pretrain.corpus.blocks import TEXT_BLOCK_CHARACTERS, BlockReader
from electra_pretrain.corpus.reader import Corpus, LocatedDocument, in_blocks
from electra_pretrain.corpus.reading import Reading
from electra_pretrain.execution.processes import Runner
from electra_pretrain.execution.resume import Source, source


class MeasuredFile(NamedTuple):
    """A file: what it is, how many characters each of its documents has, and what was wrong.

    Attributes:
        damaged: lines or records with bytes that are not of the encoding.
        left_out: broken files and records, as `Damage.left_out`.
    """

    source: Source
    characters: np.ndarray  # uint32 [documents]
    damaged: int = 0
    left_out: int = 0


class Stretch(NamedTuple):
    """Some documents of a file: those numbered from `start` on, before `stop` if it is given."""

    path: str
    start: int
    stop: int | None


class FileBlocks(NamedTuple):
    """The blocks that begin in a file; the last of them may go on into the next ones.

    Attributes:
        first: number of the first of them, among the blocks of the corpus.
        stop: number of the first that is none of them.
        stretches: where their documents are.
        characters: of a block, at least; the corpus's last may have fewer.
    """

    first: int
    stop: int
    stretches: tuple[Stretch, ...]
    reading: Reading
    characters: int

    @property
    def numbers(self) -> range:
        return range(self.first, self.stop)

    def blocks(self) -> Iterator[tuple[int, list[LocatedDocument]]]:
        """Read every block's documents, and give its number with them; raises as `Corpus.located_documents`."""
        documents = itertools.chain.from_iterable(map(self._documents, self.stretches))
        return zip(self.numbers, in_blocks(documents, self.characters), strict=True)

    def _documents(self, stretch: Stretch) -> Iterator[LocatedDocument]:
        documents = Corpus([stretch.path], self.reading).located_documents()
        return itertools.islice(documents, stretch.start, stretch.stop)


def measure(corpus: Corpus, run: Runner) -> list[MeasuredFile]:
    """Measure all files of a corpus, a task a file.

    Raises:
        UserError: a file cannot be read as text; file and line are named.
    """
    tasks = [(path, corpus.reading) for path in corpus.paths]
    measured: list[MeasuredFile] = []
    with Progress("measure", corpus.stored_bytes / 1e6, "MB") as progress:
        for file in run(measure_file, tasks):
            measured.append(file)
            progress.update(file.source["bytes"] / 1e6)
    return measured


def measure_file(path: str, reading: Reading) -> MeasuredFile:
    """Read a file for its hash and the lengths of its documents; once, where `BlockReader` can read it."""
    corpus = Corpus([path], reading)
    if reading.is_strict_utf8():
        reader = BlockReader(corpus)
        blocks = reader.blocks(TEXT_BLOCK_CHARACTERS)
        characters = np.fromiter((sum(map(len, document)) for block in blocks for document in block.documents()), np.uint32)
        return MeasuredFile(reader.sources[0], characters)
    characters = np.fromiter((sum(map(len, document)) for document in corpus.documents()), np.uint32)
    return MeasuredFile(source(path), characters, corpus.decoder.damaged, corpus.damage.left_out)


def plan(corpus: Corpus, measured: Sequence[MeasuredFile], characters: int) -> list[FileBlocks]:
    """Plan the tasks of a step that reads the text, a file each; `characters` of a block."""
    planner = _Planner(characters)
    for file in measured:
        planner.add(file.source["path"], file.characters)
    bounds = itertools.pairwise([*(first for first, _ in planner.plans), planner.num_blocks])
    return [
        FileBlocks(first, stop, tuple(stretches), corpus.reading, characters)
        for (first, stop), (_, stretches) in zip(bounds, planner.plans, strict=True)
    ]


class _Planner:
    """Deals documents out to the files in which their blocks begin.

    Attributes:
        plans: for each such file the number of its first block, and the documents of its blocks.
        num_blocks: begun so far, in all files.
    """

    def __init__(self, block_characters: int) -> None:
        self.plans: list[tuple[int, list[Stretch]]] = []
        self._block_characters = block_characters
        self.num_blocks = 0
        self._missing = 0  # characters that the last block still takes

    def add(self, path: str, characters: np.ndarray) -> None:
        """Take the next file."""
        ends = np.cumsum(characters, dtype=np.int64)
        start = 0
        if self._missing and len(ends):
            # The document that fills the block is still the block's.
            start = min(int(np.searchsorted(ends, self._missing)) + 1, len(ends))
            self.plans[-1][1].append(Stretch(path, 0, start))
            self._missing = max(0, self._missing - int(ends[start - 1]))
        if start == len(ends):
            return
        self.plans.append((self.num_blocks, [Stretch(path, start, None)]))
        while start < len(ends):
            before = int(ends[start - 1]) if start else 0
            stop = int(np.searchsorted(ends, before + self._block_characters)) + 1
            self.num_blocks += 1
            self._missing = 0 if stop <= len(ends) else before + self._block_characters - int(ends[-1])
            start = stop

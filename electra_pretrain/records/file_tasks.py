"""The first phase of a build where workers read the text themselves, a file each: on a cluster no one machine sees it all.

The blocks are those of a build on one machine. Where they begin and end follows from the lengths of all documents, so there are
two passes: `measure_file` for every file, then `build_file` for every file in which a block begins. It makes its blocks on the
worker's own disk and merges them into one: a shard then looks into as many pieces as there are files, not blocks.
"""

import dataclasses
import hashlib
import itertools
import json
import tempfile
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from electra_pretrain.core import files
from electra_pretrain.core.progress import Progress
from electra_pretrain.corpus.blocks import BLOCK_CHARACTERS, BlockReader, TextBlock
from electra_pretrain.corpus.reader import Corpus, Document
from electra_pretrain.execution.processes import Runner
from electra_pretrain.records.block_file import merge_blocks
from electra_pretrain.records.blocks import SPLITS, BlockResult, Workplace, block_path, build_block
from electra_pretrain.records.manifest import Counts


class Measured(NamedTuple):
    """A file: what it is, and how many characters each of its documents has."""

    source: dict[str, Any]
    characters: np.ndarray  # uint32 [documents]


class Stretch(NamedTuple):
    """Some documents of a file: those numbered from `start` on, before `stop` if it is given."""

    path: str
    start: int
    stop: int | None


class FileTask(NamedTuple):
    """The blocks that begin in a file; the last of them may go on into the next ones.

    Attributes:
        number: of the task, and of the one block that its blocks are merged into.
        first_number: of its first block.
        stretches: the documents of its blocks.
        key: of all files: the same key, the same text.
    """

    number: int
    first_number: int
    stretches: tuple[Stretch, ...]
    key: str
    block_characters: int
    text_field: str


def build_files(corpus: Corpus, workplace: Workplace, run: Runner) -> tuple[list[dict[str, Any]], list[BlockResult]]:
    """Build all blocks, merged file by file; gives the corpus's sources and what came of each file, in order."""
    sources: list[dict[str, Any]] = []
    planner = Planner(BLOCK_CHARACTERS)
    with Progress("measure", corpus.stored_bytes / 1e6, "MB") as progress:
        for measured in run(measure_file, ((path, corpus.text_field) for path in corpus.paths)):
            sources.append(measured.source)
            planner.add(measured.source["path"], measured.characters)
            progress.update(measured.source["bytes"] / 1e6)
    key = hashlib.sha256(" ".join(source["sha256"] for source in sources).encode("ascii")).hexdigest()
    workplace = _with_shared_vocabulary(workplace)
    tasks = [
        (FileTask(number, first_number, tuple(stretches), key, BLOCK_CHARACTERS, corpus.text_field), workplace)
        for number, (first_number, stretches) in enumerate(planner.plans)
    ]
    results: list[BlockResult] = []
    with Progress("tokenise", len(tasks), "files") as progress:
        for result in run(build_file, tasks):
            results.append(result)
            progress.update(1)
    return sources, results


def measure_file(path: str, text_field: str) -> Measured:
    """Read a file for its hash and the lengths of its documents."""
    reader = BlockReader(Corpus([path], text_field))
    characters = [sum(map(len, document)) for document in reader.documents()]
    return Measured(reader.sources[0], np.array(characters, np.uint32))


def build_file(task: FileTask, workplace: Workplace) -> BlockResult:
    """Build the blocks that begin in a file, merge them into one, and leave a marker."""
    marker = files.join(workplace.work_dir, f"file-{task.number:06d}.json")
    if files.exists(marker):
        saved = json.loads(files.read_text(marker))
        if saved["key"] == task.key:
            return BlockResult(Counts(**saved["counts"]), saved["examples"])
    files.remove(marker)
    documents = itertools.chain.from_iterable(_documents(stretch, task.text_field) for stretch in task.stretches)
    blocks = in_blocks(documents, task.key, task.block_characters, task.first_number)
    with tempfile.TemporaryDirectory() as folder:
        own = workplace._replace(work_dir=folder)
        results = [build_block(block, own) for block in blocks]
        numbers = range(task.first_number, task.first_number + len(results))
        for split in SPLITS:
            merge_blocks([block_path(own, split, n) for n in numbers], block_path(workplace, split, task.number))
    counts = sum((result.counts for result in results), Counts())
    examples = [sum(result.examples[split] for result in results) for split in range(len(SPLITS))]
    files.write_text(marker, json.dumps({"key": task.key, "counts": dataclasses.asdict(counts), "examples": examples}))
    return BlockResult(counts, examples)


def in_blocks(documents: Iterable[Document], key: str, characters: int, first_number: int) -> Iterator[TextBlock]:
    """Documents in the blocks of `BlockReader.blocks`, from a document on with which a block begins.

    Args:
        documents: none of them empty.
        key: of every block.
        characters: of a block, at least.
        first_number: of the first block.
    """
    number, lines, document_ends, length = first_number, list[str](), list[int](), 0
    for document in documents:
        lines += document
        document_ends.append(len(lines))
        length += sum(map(len, document))
        if length >= characters:
            yield TextBlock(number, key, _text(lines), document_ends)
            number, lines, document_ends, length = number + 1, [], [], 0
    if lines:
        yield TextBlock(number, key, _text(lines), document_ends)


def _text(lines: list[str]) -> bytes:
    return "\n".join(lines).encode("utf-8")


def _documents(stretch: Stretch, text_field: str) -> Iterator[Document]:
    reader = BlockReader(Corpus([stretch.path], text_field))
    return itertools.islice(reader.documents(), stretch.start, stretch.stop)


class Planner:
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
        """The next file."""
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


def _with_shared_vocabulary(workplace: Workplace) -> Workplace:
    """A workplace whose vocabulary lies where every machine finds it."""
    path = files.join(workplace.work_dir, "vocabulary")
    files.write_bytes(path, files.read_bytes(workplace.vocab_path))
    return workplace._replace(vocab_path=path)

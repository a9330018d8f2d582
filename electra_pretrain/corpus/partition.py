"""A corpus that no one machine reads: workers take a file each, and find the blocks in it that one reader of all would make.

Where blocks begin and end follows from the lengths of all documents: `measure` has every file read for them, `plan` deals the
blocks out to the files in which they begin.
"""

import hashlib
import itertools
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from electra_pretrain.core import files
from electra_pretrain.core.progress import Progress
from electra_pretrain.corpus.reader import Corpus, LocatedDocument, in_blocks
from electra_pretrain.execution.processes import Runner
from electra_pretrain.records.file_tasks import Planner, Stretch


class Reading(NamedTuple):
    """How bytes become documents; as `Corpus` takes it."""

    text_field: str
    encoding: str
    on_bad_bytes: str


class MeasuredFile(NamedTuple):
    """A file: what it is, how many characters each of its documents has, how many lines or records were damaged."""

    source: dict[str, Any]  # "path", "bytes", "sha256"
    characters: np.ndarray  # uint32 [documents]
    damaged: int


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

    def blocks(self) -> Iterator[tuple[int, list[LocatedDocument]]]:
        """Every block's number and its documents; raises as `Corpus.located_documents`."""
        documents = itertools.chain.from_iterable(map(self._documents, self.stretches))
        return zip(range(self.first, self.stop), in_blocks(documents, self.characters), strict=True)

    def _documents(self, stretch: Stretch) -> Iterator[LocatedDocument]:
        documents = Corpus([stretch.path], *self.reading).located_documents()
        return itertools.islice(documents, stretch.start, stretch.stop)


def measure(corpus: Corpus, run: Runner) -> list[MeasuredFile]:
    """Measure all files of a corpus, a task a file.

    Raises:
        UserError: a file cannot be read as text; file and line are named.
    """
    tasks = [(path, _reading(corpus)) for path in corpus.paths]
    measured: list[MeasuredFile] = []
    with Progress("measure", corpus.stored_bytes / 1e6, "MB") as progress:
        for file in run(measure_text, tasks):
            measured.append(file)
            progress.update(file.source["bytes"] / 1e6)
    return measured


def measure_text(path: str, reading: Reading) -> MeasuredFile:
    """Read a file for its hash and the lengths of its documents."""
    source = {"path": path, "bytes": files.size(path), "sha256": files.sha256(path)}
    corpus = Corpus([path], *reading)
    characters = np.fromiter((sum(map(len, document)) for document in corpus.documents()), np.uint32)
    return MeasuredFile(source, characters, corpus.decoder.damaged)


def plan(corpus: Corpus, measured: Sequence[MeasuredFile], characters: int) -> list[FileBlocks]:
    """The tasks of a phase that reads the text, a file each; `characters` of a block."""
    planner = Planner(characters)
    for file in measured:
        planner.add(file.source["path"], file.characters)
    bounds = itertools.pairwise([*(first for first, _ in planner.plans), planner.num_blocks])
    return [
        FileBlocks(first, stop, tuple(stretches), _reading(corpus), characters)
        for (first, stop), (_, stretches) in zip(bounds, planner.plans, strict=True)
    ]


def work_path(name: str, output: str, shared_dir: str | None) -> str:
    """A folder for unfinished work: in the output, for a remote one in the local temporary folder, or where told.

    Args:
        name: of the folder; it tells input and settings.
        output: the folder of the finished work.
        shared_dir: a folder that all machines see; others may use it too, so that there the name also tells the output.
    """
    if shared_dir is None:
        return files.join(tempfile.gettempdir() if files.is_remote(output) else output, name)
    output = output.rstrip("/")
    if shared_dir.rstrip("/") != output:
        name += "-" + hashlib.sha256(output.encode("utf-8")).hexdigest()[:8]
    return files.join(shared_dir, name)


def _reading(corpus: Corpus) -> Reading:
    return Reading(corpus.text_field, corpus.decoder.encoding, corpus.decoder.on_bad_bytes)

"""The tasks of cleaning: functions over files in a work folder, in any process or machine.

1. `clean_block`: a block of documents -> its clean text, compressed, and what the rules did.
   On a cluster `clean_file`: all blocks that begin in a file.
2. `write_part`: some successive blocks -> a part of the output.
Each leaves its result in files that appear whole or not at all, and does nothing where they lie already.
"""

import dataclasses
import json
from typing import Any, NamedTuple

from electra_pretrain.core import compression, files
from electra_pretrain.corpus.cleaning.cleaner import Cleaner
from electra_pretrain.corpus.cleaning.recipe import Recipe
from electra_pretrain.corpus.cleaning.sentences import splitter
from electra_pretrain.corpus.partition import FileBlocks
from electra_pretrain.corpus.reader import LocatedDocument
from electra_pretrain.execution.resume import Marker


class CleanWork(NamedTuple):
    """What every worker needs to know; small enough to send along with each task."""

    recipe: Recipe
    sentences: str  # how lines are split, one of sentences.SPLITTERS
    dropped: str | None  # the file for what is dropped; its suffix says how that is compressed
    work_dir: str

    def text_path(self, number: int) -> str:
        return files.join(self.work_dir, f"block-{number:06d}.txt.zst")

    def dropped_path(self, number: int) -> str:
        return files.join(self.work_dir, f"block-{number:06d}-dropped{compression.suffix_of(self.dropped or '')}")

    def marker(self, number: int) -> Marker:
        return Marker(files.join(self.work_dir, f"block-{number:06d}.json"))


@dataclasses.dataclass(frozen=True)
class CleanCounts:
    """What went in, what is left, and what each rule did, added up over blocks."""

    documents: int
    documents_kept: int
    lines: int  # after splitting into sentences
    lines_kept: int
    characters: int
    characters_kept: int
    rules: list[dict[str, Any]]  # "rule", "changed", "dropped", in the recipe's order

    def __add__(self, other: "CleanCounts") -> "CleanCounts":
        names = [field.name for field in dataclasses.fields(self)][:-1]
        rules = [
            {"rule": one["rule"], "changed": one["changed"] + two["changed"], "dropped": one["dropped"] + two["dropped"]}
            for one, two in zip(self.rules, other.rules, strict=True)
        ]
        return CleanCounts(**{name: getattr(self, name) + getattr(other, name) for name in names}, rules=rules)


def clean_block(number: int, documents: list[LocatedDocument], work: CleanWork) -> CleanCounts:
    """Clean a block and store its text, and what is dropped if that is wanted."""
    if (finished := finished_block(number, work)) is not None:
        return finished
    cleaner, split = Cleaner(work.recipe), splitter(work.sentences)
    text: list[str] = []
    dropped: list[str] = []
    documents_kept = lines = lines_kept = characters = 0
    for document in documents:
        before = len(text)
        for index, line in enumerate(document.sentences):
            for sentence in split(line):
                lines += 1
                characters += len(sentence)
                cleaned = cleaner.clean(sentence)
                if cleaned.text is not None:
                    text.append(cleaned.text)
                elif work.dropped:
                    row = {"reason": cleaned.reason, **document.origin(index), "text": sentence}
                    dropped.append(json.dumps(row, ensure_ascii=False))
        if len(text) > before:
            documents_kept += 1
            lines_kept += len(text) - before
            text.append("")
    _write(work.text_path(number), text)
    if work.dropped:
        _write(work.dropped_path(number), dropped)
    counts = CleanCounts(len(documents), documents_kept, lines, lines_kept, characters, sum(map(len, text)), cleaner.counts())
    work.marker(number).save(dataclasses.asdict(counts))
    return counts


def finished_block(number: int, work: CleanWork) -> CleanCounts | None:
    """Return what came of a block that was cleaned before."""
    saved = work.marker(number).result()
    return None if saved is None else CleanCounts(**saved)


def clean_file(task: FileBlocks, work: CleanWork) -> list[CleanCounts]:
    """Clean the blocks that begin in a file, which is read unless all of them were cleaned before.

    Raises:
        UserError: as `Corpus.located_documents`, and `splitter`.
    """
    finished = [finished_block(number, work) for number in task.numbers]
    if all(finished):
        return [counts for counts in finished if counts is not None]
    return [clean_block(number, documents, work) for number, documents in task.blocks()]


def write_part(path: str, blocks: range, work: CleanWork) -> None:
    """Join blocks to a part; then, and only then, they go. A part whose blocks have begun to go is whole."""
    paths = [work.text_path(number) for number in blocks]
    if all(map(files.exists, paths)):
        files.concatenate(paths, path)
    for block_path in paths:
        files.remove(block_path)


def _write(path: str, lines: list[str]) -> None:
    content = "".join(f"{line}\n" for line in lines).encode("utf-8")
    files.write_bytes(path, compression.compressed(path, content))

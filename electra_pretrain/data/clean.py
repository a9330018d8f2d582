"""From a raw corpus to a clean one, on one machine, in the input's order; the same bytes for any number of processes.

1. `clean_block`: a block of documents -> its clean text, compressed, in a working folder, and what the rules did.
2. Every so many finished blocks, in order, become a part of the output.
A killed run continues: finished blocks are not cleaned again.
"""

import dataclasses
import hashlib
import importlib.metadata
import json
import tempfile
from collections.abc import Iterator
from typing import Any, NamedTuple

from electra_pretrain import files
from electra_pretrain.data.processes import Runner, worker_pool
from electra_pretrain.errors import UserError
from electra_pretrain.progress import Progress
from electra_pretrain.text.clean import Cleaner
from electra_pretrain.text.corpus import BLOCK_CHARACTERS, Corpus, LocatedDocument
from electra_pretrain.text.formats import number_unit
from electra_pretrain.text.provenance import Step, read_steps, write_steps
from electra_pretrain.text.recipe import Recipe
from electra_pretrain.text.sentences import splitter

FORMAT_VERSION = 1
COMMAND = "clean_corpus"
WORK_PREFIX = ".clean_corpus-"
BLOCKS_PER_PART = 25  # of BLOCK_CHARACTERS: some 125 MB of Korean text


class Workplace(NamedTuple):
    """What every worker needs to know; small enough to send along with each task."""

    recipe: Recipe
    sentences: str  # how lines are split, one of sentences.SPLITTERS
    dropped: str | None  # the file for what is dropped; its suffix says how that is compressed
    work_dir: str

    def text_path(self, number: int) -> str:
        return files.join(self.work_dir, f"block-{number:06d}.txt.zst")

    def dropped_path(self, number: int) -> str:
        return files.join(self.work_dir, f"block-{number:06d}-dropped{_compression(self.dropped)}")

    def marker_path(self, number: int) -> str:
        return files.join(self.work_dir, f"block-{number:06d}.json")


@dataclasses.dataclass(frozen=True)
class Counts:
    """What went in, what is left, and what each rule did, added up over blocks."""

    documents: int
    documents_kept: int
    lines: int  # after splitting into sentences
    lines_kept: int
    characters: int
    characters_kept: int
    rules: list[dict[str, Any]]  # "rule", "changed", "dropped", in the recipe's order

    def __add__(self, other: "Counts") -> "Counts":
        names = [field.name for field in dataclasses.fields(self)][:-1]
        rules = [
            {"rule": one["rule"], "changed": one["changed"] + two["changed"], "dropped": one["dropped"] + two["dropped"]}
            for one, two in zip(self.rules, other.rules, strict=True)
        ]
        return Counts(**{name: getattr(self, name) + getattr(other, name) for name in names}, rules=rules)


def clean(corpus: Corpus, recipe: Recipe, output: str, sentences: str, dropped: str | None, num_processes: int) -> Step:
    """Write parts of clean text and, last, `corpus.json` into the folder `output`; give the step that it tells.

    Raises:
        UserError: bad input (named with file and line), nothing left, an output that holds other text or cannot be written.
    """
    splitter(sentences)  # what is missing is missed before anything is written
    steps = read_steps(corpus.paths)
    identity = _identity(corpus, recipe, sentences)
    fingerprint = hashlib.sha256(json.dumps(identity, sort_keys=True).encode("utf-8")).hexdigest()[:16]
    files.make_dirs(output)
    if (finished := _finished(output, fingerprint, dropped)) is not None:
        return finished
    work_dir = _work_dir(output, f"{fingerprint}{'-dropped' if dropped else ''}{_compression(dropped)}")
    workplace = Workplace(recipe, sentences, dropped, work_dir)
    with files.removed_if_empty(output), files.removed_if_empty(work_dir), worker_pool(num_processes) as run:
        blocks = _clean_blocks(corpus, workplace, output, run)
        if not blocks:
            files.remove(work_dir)
            raise UserError(f"{', '.join(corpus.paths)}: the corpus is empty; there is no text in it")
    counts = sum(blocks[1:], blocks[0])
    if dropped:
        files.concatenate([workplace.dropped_path(number) for number in range(len(blocks))], dropped)
    step = {
        "command": COMMAND,
        "fingerprint": fingerprint,
        **identity,
        "paths": corpus.paths,
        "counts": dataclasses.asdict(counts) | {"damaged_lines": corpus.decoder.damaged},
    }
    write_steps(output, [*steps, step])
    files.remove(work_dir)
    files.remove_temporaries(output)
    return step


def clean_block(number: int, documents: list[LocatedDocument], workplace: Workplace) -> Counts:
    """Clean a block and store its text, and what is dropped if that is wanted."""
    marker = workplace.marker_path(number)
    if files.exists(marker):
        return Counts(**json.loads(files.read_text(marker)))
    cleaner, split = Cleaner(workplace.recipe), splitter(workplace.sentences)
    text: list[str] = []
    dropped: list[str] = []
    found = kept = lines = lines_kept = characters = 0
    for document in documents:
        before = len(text)
        for place, line in zip(document.numbers, document.sentences, strict=True):
            for sentence in split(line):
                lines += 1
                characters += len(sentence)
                cleaned = cleaner.clean(sentence)
                if cleaned.text is not None:
                    text.append(cleaned.text)
                elif workplace.dropped:
                    where = {"reason": cleaned.reason, "file": document.path, number_unit(document.path): place}
                    dropped.append(json.dumps({**where, "text": sentence}, ensure_ascii=False))
        found += 1
        if len(text) > before:
            kept += 1
            lines_kept += len(text) - before
            text.append("")
    _write(workplace.text_path(number), text)
    if workplace.dropped:
        _write(workplace.dropped_path(number), dropped)
    counts = Counts(found, kept, lines, lines_kept, characters, sum(map(len, text)), cleaner.counts())
    files.write_text(marker, json.dumps(dataclasses.asdict(counts)))
    return counts


def part_name(number: int) -> str:
    return f"part-{number:05d}.txt.zst"


def _clean_blocks(corpus: Corpus, workplace: Workplace, output: str, run: Runner) -> list[Counts]:
    """Each block's counts; finished blocks become parts on the way."""
    done: list[Counts] = []
    shown = 0.0
    with Progress("clean", corpus.stored_bytes / 1e6, "MB") as progress:
        for counts in run(clean_block, _tasks(corpus, workplace)):
            done.append(counts)
            if len(done) % BLOCKS_PER_PART == 0:
                _write_part(len(done) - BLOCKS_PER_PART, len(done), workplace, output)
            read = corpus.stored_bytes_read / 1e6
            progress.update(read - shown, f"{sum(part.lines_kept for part in done):,} lines kept")
            shown = read
    if rest := len(done) % BLOCKS_PER_PART:
        _write_part(len(done) - rest, len(done), workplace, output)
    return done


def _tasks(corpus: Corpus, workplace: Workplace) -> Iterator[tuple[int, list[LocatedDocument], Workplace]]:
    for number, documents in enumerate(corpus.located_blocks()):
        # A finished block's worker needs the marker only.
        yield number, [] if files.exists(workplace.marker_path(number)) else documents, workplace


def _write_part(start: int, stop: int, workplace: Workplace, output: str) -> None:
    """Join blocks to a part; then, and only then, they go. A part whose blocks have begun to go is whole."""
    paths = [workplace.text_path(number) for number in range(start, stop)]
    if all(map(files.exists, paths)):
        files.concatenate(paths, files.join(output, part_name(start // BLOCKS_PER_PART)))
    for path in paths:
        files.remove(path)


def _write(path: str, lines: list[str]) -> None:
    content = "".join(f"{line}\n" for line in lines).encode("utf-8")
    files.write_bytes(path, files.compressed(path, content))


def _compression(path: str | None) -> str:
    return next((suffix for suffix in files.COMPRESSED_SUFFIXES if path and path.endswith(suffix)), "")


def _identity(corpus: Corpus, recipe: Recipe, sentences: str) -> dict[str, Any]:
    """Everything that the text depends on, names of files aside."""
    with Progress("check sources", corpus.stored_bytes / 1e6, "MB") as progress:
        sources = [{"bytes": files.size(path), "sha256": files.sha256(path, progress)} for path in corpus.paths]
    return {
        "format_version": FORMAT_VERSION,
        "recipe": recipe._asdict(),
        "sentences": sentences,
        "block_characters": BLOCK_CHARACTERS,
        "text_field": corpus.text_field,
        "encoding": corpus.decoder.encoding,
        "on_bad_bytes": corpus.decoder.on_bad_bytes,
        "sources": sources,
        "libraries": {name: importlib.metadata.version(name) for name in _libraries(sentences)},
    }


def _libraries(sentences: str) -> list[str]:
    return ["emoji", "kiwipiepy", "kiwipiepy_model"] if sentences == "kiwi" else ["emoji"]


def _finished(output: str, fingerprint: str, dropped: str | None) -> Step | None:
    """The step of an earlier run that made the same; None if there is none."""
    steps = read_steps([files.join(output, part_name(0))])
    if not steps:
        return None
    if steps[-1]["command"] != COMMAND or steps[-1]["fingerprint"] != fingerprint:
        raise UserError(f"{output}: holds text of other input or settings; choose another --output or delete the folder")
    if dropped and not files.exists(dropped):
        raise UserError(f"{output}: finished before, without --dropped; delete the folder to clean again")
    return steps[-1]


def _work_dir(output: str, key: str) -> str:
    """Where blocks wait for their part: in the output, or for a remote output in the local temporary folder.

    Raises:
        UserError: the output holds parts, but not of this run.
    """
    work_dir = files.join(tempfile.gettempdir() if files.is_remote(output) else output, WORK_PREFIX + key)
    if not files.exists(work_dir):
        names = [name for name in files.list_dir(output) if name.startswith((WORK_PREFIX, "part-"))]
        if names:
            raise UserError(
                f"{output}: holds {names[0]}, of an unfinished run with other input or settings; "
                "choose another --output or delete the folder"
            )
    files.make_dirs(work_dir)
    return work_dir

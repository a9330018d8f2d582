"""From a raw corpus to a clean one, in the input's order; the same bytes for any number of processes, here or on a cluster.

The work is in clean_tasks.py; here it is put in order: blocks of documents are cleaned, and every so many of them become a part
of the output. A killed run continues: finished blocks are not cleaned again.
"""

import dataclasses
import hashlib
import importlib.metadata
import itertools
import json
from collections.abc import Iterator, Sequence
from typing import Any

from electra_pretrain.core import compression, files
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.progress import Progress
from electra_pretrain.corpus.cleaning.recipe import Recipe
from electra_pretrain.corpus.cleaning.sentences import splitter
from electra_pretrain.corpus.cleaning.tasks import (
    Counts,
    Workplace,
    clean_block,
    clean_file,
    finished_block,
    write_part,
)
from electra_pretrain.corpus.partition import FileBlocks, measure, plan, work_path
from electra_pretrain.corpus.provenance import Step, read_steps, write_steps
from electra_pretrain.corpus.reader import BLOCK_CHARACTERS, Corpus, LocatedDocument, no_text
from electra_pretrain.execution.processes import Runner

FORMAT_VERSION = 1
COMMAND = "clean_corpus"
WORK_PREFIX = ".clean_corpus-"
BLOCKS_PER_PART = 25  # of BLOCK_CHARACTERS: some 125 MB of Korean text


def clean(
    corpus: Corpus,
    recipe: Recipe,
    output: str,
    sentences: str,
    dropped: str | None,
    run: Runner,
    shared_dir: str | None = None,
) -> Step:
    """Write parts of clean text and, last, `corpus.json` into the folder `output`; give the step that it tells.

    Args:
        corpus: the raw text.
        recipe: the rules.
        output: the folder.
        sentences: how lines are split, one of `sentences.SPLITTERS`.
        dropped: a file for what is dropped.
        run: maps over blocks, or over files.
        shared_dir: where unfinished work is kept that all machines see, if `run` leads to several; each then reads its own part
            of the corpus. None: this machine reads and hands out the text.

    Raises:
        UserError: bad input (named with file and line), nothing left, an output that holds other text or cannot be written.
    """
    splitter(sentences)  # what is missing is missed before anything is written
    steps = read_steps(corpus.paths)
    measured = None if shared_dir is None else measure(corpus, run)
    sources = _sources(corpus) if measured is None else [file.source for file in measured]
    identity = _identity(corpus, recipe, sentences, sources)
    fingerprint = hashlib.sha256(json.dumps(identity, sort_keys=True).encode("utf-8")).hexdigest()[:16]
    files.make_dirs(output)
    if (finished := _finished(output, fingerprint, dropped)) is not None:
        return finished
    work_dir = _work_dir(output, f"{fingerprint}{'-dropped' if dropped else ''}{compression.suffix_of(dropped)}", shared_dir)
    workplace = Workplace(recipe, sentences, dropped, work_dir)
    with files.removed_if_empty(output), files.removed_if_empty(work_dir):
        if measured is None:
            blocks, damaged = _clean_blocks(corpus, workplace, output, run), corpus.decoder.damaged
        else:
            tasks = plan(corpus, measured, BLOCK_CHARACTERS)
            blocks, damaged = _clean_files(tasks, workplace, output, run), sum(file.damaged for file in measured)
        if not blocks:
            files.remove(work_dir)
            raise no_text(corpus.paths)
    counts = sum(blocks[1:], blocks[0])
    if dropped:
        files.concatenate([workplace.dropped_path(number) for number in range(len(blocks))], dropped)
    step = {
        "command": COMMAND,
        "fingerprint": fingerprint,
        **identity,
        "paths": corpus.paths,
        "counts": dataclasses.asdict(counts) | {"damaged_lines": damaged},
    }
    write_steps(output, [*steps, step])
    files.remove(work_dir)
    files.remove_temporaries(output)
    return step


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
                write_part(*_part(len(done) - 1, len(done), output), workplace)
            read = corpus.stored_bytes_read / 1e6
            progress.update(read - shown, f"{sum(part.lines_kept for part in done):,} lines kept")
            shown = read
    if len(done) % BLOCKS_PER_PART:
        write_part(*_part(len(done) - 1, len(done), output), workplace)
    return done


def _clean_files(tasks: Sequence[FileBlocks], workplace: Workplace, output: str, run: Runner) -> list[Counts]:
    """The same where workers read the text; blocks wait until all are there."""
    with Progress("clean", len(tasks), "files") as progress:
        found = progress.counting(run(clean_file, ((task, workplace) for task in tasks)))
        done = list(itertools.chain.from_iterable(found))
    parts = [_part(first, len(done), output) for first in range(0, len(done), BLOCKS_PER_PART)]
    with Progress("write parts", len(parts), "parts") as progress:
        for _ in progress.counting(run(write_part, ((*part, workplace) for part in parts))):
            pass
    return done


def _tasks(corpus: Corpus, workplace: Workplace) -> Iterator[tuple[int, list[LocatedDocument], Workplace]]:
    for number, documents in enumerate(corpus.located_blocks()):
        # A finished block's worker needs the marker only.
        yield number, [] if finished_block(number, workplace) else documents, workplace


def _part(block: int, num_blocks: int, output: str) -> tuple[str, range]:
    """The part that a block belongs to: its path, and which of the blocks so far are in it."""
    first = block - block % BLOCKS_PER_PART
    part = range(first, min(first + BLOCKS_PER_PART, num_blocks))
    return files.join(output, part_name(first // BLOCKS_PER_PART)), part


def _sources(corpus: Corpus) -> list[dict[str, Any]]:
    with Progress("check sources", corpus.stored_bytes / 1e6, "MB") as progress:
        return [{"bytes": files.size(path), "sha256": files.sha256(path, progress)} for path in corpus.paths]


def _identity(corpus: Corpus, recipe: Recipe, sentences: str, sources: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Everything that the text depends on, names of files aside."""
    return {
        "format_version": FORMAT_VERSION,
        "recipe": recipe._asdict(),
        "sentences": sentences,
        "block_characters": BLOCK_CHARACTERS,
        "text_field": corpus.text_field,
        "encoding": corpus.decoder.encoding,
        "on_bad_bytes": corpus.decoder.on_bad_bytes,
        "sources": [{"bytes": source["bytes"], "sha256": source["sha256"]} for source in sources],
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


def _work_dir(output: str, key: str, shared_dir: str | None) -> str:
    """Where blocks wait for their part: in the output, for a remote one in the local temporary folder, or where told.

    Raises:
        UserError: the output holds parts, but not of this run.
    """
    work_dir = work_path(WORK_PREFIX + key, output, shared_dir)
    if not files.exists(work_dir):
        names = [name for name in files.list_dir(output) if name.startswith((WORK_PREFIX, "part-"))]
        if names:
            raise UserError(
                f"{output}: holds {names[0]}, of an unfinished run with other input or settings; "
                "choose another --output or delete the folder"
            )
    files.make_dirs(work_dir)
    return work_dir

"""From a raw corpus to a clean one, in the input's order; the same bytes for any number of processes, here or on a cluster.

The work is in tasks.py; here it is put in order: blocks of documents are cleaned, and every so many of them become a part of
the output. A killed run goes on: finished blocks are not cleaned again.
"""

import dataclasses
import importlib.metadata
import itertools
import os
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from electra_pretrain.core import compression, files
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.progress import Progress
from electra_pretrain.core.typed import Count
from electra_pretrain.corpus import provenance
from electra_pretrain.corpus.blocks import TEXT_BLOCK_CHARACTERS
from electra_pretrain.corpus.cleaning.recipe import Recipe
from electra_pretrain.corpus.cleaning.sentences import splitter
from electra_pretrain.corpus.cleaning.tasks import (
    CleanCounts,
    CleanWork,
    clean_block,
    clean_file,
    finished_block,
    write_part,
)
from electra_pretrain.corpus.partition import FileBlocks, measure, plan
from electra_pretrain.corpus.provenance import Step
from electra_pretrain.corpus.reader import Corpus, LocatedDocument, no_text
from electra_pretrain.execution import resume
from electra_pretrain.execution.processes import Runner, map_tasks

FORMAT_VERSION = 1
COMMAND = "clean_corpus"
OWN_NAMES = r"part-\d+\.txt\.zst|corpus\.json|\.clean_corpus-.*"  # what it calls things in its output
BLOCKS_PER_PART = 25  # of TEXT_BLOCK_CHARACTERS: some 125 MB of Korean text


def clean(
    corpus: Corpus,
    recipe: Recipe,
    output: str,
    sentences: str,
    dropped: str | None,
    run: Runner,
    shared_dir: str | None = None,
    domain: str | None = None,
) -> Step:
    """Write parts of clean text and, last, `corpus.json` into the folder `output`; return the step that it tells.

    Args:
        corpus: the raw text.
        recipe: the rules.
        output: the folder.
        sentences: how lines are split, one of `sentences.SPLITTERS`.
        dropped: a file for what is dropped.
        run: maps over blocks, or over files.
        shared_dir: where unfinished work is kept that all machines see, if `run` leads to several; each then reads files of its
            own. None: this machine reads and hands out the text.
        domain: what kind of text it is, one of `recipe.domains`; None: the rules for a kind alone are not applied.

    Raises:
        UserError: bad input (named with file and line), nothing left, an output that holds other text or cannot be written; a
            domain that the recipe does not know.
    """
    applied = recipe.for_domain(domain)
    splitter(sentences)  # what is missing is missed before anything is written
    steps = provenance.read_steps(corpus.paths)
    measured = None if shared_dir is None else measure(corpus, run)
    sources = resume.sources(corpus.paths) if measured is None else [file.source for file in measured]
    identity = _identity(corpus, recipe, domain, sentences, sources)
    fingerprint = resume.fingerprint(identity)
    files.make_dirs(output)
    if (finished := provenance.finished_step(output, COMMAND, fingerprint, dropped, _Counts)) is not None:
        return finished
    folder = _work_folder(output, fingerprint, dropped, shared_dir)
    work = CleanWork(applied, sentences, dropped, folder.path)
    with files.removed_if_empty(output), files.removed_if_empty(folder.path):
        if measured is None:
            blocks = _clean_blocks(corpus, work, output, run)
            damaged, left_out = corpus.decoder.damaged, corpus.damage.left_out
        else:
            tasks = plan(corpus, measured, TEXT_BLOCK_CHARACTERS)
            blocks = _clean_files(tasks, work, output, run)
            damaged, left_out = sum(file.damaged for file in measured), sum(file.left_out for file in measured)
        if not blocks:
            files.remove(folder.path)
            raise no_text(corpus.paths)
    counts = sum(blocks[1:], blocks[0])
    if dropped:
        files.concatenate([work.dropped_path(number) for number in range(len(blocks))], dropped)
    step = {
        "command": COMMAND,
        "fingerprint": fingerprint,
        **identity,
        "paths": corpus.paths,
        "counts": dataclasses.asdict(counts) | {"damaged_lines": damaged, "left_out": left_out},
    }
    provenance.write_steps(output, [*steps, step])
    folder.remove()
    files.remove_temporaries(output, OWN_NAMES)
    return step


class _RuleCounts(NamedTuple):
    rule: str
    changed: Count
    dropped: Count


class _Counts(NamedTuple):
    """What a finished step tells: `CleanCounts`, and what could not be read."""

    documents: Count
    documents_kept: Count
    lines: Count
    lines_kept: Count
    characters: Count
    characters_kept: Count
    rules: list[_RuleCounts]
    damaged_lines: Count
    left_out: Count


def part_name(number: int) -> str:
    return f"part-{number:05d}.txt.zst"


def _clean_blocks(corpus: Corpus, work: CleanWork, output: str, run: Runner) -> list[CleanCounts]:
    """Return each block's counts; finished blocks become parts on the way."""
    done: list[CleanCounts] = []
    lines = 0

    def note() -> str:
        return f"{lines:,} lines kept"

    with Progress("clean", corpus.stored_bytes / 1e6, "MB") as progress:
        found = run(clean_block, _tasks(corpus, work))
        for counts in progress.following(found, lambda: corpus.stored_bytes_read / 1e6, note):
            done.append(counts)
            lines += counts.lines_kept
            if len(done) % BLOCKS_PER_PART == 0:
                write_part(*_part(len(done) - 1, len(done), output), work)
    if len(done) % BLOCKS_PER_PART:
        write_part(*_part(len(done) - 1, len(done), output), work)
    return done


def _clean_files(tasks: Sequence[FileBlocks], work: CleanWork, output: str, run: Runner) -> list[CleanCounts]:
    """Do the same where workers read the text; blocks wait until all are there."""
    done = list(itertools.chain.from_iterable(map_tasks(run, "clean", clean_file, [(task, work) for task in tasks], "files")))
    parts = [_part(first, len(done), output) for first in range(0, len(done), BLOCKS_PER_PART)]
    map_tasks(run, "write parts", write_part, [(*part, work) for part in parts], "parts")
    return done


def _tasks(corpus: Corpus, work: CleanWork) -> Iterator[tuple[int, list[LocatedDocument], CleanWork]]:
    for number, documents in enumerate(corpus.located_blocks(TEXT_BLOCK_CHARACTERS)):
        # A finished block's worker needs the marker only.
        yield number, [] if finished_block(number, work) else documents, work


def _part(block: int, num_blocks: int, output: str) -> tuple[str, range]:
    """Return the part that a block belongs to: its path, and which of the blocks so far are in it."""
    first = block - block % BLOCKS_PER_PART
    blocks = range(first, min(first + BLOCKS_PER_PART, num_blocks))
    return files.join(output, part_name(first // BLOCKS_PER_PART)), blocks


def _identity(
    corpus: Corpus, recipe: Recipe, domain: str | None, sentences: str, sources: Sequence[resume.Source]
) -> dict[str, Any]:
    """Return everything that the text depends on, names of files aside."""
    return {
        "format_version": FORMAT_VERSION,
        "recipe": recipe.stated(),
        **({} if domain is None else {"domain": domain}),
        "sentences": sentences,
        "block_characters": TEXT_BLOCK_CHARACTERS,
        "text_field": corpus.reading.text_field,
        "encoding": corpus.reading.encoding,
        "on_bad_bytes": corpus.reading.on_bad_bytes,
        **corpus.reading.departures(),
        "sources": [{"bytes": source["bytes"], "sha256": source["sha256"]} for source in sources],
        "libraries": {name: importlib.metadata.version(name) for name in _libraries(sentences)},
    }


def _libraries(sentences: str) -> list[str]:
    return ["emoji", "kiwipiepy", "kiwipiepy_model"] if sentences == "kiwi" else ["emoji"]


def _work_folder(output: str, fingerprint: str, dropped: str | None, shared_dir: str | None) -> resume.WorkFolder:
    """Make the folder where blocks wait for their part, and that of the file for what is dropped.

    Raises:
        UserError: the output holds parts, but not of this run.
    """
    key = f"{fingerprint}{'-dropped' if dropped else ''}{compression.suffix_of(dropped)}"
    folder = resume.work_folder(COMMAND, key, output, shared_dir)
    if not files.exists(folder.path):
        names = [name for name in files.list_dir(output) if name.startswith((folder.prefix, "part-"))]
        if names:
            ours = names[0].startswith(folder.prefix)
            whose = "of an unfinished run with other input or settings" if ours else "of another run, or of others"
            raise UserError(f"{output}: holds {names[0]}, {whose}; choose another --output, or move this folder away")
    files.make_dirs(folder.path)
    if dropped and (parent := os.path.dirname(dropped)):
        files.make_dirs(parent)
    return folder

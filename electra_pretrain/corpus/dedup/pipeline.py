"""Leave out of a corpus what occurred before, in bounded memory; the same bytes for any number of processes, here or elsewhere.

The work is in dedup_tasks.py and dedup_write.py; here it is put in order. A killed run continues: finished tasks stay done.
"""

import errno
import hashlib
import itertools
import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from electra_pretrain.core import files
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.progress import Progress
from electra_pretrain.corpus import provenance
from electra_pretrain.corpus.dedup import block as dedup_block
from electra_pretrain.corpus.dedup import near
from electra_pretrain.corpus.dedup.block import Size, Step, load_json, save_json
from electra_pretrain.corpus.dedup.memory import Memory
from electra_pretrain.corpus.dedup.tasks import (
    EXACT,
    NEAR,
    DedupSettings,
    Workplace,
    cluster,
    compare_blocks,
    gather_links,
    key_block,
    key_file,
    link_part,
    merge_keys,
    sign_blocks,
)
from electra_pretrain.corpus.dedup.write import DROPPED_SUFFIX, Counts, Part, write_part
from electra_pretrain.corpus.partition import FileBlocks, measure, plan, work_path
from electra_pretrain.corpus.reader import BLOCK_CHARACTERS, Corpus, no_text
from electra_pretrain.execution.beam import FOLDER_PREFIX
from electra_pretrain.execution.processes import Runner

COMMAND = "dedup_corpus"
FORMAT_VERSION = 1
MAX_PART_BYTES = 100_000_000
WORK_PREFIX = f".{COMMAND}-"
PART_NAME = "part-{:05d}-of-{:05d}.txt"


def dedup(
    corpus: Corpus,
    output: str,
    dropped: str | None,
    settings: DedupSettings,
    memory: Memory,
    run: Runner,
    shared_dir: str | None = None,
) -> Counts:
    """Write the text that stays into the folder `output`, and, last, `corpus.json`.

    Args:
        corpus: the text.
        output: the folder.
        dropped: a file for what is dropped.
        settings: what else the outcome depends on.
        memory: what may be used.
        run: maps over tasks.
        shared_dir: where unfinished work is kept that all machines see, if `run` leads to several; each then reads its own part
            of the corpus. None: this machine reads and hands out the text.

    Raises:
        UserError: bad input (named with file and line), too little memory, an output that holds something else.
    """
    sort_bytes = memory.of_a_sort(settings.near is not None)
    steps = provenance.read_steps(corpus.paths)
    measured = None if shared_dir is None else measure(corpus, run)
    sources = _sources(corpus) if measured is None else [file.source for file in measured]
    fingerprint = _fingerprint(corpus, sources, settings)
    files.make_dirs(output)
    work_dir = work_path(WORK_PREFIX + fingerprint, output, shared_dir)
    if finished := _finished(output, fingerprint, dropped, work_dir):
        return finished
    workplace = Workplace(work_dir, settings)
    files.make_dirs(work_dir)
    sizes = _key_blocks(corpus, None if measured is None else plan(corpus, measured, BLOCK_CHARACTERS), workplace, run)
    exact = dedup_block.make_step(EXACT, [size.units for size in sizes], sort_bytes, shared_dir is not None)
    _link("find repeated", exact, workplace, run)
    if settings.near is not None:
        _find_near(sizes, exact, workplace, memory, sort_bytes, run)
    parts = _parts(sizes)
    tasks = [(part, exact, workplace) for part in parts]
    counts = Counts(*map(sum, zip(*_map("write parts", write_part, tasks, run), strict=True)))
    _publish(parts, work_dir, output, dropped)
    step = {
        "command": COMMAND,
        "fingerprint": fingerprint,
        "settings": settings._asdict(),
        "counts": counts._asdict(),
        "sources": sources,
    }
    provenance.write_steps(output, [*steps, step])
    _sweep(output, parts, work_dir)
    return counts


def _key_blocks(corpus: Corpus, plans: Sequence[FileBlocks] | None, workplace: Workplace, run: Runner) -> list[Size]:
    """Read the text here, or have files read by plan."""
    marker = files.join(workplace.work_dir, "sizes.json")
    if saved := load_json(marker):
        return [Size(*size) for size in saved]
    if plans is None:
        with Progress("read and hash", corpus.stored_bytes / 1e6, "MB") as progress:
            tasks = ((number, documents, workplace) for number, documents in enumerate(corpus.blocks()))
            sizes = list(progress.following(run(key_block, tasks), lambda: corpus.stored_bytes_read / 1e6))
    else:
        of_files = _map("read and hash", key_file, [(plan, workplace) for plan in plans], run)
        sizes = list(itertools.chain.from_iterable(of_files))
    if not sizes:
        files.remove(workplace.work_dir)
        raise no_text(corpus.paths)
    save_json(marker, sizes)
    return sizes


def _link(description: str, step: Step, workplace: Workplace, run: Runner) -> None:
    groups = step.groups() if step.blocks_per_group else []
    if groups:
        _map("merge keys", merge_keys, [(step, group, workplace) for group in groups], run)
    _map(description, link_part, [(step, part, workplace) for part in range(step.num_parts)], run)
    if groups:
        _map("gather links", gather_links, [(step, number, workplace) for number in range(len(groups))], run)


def _find_near(sizes: Sequence[Size], exact: Step, workplace: Workplace, memory: Memory, sort_bytes: int, run: Runner) -> None:
    memory.check_clusters(sum(size.units for size in sizes))
    signed = _map("sign", sign_blocks, [(blocks, exact, workplace) for blocks in exact.groups()], run)
    num_keys = list(itertools.chain.from_iterable(signed))
    candidates = dedup_block.make_step(NEAR, num_keys, sort_bytes, exact.blocks_per_group > 0)
    _link("find candidates", candidates, workplace, run)
    _map("compare", compare_blocks, [(blocks, candidates, workplace) for blocks in candidates.groups()], run)
    cluster(sizes, workplace)


def _map(description: str, function: Any, tasks: Sequence[tuple[Any, ...]], run: Runner) -> list[Any]:
    with Progress(description, len(tasks), "tasks") as progress:
        return list(progress.counting(run(function, tasks)))


def _parts(sizes: Sequence[Size]) -> list[Part]:
    groups = list(dedup_block.grouped([size.text_bytes for size in sizes], MAX_PART_BYTES))
    parts, first_unit = [], 0
    for number, blocks in enumerate(groups):
        name = PART_NAME.format(number, len(groups))
        parts.append(Part(name, blocks.start, blocks.stop, first_unit))
        first_unit += sum(sizes[block].units for block in blocks)
    return parts


def _publish(parts: Iterable[Part], work_dir: str, output: str, dropped: str | None) -> None:
    """Move parts from the work folder into place, and put together what was dropped; a rerun goes on with the rest."""
    if dropped is not None:
        with files.atomic_path(dropped) as temporary, files.open_raw(temporary, "wb") as file:
            for part in parts:
                with files.open_raw(files.join(work_dir, part.name + DROPPED_SUFFIX)) as of_part:
                    while content := of_part.read(1 << 20):
                        file.write(content)
    for part in parts:
        source, target = files.join(work_dir, part.name), files.join(output, part.name)
        if files.exists(source):
            _put(source, target)


def _put(source: str, target: str) -> None:
    """Move a file, or copy it where it cannot be moved: to another file system, on which it appears whole or not at all."""
    if files.is_remote(source) == files.is_remote(target):
        try:
            files.replace(source, target)
            return
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
    files.concatenate([source], target)


def _sweep(output: str, parts: Iterable[Part], work_dir: str) -> None:
    """Remove what is finished with, and what killed runs, of other settings too, left behind."""
    files.remove(work_dir)
    names = {part.name for part in parts}
    for name in files.list_dir(output):
        if name.startswith(WORK_PREFIX) or (re.fullmatch(r"part-\d{5}-of-\d{5}\.txt", name) and name not in names):
            files.remove(files.join(output, name))


def _sources(corpus: Corpus) -> list[dict[str, Any]]:
    """What the text is made of; the hash tells an edited file of the same size."""
    with Progress("check sources", corpus.stored_bytes / 1e6, "MB") as progress:
        return [{"path": path, "bytes": files.size(path), "sha256": files.sha256(path, progress)} for path in corpus.paths]


def _fingerprint(corpus: Corpus, sources: list[dict[str, Any]], settings: DedupSettings) -> str:
    identity = {
        "format_version": FORMAT_VERSION,
        "block_characters": BLOCK_CHARACTERS,
        "sources": [(source["bytes"], source["sha256"]) for source in sources],
        "text_field": corpus.text_field,
        "library": None if settings.near is None else near.library_version(),
        **settings._asdict(),
    }
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode("utf-8")).hexdigest()[:16]


def _finished(output: str, fingerprint: str, dropped: str | None, work_dir: str) -> Counts | None:
    """The counts of a run of the same input and settings, if `output` holds its text."""
    steps = provenance.read_steps([files.join(output, PART_NAME)])
    if steps:
        last = steps[-1]
        if last["command"] == COMMAND and last["fingerprint"] == fingerprint:
            if dropped is not None and not files.exists(dropped):
                raise UserError(f"{dropped}: not there, though {output} is finished; delete that folder to make both again")
            return Counts(**last["counts"])
        raise UserError(f"{output}: holds text of other input or settings; choose another --output or delete the folder")
    names = [name for name in files.list_dir(output) if not name.startswith(FOLDER_PREFIX)]
    was_begun = files.exists(work_dir) or any(name.startswith(WORK_PREFIX) for name in names)
    if names and not was_begun:
        raise UserError(f"{output}: holds {names[0]}, which is not of this command; choose an empty folder as --output")
    return None

"""Leave out of a corpus what occurred before, in bounded memory; the same bytes for any number of processes, here or elsewhere.

The work is in tasks.py and write.py; here it is put in order. A killed run goes on: finished tasks stay done.
"""

import errno
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence

from electra_pretrain.core import files
from electra_pretrain.core.progress import Progress
from electra_pretrain.corpus import provenance
from electra_pretrain.corpus.blocks import TEXT_BLOCK_CHARACTERS
from electra_pretrain.corpus.dedup import near
from electra_pretrain.corpus.dedup.block import BlockSize
from electra_pretrain.corpus.dedup.comparison import EXACT, NEAR, Comparison, make_comparison
from electra_pretrain.corpus.dedup.memory import Memory
from electra_pretrain.corpus.dedup.tasks import (
    DedupSettings,
    DedupWork,
    cluster,
    compare_blocks,
    gather_links,
    key_block,
    key_file,
    key_task,
    link_range,
    merge_keys,
    sign_blocks,
)
from electra_pretrain.corpus.dedup.write import DROPPED_SUFFIX, DedupCounts, Part, join_dropped, write_part
from electra_pretrain.corpus.partition import FileBlocks, measure, plan
from electra_pretrain.corpus.reader import Corpus, no_text
from electra_pretrain.execution import resume
from electra_pretrain.execution.beam import FOLDER_PREFIX
from electra_pretrain.execution.processes import Runner, map_tasks

COMMAND = "dedup_corpus"
FORMAT_VERSION = 1
OWN_NAMES = r"part-\d+-of-\d+\.txt|corpus\.json|\.dedup_corpus-.*"  # what it calls things in its output
MAX_PART_BYTES = 100_000_000
PART_NAME = "part-{:05d}-of-{:05d}.txt"


def dedup(
    corpus: Corpus,
    output: str,
    dropped: str | None,
    settings: DedupSettings,
    memory: Memory,
    run: Runner,
    shared_dir: str | None = None,
) -> DedupCounts:
    """Write the text that stays into the folder `output`, and, last, `corpus.json`.

    Args:
        corpus: the text.
        output: the folder.
        dropped: a file for what is dropped.
        settings: what else the outcome depends on.
        memory: what may be used.
        run: maps over tasks.
        shared_dir: where unfinished work is kept that all machines see, if `run` leads to several; each then reads files of its
            own. None: this machine reads and hands out the text.

    Raises:
        UserError: bad input (named with file and line), too little memory, an output that holds something else.
    """
    sort_bytes = memory.of_a_sort(settings.near is not None)
    steps = provenance.read_steps(corpus.paths)
    measured = None if shared_dir is None else measure(corpus, run)
    sources = resume.sources(corpus.paths) if measured is None else [file.source for file in measured]
    fingerprint = _fingerprint(corpus, sources, settings)
    files.make_dirs(output)
    if finished := provenance.finished_step(output, COMMAND, fingerprint, dropped, DedupCounts):
        return DedupCounts(**finished["counts"])
    folder = resume.work_folder(COMMAND, fingerprint, output, shared_dir)
    found = [name for name in files.list_dir(output) if not name.startswith(FOLDER_PREFIX)]
    folder.check_foreign(found, "which is not of this command; choose an empty folder as --output")
    files.make_dirs(folder.path)
    work = DedupWork(folder.path, settings)
    sizes = _key_blocks(corpus, None if measured is None else plan(corpus, measured, TEXT_BLOCK_CHARACTERS), work, run)
    exact = make_comparison(EXACT, [size.units for size in sizes], sort_bytes, shared_dir is not None)
    _link("find repeated", exact, work, run)
    if settings.near is not None:
        _find_near(sizes, exact, work, memory, sort_bytes, run)
    parts = _parts(sizes)
    counted = map_tasks(run, "write parts", write_part, [(part, exact, work) for part in parts])
    counts = DedupCounts(*map(sum, zip(*counted, strict=True)))
    _publish(parts, folder.path, output, dropped)
    step = {
        "command": COMMAND,
        "fingerprint": fingerprint,
        "settings": settings._asdict(),
        "counts": counts._asdict(),
        "sources": sources,
    }
    provenance.write_steps(output, [*steps, step])
    folder.remove()
    _remove_earlier_parts(output, parts)
    return counts


def _key_blocks(corpus: Corpus, plans: Sequence[FileBlocks] | None, work: DedupWork, run: Runner) -> list[BlockSize]:
    """Read the text here, or have files read by plan."""
    marker = resume.Marker(files.join(work.work_dir, "sizes.json"), work.settings.stored)
    if saved := marker.result():
        return [BlockSize(*size) for size in saved]
    if plans is None:
        with Progress("read and hash", corpus.stored_bytes / 1e6, "MB") as progress:
            blocks = enumerate(corpus.located_blocks(TEXT_BLOCK_CHARACTERS))
            tasks = (key_task(number, documents, work) for number, documents in blocks)
            sizes = list(progress.following(run(key_block, tasks), lambda: corpus.stored_bytes_read / 1e6))
    else:
        of_files = map_tasks(run, "read and hash", key_file, [(plan, work) for plan in plans])
        sizes = list(itertools.chain.from_iterable(of_files))
    if not sizes:
        files.remove(work.work_dir)
        raise no_text(corpus.paths)
    marker.save(sizes)
    return sizes


def _link(description: str, comparison: Comparison, work: DedupWork, run: Runner) -> None:
    groups = comparison.groups() if comparison.blocks_per_group else []
    if groups:
        map_tasks(run, "merge keys", merge_keys, [(comparison, group, work) for group in groups])
    map_tasks(run, description, link_range, [(comparison, number, work) for number in range(comparison.num_ranges)])
    if groups:
        map_tasks(run, "gather links", gather_links, [(comparison, number, work) for number in range(len(groups))])


def _find_near(
    sizes: Sequence[BlockSize], exact: Comparison, work: DedupWork, memory: Memory, sort_bytes: int, run: Runner
) -> None:
    memory.check_clusters(sum(size.units for size in sizes))
    signed = map_tasks(run, "sign", sign_blocks, [(blocks, exact, work) for blocks in exact.groups()])
    num_keys = list(itertools.chain.from_iterable(signed))
    candidates = make_comparison(NEAR, num_keys, sort_bytes, exact.blocks_per_group > 0)
    _link("find candidates", candidates, work, run)
    map_tasks(run, "compare", compare_blocks, [(blocks, candidates, work) for blocks in candidates.groups()])
    cluster(sizes, work)


def _parts(sizes: Sequence[BlockSize]) -> list[Part]:
    runs = list(_runs([size.text_bytes for size in sizes], MAX_PART_BYTES))
    parts, first_unit = [], 0
    for number, blocks in enumerate(runs):
        parts.append(Part(PART_NAME.format(number, len(runs)), blocks.start, blocks.stop, first_unit))
        first_unit += sum(sizes[block].units for block in blocks)
    return parts


def _runs(sizes: Sequence[int], limit: int) -> Iterator[range]:
    """Cut successive items into runs whose sizes together stay within a limit (a run of one may not)."""
    start, total = 0, 0
    for index, size in enumerate(sizes):
        if index > start and total + size > limit:
            yield range(start, index)
            start, total = index, 0
        total += size
    if start < len(sizes):
        yield range(start, len(sizes))


def _publish(parts: Iterable[Part], work_dir: str, output: str, dropped: str | None) -> None:
    """Move parts from the work folder into place, and put together what was dropped; a rerun goes on with the rest."""
    if dropped is not None:
        join_dropped([files.join(work_dir, part.name + DROPPED_SUFFIX) for part in parts], dropped)
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


def _remove_earlier_parts(output: str, parts: Iterable[Part]) -> None:
    """Remove what a killed run of other settings published."""
    names = {part.name for part in parts}
    for name in files.list_dir(output):
        if re.fullmatch(r"part-\d{5}-of-\d{5}\.txt", name) and name not in names:
            files.remove(files.join(output, name))


def _fingerprint(corpus: Corpus, sources: list[resume.Source], settings: DedupSettings) -> str:
    return resume.fingerprint(
        {
            "format_version": FORMAT_VERSION,
            "block_characters": TEXT_BLOCK_CHARACTERS,
            "sources": [(source["bytes"], source["sha256"]) for source in sources],
            "text_field": corpus.reading.text_field,
            **corpus.reading.departures(),
            "library": None if settings.near is None else near.library_version(),
            **settings._asdict(),
        }
    )

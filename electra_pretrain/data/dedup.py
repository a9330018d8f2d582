"""Leave out of a corpus what occurred before: on one machine, in bounded memory; the same bytes for any number of processes.

The work is in dedup_tasks.py and dedup_write.py; here it is put in order. A killed run continues: finished tasks stay done.
"""

import hashlib
import json
import re
import tempfile
from collections.abc import Iterable, Sequence
from typing import Any

from electra_pretrain import files
from electra_pretrain.data import dedup_block
from electra_pretrain.data.dedup_block import Size, Step, load_json, save_json
from electra_pretrain.data.dedup_tasks import (
    EXACT,
    NEAR,
    DedupSettings,
    Workplace,
    cluster,
    compare_block,
    key_block,
    link_part,
    sign_block,
)
from electra_pretrain.data.dedup_write import DROPPED_SUFFIX, Counts, Part, write_part
from electra_pretrain.data.processes import Runner, worker_pool
from electra_pretrain.errors import UserError
from electra_pretrain.progress import Progress
from electra_pretrain.text import near, provenance
from electra_pretrain.text.corpus import BLOCK_CHARACTERS, Corpus

COMMAND = "dedup_corpus"
FORMAT_VERSION = 1
MAX_PART_BYTES = 100_000_000
WORK_PREFIX = f".{COMMAND}-"
PART_NAME = "part-{:05d}-of-{:05d}.txt"
# What processes hold besides a sort: the main one blocks on their way to workers, a worker a block's lines and signatures.
MAIN_BYTES, WORKER_BYTES, NEAR_WORKER_BYTES = 300_000_000, 200_000_000, 600_000_000
MIN_SORT_BYTES = 100_000_000
CLUSTER_BYTES_PER_UNIT = 4


def dedup(
    corpus: Corpus, output: str, dropped: str | None, settings: DedupSettings, memory_bytes: int, num_processes: int
) -> Counts:
    """Write the text that stays into the folder `output`, and, last, `corpus.json`.

    Raises:
        UserError: bad input (named with file and line), too little memory, an output that holds something else.
    """
    worker_bytes = WORKER_BYTES if settings.near is None else NEAR_WORKER_BYTES
    sort_bytes = _sort_bytes(memory_bytes, num_processes, worker_bytes)
    files.make_dirs(output)
    steps, sources = provenance.read_steps(corpus.paths), _sources(corpus)
    fingerprint = _fingerprint(corpus, sources, settings)
    if finished := _finished(output, fingerprint, dropped):
        return finished
    workplace = Workplace(_work_path(output, fingerprint), settings)
    files.make_dirs(workplace.work_dir)
    with worker_pool(num_processes) as run:
        sizes = _key_blocks(corpus, workplace, run)
        exact = dedup_block.make_step(EXACT, [size.units for size in sizes], sort_bytes)
        _map("find repeated", link_part, [(exact, part, workplace) for part in range(exact.num_parts)], run)
        if settings.near is not None:
            _find_near(sizes, exact, workplace, memory_bytes, sort_bytes, run)
        parts = _parts(sizes)
        tasks = [(part, exact, workplace) for part in parts]
        counts = Counts(*map(sum, zip(*_map("write parts", write_part, tasks, run), strict=True)))
    _publish(parts, workplace.work_dir, output, dropped)
    step = {
        "command": COMMAND,
        "fingerprint": fingerprint,
        "settings": settings._asdict(),
        "counts": counts._asdict(),
        "sources": sources,
    }
    provenance.write_steps(output, [*steps, step])
    _sweep(output, parts, workplace.work_dir)
    return counts


def _key_blocks(corpus: Corpus, workplace: Workplace, run: Runner) -> list[Size]:
    marker = files.join(workplace.work_dir, "sizes.json")
    if saved := load_json(marker):
        return [Size(*size) for size in saved]
    sizes: list[Size] = []
    with Progress("read and hash", corpus.stored_bytes / 1e6, "MB") as progress:
        tasks = ((number, documents, workplace) for number, documents in enumerate(corpus.blocks()))
        for size in progress.following(run(key_block, tasks), lambda: corpus.stored_bytes_read / 1e6):
            sizes.append(size)
    if not sizes:
        files.remove(workplace.work_dir)
        raise UserError(f"{', '.join(corpus.paths)}: the corpus is empty; there is no text in it")
    save_json(marker, sizes)
    return sizes


def _find_near(
    sizes: Sequence[Size], exact: Step, workplace: Workplace, memory_bytes: int, sort_bytes: int, run: Runner
) -> None:
    needed = MAIN_BYTES + CLUSTER_BYTES_PER_UNIT * sum(size.units for size in sizes)
    if needed > memory_bytes:
        raise UserError(f"clusters of near-duplicates take {needed / 1e9:.1f} GB for this corpus; give so much by --memory_gb")
    blocks = range(len(sizes))
    num_keys = _map("sign", sign_block, [(block, exact, workplace) for block in blocks], run)
    candidates = dedup_block.make_step(NEAR, num_keys, sort_bytes)
    _map("find candidates", link_part, [(candidates, part, workplace) for part in range(candidates.num_parts)], run)
    _map("compare", compare_block, [(block, candidates, workplace) for block in blocks], run)
    cluster(sizes, workplace)


def _map(description: str, function: Any, tasks: Sequence[tuple[Any, ...]], run: Runner) -> list[Any]:
    results = []
    with Progress(description, len(tasks), "tasks") as progress:
        for result in run(function, tasks):
            results.append(result)
            progress.update(1)
    return results


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
        if files.exists(source) and files.is_remote(output):
            files.write_bytes(target, files.read_bytes(source))
        elif files.exists(source):
            files.replace(source, target)


def _sweep(output: str, parts: Iterable[Part], work_dir: str) -> None:
    """Remove what is finished with, and what killed runs, of other settings too, left behind."""
    files.remove(work_dir)
    names = {part.name for part in parts}
    for name in files.list_dir(output):
        if name.startswith(WORK_PREFIX) or (re.fullmatch(r"part-\d{5}-of-\d{5}\.txt", name) and name not in names):
            files.remove(files.join(output, name))


def _sort_bytes(memory_bytes: int, num_processes: int, worker_bytes: int) -> int:
    """What one process may use to sort."""
    of_sorts = memory_bytes - MAIN_BYTES - num_processes * worker_bytes
    if of_sorts < num_processes * MIN_SORT_BYTES:
        least = MAIN_BYTES + num_processes * (worker_bytes + MIN_SORT_BYTES)
        raise UserError(
            f"--memory_gb {memory_bytes / 1e9:g}: {num_processes} worker processes need {least / 1e9:.1f} GB at least; "
            "give more or use fewer --num_processes"
        )
    return of_sorts // num_processes


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


def _finished(output: str, fingerprint: str, dropped: str | None) -> Counts | None:
    """The counts of a run of the same input and settings, if `output` holds its text."""
    steps = provenance.read_steps([files.join(output, PART_NAME)])
    if steps:
        last = steps[-1]
        if last["command"] == COMMAND and last["fingerprint"] == fingerprint:
            if dropped is not None and not files.exists(dropped):
                raise UserError(f"{dropped}: not there, though {output} is finished; delete that folder to make both again")
            return Counts(**last["counts"])
        raise UserError(f"{output}: holds text of other input or settings; choose another --output or delete the folder")
    names = files.list_dir(output)
    was_begun = files.exists(_work_path(output, fingerprint)) or any(name.startswith(WORK_PREFIX) for name in names)
    if names and not was_begun:
        raise UserError(f"{output}: holds {names[0]}, which is not of this command; choose an empty folder as --output")
    return None


def _work_path(output: str, fingerprint: str) -> str:
    """Beside the output, or for a remote output in the local temporary folder."""
    return files.join(tempfile.gettempdir() if files.is_remote(output) else output, WORK_PREFIX + fingerprint)

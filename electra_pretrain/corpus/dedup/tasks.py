"""The units of work of deduplication: functions of small arguments over files in a work folder, in any process or machine.

1. `key_block`: a block of documents -> its text and its units' digests, sorted, stored.
   On a cluster `key_file`: all blocks that begin in a file.
2. `link_part` (exact): all blocks' digests of one part of the keys -> links from repetitions to first occurrences.
   On a cluster between `merge_keys` and `gather_links`: blocks' keys cut by parts, parts' links cut by blocks, in few files.
3. `sign_blocks`: blocks without their repetitions -> MinHash signatures and keys of their bands, sorted.
4. `link_part` (near): as 2, over the bands' keys -> candidates.
5. `compare_blocks`: blocks' candidates -> those whose signatures are near enough.
6. `cluster`: all pairs -> of every unit the first of its cluster.
Then dedup_write.write_part: some successive blocks -> a file of text without the units to drop.
Each leaves its result in files that appear whole or not at all, and does nothing where they lie already.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from electra_pretrain.core import files
from electra_pretrain.core.progress import Progress
from electra_pretrain.corpus.dedup import block as dedup_block
from electra_pretrain.corpus.dedup import keys as dedup
from electra_pretrain.corpus.dedup import near
from electra_pretrain.corpus.dedup.block import Size, Step, load_array, load_json, save_array, save_json
from electra_pretrain.corpus.dedup.pieces import read_piece, write_pieces
from electra_pretrain.corpus.partition import FileBlocks
from electra_pretrain.corpus.reader import Document

EXACT, NEAR = "exact", "near"


class DedupSettings(NamedTuple):
    """What, besides the text, the outcome depends on."""

    by: str  # "line" or "document": what is compared and dropped
    near: float | None  # drop also what is as near as this (Jaccard) to an earlier one
    seed: int
    keep_dropped: bool


class Workplace(NamedTuple):
    """What every worker needs to know; small enough to send along with each task."""

    work_dir: str
    settings: DedupSettings


def key_block(number: int, documents: list[Document], workplace: Workplace) -> Size:
    """Store a block's text and the sorted digests of its units."""
    work_dir = workplace.work_dir
    marker = _size_path(number, workplace)
    if saved := load_json(marker):
        return Size(*saved)
    units = dedup_block.units(documents, workplace.settings.by)
    _save_keys(Step(EXACT, 0, 0), workplace, number, dedup.digests(units), np.arange(len(units)))
    content = dedup_block.text_bytes(documents)
    dedup_block.save_text(dedup_block.text_path(work_dir, number), content)
    size = Size(len(documents), sum(map(len, documents)), len(units), len(content))
    save_json(marker, size)
    return size


def key_file(task: FileBlocks, workplace: Workplace) -> list[Size]:
    """`key_block` for the blocks that begin in a file, which is read unless all of them were keyed before."""
    saved = [load_json(_size_path(number, workplace)) for number in range(task.first, task.stop)]
    if all(saved):
        return [Size(*size) for size in saved]
    return [key_block(number, [document.sentences for document in documents], workplace) for number, documents in task.blocks()]


def merge_keys(step: Step, group: range, workplace: Workplace) -> None:
    """Sort the keys of some blocks into one file, of which each part of the keys is a piece."""
    path = step.group_keys_path(workplace.work_dir, group)
    if not files.exists(path):
        keys = [load_array(step.keys_path(workplace.work_dir, block)) for block in group]
        records = np.concatenate(keys, axis=1)
        records = records[:, np.lexsort(records[-2::-1])]  # stable: of equal keys the first in the corpus stays the first
        write_pieces(path, [dedup.key_range(records, part, step.num_parts) for part in range(step.num_parts)])


def link_part(step: Step, part: int, workplace: Workplace) -> None:
    """Link every unit to the first that has the same key, across all blocks, for one part of the keys."""
    path = step.part_links_path(workplace.work_dir, part)
    if not files.exists(path):
        records = step.part_records(workplace.work_dir, part)
        links = dedup.sort_keys(records[:-1], records[-1]).links
        if step.blocks_per_group:
            write_pieces(path, [dedup.links_within(links, group) for group in step.groups()])
        else:
            save_array(path, links)


def gather_links(step: Step, number: int, workplace: Workplace) -> None:
    """Collect all parts' links from a group of blocks in one file, of which each block's are a piece."""
    groups = step.groups()
    path = step.group_links_path(workplace.work_dir, groups[number])
    if not files.exists(path):
        paths = [step.part_links_path(workplace.work_dir, part) for part in range(step.num_parts)]
        links = np.concatenate([read_piece(path, number, len(groups)) for path in paths], axis=1)
        links = links[:, np.argsort(links[0], kind="stable")]
        write_pieces(path, [dedup.links_within(links, range(block, block + 1)) for block in groups[number]])


def sign_blocks(blocks: range, exact: Step, workplace: Workplace) -> list[int]:
    """`sign_block` for some blocks."""
    return [sign_block(block, exact, workplace) for block in blocks]


def sign_block(number: int, exact: Step, workplace: Workplace) -> int:
    """Store MinHash signatures of a block's units, repetitions left out, and their bands' keys; how many keys."""
    work_dir, settings = workplace.work_dir, workplace.settings
    assert settings.near is not None
    marker = files.join(work_dir, f"signed-{number:06d}.json")
    if saved := load_json(marker):
        return int(saved["keys"])
    units = dedup_block.units(dedup_block.load_text(dedup_block.text_path(work_dir, number)), settings.by)
    signed = np.setdiff1d(np.arange(len(units)), dedup_block.repeated_units(exact, work_dir, number))
    rows = near.signatures([units[index] for index in signed], settings.seed)
    keys = near.band_keys(rows, settings.near)
    save_array(_signed_path(work_dir, number), signed)
    save_array(_signatures_path(work_dir, number), rows)
    num_keys = _save_keys(Step(NEAR, 0, 0), workplace, number, keys.reshape(1, -1), np.repeat(signed, keys.shape[1]))
    save_json(marker, {"keys": num_keys})
    return num_keys


def compare_blocks(blocks: range, candidates: Step, workplace: Workplace) -> None:
    """`compare_block` for some blocks."""
    for block in blocks:
        compare_block(block, candidates, workplace)


def compare_block(number: int, candidates: Step, workplace: Workplace) -> None:
    """Keep those candidates of a block whose signatures are near enough."""
    work_dir, threshold = workplace.work_dir, workplace.settings.near
    path = _pairs_path(work_dir, number)
    if files.exists(path):
        return
    links = np.unique(candidates.links_of_block(work_dir, number), axis=1)
    is_near = np.zeros(links.shape[1], bool)
    earlier_blocks = links[1] >> dedup.BLOCK_SHIFT
    for earlier in np.unique(earlier_blocks):
        of_block = np.flatnonzero(earlier_blocks == earlier)
        for chosen in np.array_split(of_block, len(of_block) // 10_000 + 1):
            pair = _rows(work_dir, number, links[0, chosen]), _rows(work_dir, int(earlier), links[1, chosen])
            is_near[chosen] = near.estimated_jaccard(*pair) >= threshold
    save_array(path, links[:, is_near])


def cluster(sizes: Sequence[Size], workplace: Workplace) -> None:
    """Store, for every block, which units are not the first of their cluster, and which unit is."""
    work_dir = workplace.work_dir
    marker = files.join(work_dir, "clustered.json")
    if files.exists(marker):
        return
    starts = np.concatenate([[0], np.cumsum([size.units for size in sizes])])
    clusters = near.Clusters(int(starts[-1]))
    with Progress("cluster", len(sizes), "blocks") as progress:
        for number in range(len(sizes)):
            places = load_array(_pairs_path(work_dir, number))
            first, second = starts[places >> dedup.BLOCK_SHIFT] + dedup.unit_numbers(places).astype(np.int64)
            clusters.join(first, second)
            progress.update(1)
    for number, size in enumerate(sizes):
        start = starts[number]
        members = np.arange(start, start + size.units)
        names = clusters.names(members)
        later = names != members
        save_array(clusters_path(work_dir, number), np.stack([members[later] - start, names[later]]))
    save_json(marker, True)


def clusters_path(work_dir: str, block: int) -> str:
    """int64 [2, n]: a block's units that are not the first of their cluster; which unit of the corpus is, from 0."""
    return files.join(work_dir, f"near-clusters-{block:06d}.npy")


def _size_path(block: int, workplace: Workplace) -> str:
    return files.join(workplace.work_dir, f"size-{block:06d}.json")


def _pairs_path(work_dir: str, block: int) -> str:
    return files.join(work_dir, f"near-pairs-{block:06d}.npy")


def _signed_path(work_dir: str, block: int) -> str:
    return files.join(work_dir, f"near-units-{block:06d}.npy")


def _signatures_path(work_dir: str, block: int) -> str:
    return files.join(work_dir, f"near-signatures-{block:06d}.npy")


def _save_keys(step: Step, workplace: Workplace, number: int, keys: np.ndarray, units: np.ndarray) -> int:
    """Links within the block are told at once, so that a text a million times in it costs one record afterwards."""
    found = dedup.sort_keys(keys, dedup.positions(number, units))
    save_array(step.block_links_path(workplace.work_dir, number), found.links)
    save_array(step.keys_path(workplace.work_dir, number), found.records)
    return len(found.records[0])


def _rows(work_dir: str, block: int, places: np.ndarray) -> np.ndarray:
    """The signatures of units of a block."""
    signed = load_array(_signed_path(work_dir, block))
    rows = np.searchsorted(signed, dedup.unit_numbers(places).astype(np.int64))
    return dedup_block.load_rows(_signatures_path(work_dir, block), rows)

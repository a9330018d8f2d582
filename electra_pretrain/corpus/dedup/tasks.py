"""The tasks of deduplication: functions of small arguments over files in a work folder, in any process or machine.

1. `key_block`: a block of documents -> its text and its units' digests, sorted, stored.
   On a cluster `key_file`: all blocks that begin in a file.
2. `link_range` (exact): all blocks' digests in a range of the keys -> links from repetitions to first occurrences.
   On a cluster between `merge_keys` and `gather_links`: blocks' keys cut by ranges, ranges' links cut by blocks, in few files.
3. `sign_blocks`: blocks without their repetitions -> MinHash signatures and keys of their bands, sorted.
4. `link_range` (near): as 2, over the bands' keys -> candidates.
5. `compare_blocks`: blocks' candidates -> those whose signatures are near enough.
6. `cluster`: all pairs -> of every unit the first of its cluster.
Then write.write_part: some successive blocks -> a part of the output, without the units to drop.
Each leaves its result in files that appear whole or not at all, and does nothing where they lie already.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from electra_pretrain.core import files
from electra_pretrain.core.progress import Progress
from electra_pretrain.corpus.dedup import block as dedup_block
from electra_pretrain.corpus.dedup import keys as dedup_keys
from electra_pretrain.corpus.dedup import near
from electra_pretrain.corpus.dedup.arrays import load_array, load_one_of_several, load_rows, save_array, save_several
from electra_pretrain.corpus.dedup.block import BlockSize
from electra_pretrain.corpus.dedup.comparison import EXACT, NEAR, Comparison
from electra_pretrain.corpus.partition import FileBlocks
from electra_pretrain.corpus.reader import Document, LocatedDocument
from electra_pretrain.execution.resume import Marker


class DedupSettings(NamedTuple):
    """What, besides the text, the outcome depends on."""

    by: str  # "line" or "document": what is compared and dropped
    near: float | None  # drop also what is as near as this (Jaccard) to an earlier one
    seed: int
    keep_dropped: bool

    @property
    def stored(self) -> str:
        """Tell what is stored of a block beside its text: work without it is not gone on with."""
        return "origins" if self.keep_dropped else ""


class DedupWork(NamedTuple):
    """What every worker needs to know; small enough to send along with each task."""

    work_dir: str
    settings: DedupSettings

    def size_marker(self, block: int) -> Marker:
        return Marker(files.join(self.work_dir, f"size-{block:06d}.json"), self.settings.stored)

    def signed_marker(self, block: int) -> Marker:
        return Marker(files.join(self.work_dir, f"signed-{block:06d}.json"))

    def signed_path(self, block: int) -> str:
        """Name the file of a block's units that were signed."""
        return files.join(self.work_dir, f"near-units-{block:06d}.npy")

    def signatures_path(self, block: int) -> str:
        return files.join(self.work_dir, f"near-signatures-{block:06d}.npy")

    def pairs_path(self, block: int) -> str:
        return files.join(self.work_dir, f"near-pairs-{block:06d}.npy")

    def clusters_path(self, block: int) -> str:
        """Name the file of int64 [2, n]: a block's units that are not the first of their cluster; which of the corpus is."""
        return files.join(self.work_dir, f"near-clusters-{block:06d}.npy")


KeyTask = tuple[int, list[Document], list[LocatedDocument], DedupWork]


def key_task(number: int, located: list[LocatedDocument], work: DedupWork) -> KeyTask:
    """Return the arguments of `key_block`; where documents are from is sent along only if that is wanted."""
    origins = [document._replace(sentences=[]) for document in located] if work.settings.keep_dropped else []
    return number, [document.sentences for document in located], origins, work


def key_block(number: int, documents: list[Document], origins: list[LocatedDocument], work: DedupWork) -> BlockSize:
    """Store a block's text, the sorted digests of its units, and where they are from if that is wanted."""
    marker = work.size_marker(number)
    if saved := marker.result():
        return BlockSize(*saved)
    units = dedup_block.units(documents, work.settings.by)
    _save_keys(EXACT, work, number, dedup_keys.digests(units), np.arange(len(units)))
    content = dedup_block.text_bytes(documents)
    dedup_block.save_text(work.work_dir, number, content)
    if work.settings.keep_dropped:
        dedup_block.save_origins(work.work_dir, number, origins)
    size = BlockSize(len(documents), sum(map(len, documents)), len(units), len(content))
    marker.save(size)
    return size


def key_file(task: FileBlocks, work: DedupWork) -> list[BlockSize]:
    """Key the blocks that begin in a file, which is read unless all of them were keyed before."""
    saved = [work.size_marker(number).result() for number in task.numbers]
    if all(saved):
        return [BlockSize(*size) for size in saved]
    return [key_block(*key_task(number, documents, work)) for number, documents in task.blocks()]


def merge_keys(comparison: Comparison, group: range, work: DedupWork) -> None:
    """Sort the keys of some blocks into one file, of which each range of the keys is an array."""
    path = comparison.group_keys_path(work.work_dir, group)
    if not files.exists(path):
        keys = [load_array(comparison.keys_path(work.work_dir, block)) for block in group]
        records = np.concatenate(keys, axis=1)
        records = records[:, np.lexsort(records[-2::-1])]  # stable: of equal keys the first in the corpus stays the first
        num_ranges = comparison.num_ranges
        save_several(path, [dedup_keys.key_range(records, number, num_ranges) for number in range(num_ranges)])


def link_range(comparison: Comparison, number: int, work: DedupWork) -> None:
    """Link every unit to the first that has the same key, across all blocks, for one range of the keys."""
    path = comparison.range_links_path(work.work_dir, number)
    if not files.exists(path):
        records = comparison.range_records(work.work_dir, number)
        links = dedup_keys.sort_keys(records[:-1], records[-1]).links
        if comparison.blocks_per_group:
            save_several(path, [dedup_keys.links_within(links, group) for group in comparison.groups()])
        else:
            save_array(path, links)


def gather_links(comparison: Comparison, number: int, work: DedupWork) -> None:
    """Collect all ranges' links from a group of blocks in one file, of which each block's are an array."""
    groups = comparison.groups()
    path = comparison.group_links_path(work.work_dir, groups[number])
    if not files.exists(path):
        paths = [comparison.range_links_path(work.work_dir, other) for other in range(comparison.num_ranges)]
        links = np.concatenate([load_one_of_several(path, number, len(groups)) for path in paths], axis=1)
        links = links[:, np.argsort(links[0], kind="stable")]
        save_several(path, [dedup_keys.links_within(links, range(block, block + 1)) for block in groups[number]])


def sign_blocks(blocks: range, exact: Comparison, work: DedupWork) -> list[int]:
    """Sign some blocks one by one."""
    return [sign_block(block, exact, work) for block in blocks]


def sign_block(number: int, exact: Comparison, work: DedupWork) -> int:
    """Store MinHash signatures of a block's units, repetitions left out, and their bands' keys; return how many keys."""
    settings = work.settings
    assert settings.near is not None
    marker = work.signed_marker(number)
    if (saved := marker.result()) is not None:
        return int(saved)
    units = dedup_block.units(dedup_block.load_text(work.work_dir, number), settings.by)
    signed = np.setdiff1d(np.arange(len(units)), exact.linked_units(work.work_dir, number))
    rows = near.signatures([units[index] for index in signed], settings.seed)
    keys = near.band_keys(rows, settings.near)
    save_array(work.signed_path(number), signed)
    save_array(work.signatures_path(number), rows)
    num_keys = _save_keys(NEAR, work, number, keys.reshape(1, -1), np.repeat(signed, keys.shape[1]))
    marker.save(num_keys)
    return num_keys


def compare_blocks(blocks: range, candidates: Comparison, work: DedupWork) -> None:
    """Compare the candidates of some blocks, block by block."""
    for block in blocks:
        compare_block(block, candidates, work)


def compare_block(number: int, candidates: Comparison, work: DedupWork) -> None:
    """Store those candidates of a block whose signatures are near enough."""
    path = work.pairs_path(number)
    if files.exists(path):
        return
    links = np.unique(candidates.links_of_block(work.work_dir, number), axis=1)
    is_near = np.zeros(links.shape[1], bool)
    earlier_blocks = links[1] >> dedup_keys.BLOCK_SHIFT
    for earlier in np.unique(earlier_blocks):
        of_block = np.flatnonzero(earlier_blocks == earlier)
        for chosen in np.array_split(of_block, len(of_block) // 10_000 + 1):
            pair = _rows(work, number, links[0, chosen]), _rows(work, int(earlier), links[1, chosen])
            is_near[chosen] = near.estimated_jaccard(*pair) >= work.settings.near
    save_array(path, links[:, is_near])


def cluster(sizes: Sequence[BlockSize], work: DedupWork) -> None:
    """Store, for every block, which units are not the first of their cluster, and which unit is."""
    marker = Marker(files.join(work.work_dir, "clustered.json"))
    if marker.result():
        return
    starts = np.concatenate([[0], np.cumsum([size.units for size in sizes])])
    clusters = near.Clusters(int(starts[-1]))
    with Progress("cluster", len(sizes), "blocks") as progress:
        for number in range(len(sizes)):
            positions = load_array(work.pairs_path(number))
            blocks, units = positions >> dedup_keys.BLOCK_SHIFT, dedup_keys.unit_numbers(positions)
            clusters.join(*(starts[blocks] + units.astype(np.int64)))
            progress.update(1)
    for number, size in enumerate(sizes):
        start = starts[number]
        members = np.arange(start, start + size.units)
        names = clusters.names(members)
        later = names != members
        save_array(work.clusters_path(number), np.stack([members[later] - start, names[later]]))
    marker.save(True)


def _save_keys(comparison: str, work: DedupWork, number: int, keys: np.ndarray, units: np.ndarray) -> int:
    """Store a block's sorted keys; return how many different ones there are.

    Links within the block are told at once, so that a text a million times in it costs one record afterwards.
    """
    found = dedup_keys.sort_keys(keys, dedup_keys.positions(number, units))
    paths = Comparison(comparison, 0, 0)  # of these two the number of blocks and ranges does not matter
    save_array(paths.block_links_path(work.work_dir, number), found.links)
    save_array(paths.keys_path(work.work_dir, number), found.records)
    return len(found.records[0])


def _rows(work: DedupWork, block: int, positions: np.ndarray) -> np.ndarray:
    """Return the signatures of units of a block."""
    signed = load_array(work.signed_path(block))
    rows = np.searchsorted(signed, dedup_keys.unit_numbers(positions).astype(np.int64))
    return load_rows(work.signatures_path(block), rows)

"""Write what deduplication leaves of some successive blocks, in their order; and what it drops, with the reason."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from electra_pretrain.core import compression, files
from electra_pretrain.corpus.dedup import block as dedup_block
from electra_pretrain.corpus.dedup.arrays import load_array
from electra_pretrain.corpus.dedup.comparison import Comparison
from electra_pretrain.corpus.dedup.tasks import DedupWork
from electra_pretrain.corpus.reader import Document
from electra_pretrain.execution.resume import Marker

DROPPED_SUFFIX = ".dropped"
_COMPRESSED_AT_ONCE_BYTES = 1 << 24
STAYS, REPEATED, NEAR = 0, 1, 2


class DedupCounts(NamedTuple):
    """What became of the text; `repeated` and `near` count lines or documents, whatever was compared."""

    documents: int
    lines: int
    repeated: int
    near: int
    kept_documents: int
    kept_lines: int


class Part(NamedTuple):
    """A file of the output: the text of some successive blocks."""

    name: str
    first_block: int
    stop_block: int
    first_unit: int  # number, in the whole corpus, of the first of their units


class Verdict(NamedTuple):
    """What becomes of a block's units."""

    reasons: np.ndarray  # uint8 [units]: STAYS, REPEATED or NEAR
    near_to: dict[int, int]  # unit of the block -> the unit of the corpus that stays for it


def write_part(part: Part, exact: Comparison, work: DedupWork) -> DedupCounts:
    """Write a part, and a file of what was dropped from it, into the work folder."""
    work_dir, by = work.work_dir, work.settings.by
    path = files.join(work_dir, part.name)
    marker = Marker(f"{path}.json")
    if saved := marker.result():
        return DedupCounts(*saved)
    total = np.zeros(len(DedupCounts._fields), np.int64)
    first_unit = part.first_unit
    with (
        files.atomic_path(path) as text_path,
        files.atomic_path(path + DROPPED_SUFFIX) as dropped_path,
        files.open_raw(text_path, "wb") as text_file,
        files.open_raw(dropped_path, "wb") as dropped_file,
    ):
        for block in range(part.first_block, part.stop_block):
            documents = dedup_block.load_text(work_dir, block)
            units = dedup_block.units(documents, by)
            verdict = _verdict(block, len(units), exact, work)
            remaining = _remaining(documents, verdict.reasons == STAYS, by)
            text_file.write(dedup_block.text_bytes(remaining))
            if work.settings.keep_dropped:
                origins = dedup_block.load_origins(work_dir, block, by)
                dropped_file.write(b"".join(_dropped(units, origins, verdict, first_unit)))
            total += _counts(documents, verdict, remaining)
            first_unit += len(units)
    counts = DedupCounts(*total.tolist())
    marker.save(counts)
    return counts


def join_dropped(paths: Sequence[str], dropped: str) -> None:
    """Put what was dropped from all parts into one file, compressed as its suffix says."""
    files.make_parent(dropped)
    with files.atomic_path(dropped) as temporary, files.open_raw(temporary, "wb") as file:
        for path in paths:
            with files.open_raw(path) as part:
                while content := part.read(_COMPRESSED_AT_ONCE_BYTES):
                    file.write(compression.compressed(dropped, content))
        file.write(compression.compressed(dropped, b""))  # so that even of nothing it is what its suffix says


def _verdict(block: int, num_units: int, exact: Comparison, work: DedupWork) -> Verdict:
    reasons = np.full(num_units, STAYS, np.uint8)
    reasons[exact.linked_units(work.work_dir, block)] = REPEATED
    if work.settings.near is None:
        return Verdict(reasons, {})
    members, firsts = load_array(work.clusters_path(block))
    reasons[members] = NEAR
    return Verdict(reasons, dict(zip(members.tolist(), firsts.tolist(), strict=True)))


def _remaining(documents: list[Document], stays: np.ndarray, by: str) -> list[Document]:
    """Return what stays of documents; one of which no line stays is gone."""
    if by == "document":
        return [document for document, stay in zip(documents, stays, strict=True) if stay]
    of_line = iter(stays.tolist())
    lines = ([line for line in document if next(of_line)] for document in documents)
    return [document for document in lines if document]


def _dropped(units: list[str], origins: list[dict[str, Any]], verdict: Verdict, first_unit: int) -> Iterator[bytes]:
    """Give a JSON object a line; units are counted from 1 through the whole corpus."""
    for index in np.flatnonzero(verdict.reasons):
        unit = int(index)
        row: dict[str, Any] = {"number": first_unit + unit + 1, "reason": "repeated"}
        if unit in verdict.near_to:
            row |= {"reason": "near", "near_to": verdict.near_to[unit] + 1}
        row |= {**origins[unit], "text": units[unit]}
        yield (json.dumps(row, ensure_ascii=False) + "\n").encode("utf-8", "replace")


def _counts(documents: list[Document], verdict: Verdict, remaining: list[Document]) -> DedupCounts:
    repeated, near = (int((verdict.reasons == reason).sum()) for reason in (REPEATED, NEAR))
    return DedupCounts(len(documents), sum(map(len, documents)), repeated, near, len(remaining), sum(map(len, remaining)))

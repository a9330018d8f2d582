"""Write what deduplication keeps of some successive blocks, in their order; and what it drops, with the reason."""

import json
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from electra_pretrain.core import files
from electra_pretrain.corpus.dedup import block as dedup_block
from electra_pretrain.corpus.dedup.block import Step, load_array, load_json, save_json
from electra_pretrain.corpus.dedup.tasks import Workplace, clusters_path
from electra_pretrain.corpus.reader import Document

DROPPED_SUFFIX = ".dropped"
KEPT, REPEATED, NEAR = 0, 1, 2


class Counts(NamedTuple):
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
    """Of a block's units."""

    reasons: np.ndarray  # uint8 [units]: KEPT, REPEATED or NEAR
    near_to: dict[int, int]  # unit of the block -> the unit of the corpus that stays for it


def write_part(part: Part, exact: Step, workplace: Workplace) -> Counts:
    """Write a part, and a file of what was dropped from it, into the work folder."""
    work_dir, by = workplace.work_dir, workplace.settings.by
    marker = files.join(work_dir, f"{part.name}.json")
    if saved := load_json(marker):
        return Counts(*saved)
    total = np.zeros(len(Counts._fields), np.int64)
    first_unit = part.first_unit
    path = files.join(work_dir, part.name)
    with (
        files.atomic_path(path) as kept_path,
        files.atomic_path(path + DROPPED_SUFFIX) as dropped_path,
        files.open_raw(kept_path, "wb") as kept_file,
        files.open_raw(dropped_path, "wb") as dropped_file,
    ):
        for block in range(part.first_block, part.stop_block):
            documents = dedup_block.load_text(dedup_block.text_path(work_dir, block))
            units = dedup_block.units(documents, by)
            verdict = _verdict(block, len(units), exact, workplace)
            kept = _kept(documents, verdict.reasons == KEPT, by)
            kept_file.write(dedup_block.text_bytes(kept))
            if workplace.settings.keep_dropped:
                dropped_file.write(b"".join(_dropped(units, verdict, first_unit)))
            total += _counts(documents, verdict, kept)
            first_unit += len(units)
    counts = Counts(*total.tolist())
    save_json(marker, counts)
    return counts


def _verdict(block: int, num_units: int, exact: Step, workplace: Workplace) -> Verdict:
    reasons = np.full(num_units, KEPT, np.uint8)
    reasons[dedup_block.repeated_units(exact, workplace.work_dir, block)] = REPEATED
    if workplace.settings.near is None:
        return Verdict(reasons, {})
    members, firsts = load_array(clusters_path(workplace.work_dir, block))
    reasons[members] = NEAR
    return Verdict(reasons, dict(zip(members.tolist(), firsts.tolist(), strict=True)))


def _kept(documents: list[Document], stays: np.ndarray, by: str) -> list[Document]:
    """A document of which no line stays is gone."""
    if by == "document":
        return [document for document, stay in zip(documents, stays, strict=True) if stay]
    remaining = iter(stays.tolist())
    lines = ([line for line in document if next(remaining)] for document in documents)
    return [document for document in lines if document]


def _dropped(units: list[str], verdict: Verdict, first_unit: int) -> Iterator[bytes]:
    """A JSON object a line; units are counted from 1 through the whole corpus."""
    for index in np.flatnonzero(verdict.reasons):
        unit = int(index)
        row = {"number": first_unit + unit + 1, "reason": "repeated", "text": units[unit]}
        if unit in verdict.near_to:
            row |= {"reason": "near", "near_to": verdict.near_to[unit] + 1}
        yield (json.dumps(row, ensure_ascii=False) + "\n").encode("utf-8", "replace")


def _counts(documents: list[Document], verdict: Verdict, kept: list[Document]) -> Counts:
    repeated, near = (int((verdict.reasons == reason).sum()) for reason in (REPEATED, NEAR))
    return Counts(len(documents), sum(map(len, documents)), repeated, near, len(kept), sum(map(len, kept)))

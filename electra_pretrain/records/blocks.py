"""The first step of a build: a block of documents becomes rows, each with a random key, stored sorted by key."""

import dataclasses
import hashlib
import itertools
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from electra_pretrain.core import files, rng
from electra_pretrain.corpus.blocks import RawBlock, TextBlock
from electra_pretrain.corpus.whitespace import count_characters
from electra_pretrain.execution.memory import keep_freed
from electra_pretrain.execution.resume import Marker
from electra_pretrain.records.block_file import write_block
from electra_pretrain.records.examples import Lengths
from electra_pretrain.records.manifest import Contents, Counts
from electra_pretrain.records.rows import SPLITS, Chances, Documents, rows_of
from electra_pretrain.tokenization.fast import Encoder, fastest_encoder
from electra_pretrain.tokenization.tokenizer import Tokenizer, load_as_learnt


class BuildSettings(NamedTuple):
    """What, besides the text and the vocabulary, the records depend on.

    Attributes:
        max_seq_length: of an example.
        heldout_fraction: share of the documents kept for evaluation.
        seed: of everything random.
        dupe_factor: passes over the corpus, each with lengths and segments of its own.
        short_example_prob, single_segment_prob: as in `Lengths`.
        short_documents: how documents come into rows, as in `rows`.
    """

    max_seq_length: int = 512
    heldout_fraction: float = 0.01
    seed: int = 0
    dupe_factor: int = 1
    short_example_prob: float = 0.05
    single_segment_prob: float = 0.1
    short_documents: str = "apart"

    @property
    def chances(self) -> Chances:
        lengths = Lengths(self.max_seq_length, self.short_example_prob, self.single_segment_prob)
        return Chances(lengths, self.seed, self.dupe_factor)


class BuildWork(NamedTuple):
    """What every worker needs to know; small enough to send along with each task."""

    vocab_path: str
    do_lower_case: bool
    work_dir: str
    output: str
    settings: BuildSettings

    def block_path(self, split: str, number: int) -> str:
        """Name the file of a block's rows of a split."""
        return files.join(self.work_dir, f"block-{number:06d}-{split}.records")

    def block_marker(self, block: RawBlock | TextBlock) -> Marker:
        return Marker(files.join(self.work_dir, f"block-{block.number:06d}.json"), block.key)


class BlockResult(NamedTuple):
    """What came of a block, or of several."""

    counts: Counts
    rows: list[int]  # per split
    contents: Contents

    def to_json(self) -> dict[str, Any]:
        counts, contents = dataclasses.asdict(self.counts), dataclasses.asdict(self.contents)
        return {"counts": counts, "rows": self.rows, "contents": contents}

    @classmethod
    def saved(cls, marker: Marker) -> "BlockResult | None":
        """Return what a marker says; None if it is not there, or an earlier release's, which did not count the contents."""
        values = marker.result()
        if values is None or values.keys() != set(cls._fields):
            return None
        return cls(Counts(**values["counts"]), values["rows"], Contents(**values["contents"]))


def total(results: Sequence[BlockResult]) -> BlockResult:
    """Add up what came of blocks."""
    rows = [sum(result.rows[split] for result in results) for split in range(len(SPLITS))]
    counts = sum((result.counts for result in results), Counts())
    return BlockResult(counts, rows, sum((result.contents for result in results), Contents()))


def build_raw_block(block: RawBlock, work: BuildWork) -> BlockResult:
    """Build a block as it was read.

    Raises:
        UserError: a line is not UTF-8; file and line are named.
    """
    with block.decoding():
        return build_block(block.cut(), work)


def build_block(block: TextBlock, work: BuildWork) -> BlockResult:
    """Tokenise a block, make rows of it, store them for each split, and leave a marker."""
    settings = work.settings
    marker = work.block_marker(block)
    marker.remove()  # it may be of other text
    tokenizer, encode = _cached_tokenizer(work, is_first=block.number == 0)
    special_ids = tokenizer.special_ids
    ids, row_splits = encode(block.lines)
    heldout = _heldout(ids, row_splits[[0, *block.document_ends]], settings)
    documents = Documents(block.number, ids, row_splits, block.document_ends, heldout, special_ids)
    splits = rows_of(settings.short_documents, documents, settings.chances)
    for split, rows in zip(SPLITS, splits, strict=True):
        keys = rng.numpy_bits(settings.seed, f"{split} order", [block.number], rows.number)[0]
        order = np.argsort(keys, kind="stable")
        write_block(work.block_path(split, block.number), keys[order], list(rows.frames(order)))
    counts = Counts(
        documents=len(block.document_ends),
        heldout_documents=int(heldout.sum()),
        sentences=len(row_splits) - 1,
        characters=count_characters(b"".join(block.lines)),
        tokens=len(ids),
        unk_tokens=int((ids == special_ids.unk).sum()),
        overflow_tokens=sum(rows.overflow_tokens for rows in splits),
    )
    contents = Contents(sum(rows.examples for rows in splits), sum(rows.filled_places for rows in splits))
    result = BlockResult(counts, [rows.number for rows in splits], contents)
    marker.save(result.to_json())
    return result


def finished_block(block: RawBlock, work: BuildWork) -> BlockResult | None:
    """Return what an earlier run made of this very block; None if it did not come to it."""
    return BlockResult.saved(work.block_marker(block))


def _heldout(ids: np.ndarray, document_splits: np.ndarray, settings: BuildSettings) -> np.ndarray:
    """Tell which documents, bool [D], are held out: a hash of its tokens decides, so that copies of one go the same way."""
    content = np.ascontiguousarray(ids, "<i4").data.cast("B")
    bounds = (4 * document_splits).tolist()
    digests = [hashlib.blake2b(content[a:b], digest_size=4).digest() for a, b in itertools.pairwise(bounds)]
    rows = np.frombuffer(b"".join(digests), "<u4")
    chances = rng.numpy_uniform(settings.seed, "heldout documents", rows, 1)[:, 0]
    return np.asarray(chances < settings.heldout_fraction)


_tokenizers: dict[tuple[str, bool], tuple[Tokenizer, Encoder]] = {}


def _cached_tokenizer(work: BuildWork, is_first: bool) -> tuple[Tokenizer, Encoder]:
    key = (work.vocab_path, work.do_lower_case)
    if key not in _tokenizers:
        keep_freed()
        tokenizer = load_as_learnt(*key, say=False)  # the vocabulary's oddities were told of when the work began
        # Of all workers, the one with the first block speaks.
        _tokenizers[key] = tokenizer, fastest_encoder(tokenizer, say=is_first)
    return _tokenizers[key]

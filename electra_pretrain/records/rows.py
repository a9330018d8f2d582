"""The rows of a block: the three ways to put documents into them, by name (`--short_documents`).

- `apart`: a row is an example, of one document.
- `joined`: a row is an example, cut of all of a split's documents, whose sentences are one stream.
- `packed`: examples are those of `apart`; several stand in a row.

Shapes: N examples, R rows, D documents.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from electra_pretrain.core import rng
from electra_pretrain.core.batch import SpecialIds
from electra_pretrain.records.examples import Lengths, Span, Spans, cut_documents
from electra_pretrain.records.packing import example_lengths, lay_out, pack
from electra_pretrain.records.serialize import Framer

SPLITS = ("train", "heldout")


class Documents(NamedTuple):
    """A block's documents.

    Attributes:
        block: its number.
        ids: int32 [tokens].
        row_splits: int64, where each sentence's tokens begin, and where the last one's end.
        ends: for each of them, how many sentences have gone by when it ends.
        heldout: bool [D].
        special_ids: of [CLS], [SEP] and padding.
    """

    block: int
    ids: np.ndarray
    row_splits: np.ndarray
    ends: Sequence[int]
    heldout: np.ndarray
    special_ids: SpecialIds


class Stream(NamedTuple):
    """Sentences in a row.

    Attributes:
        ids: int32 [tokens].
        row_splits: int64, where each sentence's tokens begin, and where the last one's end.
    """

    ids: np.ndarray
    row_splits: np.ndarray


class Chances(NamedTuple):
    """What decides where examples end, beside the documents.

    Attributes:
        lengths: of examples and segments.
        seed: of everything random.
        passes: over the documents, each with examples of its own.
    """

    lengths: Lengths
    seed: int
    passes: int


class Rows(NamedTuple):
    """The rows of a split.

    Attributes:
        number: of rows, R.
        examples: in them all; one a row, but where they are packed.
        filled_places: how many hold tokens, special ones included.
        overflow_tokens: carried into the next example.
        frames: makes the records of the rows whose numbers it is given, int64 [R].
    """

    number: int
    examples: int
    filled_places: int
    overflow_tokens: int
    frames: Callable[[np.ndarray], Iterator[bytes]]


def rows_of(short_documents: str, documents: Documents, chances: Chances) -> list[Rows]:
    """Make the rows of each split; every token of its documents stands in exactly one row of each pass."""
    return {"apart": _apart, "joined": _joined, "packed": _packed}[short_documents](documents, chances)


def _apart(documents: Documents, chances: Chances) -> list[Rows]:
    framer = Framer(documents.ids, chances.lengths.max_seq_length, documents.special_ids)
    return [_one_a_row(framer, np.concatenate(passes)) for passes in _spans_of_splits(documents, chances)]


def _joined(documents: Documents, chances: Chances) -> list[Rows]:
    return [_joined_split(_stream(documents, split), split, chances, documents) for split in SPLITS]


def _joined_split(stream: Stream, split: str, chances: Chances, documents: Documents) -> Rows:
    passes = _passes(stream.row_splits, [len(stream.row_splits) - 1], f"joined {split} examples", documents.block, chances)
    framer = Framer(stream.ids, chances.lengths.max_seq_length, documents.special_ids)
    return _one_a_row(framer, np.concatenate([cut.spans for cut in passes]))


def _stream(documents: Documents, split: str) -> Stream:
    """Put the sentences of a split's documents one after the other."""
    counts = np.diff(documents.ends, prepend=0)
    sentences = np.repeat(_is_of(documents, split), counts)
    lengths = np.diff(documents.row_splits)
    tokens = np.repeat(sentences, lengths)
    return Stream(documents.ids[tokens], np.cumsum([0, *lengths[sentences]]))


def _packed(documents: Documents, chances: Chances) -> list[Rows]:
    both = zip(SPLITS, _spans_of_splits(documents, chances), strict=True)
    return [_packed_split(passes, split, chances, documents) for split, passes in both]


def _packed_split(passes: Sequence[np.ndarray], split: str, chances: Chances, documents: Documents) -> Rows:
    """Pack every pass by itself, so that no row holds two passes of a text."""
    max_seq_length = chances.lengths.max_seq_length
    spans, counts = list[np.ndarray](), list[np.ndarray]()
    for number, of_pass in enumerate(passes):
        order = rng.permutation(chances.seed, f"{split} packing, pass {number}", documents.block, len(of_pass))
        packed = pack(example_lengths(of_pass), max_seq_length, order)
        spans.append(of_pass[packed.members])
        counts.append(packed.counts)
    all_spans, all_counts = np.concatenate(spans), np.concatenate(counts)
    laid = lay_out(documents.ids, all_spans, documents.special_ids)
    bounds = laid.splits[np.concatenate([[0], np.cumsum(all_counts)])]
    framer = Framer(laid.ids, max_seq_length, documents.special_ids)
    return _counted(len(all_counts), all_spans, lambda order: framer.rows(bounds, laid.segment_ids, order))


def _one_a_row(framer: Framer, spans: np.ndarray) -> Rows:
    return _counted(len(spans), spans, lambda order: framer.frames(spans[order, :3]))


def _counted(number: int, spans: np.ndarray, frames: Callable[[np.ndarray], Iterator[bytes]]) -> Rows:
    overflow_tokens = int(spans[:, Span._fields.index("overflow")].sum())
    return Rows(number, len(spans), int(example_lengths(spans).sum()), overflow_tokens, frames)


def _spans_of_splits(documents: Documents, chances: Chances) -> list[list[np.ndarray]]:
    """Cut every document by itself: for each split the spans of each pass, int64 [N, 4]."""
    passes = _passes(documents.row_splits, documents.ends, "examples", documents.block, chances)
    return [[cut.spans[_is_of(documents, split)[cut.documents]] for cut in passes] for split in SPLITS]


def _is_of(documents: Documents, split: str) -> np.ndarray:
    """Tell which documents are of a split: bool [D]."""
    return documents.heldout if split == "heldout" else ~documents.heldout


def _passes(row_splits: np.ndarray, ends: Sequence[int], purpose: str, block: int, chances: Chances) -> list[Spans]:
    splits = row_splits.tolist()
    draws = [rng.Stream(chances.seed, f"{purpose}, pass {number}", block) for number in range(chances.passes)]
    return [cut_documents(splits, ends, chances.lengths, of_pass) for of_pass in draws]

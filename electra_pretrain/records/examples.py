"""Cut documents' tokens into two-segment examples, as the released builder does, without losing a token.

The released builder throws away what overflows an example; here it opens the next one. An example is a stretch of the tokens,
and so only a few numbers, its span; the tokens stay where they are.

Shapes: N examples.
"""

import itertools
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from electra_pretrain.core.rng import Stream

MIN_TARGET_LENGTH = 5  # method: released code, build_pretraining_dataset


class Span(NamedTuple):
    """One example's text tokens, without [CLS] and [SEP]: first segment [start, middle), second [middle, stop), maybe empty."""

    start: int
    middle: int
    stop: int
    overflow: int  # tokens collected for this example for the first time, which go on to the next


class Lengths(NamedTuple):
    """How long examples and their segments are.

    Attributes:
        max_seq_length: of an example with its special tokens.
        short_example_prob: how likely an example aims at a random shorter length.
        single_segment_prob: how likely an example is one segment.
    """

    max_seq_length: int
    short_example_prob: float
    single_segment_prob: float


class Spans(NamedTuple):
    """The examples of some documents.

    Attributes:
        spans: int64 [N, 4], a `Span` each.
        documents: int64 [N], the number of the document that each is of.
    """

    spans: np.ndarray
    documents: np.ndarray


def cut_documents(row_splits: Sequence[int], document_ends: Sequence[int], lengths: Lengths, draws: Stream) -> Spans:
    """Cut the examples of documents; every token stands in exactly one, in order.

    Args:
        row_splits: where each sentence's tokens begin, and where the last one's end.
        document_ends: for each document, how many sentences have gone by when it ends.
        lengths: of examples and segments.
        draws: where the lengths' and segments' chances come from.
    """
    spans, counts = list[int](), list[int]()
    for first, last in itertools.pairwise([0, *document_ends]):
        before = len(spans)
        spans += _document_spans(row_splits, first, last, lengths, draws)
        counts.append((len(spans) - before) // len(Span._fields))
    return Spans(np.array(spans, np.int64).reshape(-1, len(Span._fields)), np.repeat(np.arange(len(counts)), counts))


def _document_spans(splits: Sequence[int], first: int, last: int, lengths: Lengths, draws: Stream) -> list[int]:
    """Return the numbers of one document's spans, four for each; its sentences are `first`, up to `last`."""
    spans = list[int]()  # no tuples: Python's garbage collector would look through some hundred thousand
    max_seq_length = lengths.max_seq_length
    start = seen = splits[first]
    end = first  # number of the first end that lies behind `start`
    while start < splits[last]:
        end = bisect_right(splits, start, end, last)
        target = _target_length(lengths, draws)
        # Sentences are collected until they reach the target length, or the document ends.
        collected = splits[bisect_left(splits, start + target, end, last)]
        middle = collected
        if draws.uniform() >= lengths.single_segment_prob:
            middle = min(middle, _first_segment_end(splits, start, end, last, target, draws))
        middle = min(middle, start + max_seq_length - 2)
        # A second segment that has no room for a token and its [SEP] is left to the next example.
        room = max_seq_length - 3 - (middle - start)
        stop = min(collected, middle + max(room, 0))
        spans += (start, middle, stop, max(0, collected - max(stop, seen)))
        start, seen = stop, max(seen, collected)
    return spans


def _target_length(lengths: Lengths, draws: Stream) -> int:
    if draws.uniform() < lengths.short_example_prob:
        return draws.integer(MIN_TARGET_LENGTH, lengths.max_seq_length)
    return lengths.max_seq_length


def _first_segment_end(splits: Sequence[int], start: int, end: int, last: int, target: int, draws: Stream) -> int:
    """Find where the first of two segments ends: it takes sentences while it stays under half the target.

    The sentence that would cross goes to the first segment with probability 0.5; the first sentence, which ends at
    `splits[end]`, always does.
    """
    half = (target - 3) // 2
    # Sentences that end before start + half keep the segment under it.
    crossing = max(bisect_left(splits, start + half, end, last + 1), end + 1)
    middle = splits[crossing - 1]
    if crossing <= last and middle - start < half and draws.uniform() < 0.5:
        middle = splits[crossing]
    return middle

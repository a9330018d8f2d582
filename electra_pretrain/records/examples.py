"""Cut a document's tokens into two-segment examples, as the released builder does, without losing a token.

The released builder throws away what overflows an example; here it opens the next one. An example is a stretch of the tokens,
and so only three numbers; the tokens stay where they are.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple

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


def document_spans(start: int, ends: Sequence[int], lengths: Lengths, draws: Stream) -> Iterator[Span]:
    """Cut the examples of one document; every token stands in exactly one, in order.

    Args:
        start: where the document's tokens begin.
        ends: where each of its sentences ends.
        lengths: of examples and segments.
        draws: where the lengths' and segments' chances come from.
    """
    max_seq_length = lengths.max_seq_length
    total = ends[-1] if ends else start
    seen = start
    while start < total:
        target = _target_length(lengths, draws)
        # Sentences are collected until they reach the target length, or the document ends.
        collected = ends[min(bisect_left(ends, start + target), len(ends) - 1)]
        middle = _first_segment_end(ends, start, collected, target, lengths.single_segment_prob, draws)
        middle = min(middle, start + max_seq_length - 2)
        # A second segment that has no room for a token and its [SEP] is left to the next example.
        room = max_seq_length - 3 - (middle - start)
        stop = min(collected, middle + max(room, 0))
        yield Span(start, middle, stop, max(0, collected - max(stop, seen)))
        start, seen = stop, max(seen, collected)


def _target_length(lengths: Lengths, draws: Stream) -> int:
    if draws.uniform() < lengths.short_example_prob:
        return draws.integer(MIN_TARGET_LENGTH, lengths.max_seq_length)
    return lengths.max_seq_length


def _first_segment_end(
    ends: Sequence[int], start: int, collected: int, target: int, single_segment_prob: float, draws: Stream
) -> int:
    """Find where the first segment ends: it takes sentences while it stays under half the target.

    The sentence that would cross goes to the first segment with probability 0.5; the first sentence always does.
    """
    if draws.uniform() < single_segment_prob:
        return collected
    half = (target - 3) // 2
    # Sentences that end before start + half keep the segment under it.
    crossing = max(bisect_left(ends, start + half), bisect_right(ends, start) + 1)
    middle = ends[crossing - 1]
    if crossing < len(ends) and middle - start < half and draws.uniform() < 0.5:
        middle = ends[crossing]
    return min(middle, collected)

"""Cut a document's tokens into two-segment examples, as the released builder does, without losing a token.

The released builder throws away what overflows an example; here it opens the next one.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from electra_pretrain.rng import Stream

# Method: released code, build_pretraining_dataset.
SINGLE_SEGMENT_PROB = 0.1
SHORT_EXAMPLE_PROB = 0.05
MIN_TARGET_LENGTH = 5


class Example(NamedTuple):
    """One example's text tokens, without [CLS] and [SEP]; `second` may be empty."""

    first: np.ndarray  # int32 [tokens]
    second: np.ndarray  # int32 [tokens]
    overflow: int  # tokens collected for this example for the first time, which go on to the next


def document_examples(ids: np.ndarray, row_splits: np.ndarray, max_seq_length: int, draws: Stream) -> Iterator[Example]:
    """Examples of one document; every token stands in exactly one, in order.

    Args:
        ids: int32 [total], the sentences' tokens one after the other.
        row_splits: int64 [sentences + 1], sentence i is ids[row_splits[i]:row_splits[i + 1]].
        max_seq_length: length of an example with its special tokens.
        draws: where the lengths' and segments' chances come from.
    """
    ends = row_splits[1:]
    start, total = int(row_splits[0]), int(row_splits[-1])
    seen = start
    while start < total:
        target = _target_length(max_seq_length, draws)
        # Sentences are collected until they reach the target length, or the document ends.
        sentence = int(np.searchsorted(ends, start + target))
        collected = int(ends[min(sentence, len(ends) - 1)])
        middle = _first_segment_end(ends, start, collected, target, draws)
        middle = min(middle, start + max_seq_length - 2)
        # A second segment that has no room for a token and its [SEP] is left to the next example.
        room = max_seq_length - 3 - (middle - start)
        stop = min(collected, middle + max(room, 0))
        yield Example(ids[start:middle], ids[middle:stop], max(0, collected - max(stop, seen)))
        start, seen = stop, max(seen, collected)


def _target_length(max_seq_length: int, draws: Stream) -> int:
    if draws.uniform() < SHORT_EXAMPLE_PROB:
        return draws.integer(MIN_TARGET_LENGTH, max_seq_length)
    return max_seq_length


def _first_segment_end(ends: np.ndarray, start: int, collected: int, target: int, draws: Stream) -> int:
    """Where the first segment ends: it takes sentences while it stays under half the target.

    The sentence that would cross goes to the first segment with probability 0.5; the first sentence always does.
    """
    if draws.uniform() < SINGLE_SEGMENT_PROB:
        return collected
    half = (target - 3) // 2
    first_sentence = int(np.searchsorted(ends, start, side="right"))
    # Sentences that end before start + half keep the segment under it.
    crossing = max(int(np.searchsorted(ends, start + half)), first_sentence + 1)
    middle = int(ends[crossing - 1])
    if crossing < len(ends) and middle - start < half and draws.uniform() < 0.5:
        middle = int(ends[crossing])
    return min(middle, collected)

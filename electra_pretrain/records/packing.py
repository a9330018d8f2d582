"""Several examples in one row, `[CLS] a [SEP] b [SEP] [CLS] c [SEP] …`: which stand together, and how they are laid out.

Shapes: N examples, R rows.
"""

from typing import NamedTuple

import numpy as np

from electra_pretrain.core.batch import SpecialIds

# Examples above this share of a row are placed by length. All others come in a random order: placed by length, too, short ones
# would stand among short ones only.
_LONG = 0.25


class Packed(NamedTuple):
    """Which examples stand in which row.

    Attributes:
        members: int64 [N], the examples, row by row.
        counts: int64 [R], how many stand in each row.
    """

    members: np.ndarray
    counts: np.ndarray


class LaidOut(NamedTuple):
    """Examples one after the other, special tokens included.

    Attributes:
        ids: int32 [tokens].
        segment_ids: uint8 [tokens], 0 up to each example's first [SEP], then 1.
        splits: int64 [N + 1], where each example begins, and where the last one ends.
    """

    ids: np.ndarray
    segment_ids: np.ndarray
    splits: np.ndarray


def example_lengths(spans: np.ndarray) -> np.ndarray:
    """Return how many tokens examples have, special ones included, int64 [N]; `spans` int64 [N, 4] as `examples.Span`."""
    starts, middles, stops = spans[:, :3].T
    lengths: np.ndarray = stops - starts + 2 + (stops > middles)
    return lengths


def pack(lengths: np.ndarray, capacity: int, order: np.ndarray) -> Packed:
    """Put each example where it leaves the least room; where none has room for it, it opens a row.

    The long ones come first, the longest before all others: whatever room they leave is filled by the short ones, which come as
    `order` says. Best fit, and for the long ones best fit decreasing (Johnson 1974).

    Args:
        lengths: int64 [N], of the examples with their special tokens, none above the capacity.
        capacity: tokens of a row.
        order: int64 [N], a permutation of the examples.
    """
    by_length = np.argsort(-lengths, kind="stable")
    is_long = lengths > _LONG * capacity
    placed = np.concatenate([by_length[: is_long.sum()], order[~is_long[order]]])
    rows = _best_fit(lengths[placed].tolist(), capacity)
    return Packed(placed[np.argsort(rows, kind="stable")], np.bincount(rows))


def _best_fit(lengths: list[int], capacity: int) -> np.ndarray:
    """Return the row of each length, in the order in which they come: int64 [N]."""
    with_room = [list[int]() for _ in range(capacity + 1)]  # the rows in which so many places are free
    occurring = 0  # bit r is set where a row has r free places: the least that suffices is found by one look at a number
    rows = list[int]()
    opened = 0
    for length in lengths:
        if suffices := occurring >> length:
            left = (suffices & -suffices).bit_length() - 1
            row = with_room[length + left].pop()
            if not with_room[length + left]:
                occurring ^= 1 << length + left
        else:
            row, left = opened, capacity - length
            opened += 1
        if not with_room[left]:
            occurring |= 1 << left
        with_room[left].append(row)
        rows.append(row)
    return np.array(rows, np.int64)


def lay_out(ids: np.ndarray, spans: np.ndarray, special_ids: SpecialIds) -> LaidOut:
    """Write `[CLS] first [SEP] second [SEP]` for each span, one after the other; an empty second segment has no [SEP].

    Args:
        ids: int32 [tokens], of the text.
        spans: int64 [N, 4], as `examples.Span`.
        special_ids: of [CLS] and [SEP].
    """
    starts, middles, stops = spans[:, :3].T
    splits = np.concatenate([[0], np.cumsum(example_lengths(spans))])
    begins, ends = splits[:-1], splits[1:]
    separators = begins + 1 + middles - starts
    laid, is_text = np.empty(splits[-1], np.int32), np.ones(splits[-1], np.bool_)
    for places, index in ((begins, special_ids.cls), (separators, special_ids.sep), (ends - 1, special_ids.sep)):
        laid[places], is_text[places] = index, False
    laid[is_text] = ids[_concatenated_ranges(starts, stops)]
    in_segments = np.stack([separators + 1 - begins, ends - separators - 1], axis=1).ravel()
    segment_ids = np.repeat(np.tile(np.array([0, 1], np.uint8), len(spans)), in_segments)
    return LaidOut(laid, segment_ids, splits)


def _concatenated_ranges(starts: np.ndarray, stops: np.ndarray) -> np.ndarray:
    """Return the numbers from each start up to its stop, one range after the other."""
    lengths = stops - starts
    ends = np.cumsum(lengths)
    numbers: np.ndarray = np.repeat(starts - ends + lengths, lengths) + np.arange(ends[-1] if len(ends) else 0)
    return numbers

"""Every token lands in exactly one example; the segment rule; lengths."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from electra_pretrain.core.rng import Stream
from electra_pretrain.records.examples import Lengths, Span, cut_documents


class Scripted:
    """A stream of chosen numbers."""

    def __init__(self, *values):
        self._values = list(values)

    def uniform(self):
        return self._values.pop(0)

    def integer(self, low, high):
        return self._values.pop(0)


NORMAL_LENGTH, TWO_SEGMENTS, ONE_SEGMENT, SHORT = 0.9, 0.9, 0.01, 0.01


def spans_of(lengths, max_seq_length, draws):
    """The spans of one document with sentences of these lengths, which does not start at 0."""
    row_splits = np.cumsum([100, *lengths]).tolist()
    spans = cut_documents(row_splits, [len(lengths)], Lengths(max_seq_length, 0.05, 0.1), draws).spans
    return [Span(*span) for span in spans.tolist()]


def examples_of(lengths, max_seq_length, draws):
    spans = spans_of(lengths, max_seq_length, draws)
    return [([*range(span.start - 100, span.middle - 100)], [*range(span.middle - 100, span.stop - 100)]) for span in spans]


@given(st.lists(st.integers(0, 60), max_size=40), st.integers(8, 64), st.integers(0, 1000))
@settings(max_examples=300, deadline=None)
def test_every_token_lands_in_exactly_one_example_in_order(lengths, max_seq_length, seed):
    spans = spans_of(lengths, max_seq_length, Stream(seed, "examples", 0))
    bounds = [100, *(span.stop for span in spans)]
    assert [span.start for span in spans] == bounds[:-1] and bounds[-1] == 100 + sum(lengths)
    for span in spans:
        assert span.start < span.middle <= span.stop
        assert span.stop - span.start + (3 if span.stop > span.middle else 2) <= max_seq_length
    assert sum(span.overflow for span in spans) <= sum(lengths)


@given(st.lists(st.lists(st.integers(0, 60), max_size=8), max_size=20), st.integers(0, 1000))
@settings(max_examples=100, deadline=None)
def test_no_example_reaches_over_a_document_s_end(documents, seed):
    row_splits = np.cumsum([0, *itertools.chain.from_iterable(documents)])
    document_ends = np.cumsum([len(document) for document in documents], dtype=np.int64)
    cut = cut_documents(row_splits.tolist(), document_ends.tolist(), Lengths(32, 0.05, 0.1), Stream(seed, "examples", 0))
    bounds = row_splits[[0, *document_ends]]
    for (start, _, stop, _), document in zip(cut.spans.tolist(), cut.documents.tolist(), strict=True):
        assert bounds[document] <= start < stop <= bounds[document + 1]
    assert (cut.spans[:, 2] - cut.spans[:, 0]).sum() == row_splits[-1]


def test_first_segment_stays_under_half_the_target():
    # Target 23: half is 10. 4 + 4 = 8 stays under, 8 + 4 would cross; the coin sends it to the second segment.
    first = examples_of([4] * 6, 23, Scripted(NORMAL_LENGTH, TWO_SEGMENTS, 0.7, *[0.9] * 9))[0]
    assert first == (list(range(8)), list(range(8, 20)))
    # The other side of the coin: the crossing sentence joins the first segment.
    first = examples_of([4] * 6, 23, Scripted(NORMAL_LENGTH, TWO_SEGMENTS, 0.3, *[0.9] * 9))[0]
    assert first == (list(range(12)), list(range(12, 20)))


def test_a_sentence_that_reaches_half_exactly_crosses():
    first = examples_of([5, 5, 5, 5, 5], 23, Scripted(NORMAL_LENGTH, TWO_SEGMENTS, 0.7, *[0.9] * 9))[0]
    assert first[0] == list(range(5))


def test_the_first_sentence_is_taken_whole_and_overflow_is_carried():
    examples = examples_of([15, 10, 10], 23, Scripted(NORMAL_LENGTH, TWO_SEGMENTS, *[0.9] * 9))
    assert examples[0] == (list(range(15)), list(range(15, 20)))
    assert examples[1][0][0] == 20


def test_single_segment():
    examples = examples_of([10, 10, 10], 23, Scripted(NORMAL_LENGTH, ONE_SEGMENT, *[0.9] * 9))
    assert examples[0] == (list(range(21)), [])


def test_a_short_target_collects_less():
    # 0.01 < 0.05: the target is drawn, here 6; one sentence reaches it.
    examples = examples_of([7, 7, 7], 23, Scripted(SHORT, 6, TWO_SEGMENTS, *[0.9] * 9))
    assert examples[0] == (list(range(7)), [])


def test_chances_over_many_examples():
    """10% single segments; 5% of the targets short."""
    lengths, single = [], 0
    for span in spans_of([3] * 200000, 64, Stream(1, "examples", 0)):
        lengths.append(span.stop - span.start)
        single += span.stop == span.middle
    n = len(lengths)
    assert abs(single / n - 0.1) < 5 * np.sqrt(0.09 / n) + 0.005  # very short targets hold one sentence
    short = np.mean(np.array(lengths) < 60)
    # A target drawn from 5..64 collects fewer than 60 tokens with probability 55/60.
    assert abs(short - 0.05 * 55 / 60) < 5 * np.sqrt(0.05 / n) + 0.002


@pytest.mark.parametrize("max_seq_length", [8, 128])
def test_one_endless_sentence_is_cut_not_lost(max_seq_length):
    spans = spans_of([1000], max_seq_length, Stream(3, "examples", 0))
    assert sum(span.stop - span.start for span in spans) == 1000
    assert spans[0].overflow > 0

"""Repetition: exact while memory allows, then a sample within its stated error; the same in any order; frequent lines."""

from collections import Counter

import numpy as np
import pytest

from electra_pretrain.corpus.stats.repetition import Counted, MostFrequent, Repetition, frequent_lines, text_hashes


def hashes_of(lines):
    return text_hashes(line.encode() for line in lines)


def zipf_lines(number, different, seed=0):
    draws = np.random.default_rng(seed).zipf(1.3, number) % different
    return [f"줄 {draw}" for draw in draws.tolist()]


def repetition_of(lines, max_distinct, block=1000):
    repetition = Repetition(max_distinct)
    for start in range(0, len(lines), block):
        repetition.add(Counted.of(hashes_of(lines[start : start + block])))
    return repetition


def test_within_memory_everything_is_exact():
    lines = zipf_lines(20_000, 5_000)
    counts = Counter(lines)
    repetition = repetition_of(lines, len(counts))
    assert (repetition.level, repetition.error, repetition.total) == (0, 0, len(lines))
    assert repetition.distinct == len(counts) and repetition.share == 1 - len(counts) / len(lines)
    for line, hash in zip(counts, hashes_of(counts).tolist(), strict=True):
        assert repetition.count(hash) == counts[line]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("max_distinct", [200, 1000])
def test_beyond_it_the_estimate_is_within_its_stated_error(seed, max_distinct):
    lines = [f"{seed} {line}" for line in zipf_lines(30_000, 20_000, seed)]
    counts = Counter(lines)
    repetition = repetition_of(lines, max_distinct)
    exact = 1 - len(counts) / len(lines)
    assert repetition.level > 0 and 0 < repetition.error < 0.1
    # Two standard errors hold 95 of 100; one and a half as much all that chance brings about here.
    assert abs(repetition.share - exact) <= 1.5 * repetition.error
    known = {line: repetition.count(hash) for line, hash in zip(counts, hashes_of(counts).tolist(), strict=True)}
    assert max_distinct / 4 < sum(count is not None for count in known.values()) <= max_distinct
    assert all(count in (None, counts[line]) for line, count in known.items())


def test_neither_order_nor_blocks_change_the_sample():
    lines = zipf_lines(10_000, 8_000)
    one, other = repetition_of(lines, 300), repetition_of(lines[::-1], 300, block=77)
    assert (one.level, one.distinct, one.share) == (other.level, other.distinct, other.share)


def most_frequent_of(lines, max_candidates, block=1000):
    frequent = MostFrequent(max_candidates)
    for start in range(0, len(lines), block):
        part = lines[start : start + block]
        frequent.add(frequent_lines(part, hashes_of(part)))
    return frequent


def test_frequent_lines_are_those_of_a_full_count():
    lines = zipf_lines(20_000, 3_000)
    found = most_frequent_of(lines, 10_000).top(10, repetition_of(lines, 100_000))
    expected = sorted(Counter(lines).items(), key=lambda item: (-item[1], item[0]))[:10]
    assert [(line.text, line.times) for line in found] == expected and all(line.exact for line in found)


def test_with_few_counters_no_line_is_listed_before_a_more_frequent_one():
    """Where neither the counters nor the sample hold all, counts are lower bounds, and what is listed is surely frequent."""
    lines = zipf_lines(50_000, 20_000)
    counts = Counter(lines)
    frequent = most_frequent_of(lines, 20)
    found = frequent.top(100, repetition_of(lines, 10))
    assert 3 <= len(found) < 100 and frequent.lost > 50
    for line in found:
        assert (
            line.times == counts[line.text]
            if line.exact
            else counts[line.text] - frequent.lost <= line.times <= counts[line.text]
        )
    left_out = max(count for text, count in counts.items() if text not in {line.text for line in found})
    assert left_out <= 2 * frequent.lost


def test_a_line_that_no_block_repeats_hides_no_other():
    """Once in each of twenty blocks: its text is not known, and what is rarer is not listed as the most frequent."""
    blocks = [["드문드문", f"홀로 {n}", *["자주"] * 2 * (n < 15), *["가끔"] * 3 * (n < 3)] for n in range(20)]
    frequent, repetition = MostFrequent(), Repetition()
    for block in blocks:
        frequent.add(frequent_lines(block, hashes_of(block)))
        repetition.add(Counted.of(hashes_of(block)))
    assert [line.text for line in frequent.top(5, repetition)] == ["자주"]

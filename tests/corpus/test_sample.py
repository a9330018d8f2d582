"""Which documents are learnt from: a seeded share, bounded in bytes and in memory whatever the corpus's size."""

import json
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from electra_pretrain import train_vocab
from electra_pretrain.core.errors import UserError
from electra_pretrain.corpus.sample import sampled, threshold
from electra_pretrain.train_vocab import parse_bytes

NUMBERS = [[str(number)] for number in range(1000)]


def test_a_share_is_seeded_and_fair():
    first, again, other = (list(sampled(NUMBERS, 0.3, seed)) for seed in (1, 1, 2))
    assert first == again != other
    assert 250 < len(first) < 350
    assert 400 < np.mean([int(document[0]) for document in first]) < 600
    assert list(sampled(NUMBERS, 1.0, 1)) == NUMBERS


def size(documents):
    return sum(len(sentence.encode()) + 1 for document in documents for sentence in document)


@settings(max_examples=60, deadline=None)
@given(
    documents=st.lists(st.lists(st.text("가a ", min_size=1, max_size=40), min_size=1, max_size=3), min_size=1, max_size=80),
    bound=st.integers(1, 4000),
    fraction=st.sampled_from([1.0, 0.5]),
)
def test_a_sample_never_exceeds_its_bound(documents, bound, fraction):
    below = threshold(documents, fraction, bound, 7)
    assert below <= fraction
    assert size(sampled(documents, below, 7)) <= bound
    if size(documents) <= bound:
        assert below == fraction


def test_the_bound_is_used():
    """As much as fits, but for one step of the threshold."""
    documents = [["가" * 33] for _ in range(20_000)]  # 100 bytes each
    taken = size(sampled(documents, threshold(documents, 1.0, 1_000_000, 3), 3))
    assert 0.99 * 1_000_000 < taken <= 1_000_000


def test_numbers_of_bytes():
    assert [parse_bytes(text) for text in ("1G", "1.5m", "200KB", "7")] == [10**9, 1_500_000, 200_000, 7]
    for text in ("", "0", "-1", "many", "1T"):
        with pytest.raises(UserError, match=f"--sample_bytes {text}: must be"):
            parse_bytes(text)


PEAK = """
import resource, sys
from electra_pretrain import train_vocab
train_vocab.train_vocab(train_vocab.parse_args(sys.argv[1:]))
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def test_memory_is_bounded_by_the_sample_not_by_the_corpus(tmp_path):
    """Ten times the text, all of it words that occur once: the same memory. Without the bound it takes hundreds of MB."""
    words = np.random.default_rng(0).choice([chr(code) for code in range(ord("가"), ord("가") + 300)], (200_000, 8))
    lines = ["".join(word) for word in words]
    peaks = []
    for name, count in (("small", 20_000), ("large", 200_000)):
        corpus = tmp_path / f"{name}.txt"
        corpus.write_text("\n\n".join(lines[:count]), encoding="utf-8")
        arguments = ["--corpus", corpus, "--output", tmp_path / name, "--vocab_size", 1200, "--sample_bytes", "1M"]
        result = subprocess.run([sys.executable, "-c", PEAK, *map(str, arguments)], capture_output=True, text=True)
        assert result.returncode == 0, result.stderr
        peaks.append(int(result.stdout.split()[-1]))
        learnt_from = json.loads((tmp_path / f"{name}.json").read_text())["learnt_from"]
        assert learnt_from["bytes"] <= 1_000_000
    assert learnt_from["documents"] > 35_000
    assert peaks[1] < peaks[0] + 30, peaks


def test_a_sample_that_holds_nothing_says_so(tmp_path):
    corpus = tmp_path / "a.txt"
    corpus.write_text("문장 하나\n")
    with pytest.raises(UserError, match="--sample_bytes"):
        train_vocab.train_vocab(
            train_vocab.parse_args(["--corpus", str(corpus), "--output", str(tmp_path / "v"), "--sample_bytes", "3"])
        )

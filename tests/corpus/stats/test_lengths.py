"""Lengths: quantiles against NumPy's, sums of blocks, the estimate of padding against rows that are really built."""

import numpy as np
import pytest

from electra_pretrain.corpus.reader import Corpus
from electra_pretrain.corpus.stats.lengths import QUANTILES, Lengths, padding
from electra_pretrain.records.manifest import load_manifest
from tests.conftest import SAMPLE_CORPUS, build


@pytest.mark.parametrize("largest", [300, 20_000, 10**9])
def test_quantiles_are_numpys_within_the_width_of_a_bin(largest):
    values = (np.random.default_rng(0).random(5001) ** 3 * largest).astype(np.int64)
    lengths = Lengths.of(values)
    assert (lengths.number, lengths.total, lengths.longest) == (len(values), values.sum(), values.max())
    for share in QUANTILES:
        exact = np.quantile(values, share, method="inverted_cdf")
        assert exact * (1 - 1 / 256) <= lengths.quantile(share) <= exact
        if largest < 512:
            assert lengths.quantile(share) == exact


def test_lengths_of_blocks_add_up():
    values = np.random.default_rng(1).integers(0, 100_000, 1000)
    for cut in (0, 1, 500, 1000):
        added = Lengths.of(values[:cut]).plus(Lengths.of(values[cut:]))
        assert added.as_json() == Lengths.of(values).as_json()


def test_the_histogram_has_a_bin_from_each_power_of_two_to_the_next():
    values = np.array([1, 2, 3, 4, 511, 512, 1023, 1024, 70_000])
    edges, heights = zip(*Lengths.of(values).as_json()["histogram"], strict=True)
    assert edges == (0, *(2**power for power in range(17)))
    assert list(heights) == np.histogram(values, [*edges, 2**17])[0].tolist()


@pytest.mark.parametrize("length", [64, 256])
def test_padding_is_about_that_of_rows_that_are_built(tmp_path, vocab_path, length):
    corpus = f"{SAMPLE_CORPUS}/comments.txt,{SAMPLE_CORPUS}/law.txt"
    more = ("--heldout_fraction", "0", "--short_example_prob", "0", "--max_seq_length", str(length))
    build(corpus, vocab_path, str(tmp_path), *more)
    manifest = load_manifest(str(tmp_path))
    documents = Corpus(corpus.split(",")).documents()
    visible = np.array([len("".join("".join(document).split())) for document in documents])
    estimate = padding(manifest.counts.tokens / visible.sum(), Lengths.of(visible), length)
    assert 0.05 < manifest.padding < 0.7 and abs(estimate - manifest.padding) < 0.03

"""Near-duplicates: estimates and findings against the exact Jaccard of every pair; clusters against a plain union-find."""

import itertools
import random
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from electra_pretrain import dedup_corpus
from electra_pretrain.corpus.dedup import near
from electra_pretrain.corpus.reader import Corpus
from tests.cli.test_commands import run
from tests.conftest import SAMPLE_CORPUS
from tests.corpus.dedup.test_dedup import assert_one_line, dedup_text, small_blocks, write

THRESHOLD = 0.8


def runs(text):
    """The set of a text's runs of five characters, the plain way."""
    characters = "".join(text.lower().split())
    return {characters[start : start + 5] for start in range(len(characters) - 4)} or {characters}


def jaccard(first, second):
    return len(first & second) / len(first | second)


def changed(text, share, draws):
    """A text with a share of its characters replaced."""
    return "".join(draws.choice("가나다라마바사") if draws.random() < share else character for character in text)


@pytest.fixture(scope="module")
def texts():
    """Paragraphs of the sample corpus and variants of them, from nearly the same to half another."""
    draws = random.Random(1)
    originals = [" ".join(document) for document in Corpus([str(SAMPLE_CORPUS / "news.txt")]).documents()][:40]
    variants = [changed(text, draws.choice([0.005, 0.01, 0.02, 0.05, 0.2]), draws) for text in originals for _ in range(6)]
    everything = list(dict.fromkeys(originals + variants))
    draws.shuffle(everything)
    return everything


def test_runs_are_hashed_as_sets_are_made():
    strings = ["가나다라마바사", "다 라마바\u1109\u1161", "", "가", "가나다라마", "ABCDEF", "abc def", "가나다라마가나다라마"]
    hashes, splits = near.shingle_hashes(strings)
    sets = [set(hashes[start:stop].tolist()) for start, stop in itertools.pairwise(splits.astype(int))]
    assert [len(one) for one in sets] == [3, 1, 1, 1, 1, 2, 2, 5]
    assert sets[1] <= sets[0]  # spaces are left out, jamo are composed
    assert sets[5] == sets[6]  # letters' case does not count
    assert len({*sets[0], *sets[2], *sets[3], *sets[5]}) == 3 + 1 + 1 + 2


def test_estimates_are_as_good_as_theory_promises(texts):
    rows = near.signatures(texts, seed=0)
    pairs = list(itertools.combinations(range(len(texts)), 2))
    first, second = np.array(pairs).T
    sets = [runs(text) for text in texts]
    exact = np.array([jaccard(sets[i], sets[j]) for i, j in pairs])
    some = exact > 0.05
    assert some.sum() > 300
    errors = near.estimated_jaccard(rows[first[some]], rows[second[some]]) - exact[some]
    expected = np.sqrt((exact[some] * (1 - exact[some])).mean() / near.NUM_PERMUTATIONS)
    assert abs(errors.mean()) < 0.02 and np.sqrt((errors**2).mean()) < 1.2 * expected


def test_signatures_follow_the_seed_alone(texts):
    rows = near.signatures(texts, seed=7)
    assert np.array_equal(rows, np.concatenate([near.signatures([text], seed=7) for text in texts]))
    assert (rows != near.signatures(texts, seed=8)).mean() > 0.99


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.8, 0.95, 1.0])
def test_a_pair_at_the_threshold_meets_in_a_band_99_times_of_100(threshold):
    rows = near.rows_per_band(threshold)
    bands = near.NUM_PERMUTATIONS // rows
    draws = np.random.default_rng(0)
    one = draws.integers(0, 2**32, (2000, near.NUM_PERMUTATIONS), dtype=np.uint32)
    other = np.where(draws.random(one.shape) < threshold, one, one + 1).astype(np.uint32)
    keys = near.band_keys(one, threshold), near.band_keys(other, threshold)
    assert keys[0].shape == (2000, bands)
    assert len(np.unique(keys[0])) == keys[0].size
    assert (keys[0] == keys[1]).any(axis=1).mean() >= 0.985


@given(st.lists(st.tuples(st.integers(0, 19), st.integers(0, 19)), max_size=40), st.integers(1, 5))
@settings(deadline=None)
def test_clusters_are_those_of_a_plain_union(pairs, num_batches):
    clusters = near.Clusters(20)
    for batch in np.array_split(np.array(pairs, np.int64).reshape(-1, 2), num_batches):
        clusters.join(batch[:, 0], batch[:, 1])
    groups = [{index} for index in range(20)]
    for one, other in pairs:
        joined = groups[one] | groups[other]
        for index in joined:
            groups[index] = joined
    assert clusters.names(np.arange(20)).tolist() == [min(group) for group in groups]


def brute_force(texts):
    """Texts that are not the first of their cluster of exact Jaccard."""
    sets = [runs(text) for text in texts]
    clusters = near.Clusters(len(texts))
    pairs = [pair for pair in itertools.combinations(range(len(texts)), 2) if jaccard(*(sets[i] for i in pair)) >= THRESHOLD]
    clusters.join(*np.array(pairs).T)
    return {index for index, first in enumerate(clusters.names(np.arange(len(texts)))) if first != index}


def test_what_is_dropped_is_what_brute_force_drops(tmp_path, texts):
    """Across blocks and parts; only pairs so near to the threshold that the estimate may err are judged otherwise."""
    corpus = write(tmp_path / "in.txt", [[text] for text in texts])
    with small_blocks(block_characters=4_000):
        kept = [line for [line] in dedup_text(tmp_path, corpus, "document", "--near", THRESHOLD)]
    position = {text: index for index, text in enumerate(texts)}
    assert kept == sorted(kept, key=position.__getitem__)
    dropped = set(range(len(texts))) - {position[text] for text in kept}
    wanted = brute_force(texts)
    assert len(wanted) > 50
    assert len(dropped & wanted) / len(wanted) > 0.9  # recall
    assert len(dropped & wanted) / len(dropped) > 0.9  # precision


def test_near_and_exact_together_say_what_went_why(tmp_path):
    import json

    line = "가나다라마바사아자차카타파하" * 3 + "거너더러머버서어저처커터퍼허"
    corpus = write(tmp_path / "in.txt", [["다른 말"], [line], ["사이"], [line], [line + "!"], ["끝"]])
    dedup_text(tmp_path, corpus, "line", "--near", THRESHOLD, "--dropped", tmp_path / "dropped")
    rows = [json.loads(row) for row in (tmp_path / "dropped").read_text().splitlines()]
    assert rows == [
        {"number": 4, "reason": "repeated", "file": str(corpus), "line": 7, "text": line},
        {"number": 5, "reason": "near", "near_to": 2, "file": str(corpus), "line": 9, "text": line + "!"},
    ]


def test_missing_library_and_too_little_memory_are_one_line(tmp_path, capfd, monkeypatch):
    from electra_pretrain.corpus.dedup import memory as dedup_memory

    corpus = write(tmp_path / "in.txt", [["가"]])
    arguments = ["--corpus", corpus, "--output", tmp_path / "out", "--by", "line", "--near", "0.8", "--num_processes", "1"]
    monkeypatch.setattr(dedup_memory, "CLUSTER_BYTES_PER_UNIT", 5_000_000_000)
    assert_one_line(run(dedup_corpus, arguments, capfd), "take 5.3 GB for this corpus; give so much by --memory_gb")
    monkeypatch.setitem(sys.modules, "rensa", None)
    assert_one_line(run(dedup_corpus, arguments, capfd), "pip install 'electra_pretrain[dedup]'")

"""Compare what `dedup_corpus --by line --near` dropped with what the exact Jaccard of all pairs of lines would drop.

    python -m electra_pretrain.dedup_corpus --corpus a.txt --output out --by line --near 0.8 --dropped dropped.jsonl
    python scripts/check_near.py --corpus a.txt --near 0.8 --dropped dropped.jsonl

All in memory: for a text of some hundred megabytes at most.
"""  # fmt: skip

import argparse
import collections
import itertools
import json
import math

import numpy as np

from electra_pretrain.core import files
from electra_pretrain.corpus.dedup import near
from electra_pretrain.corpus.finding import find_corpus
from electra_pretrain.corpus.reader import Corpus

Sets = dict[int, set[int]]  # line -> hashes of its runs


def exact_pairs(sets: Sets, threshold: float) -> list[tuple[int, int]]:
    """Every pair at least as near as the threshold.

    Two such sets share one of each other's rarest runs, if so many are looked at that the rest alone could not reach the
    threshold (prefix filter).
    """
    frequency = collections.Counter(itertools.chain.from_iterable(sets.values()))
    holders: dict[int, list[int]] = collections.defaultdict(list)
    pairs = []
    for line, own in sets.items():
        rarest = sorted(own, key=lambda run: (frequency[run], run))[: len(own) - math.ceil(threshold * len(own)) + 1]
        candidates = {other for run in rarest for other in holders[run]}
        for other in candidates:
            common = len(own & sets[other])
            if common / (len(own) + len(sets[other]) - common) >= threshold:
                pairs.append((other, line))
        for run in rarest:
            holders[run].append(line)
    return pairs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", required=True, metavar="GLOB[,GLOB…]")
    parser.add_argument("--near", type=float, required=True)
    parser.add_argument("--dropped", required=True, metavar="FILE")
    args = parser.parse_args()
    lines = [line for document in Corpus(find_corpus(args.corpus)).documents() for line in document]
    rows = [json.loads(row) for row in files.read_text(args.dropped).splitlines()]
    repeated = {row["number"] - 1 for row in rows if row["reason"] == "repeated"}
    dropped = {row["number"] - 1: row["near_to"] - 1 for row in rows if row["reason"] == "near"}
    hashes, splits = near.shingle_hashes(lines)
    bounds = itertools.pairwise(splits.tolist())
    sets = {line: set(hashes[a:b].tolist()) for line, (a, b) in enumerate(bounds) if line not in repeated}
    clusters = near.Clusters(len(lines))
    clusters.join(*np.array(exact_pairs(sets, args.near)).T)
    wanted = set(np.flatnonzero(clusters.names(np.arange(len(lines))) != np.arange(len(lines))).tolist())
    both = len(wanted & dropped.keys())
    same = sum(sets[line] == sets[first] for line, first in dropped.items())
    print(
        f"{len(wanted):,} lines had to go, of which {both / len(wanted):.1%} went; {len(dropped):,} went, of which "
        f"{both / len(dropped):.1%} had to; {same / len(dropped):.1%} have the same runs as the line that stays"
    )


if __name__ == "__main__":
    main()

"""Compare MinHash libraries on a text: seconds, memory, and how far their estimates are from the exact Jaccard.

    pip install rensa datasketch
    python scripts/bench_minhash.py --corpus 'corpus/*.txt' --lines 100000

Both get the same hashes of runs of five characters, 128 permutations, one thread.
"""  # fmt: skip

import argparse
import itertools
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

from electra_pretrain.corpus.dedup import near
from electra_pretrain.corpus.finding import find_corpus
from electra_pretrain.corpus.reader import Corpus

LEAST_CHARACTERS = 20
NUM_PAIRS = 3000
Sign = Callable[[np.ndarray, np.ndarray], np.ndarray]


def sign_by_rensa(hashes: np.ndarray, splits: np.ndarray) -> np.ndarray:
    import rensa

    parts = []
    for start in range(0, len(splits) - 1, 1000):
        rows = splits[start : start + 1001]
        own = hashes[rows[0] : rows[-1]]
        matrix = rensa.RMinHash.digest_matrix_from_flat_token_hashes(own, rows - rows[0], near.NUM_PERMUTATIONS, 0)
        parts.append(np.array(matrix.to_rows(), np.uint32))
    return np.concatenate(parts)


def sign_by_datasketch(hashes: np.ndarray, splits: np.ndarray) -> np.ndarray:
    import datasketch

    empty = datasketch.MinHash(near.NUM_PERMUTATIONS, seed=1, hashfunc=int, scheme="affine64")
    signatures = np.zeros((len(splits) - 1, near.NUM_PERMUTATIONS), np.uint64)
    for row, (start, stop) in enumerate(itertools.pairwise(splits)):
        one = empty.copy()
        one.update_batch(hashes[start:stop])
        signatures[row] = one.hashvalues
    return signatures


LIBRARIES: dict[str, Sign] = {"rensa": sign_by_rensa, "datasketch": sign_by_datasketch}


def variants(lines: list[str]) -> list[tuple[str, str]]:
    """Pairs of every nearness: two paragraphs of ten lines that share from none to nine of them."""
    pairs = []
    for number in range(min(NUM_PAIRS, len(lines) // 20)):
        own = lines[20 * number : 20 * number + 20]
        shared = number % 10
        pairs.append((" ".join(own[:10]), " ".join(own[:shared] + own[10 : 20 - shared])))
    return pairs


def error(sign: Sign, lines: list[str]) -> tuple[float, float, float]:
    """Mean error, root mean square error, and the latter as theory has it for independent permutations."""
    pairs = variants(lines)
    hashed = [near.shingle_hashes(side) for side in zip(*pairs, strict=True)]
    first, second = (sign(*side) for side in hashed)
    sets = [[set(hashes[a:b].tolist()) for a, b in itertools.pairwise(splits.astype(int))] for hashes, splits in hashed]
    exact = np.array([len(one & other) / len(one | other) for one, other in zip(*sets, strict=True)])
    errors = (first == second).mean(axis=1) - exact
    theory = np.sqrt((exact * (1 - exact)).mean() / near.NUM_PERMUTATIONS)
    return float(errors.mean()), float(np.sqrt((errors**2).mean())), float(theory)


def measure(name: str, lines: list[str]) -> None:
    hashes, splits = near.shingle_hashes(lines)
    LIBRARIES[name](hashes[:100], np.array([0, 100], np.uint64))  # import it
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.process_time()
    LIBRARIES[name](hashes, splits)
    seconds = time.process_time() - started
    memory = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1e3
    bias, root_mean_square, theory = error(LIBRARIES[name], lines)
    print(
        f"{name}: {len(lines):,} lines, {len(hashes):,} runs: {seconds:.2f} s of processor time, {memory:.0f} MB more memory; "
        f"estimates off by {bias:+.4f} on average, {root_mean_square:.4f} root mean square (theory {theory:.4f})"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", required=True, metavar="GLOB[,GLOB…]")
    parser.add_argument("--lines", type=int, default=100_000, help=f"of {LEAST_CHARACTERS} characters and more")
    parser.add_argument("--library", choices=LIBRARIES, help="one of them, in this process")
    args = parser.parse_args()
    if args.library is None:
        for name in LIBRARIES:
            command = [sys.executable, *sys.argv, "--library", name]
            subprocess.run(command, check=True, env={**os.environ, "RAYON_NUM_THREADS": "1"})
        return
    documents = Corpus(find_corpus(args.corpus)).documents()
    lines = (line for document in documents for line in document if len(line) >= LEAST_CHARACTERS)
    measure(args.library, list(itertools.islice(lines, args.lines)))


if __name__ == "__main__":
    main()

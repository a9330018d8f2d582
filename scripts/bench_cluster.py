"""CPU time of each phase of a build as a cluster does it, and from that what so much text takes on so many cores.

    python scripts/bench_cluster.py --corpus 'corpus/*.txt' --vocab vocab.txt --terabytes 1 --cores 400
"""  # fmt: skip

import argparse
import collections
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

os.environ["TOKENIZERS_PARALLELISM"] = "false"
SECONDS_AN_HOUR = 3600


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", required=True, metavar="GLOB[,GLOB…]", help="some megabytes of text, uncompressed")
    parser.add_argument("--vocab", required=True, metavar="FILE")
    parser.add_argument("--max_seq_length", type=int, default=512)
    parser.add_argument("--terabytes", type=float, default=1.0, help="of text to plan for (default %(default)s)")
    parser.add_argument("--cores", type=int, default=400, help="of the cluster, all in use (default %(default)s)")
    args = parser.parse_args()
    bench_cluster(args.corpus, args.vocab, args.max_seq_length, args.terabytes, args.cores)


def bench_cluster(patterns: str, vocab: str, max_seq_length: int, terabytes: float, cores: int) -> None:
    from electra_pretrain import files
    from electra_pretrain.data.blocks import BuildSettings
    from electra_pretrain.data.build import build
    from electra_pretrain.text.corpus import Corpus

    corpus = Corpus(files.expand_globs(patterns))
    megabytes = corpus.stored_bytes / 1e6
    seconds: collections.Counter[str] = collections.Counter()

    def run(function: Callable[..., Any], tasks: Iterable[tuple[Any, ...]]) -> Iterator[Any]:
        for task in tasks:
            began = time.process_time()
            result = function(*task)
            seconds[function.__name__] += time.process_time() - began
            yield result

    with tempfile.TemporaryDirectory() as folder:
        # The first time loads TensorFlow, which a worker does once.
        for name in ("warm", "out"):
            seconds.clear()
            settings = BuildSettings(max_seq_length)
            manifest = build(corpus, vocab, False, f"{folder}/{name}", settings, run, f"{folder}/{name}-work")
    written = sum(shard.bytes for shard in (*manifest.train_shards, *manifest.heldout_shards)) / 1e6
    for name, taken in seconds.items():
        core_hours = taken / megabytes * terabytes * 1e6 / SECONDS_AN_HOUR
        print(f"{name}: {megabytes / taken:.1f} MB of text a second and core; {terabytes:g} TB: {core_hours:,.0f} core hours")
    hours = sum(seconds.values()) / megabytes * terabytes * 1e6 / SECONDS_AN_HOUR
    print(f"together: {hours:,.0f} core hours, {hours / cores:.2f} hours on {cores} cores that never wait")
    print(f"records: {written / megabytes:.2f} bytes a byte of text; {terabytes * written / megabytes:.2f} TB")


if __name__ == "__main__":
    main()

"""CPU time of each phase of a command as a cluster does it, and from that what so much text takes on so many cores.

    python scripts/bench_cluster.py --corpus 'corpus/*.txt' --vocab vocab.txt --terabytes 1 --cores 400
    python scripts/bench_cluster.py --corpus 'corpus/*.txt' --command dedup_corpus
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
    parser.add_argument("--command", default="build_data", choices=JOBS, help="(default %(default)s)")
    parser.add_argument("--vocab", metavar="FILE", help="for build_data")
    parser.add_argument("--max_seq_length", type=int, default=512)
    parser.add_argument("--terabytes", type=float, default=1.0, help="of text to plan for (default %(default)s)")
    parser.add_argument("--cores", type=int, default=400, help="of the cluster, all in use (default %(default)s)")
    args = parser.parse_args()
    if args.command == "build_data" and args.vocab is None:
        parser.error("build_data needs --vocab")
    bench_cluster(args)


def bench_cluster(args: argparse.Namespace) -> None:
    from electra_pretrain.corpus.finding import find_corpus
    from electra_pretrain.corpus.reader import Corpus

    corpus = Corpus(find_corpus(args.corpus))
    megabytes = corpus.stored_bytes / 1e6
    seconds: collections.defaultdict[str, float] = collections.defaultdict(float)

    def run(function: Callable[..., Any], tasks: Iterable[tuple[Any, ...]]) -> Iterator[Any]:
        for task in tasks:
            began = time.process_time()
            result = function(*task)
            seconds[function.__name__] += time.process_time() - began
            yield result

    with tempfile.TemporaryDirectory() as folder:
        # The first time loads what a worker loads once.
        for name in ("warm", "out"):
            seconds.clear()
            JOBS[args.command](args, corpus, f"{folder}/{name}", run)
        names = [name for name in os.listdir(f"{folder}/out") if name.startswith(("part-", "train-", "heldout-"))]
        written = sum(os.path.getsize(f"{folder}/out/{name}") for name in names) / 1e6
    for name, taken in seconds.items():
        core_hours = taken / megabytes * args.terabytes * 1e6 / SECONDS_AN_HOUR
        rate = f"{megabytes / taken:.1f} MB of text a second and core"
        print(f"{name}: {rate}; {args.terabytes:g} TB: {core_hours:,.1f} core hours")
    hours = sum(seconds.values()) / megabytes * args.terabytes * 1e6 / SECONDS_AN_HOUR
    print(f"together: {hours:,.1f} core hours, {hours / args.cores:.2f} hours on {args.cores} cores that never wait")
    print(f"output: {written / megabytes:.2f} bytes a byte of text; {args.terabytes * written / megabytes:.2f} TB")


def _build(args: argparse.Namespace, corpus: Any, output: str, run: Any) -> None:
    from electra_pretrain.records.blocks import BuildSettings
    from electra_pretrain.records.build import build

    build(corpus, args.vocab, False, output, BuildSettings(args.max_seq_length), run, f"{output}-work")


def _clean(args: argparse.Namespace, corpus: Any, output: str, run: Any) -> None:
    from electra_pretrain.corpus.cleaning.pipeline import clean
    from electra_pretrain.corpus.cleaning.recipe import load_recipe

    clean(corpus, load_recipe("default"), output, "lines", None, run, f"{output}-work")


def _dedup(args: argparse.Namespace, corpus: Any, output: str, run: Any) -> None:
    from electra_pretrain.corpus.dedup.memory import Memory
    from electra_pretrain.corpus.dedup.pipeline import dedup
    from electra_pretrain.corpus.dedup.tasks import DedupSettings

    dedup(corpus, output, None, DedupSettings("line", None, 0, False), Memory(10**9, None), run, f"{output}-work")


JOBS = {"build_data": _build, "clean_corpus": _clean, "dedup_corpus": _dedup}


if __name__ == "__main__":
    main()

"""Speed of the build: MB/s of one process and of two, beside the tokenisers alone on one thread, start-up left out.

    python scripts/bench_build.py --corpus 'corpus/*.txt' [--vocab vocab.txt]

Each round measures everything in turn; the ratios are those of the best rates, and of the fewest seconds that the processor
worked, for all processes together. On a machine that does other work too, `--cpu_time` counts these in place of the clock's.
"""  # fmt: skip

import argparse
import functools
import multiprocessing
import os
import resource
import shutil
import tempfile
import time
from collections.abc import Callable
from typing import NamedTuple

os.environ["TOKENIZERS_PARALLELISM"] = "false"
BATCH_LINES = 10_000
YARDSTICK_MEGABYTES = 8.0  # of text for `tokenizers`, which needs longest


class Cost(NamedTuple):
    """What work takes: by the clock, and of the processor in all processes; seconds for a megabyte."""

    seconds: float
    cpu_seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", required=True, metavar="GLOB[,GLOB…]", help="text to build from, uncompressed")
    parser.add_argument("--vocab", default="reviews_32200", metavar="NAME|FILE", help="(default %(default)s, which ships)")
    parser.add_argument("--max_seq_length", type=int, default=512)
    parser.add_argument("--short_documents", default="apart", help="as of build_data (default %(default)s)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--cpu_time", action="store_true")
    bench_build(parser.parse_args())


def bench_build(args: argparse.Namespace) -> None:
    from electra_pretrain.core import files, tensorflow_startup

    tensorflow_startup.import_tensorflow()
    import tensorflow as tf
    import tensorflow_text

    from electra_pretrain.corpus.finding import find_corpus
    from electra_pretrain.corpus.reader import Corpus
    from electra_pretrain.execution.processes import Runner, worker_pool
    from electra_pretrain.records.blocks import BuildSettings
    from electra_pretrain.records.build import build
    from electra_pretrain.tokenization.tokenizer import find_vocab, load_tokenizer
    from electra_pretrain.tokenization.wordpiece import WordPieceTokenizer

    paths = find_corpus(args.corpus)
    sentences = [sentence for document in Corpus(paths).documents() for sentence in document]
    megabytes = sum(map(files.size, paths)) / 1e6
    part = sentences[: max(1, int(len(sentences) * min(1.0, YARDSTICK_MEGABYTES / megabytes)))]
    with tempfile.TemporaryDirectory() as folder, worker_pool(1) as one, worker_pool(2) as two:
        vocab = find_vocab(args.vocab)
        tokenizer = load_tokenizer(vocab, False)
        assert isinstance(tokenizer, WordPieceTokenizer), "the yardsticks are WordPiece's"
        fast = tensorflow_text.FastBertTokenizer(
            tokenizer.tokens, max_bytes_per_word=300, unknown_token="[UNK]", lower_case_nfd_strip_accents=False
        )
        settings = BuildSettings(max_seq_length=args.max_seq_length, short_documents=args.short_documents)

        def exact() -> None:
            for batch in _batches(part):
                tokenizer._engine.encode_batch(batch, add_special_tokens=False)

        def raw() -> None:
            for batch in _batches(sentences):
                fast.tokenize(tf.constant(batch))

        def whole(run: Runner) -> None:
            shutil.rmtree(f"{folder}/out", ignore_errors=True)
            build(Corpus(paths), vocab, False, f"{folder}/out", settings, run)

        def warm(run: Runner, path: str) -> None:
            build(Corpus([path]), vocab, False, f"{folder}/warm", settings, run)

        for run in (one, two):  # what a process does once
            _warm_up(part, folder, functools.partial(warm, run))
        works: dict[str, tuple[Callable[[], None], float]] = {
            "tokenizers": (exact, _megabytes(part)),
            "FastBertTokenizer": (raw, megabytes),
            "1 process": (functools.partial(whole, one), megabytes),
            "2 processes": (functools.partial(whole, two), megabytes),
        }
        rounds = list[dict[str, Cost]]()
        for _ in range(args.rounds):
            rounds.append({name: _cost(*work) for name, work in works.items()})
            print(
                "MB/s: " + ", ".join(f"{name} {1 / _seconds(cost, args):.2f}" for name, cost in rounds[-1].items()), flush=True
            )
    best = {name: Cost(*map(min, zip(*(costs[name] for costs in rounds), strict=True))) for name in works}
    exact_best, raw_best, one_best, two_best = (_seconds(cost, args) for cost in best.values())
    cpu = best["2 processes"].cpu_seconds / best["1 process"].cpu_seconds
    workers = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
    print(
        f"1 process: {1 / one_best:.2f} MB/s = {exact_best / one_best:.2f} x tokenizers' encode_batch "
        f"= {raw_best / one_best:.2f} x FastBertTokenizer\n"
        f"2 processes: {1 / two_best:.2f} MB/s = {one_best / two_best:.2f} x one, for {cpu:.2f} x its processor's seconds\n"
        f"largest worker: {workers:.2f} GB"
    )


def _warm_up(sentences: list[str], folder: str, work: Callable[[str], object]) -> None:
    from electra_pretrain.core import files

    shutil.rmtree(f"{folder}/warm", ignore_errors=True)
    path = f"{folder}/warm.txt"
    files.write_text(path, "\n\n".join(sentences))
    work(path)


def _batches(sentences: list[str]) -> list[list[str]]:
    return [sentences[first : first + BATCH_LINES] for first in range(0, len(sentences), BATCH_LINES)]


def _megabytes(sentences: list[str]) -> float:
    return sum(len(sentence.encode()) + 1 for sentence in sentences) / 1e6


def _cost(work: Callable[[], object], megabytes: float) -> Cost:
    began, cpu_began = time.perf_counter(), _cpu_seconds()
    work()
    return Cost((time.perf_counter() - began) / megabytes, (_cpu_seconds() - cpu_began) / megabytes)


def _cpu_seconds() -> float:
    """Tell for how long the processor has worked for this process and its workers."""
    ticks = 0
    for worker in multiprocessing.active_children():
        with open(f"/proc/{worker.pid}/stat") as file:
            ticks += sum(map(int, file.read().rpartition(")")[2].split()[11:13]))  # utime and stime (man 5 proc)
    return time.process_time() + ticks / os.sysconf("SC_CLK_TCK")


def _seconds(cost: Cost, args: argparse.Namespace) -> float:
    return cost.cpu_seconds if args.cpu_time else cost.seconds


if __name__ == "__main__":
    main()

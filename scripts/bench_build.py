"""Speed of the build: MB/s of one process and of two, beside the tokenisers alone on one thread, start-up left out.

    python scripts/bench_build.py --corpus 'corpus/*.txt' [--vocab vocab.txt]

Each round measures everything in turn; the ratios are those of the best rates. On a machine that does other work too,
`--cpu_time` counts the processor's seconds instead of the clock's (of the one process only).
"""  # fmt: skip

import argparse
import functools
import os
import resource
import shutil
import tempfile
import time
from collections.abc import Callable

os.environ["TOKENIZERS_PARALLELISM"] = "false"
BATCH_LINES = 10_000
YARDSTICK_MEGABYTES = 8.0  # of text for `tokenizers`, which needs longest


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", required=True, metavar="GLOB[,GLOB…]", help="text to build from, uncompressed")
    parser.add_argument("--vocab", default="reviews_32200", metavar="NAME|FILE", help="(default %(default)s, which ships)")
    parser.add_argument("--max_seq_length", type=int, default=512)
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
    part_megabytes = _megabytes(part)
    clock = time.process_time if args.cpu_time else time.perf_counter
    with tempfile.TemporaryDirectory() as folder, worker_pool(1) as one, worker_pool(2) as two:
        vocab = find_vocab(args.vocab)
        tokenizer = load_tokenizer(vocab, False)
        assert isinstance(tokenizer, WordPieceTokenizer), "the yardsticks are WordPiece's"
        fast = tensorflow_text.FastBertTokenizer(
            tokenizer.tokens, max_bytes_per_word=300, unknown_token="[UNK]", lower_case_nfd_strip_accents=False
        )
        settings = BuildSettings(max_seq_length=args.max_seq_length)

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
        rates = {"tokenizers": 0.0, "FastBertTokenizer": 0.0, "1 process": 0.0, "2 processes": 0.0}
        for _ in range(args.rounds):
            measured = (
                part_megabytes / _seconds(exact, clock),
                megabytes / _seconds(raw, clock),
                megabytes / _seconds(lambda: whole(one), clock),
                megabytes / _seconds(lambda: whole(two), time.perf_counter),
            )
            print("MB/s: " + ", ".join(f"{name} {rate:.2f}" for name, rate in zip(rates, measured, strict=True)), flush=True)
            rates = {name: max(*pair) for name, pair in zip(rates, zip(rates.values(), measured, strict=True), strict=True)}
    single = rates["1 process"]
    workers = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
    print(
        f"1 process: {single:.2f} MB/s = {single / rates['tokenizers']:.2f} x tokenizers' encode_batch "
        f"= {single / rates['FastBertTokenizer']:.2f} x FastBertTokenizer\n"
        f"2 processes: {rates['2 processes']:.2f} MB/s = {rates['2 processes'] / single:.2f} x one\n"
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


def _seconds(work: Callable[[], object], clock: Callable[[], float]) -> float:
    began = clock()
    work()
    return clock() - began


if __name__ == "__main__":
    main()

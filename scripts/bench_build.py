"""Speed of the build: MB/s of one process, everything but start-up, beside `tokenizers`' encode_batch on one thread.

    python scripts/bench_build.py --corpus 'corpus/*.txt'
"""  # fmt: skip

import argparse
import os
import tempfile
import time
from collections.abc import Callable

os.environ["TOKENIZERS_PARALLELISM"] = "false"
MEGABYTES = 8  # of text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", required=True, metavar="GLOB[,GLOB…]", help="text to build from; 8 MB of it are used")
    parser.add_argument("--vocab_size", type=int, default=16000)
    args = parser.parse_args()
    bench_build(args.corpus, args.vocab_size)


def bench_build(patterns: str, vocab_size: int) -> None:
    from electra_pretrain import files, quiet
    from electra_pretrain.data.build import BuildSettings, build
    from electra_pretrain.text.corpus import Corpus
    from electra_pretrain.tokenization.tokenizer import load_tokenizer
    from electra_pretrain.tokenization.train import VocabSettings, save_vocab, train_wordpiece

    quiet.import_tensorflow()
    with tempfile.TemporaryDirectory() as folder:
        path, vocab, documents, taken = f"{folder}/corpus.txt", f"{folder}/vocab.txt", [], 0
        for document in Corpus(files.expand_globs(patterns)).documents():
            documents.append(document)
            taken += sum(len(sentence.encode()) + 1 for sentence in document)
            if taken > MEGABYTES * 1e6:
                break
        files.write_text(path, "\n\n".join("\n".join(document) for document in documents))
        settings = VocabSettings(vocab_size=vocab_size, unused=0)
        save_vocab(vocab, train_wordpiece(lambda: documents, settings), settings, [path])
        tokenizer = load_tokenizer(vocab, False)
        sentences = [sentence for document in documents for sentence in document]

        def encode() -> None:
            for start in range(0, len(sentences), 10000):
                tokenizer._engine.encode_batch(sentences[start : start + 10000], add_special_tokens=False)

        yardstick = taken / 1e6 / seconds(encode)
        whole = seconds(lambda: build(Corpus([path]), vocab, False, f"{folder}/out", BuildSettings(512, 0.01, 0), 1))
    rate = taken / 1e6 / whole
    print(f"build_data, 1 process: {rate:.2f} MB/s = {rate / yardstick:.2f} x encode_batch alone ({yardstick:.2f} MB/s)")


def seconds(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


if __name__ == "__main__":
    main()

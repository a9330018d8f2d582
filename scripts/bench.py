"""Speed here: build MB/s of one process, training tokens/s of tiny and small, each beside a yardstick of the same run.

    python scripts/bench.py --corpus 'corpus/*.txt'

The yardsticks: `tokenizers`' encode_batch on one thread for the build, a float32 matrix product for training.
"""  # fmt: skip

import argparse
import os
import tempfile
import time
from collections.abc import Callable

os.environ["TOKENIZERS_PARALLELISM"] = "false"
MEGABYTES = 8  # of text, for the build


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", required=True, metavar="GLOB[,GLOB…]", help="text to build from; 8 MB of it are used")
    parser.add_argument("--vocab_size", type=int, default=16000)
    args = parser.parse_args()
    bench_build(args.corpus, args.vocab_size)
    peak = matmul_flops()
    print(f"matrix product 2048 x 2048, float32: {peak / 1e9:.0f} GFLOP/s")
    bench_train("tiny.json", ["data.vocab_size=8000"], peak)
    bench_train(
        "small_v3.json", ["training.train_batch_size=16", "data.max_seq_length=128", "training.compute_dtype=float32"], peak
    )
    bench_train("small_v3.json", ["training.train_batch_size=4", "training.compute_dtype=float32"], peak)


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


def matmul_flops() -> float:
    import tensorflow as tf

    x = tf.random.normal([2048, 2048])
    product = tf.function(tf.matmul)
    product(x, x)
    return 10 * 2 * 2048**3 / seconds(lambda: [product(x, x) for _ in range(10)])


def bench_train(name: str, overrides: list[str], peak: float) -> None:
    import tensorflow as tf

    from electra_pretrain import config as configs
    from electra_pretrain.batch import Batch, SpecialIds
    from electra_pretrain.train.step import Trainer

    config = configs.load(name, overrides)
    strategy = tf.distribute.OneDeviceStrategy("/cpu:0")
    trainer = Trainer(config, SpecialIds(0, 1, 2, 3, 4), strategy)
    batch_size, length = config.training.train_batch_size, config.data.max_seq_length
    ids = tf.random.uniform([batch_size, length], 5, config.data.vocab_size, tf.int32)
    batch = Batch(ids, tf.ones_like(ids), tf.zeros_like(ids), tf.range(batch_size))
    batches = iter(strategy.experimental_distribute_dataset(tf.data.Dataset.from_tensors(batch).repeat()))
    trainer.train_steps(batches, tf.constant(1))
    steps = 10 if name.startswith("tiny") else 3
    tokens = batch_size * length * steps / seconds(lambda: trainer.train_steps(batches, tf.constant(steps)))
    # Six operations a weight and token, embeddings' rows aside: the usual count.
    weights = sum(int(tf.size(v)) for n, v in trainer.model.named_variables().items() if "/encoder/" in n)
    share = tokens * 6 * weights / peak
    print(f"{name} {batch_size} x {length}: {tokens:,.0f} tokens/s, {share:.0%} of that rate in the blocks' products alone")


def seconds(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


if __name__ == "__main__":
    main()

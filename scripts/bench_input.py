"""Measure how fast one core turns records into batches, beside what a TPU v3-8 eats of base_v3.

    python scripts/bench_input.py [--data DIR]

Without --data, records of 512 random tokens are made first: the work does not depend on what the tokens are.
"""  # fmt: skip

import argparse
import json
import os
import tempfile
import time
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from electra_pretrain.records.input_pipeline import Records

# 256 sequences in the 0.81 s a step of KoELECTRA base v3's published run.
PUBLISHED_SEQUENCES_PER_SECOND = 256 / 0.81
SHARDS, EXAMPLES, LENGTH = 4, 10_000, 512


def make_records(folder: str) -> "Records":
    """Write shards of random tokens, all positions used."""
    from electra_pretrain.records.input_pipeline import Records
    from electra_pretrain.records.tfrecord import encode_features, write_records

    generator = np.random.default_rng(0)
    ones, zeros = np.ones(LENGTH, np.int64), np.zeros(LENGTH, np.int64)
    paths = []
    for number in range(SHARDS):
        paths.append(os.path.join(folder, f"train-{number:05d}.tfrecord"))
        ids = generator.integers(5, 35000, [EXAMPLES, LENGTH])
        write_records(paths[-1], (encode_features(row, ones, zeros) for row in ids))
    return Records(tuple(paths), (EXAMPLES,) * SHARDS, LENGTH, 35000, shuffle_examples=2 * EXAMPLES, seed=0)


def records_of(folder: str) -> "Records":
    """Choose the training records of a folder that build_data made."""
    from electra_pretrain.config.load import load_config
    from electra_pretrain.records.input_pipeline import Records
    from electra_pretrain.records.manifest import check_shards, load_manifest

    manifest = load_manifest(folder)
    examples = tuple(shard.examples for shard in manifest.train_shards)
    paths = tuple(check_shards(folder, manifest.train_shards))
    shuffle_examples = load_config("base_v3.json").data.shuffle_examples
    return Records(paths, examples, manifest.max_seq_length, manifest.vocabulary.size, shuffle_examples, seed=0)


def measure(records: "Records", seconds: float) -> dict[str, float]:
    """Time sequences once the first window is shuffled, and the first batch."""
    from electra_pretrain.records.input_pipeline import Worker, train_dataset

    batch_size, worker = 256, Worker(num_replicas=8)
    began = time.monotonic()
    batches = iter(train_dataset(records, batch_size, 12345, worker))
    next(batches)
    first = time.monotonic() - began
    count, began = 0, time.monotonic()
    while time.monotonic() - began < seconds:
        count += int(next(batches).rows.shape[0])
    rate = count / (time.monotonic() - began)
    return {
        "sequences_per_second": round(rate),
        "of_a_v3-8_on_base_v3": round(rate / PUBLISHED_SEQUENCES_PER_SECOND, 1),
        "first_batch_s": round(first, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", metavar="DIR", help="folder of records, made by build_data")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long to measure (default %(default)s)")
    args = parser.parse_args()
    # One core, and so one thread: before TensorFlow counts them.
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    from electra_pretrain.core import tensorflow_startup

    tensorflow_startup.import_tensorflow()
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(records_of(args.data) if args.data else make_records(folder), args.seconds)))


if __name__ == "__main__":
    main()

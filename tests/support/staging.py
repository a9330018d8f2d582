"""A folder of records to stage, the command run on it, and what to expect of both."""

import hashlib
import json
import sys

import numpy as np
import pytest

from electra_pretrain import stage
from electra_pretrain.core.batch import SpecialIds
from electra_pretrain.records import bucket
from electra_pretrain.records.manifest import FORMAT_VERSION, Counts, Manifest, Shard, Vocabulary
from tests.support.storage_emulator import BUCKET, Answer

URL = f"gs://{BUCKET}/ko/data"
SHARDS = [f"train-{number:05d}-of-00004.tfrecord" for number in range(4)] + ["heldout-00000-of-00001.tfrecord"]
BIG = SHARDS[1]
FILES = {*SHARDS, "vocab.txt", "manifest.json"}


def write_records(folder, seed=0):
    """A folder as build_data leaves it; what the shards hold does not matter here.

    The first shard depends on the seed; the second is sent in two chunks, the others in one request each.
    """
    folder.mkdir(exist_ok=True)
    vocab = "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\n가\n".encode()
    (folder / "vocab.txt").write_bytes(vocab)
    shards = []
    for number, name in enumerate(SHARDS):
        size = bucket.CHUNK_BYTES + 999_999 if name == BIG else 10_000 + number
        content = np.random.default_rng([number, seed if number == 0 else 0]).bytes(size)
        (folder / name).write_bytes(content)
        shards.append(Shard(name, 1, size, hashlib.sha256(content).hexdigest()))
    manifest = Manifest(
        format_version=FORMAT_VERSION,
        fingerprint="0123456789abcdef",
        max_seq_length=32,
        vocabulary=Vocabulary(
            "wordpiece", hashlib.sha256(vocab).hexdigest(), 6, False, False, "NFC", SpecialIds(0, 1, 2, 3, 4)
        ),
        seed=seed,
        heldout_fraction=0.1,
        dupe_factor=1,
        short_example_prob=0.05,
        single_segment_prob=0.1,
        counts=Counts(),
        unk_rate=0.0,
        overflow_rate=0.0,
        train_examples=4,
        heldout_examples=1,
        train_shards=tuple(shards[:4]),
        heldout_shards=tuple(shards[4:]),
        sources=(),
        corpus_steps=(),
    )
    manifest.save(str(folder))
    return folder


def run(capfd, *arguments):
    """Exit code, standard output, and standard error without the lines of progress."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["stage", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            stage.main()
    out, err = capfd.readouterr()
    lines = [line for line in err.splitlines() if not line.startswith(("stage: check files: ", "stage: upload: "))]
    return ended.value.code, out, lines


def assert_fails(result, *parts, exit_code=1):
    code, out, lines = result
    assert code == exit_code and out == ""
    assert len(lines) == 1 and lines[0].startswith("stage: error: "), lines
    for part in parts:
        assert part in lines[0]


def names(proxy):
    return {name.removeprefix("ko/data/") for name in proxy.objects()}


def assert_arrived(proxy, folder):
    assert names(proxy) == FILES
    for name in FILES:
        assert proxy.content(f"ko/data/{name}") == (folder / name).read_bytes(), name


def error(status):
    body = json.dumps({"error": {"message": "said the server"}}).encode()
    return Answer(status, [("Content-Type", "application/json")], body)

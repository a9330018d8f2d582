"""Four virtual CPUs for all tests; a small vocabulary, folder of records and config to share; a bucket to copy records to."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["TOKENIZERS_PARALLELISM"] = "false"

import dataclasses
from pathlib import Path

import hypothesis
import pytest
import tensorflow as tf

from electra_pretrain import build_data, train_vocab
from electra_pretrain.config.schema import Config
from electra_pretrain.core import messages
from electra_pretrain.records import shards
from electra_pretrain.train import devices
from tests.support import staging, storage_emulator

messages.configure("tests")
hypothesis.settings.register_profile("shared machine", deadline=None)  # which may stand still for a while
hypothesis.settings.load_profile("shared machine")

NUM_CPUS = 4
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0], [tf.config.LogicalDeviceConfiguration()] * NUM_CPUS
)

ROOT = Path(__file__).parent.parent
DATA = ROOT / "tests" / "data"
SAMPLE_CORPUS = ROOT / "electra_pretrain" / "sample_corpus"
VOCAB_SIZE, SEQ = 3500, 32

MICRO = Config.from_dict(
    {
        "model": {
            "num_hidden_layers": 1,
            "hidden_size": 32,
            "embedding_size": 16,
            "intermediate_size": 64,
            "num_attention_heads": 2,
            "max_position_embeddings": SEQ,
        },
        "objective": {"generator_hidden_size": 0.5},
        "optimizer": {"learning_rate": 0.005, "num_warmup_steps": 2},
        "training": {
            "train_batch_size": 8,
            "num_train_steps": 6,
            "save_checkpoints_steps": 3,
            "iterations_per_loop": 2,
            "eval_batch_size": 8,
            "num_eval_steps": 2,
        },
        "data": {"max_seq_length": SEQ, "vocab_size": VOCAB_SIZE},
    }
)


@pytest.fixture(autouse=True)
def gives_memory_back(monkeypatch):
    """One process runs thousands of tests: what each of them had at its largest would add up."""
    monkeypatch.setattr(devices, "keep_all_freed", lambda: None)


@pytest.fixture(autouse=True)
def speaks_as_tests():
    """Whichever command spoke in an earlier test."""
    messages.configure("tests")


def changed(config: Config, **sections: dict[str, object]) -> Config:
    """A config with some fields of some sections replaced."""
    return dataclasses.replace(
        config, **{name: dataclasses.replace(getattr(config, name), **fields) for name, fields in sections.items()}
    )


def build(corpus: str, vocab: str, output: str, *more: str) -> None:
    """Run build_data as the command would, in this process unless told otherwise."""
    arguments = [
        "--corpus",
        corpus,
        "--vocab",
        vocab,
        "--output",
        output,
        "--max_seq_length",
        str(SEQ),
        "--num_processes",
        "1",
    ]
    build_data.build_data(build_data.parse_args([*arguments, *more]))


@pytest.fixture(scope="session")
def vocab_path(tmp_path_factory):
    path = str(tmp_path_factory.mktemp("vocab") / "vocab.txt")
    corpus = str(SAMPLE_CORPUS / "*.txt")
    arguments = ["--corpus", corpus, "--output", path, "--vocab_size", str(VOCAB_SIZE), "--unused", "20"]
    train_vocab.train_vocab(train_vocab.parse_args(arguments))
    return path


@pytest.fixture(scope="session")
def records(tmp_path_factory, vocab_path):
    """A folder of records of 32 tokens, built from two files of the sample corpus."""
    folder = str(tmp_path_factory.mktemp("records"))
    build(f"{SAMPLE_CORPUS}/comments.txt,{SAMPLE_CORPUS}/recipes.txt", vocab_path, folder, "--heldout_fraction", "0.1")
    return folder


@pytest.fixture(scope="session")
def emulator():
    with storage_emulator.running() as proxy:
        yield proxy


@pytest.fixture
def proxy(emulator, monkeypatch):
    """An empty bucket behind a proxy; the library retries as it does, with shorter pauses."""
    from google.cloud.storage import retry

    for name in emulator.objects():
        emulator.delete(name)
    emulator.reset()
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{emulator.server_address[1]}")
    monkeypatch.setattr(retry, "DEFAULT_RETRY", retry.DEFAULT_RETRY.with_delay(initial=0.01))
    return emulator


@pytest.fixture
def folder(tmp_path):
    """A folder of records to be staged, the smallest that goes every way."""
    return staging.write_records(tmp_path / "data")


@pytest.fixture(scope="session")
def sharded(tmp_path_factory, vocab_path):
    """Records in several shards."""
    folder = str(tmp_path_factory.mktemp("sharded"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shards, "MAX_SHARD_BYTES", 40_000)
        build(f"{SAMPLE_CORPUS}/comments.txt,{SAMPLE_CORPUS}/recipes.txt", vocab_path, folder, "--heldout_fraction", "0.1")
    return folder

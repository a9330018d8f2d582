"""Work on Dask: a real scheduler and real worker processes; one that dies in the middle of a task changes no byte."""

import importlib.util
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from electra_pretrain import build_data, clean_corpus, dedup_corpus
from electra_pretrain.core.errors import Unavailable, UserError
from electra_pretrain.corpus.cleaning import pipeline as clean_job
from electra_pretrain.corpus.dedup import pipeline as dedup_job
from electra_pretrain.execution import dask_cluster
from electra_pretrain.execution.beam import beam_runner
from electra_pretrain.execution.beam_options import pipeline_options
from electra_pretrain.records import build as build_job
from electra_pretrain.records import cluster, shards
from tests.conftest import SAMPLE_CORPUS, SEQ
from tests.corpus.cleaning.test_clean_corpus import same_files
from tests.support import dask_processes, mortal

needs_dask = pytest.mark.skipif(importlib.util.find_spec("distributed") is None, reason="the extra dask is not installed")
COMMANDS = {
    "build_data": (build_data, ["--max_seq_length", str(SEQ), "--heldout_fraction", "0.1"]),
    "clean_corpus": (clean_corpus, []),
    "dedup_corpus": (dedup_corpus, ["--by", "line"]),
}


@pytest.fixture(scope="module")
def processes(tmp_path_factory):
    """A scheduler with one worker."""
    with dask_processes.running(tmp_path_factory.mktemp("dask")) as started:
        started.start_worker()
        yield started


@pytest.fixture
def corpus(tmp_path):
    """Six small files that repeat one another."""
    (tmp_path / "corpus").mkdir()
    for number, name in enumerate(("news.txt", "law.txt", "comments.txt") * 2):
        text = (SAMPLE_CORPUS / name).read_bytes()
        (tmp_path / "corpus" / f"{number}.txt").write_bytes(text[: text.rindex(b"\n\n", 0, 12_000) + 1])
    return f"{tmp_path}/corpus/*.txt"


@pytest.fixture
def small(monkeypatch):
    """Many blocks, parts and shards from a small corpus; sizes travel with the tasks."""
    monkeypatch.setattr(shards, "MAX_SHARD_BYTES", 20_000)
    for module in (build_job, cluster):
        monkeypatch.setattr(module, "RECORDS_BLOCK_CHARACTERS", 1000)
    for module in (clean_job, dedup_job):
        monkeypatch.setattr(module, "TEXT_BLOCK_CHARACTERS", 1000)
    monkeypatch.setattr(clean_job, "BLOCKS_PER_PART", 3)
    monkeypatch.setattr(dedup_job, "MAX_PART_BYTES", 5000)


def on(address, **flags):
    flags = {"client_address": address, **flags}
    return ["--runner", "DaskRunner", "--beam_args=" + " ".join(f"--dask_{name}={value}" for name, value in flags.items())]


def run(name, corpus, output, vocab, more):
    module, arguments = COMMANDS[name]
    vocabulary = ["--vocab", vocab] if name == "build_data" else []
    arguments = [*arguments, *vocabulary, "--corpus", corpus, "--output", str(output), *more]
    getattr(module, name)(module.parse_args(arguments))


def where(number):
    """A task: who does it."""
    time.sleep(0.05)
    return number, os.getpid()


@needs_dask
@pytest.mark.parametrize(
    ("name", "writing"),
    [("build_data", "/train-"), ("clean_corpus", "/part-"), ("dedup_corpus", r"/(result|part)-.*[1-9]")],
)
def test_a_worker_killed_in_the_middle_of_a_task_changes_no_byte(processes, corpus, small, tmp_path, vocab_path, name, writing):
    doomed = processes.start_worker("--preload", mortal.__file__, DIES_WRITING=writing)
    processes.wait_for(2)
    run(name, corpus, tmp_path / "dask", vocab_path, on(processes.address))
    assert doomed.wait(10) == -signal.SIGKILL, "it was in the middle of one of the output's files"
    run(name, corpus, tmp_path / "here", vocab_path, ["--num_processes", "1"])
    same_files(tmp_path / "here", tmp_path / "dask")
    assert len(os.listdir(tmp_path / "dask")) > 3


@needs_dask
def test_all_workers_get_tasks_and_results_keep_their_order(processes, tmp_path):
    second = processes.start_worker()
    processes.wait_for(2)
    with beam_runner("DaskRunner", f"--dask_client_address={processes.address}", str(tmp_path)) as run:
        numbers, workers = zip(*run(where, [(number,) for number in range(20)]), strict=True)
        assert numbers == tuple(range(20))
        assert len(set(workers)) == 2 and os.getpid() not in workers and second.pid in workers
    second.kill()
    second.wait()
    assert os.listdir(tmp_path) == []

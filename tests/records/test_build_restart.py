"""A build that is killed, or that meets a full disk or a vanished file, goes on when run again, and ends in the same bytes."""

import collections
import errno
import filecmp
import os
import random
import signal
import subprocess
import sys
import time

import pytest

from electra_pretrain.core import files
from electra_pretrain.core.errors import UserError
from electra_pretrain.corpus import blocks as text_blocks
from electra_pretrain.records import blocks, shards
from electra_pretrain.records import build as build_module
from electra_pretrain.records.manifest import load_manifest
from tests.conftest import SAMPLE_CORPUS, build

CORPUS = f"{SAMPLE_CORPUS}/news.txt"
# The command with many small blocks and shards, and Hugging Face's engine, which starts sooner; it writes down every file that
# it moves into place, and kills itself before the one of the number given.
CHILD = """
import importlib.util, os, signal, sys
importlib.util.find_spec = lambda name: None
from electra_pretrain import build_data
from electra_pretrain.core import files
from electra_pretrain.records import build, shards
kill_at, log = int(sys.argv.pop(1)), open(sys.argv.pop(1), "a")
shards.MAX_SHARD_BYTES = 40_000
build.RECORDS_BLOCK_CHARACTERS = 4000
replace, calls = files.replace, []
def counted(source, target):
    calls.append(target)
    if len(calls) == kill_at:
        os.kill(os.getpid(), signal.SIGKILL)
    replace(source, target)
    print(os.path.basename(target), file=log, flush=True)
files.replace = counted
build_data.main()
"""


def same_files(one, other):
    names = sorted(os.listdir(one))
    assert names == sorted(os.listdir(other))
    assert filecmp.cmpfiles(one, other, names, shallow=False)[0] == names


def test_killed_at_many_places_it_ends_in_the_same_bytes_and_makes_nothing_twice(tmp_path, vocab_path):
    def run(output, kill_at, log):
        arguments = ["--corpus", CORPUS, "--vocab", vocab_path, "--output", str(output), "--max_seq_length", "32"]
        command = [sys.executable, "-c", CHILD, str(kill_at), str(log), *arguments, "--num_processes", "1"]
        return subprocess.run(command, capture_output=True, text=True)

    assert run(tmp_path / "whole", 0, tmp_path / "whole.log").returncode == 0
    moves = len((tmp_path / "whole.log").read_text().split())
    killed = 0
    while (result := run(tmp_path / "killed", max(4, moves // 5), tmp_path / "killed.log")).returncode != 0:
        assert result.returncode == -signal.SIGKILL, result.stderr
        assert not (tmp_path / "killed" / "manifest.json").exists()
        killed += 1
    assert killed >= 4
    same_files(tmp_path / "whole", tmp_path / "killed")
    made = collections.Counter((tmp_path / "killed.log").read_text().split())
    assert {name: count for name, count in made.items() if name.endswith(".json") and count > 1} == {}
    # A file whose marker was not yet there is made once more.
    assert sum(made.values()) <= moves + 2 * killed


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(shards, "MAX_SHARD_BYTES", 40_000)
    monkeypatch.setattr(build_module, "RECORDS_BLOCK_CHARACTERS", 4000)


@pytest.mark.parametrize(
    "victim", ["block-000002-train.records", "block-000003.json", "train-00001", "vocab.txt", "manifest.json"]
)
def test_a_full_disk_is_one_line_and_leaves_nothing_half_written(tmp_path, vocab_path, small, monkeypatch, victim):
    build(CORPUS, vocab_path, str(tmp_path / "whole"))
    out = tmp_path / "out"

    class Full:
        def __init__(self, file):
            self._file = file

        def __enter__(self):
            return self

        def __exit__(self, *exception):
            self._file.close()

        def write(self, content):
            self._file.write(content[:10])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        open_raw = files.open_raw

        def opened(path, mode="rb"):
            file = open_raw(path, mode)
            return Full(file) if mode == "wb" and victim in path else file

        patch.setattr(files, "open_raw", opened)
        with pytest.raises((OSError, UserError)) as caught:
            build(CORPUS, vocab_path, str(out))
        assert victim in str(caught.value) and "No space left on device" in str(caught.value)
    found = [name for _, _, names in os.walk(out) for name in names]
    assert found and not [name for name in found if victim in name or ".tmp-" in name]
    build(CORPUS, vocab_path, str(out))
    same_files(tmp_path / "whole", out)


def test_an_input_that_vanishes_is_named(tmp_path, vocab_path, small):
    from electra_pretrain.corpus.reader import Corpus
    from electra_pretrain.execution.processes import worker_pool
    from electra_pretrain.records.build import build as build_records

    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("가나다 라마바사.\n" * 1000)
    corpus = Corpus([str(tmp_path / name) for name in ("a.txt", "b.txt")])
    os.remove(tmp_path / "b.txt")
    settings = blocks.BuildSettings(max_seq_length=32)
    with worker_pool(1) as run, pytest.raises(FileNotFoundError, match="b.txt"):
        build_records(corpus, vocab_path, False, str(tmp_path / "out"), settings, run)
    assert not (tmp_path / "out" / "manifest.json").exists()


def test_text_that_changed_between_two_runs_is_built_anew_from_where_it_changed(tmp_path, vocab_path, small, monkeypatch):
    """And the blocks before it, finished by the first run, are not made again."""
    path = tmp_path / "a.txt"
    text = (SAMPLE_CORPUS / "news.txt").read_text()
    monkeypatch.setattr(text_blocks, "_CHUNK_BYTES", 1000)
    monkeypatch.setattr("electra_pretrain.corpus.looking.HEAD_BYTES", 1000)
    path.write_text(text)
    with monkeypatch.context() as patch:
        patch.setattr("electra_pretrain.records.build.build_shard", lambda task, work: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            build(str(path), vocab_path, str(tmp_path / "out"))
    edited = text[:-200] + "아" + text[-199:]
    path.write_text(edited)
    made = []
    with monkeypatch.context() as patch:
        original = blocks.build_raw_block
        patch.setattr(
            "electra_pretrain.records.build.build_raw_block", lambda *task: (made.append(task[0].number), original(*task))[1]
        )
        build(str(path), vocab_path, str(tmp_path / "out"))
        again = list(made)
        build(str(path), vocab_path, str(tmp_path / "whole"))
    assert 0 < len(again) <= 2 and again[-1] == max(made)
    for name in os.listdir(tmp_path / "whole"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "out" / name).read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
def test_killed_at_twenty_random_moments(tmp_path, vocab_path, processes):
    corpus = tmp_path / "corpus.txt"
    text = "\n\n".join(path.read_text() for path in sorted(SAMPLE_CORPUS.glob("*.txt")))
    corpus.write_text("\n\n".join(text for _ in range(1 + 20_000_000 // len(text))))

    def start(output):
        arguments = ["--corpus", str(corpus), "--vocab", vocab_path, "--output", str(output), "--max_seq_length", "128"]
        command = [sys.executable, "-m", "electra_pretrain.build_data", *arguments, "--num_processes", str(processes)]
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    began = time.monotonic()
    assert start(tmp_path / "whole").wait() == 0
    seconds = time.monotonic() - began
    draws = random.Random(processes)
    kills = 0
    for attempt in range(20):
        build_process = start(tmp_path / f"killed-{attempt // 4}")
        time.sleep(draws.uniform(0.3, 1) * seconds * 0.6)
        kills += build_process.poll() is None
        build_process.kill()
        build_process.wait()
    assert kills >= 15
    for number in range(5):
        assert start(tmp_path / f"killed-{number}").wait() == 0
        same_files(tmp_path / "whole", tmp_path / f"killed-{number}")
    assert load_manifest(str(tmp_path / "killed-0")).train_examples > 0

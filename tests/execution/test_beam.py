"""Work handed to a cluster: the blocks, and so the bytes, are those of this machine's processes; mistakes are one line."""

import importlib.util
import itertools
import os
import sys
import time

import numpy as np
import pytest

from electra_pretrain import build_data
from electra_pretrain.core.errors import UserError
from electra_pretrain.corpus import partition
from electra_pretrain.corpus.blocks import RECORDS_BLOCK_CHARACTERS, BlockReader, TextBlock
from electra_pretrain.corpus.reader import Corpus
from electra_pretrain.records import block_file, cluster, shards
from electra_pretrain.records import build as build_module
from electra_pretrain.records.blocks import BuildSettings
from electra_pretrain.records.build import build
from electra_pretrain.records.manifest import load_manifest
from tests.conftest import SAMPLE_CORPUS, SEQ
from tests.records.test_build import same_files

needs_beam = pytest.mark.skipif(importlib.util.find_spec("apache_beam") is None, reason="the extra beam is not installed")
TWO_PROCESSES = "--direct_num_workers=2 --direct_running_mode=multi_processing"
NAMES = ("news.txt", "law.txt", "comments.txt")


def here(function, tasks):
    return (function(*task) for task in tasks)


@pytest.fixture
def corpus(tmp_path):
    """Whole files, one of a few lines, an empty one, compressed text and objects: blocks begin and end anywhere in them."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    for name in NAMES:
        (folder / name).write_bytes((SAMPLE_CORPUS / name).read_bytes())
    (folder / "a.txt").write_text("한 줄.\n\n두 줄.\n")
    (folder / "b.txt").write_text("\n\n")
    (folder / "n.jsonl").write_text('{"text": "첫째 문장.\\n둘째 문장."}\n{"text": "셋째."}\n')
    return Corpus(sorted(str(path) for path in folder.iterdir()))


@pytest.fixture
def small(monkeypatch):
    """Many blocks and several shards from a small corpus; on a cluster too, where sizes travel with the tasks."""
    monkeypatch.setattr(shards, "MAX_SHARD_BYTES", 40_000)
    for module in (build_module, cluster):
        monkeypatch.setattr(module, "RECORDS_BLOCK_CHARACTERS", 4000)


@pytest.mark.parametrize("characters", [1, 7, 300, 4000, 20_000, 10**9])
def test_files_read_apart_give_the_blocks_of_one_reader(corpus, characters):
    found = [
        TextBlock.of_documents(number, "", [document.sentences for document in documents])
        for plan in partition.plan(corpus, partition.measure(corpus, here), characters)
        for number, documents in plan.blocks()
    ]
    expected = list(BlockReader(corpus).blocks(characters))
    assert [block.cut()._replace(key="") for block in expected] == found
    assert len(found) > 10 or characters > 4000


def test_a_build_whose_workers_read_gives_the_same_bytes(corpus, tmp_path, vocab_path, small):
    settings = BuildSettings(SEQ, 0.1)
    build(corpus, vocab_path, False, str(tmp_path / "local"), settings, here)
    build(corpus, vocab_path, False, str(tmp_path / "apart"), settings, here, str(tmp_path / "shared"))
    assert len(load_manifest(str(tmp_path / "apart")).train_shards) > 3
    same_files(tmp_path / "local", tmp_path / "apart")
    assert os.listdir(tmp_path / "shared") == [], "unfinished work is gone"


def test_a_stopped_build_whose_workers_read_goes_on(corpus, tmp_path, vocab_path, small, monkeypatch):
    settings = BuildSettings(SEQ, 0.1)
    build(corpus, vocab_path, False, str(tmp_path / "local"), settings, here)
    made = []

    def stopping(block, work):
        if len(made) == stop_at:
            raise KeyboardInterrupt
        made.append(block.number)
        return original(block, work)

    original, stop_at = cluster.build_block, 5
    monkeypatch.setattr(cluster, "build_block", stopping)
    arguments = (corpus, vocab_path, False, str(tmp_path / "out"), settings, here, str(tmp_path / "shared"))
    with pytest.raises(KeyboardInterrupt):
        build(*arguments)
    first, stop_at = len(made), -1
    build(*arguments)
    again = set(made[:first]) & set(made[first:])
    assert 0 < len(again) < first, "the file that it stopped in is built anew, those before it are not"
    same_files(tmp_path / "local", tmp_path / "out")


@pytest.mark.parametrize("elsewhere_first", [False, True])
def test_a_build_stopped_here_and_elsewhere_by_turns_gives_the_same_bytes(corpus, tmp_path, vocab_path, small, elsewhere_first):
    """A block of this machine and the blocks of a file, merged, are not taken for each other."""
    settings, out = BuildSettings(SEQ, 0.1), str(tmp_path / "out")

    def stopping(function, tasks):
        for number, result in enumerate(here(function, tasks)):
            yield result
            if (function.__name__, number) in (("build_raw_block", 5), ("build_file", 2)):
                raise KeyboardInterrupt

    build(corpus, vocab_path, False, str(tmp_path / "local"), settings, here)
    turns = [out, None] if elsewhere_first else [None, out]
    for shared_dir in turns:
        with pytest.raises(KeyboardInterrupt):
            build(corpus, vocab_path, False, out, settings, stopping, shared_dir)
    build(corpus, vocab_path, False, out, settings, here, turns[0])
    same_files(tmp_path / "local", tmp_path / "out")


def test_merged_blocks_are_one_block_in_slices_of_any_size(tmp_path, monkeypatch):
    paths = [str(tmp_path / str(number)) for number in range(3)]
    random = np.random.default_rng(0)
    for number, path in enumerate(paths):
        keys = np.sort(random.integers(0, 2**32, 40)).astype(np.uint32)
        keys[:5] = [0, 7, 7, 7, 8]  # also within the others
        keys = np.sort(keys)
        block_file.write_block(path, keys, [f"{number}-{place}".encode() * place for place in range(40)])
    parts = [block_file.read_range(path, 0, 2**32) for path in paths]
    keys = np.concatenate([part.keys for part in parts])
    records = [record for part in parts for record in part.records]
    order = np.argsort(keys, kind="stable")
    for size in (10, 1000, 10**9):
        monkeypatch.setattr(block_file, "_MERGED_AT_ONCE", size)
        block_file.merge_blocks(paths, str(tmp_path / "merged"))
        merged = block_file.read_range(str(tmp_path / "merged"), 0, 2**32)
        assert merged.keys.tolist() == keys[order].tolist()
        assert merged.records == [records[place] for place in order]


@pytest.mark.parametrize("uniform", [True, False])
def test_a_range_of_keys_is_found_wherever_it_lies(tmp_path, uniform):
    random = np.random.default_rng(0)
    keys = np.sort(random.integers(0, 2**32 if uniform else 2**20, 5000)).astype(np.uint32)
    block_file.write_block(str(tmp_path / "block"), keys, [str(key).encode() for key in keys])
    bounds = sorted([0, 1, 2**20, 2**31, 2**32 - 1, 2**32, *random.integers(0, 2**32, 20).tolist()])
    for low, high in itertools.combinations(bounds, 2):
        found = block_file.read_range(str(tmp_path / "block"), low, high)
        expected = [int(key) for key in keys if low <= key < high]
        assert found.keys.tolist() == expected
        assert found.records == [str(key).encode() for key in expected]


@needs_beam
def test_two_worker_processes_on_beam_give_the_same_bytes(corpus, tmp_path, vocab_path, small):
    common = ["--corpus", ",".join(corpus.paths), "--vocab", vocab_path, "--max_seq_length", str(SEQ)]
    for output, more in (
        ("local", ["--num_processes", "1"]),
        ("beam", ["--runner", "DirectRunner", "--beam_args", TWO_PROCESSES, "--work_dir", str(tmp_path / "shared")]),
    ):
        build_data.build_data(build_data.parse_args([*common, "--output", str(tmp_path / output), *more]))
    same_files(tmp_path / "local", tmp_path / "beam")
    assert os.listdir(tmp_path / "shared") == []


@needs_beam
def test_tasks_run_in_several_processes_and_results_keep_their_order(tmp_path):
    from electra_pretrain.execution.beam import beam_runner

    with beam_runner("DirectRunner", TWO_PROCESSES, str(tmp_path)) as run:
        processes = set(run(os.getpid, [()] * 60))
        assert len(processes) == 2 and os.getpid() not in processes
    with beam_runner("DirectRunner", "--direct_running_mode=in_memory", str(tmp_path)) as run:
        assert list(run(pow, [(2, n) for n in range(50)])) == [2**n for n in range(50)]
        assert list(run(pow, [])) == []


@needs_beam
def test_a_mistake_on_a_worker_is_the_users_one_line(corpus, tmp_path, vocab_path):
    (tmp_path / "bad.txt").write_bytes("첫째 줄.\n".encode() + b"\xb0\xa1\n")
    arguments = ["--corpus", str(tmp_path / "bad.txt"), "--vocab", vocab_path, "--output", str(tmp_path / "out")]
    more = ["--runner", "DirectRunner", "--beam_args=--direct_running_mode=in_memory"]
    with pytest.raises(UserError, match="bad.txt, line 2: not UTF-8"):
        build_data.build_data(build_data.parse_args([*arguments, *more]))
    assert not os.path.exists(tmp_path / "out")


@needs_beam
@pytest.mark.parametrize(
    ("runner", "flags", "told"),
    [
        ("Nope", "", "^--runner Nope: there is none of that name; choose one of DaskRunner, "),
        ("no.such.Runner", "", "^--runner no.such.Runner: cannot be loaded .*no"),
        ("DirectRunner", "--direct_num_workers=x", "^--beam_args: argument --direct_num_workers: invalid int value: 'x'$"),
        ("DirectRunner", "'", "^--beam_args=': cannot be split into flags"),
    ],
)
def test_what_beam_would_not_take_is_one_line_and_nothing_is_written(tmp_path, capfd, runner, flags, told):
    from electra_pretrain.execution.beam import beam_runner

    with pytest.raises(UserError, match=told) as found, beam_runner(runner, flags, str(tmp_path / "out")):
        pass
    assert "\n" not in str(found.value) and os.listdir(tmp_path) == [] and capfd.readouterr().err == ""


@needs_beam
def test_what_beam_warns_of_is_said_as_the_command_says_it(tmp_path, capfd):
    from electra_pretrain.execution.beam import beam_runner

    with beam_runner("DirectRunner", "--direct_running_mode=in_memory --no_such_flag=1", str(tmp_path)) as run:
        list(run(abs, [(1,)]))
    lines = capfd.readouterr().err.splitlines()
    assert "tests: warning: Unparseable argument: --no_such_flag=1" in lines
    assert all(line.startswith("tests: warning: ") for line in lines)


@needs_beam
def test_a_job_that_fails_is_said_in_one_line(tmp_path):
    from electra_pretrain.execution.beam import beam_runner

    with (
        beam_runner("DirectRunner", "--direct_running_mode=in_memory", str(tmp_path)) as run,
        pytest.raises(
            UserError, match=r"^the Beam job failed \(invalid literal for int.*\); run the same command again to go on$"
        ),
    ):
        list(run(int, [("x",)]))
    assert os.listdir(tmp_path) == []


@needs_beam
def test_a_connection_is_closed_when_the_job_is_over_and_not_when_its_results_are_there(tmp_path, monkeypatch):
    """The last result may be there a moment before the runner knows."""
    import apache_beam

    from electra_pretrain.execution import beam
    from electra_pretrain.execution.beam_options import pipeline_options

    class Job:
        @property
        def client(self):
            return self

        def wait_until_finish(self):
            time.sleep(0.2)
            said.append("over")

        def close(self):
            said.append("closed")

    said, folder = [], str(tmp_path)
    monkeypatch.setattr(apache_beam.Pipeline, "run", lambda pipeline: Job())
    monkeypatch.setattr(beam, "LOOK_SECONDS", 0.01)
    stored = beam._store(abs, [(-1,), (-2,)], folder)
    for task in stored:
        beam._work(tuple(task), folder)
    with beam._job(folder, "abs", stored, pipeline_options("DirectRunner", "")) as job:
        assert list(beam._results(folder, "abs", stored, job)) == [1, 2]
        assert said == []
    assert said == ["over", "closed"]


def test_without_the_extra_the_command_says_what_to_install(tmp_path, vocab_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "apache_beam.options.pipeline_options", None)
    arguments = ["--corpus", f"{SAMPLE_CORPUS}/news.txt", "--vocab", vocab_path, "--output", str(tmp_path / "out")]
    with pytest.raises(UserError, match=r"pip install 'electra_pretrain\[beam\]'"):
        build_data.build_data(build_data.parse_args([*arguments, "--runner", "DirectRunner"]))
    with pytest.raises(UserError, match="are for --runner"):
        build_data.build_data(build_data.parse_args([*arguments, "--work_dir", str(tmp_path)]))


def test_blocks_are_as_large_as_on_one_machine(corpus, tmp_path, vocab_path, monkeypatch):
    asked = []
    read, planned = BlockReader.blocks, cluster.plan

    def noted(function):
        def call(*arguments):
            asked.append(arguments[-1])
            return function(*arguments)

        return call

    for name, shared, holder, attribute, function in (
        ("local", None, BlockReader, "blocks", read),
        ("apart", str(tmp_path / "shared"), cluster, "plan", planned),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(holder, attribute, noted(function))
            build(corpus, vocab_path, False, str(tmp_path / name), BuildSettings(SEQ), here, shared)
    assert asked == [RECORDS_BLOCK_CHARACTERS] * 2

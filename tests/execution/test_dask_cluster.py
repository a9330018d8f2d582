"""Work on Dask: a real scheduler and real worker processes; one that dies in the middle of a task changes no byte."""

import argparse
import importlib.util
import os
import re
import signal

import pytest

from electra_pretrain import build_data, clean_corpus, dedup_corpus
from electra_pretrain.core.errors import Unavailable, UserError
from electra_pretrain.corpus.cleaning import pipeline as clean_job
from electra_pretrain.corpus.dedup import pipeline as dedup_job
from electra_pretrain.execution import beam, dask_cluster
from electra_pretrain.execution.beam import beam_runner
from electra_pretrain.records import build as build_job
from electra_pretrain.records import cluster, shards
from tests.conftest import ROOT, SAMPLE_CORPUS, SEQ
from tests.corpus.cleaning.test_clean_corpus import same_files
from tests.support import dask_processes, mortal
from tests.support.ports import free_ports

needs_dask = pytest.mark.skipif(importlib.util.find_spec("distributed") is None, reason="the extra dask is not installed")
COMMANDS = {
    "build_data": (build_data, ["--max_seq_length", str(SEQ), "--heldout_fraction", "0.1"]),
    "clean_corpus": (clean_corpus, []),
    "dedup_corpus": (dedup_corpus, ["--by", "line"]),
}


@pytest.fixture(scope="module")
def processes(tmp_path_factory):
    """A scheduler with one worker, which does two tasks at a time."""
    with dask_processes.running(tmp_path_factory.mktemp("dask")) as started:
        started.start_worker("--nthreads", 2)
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


@needs_dask
@pytest.mark.parametrize(
    ("name", "writing"), [("build_data", "/train-"), ("clean_corpus", "/part-"), ("dedup_corpus", "/part-")]
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
        numbers, workers = zip(*run(mortal.who, [(number,) for number in range(20)]), strict=True)
        assert numbers == tuple(range(20))
        assert len(set(workers)) == 2 and os.getpid() not in workers and second.pid in workers
    second.kill()
    second.wait()
    assert os.listdir(tmp_path) == []


@needs_dask
def test_results_come_while_other_tasks_are_at_work(processes, tmp_path, monkeypatch):
    monkeypatch.setattr(beam, "LOOK_SECONDS", 0.05)
    later = tmp_path / "later"
    with beam_runner("DaskRunner", f"--dask_client_address={processes.address}", str(tmp_path / "shared")) as run:
        results = run(mortal.wait_for, [("",), (str(later),)])
        assert next(results) == ""
        later.touch()
        assert list(results) == [str(later)]


@needs_dask
def test_a_worker_with_another_package_is_named_before_work_begins(processes, tmp_path):
    (tmp_path / "electra_pretrain").mkdir()
    (tmp_path / "electra_pretrain" / "__init__.py").write_text("")
    stranger = processes.start_worker("--name", "stranger", PYTHONPATH=str(tmp_path))
    processes.wait_for(2)
    told = r"^--runner DaskRunner: the worker tcp://127\S+ cannot load electra_pretrain as it is here \(.*\); install the same"
    with (
        pytest.raises(UserError, match=told),
        beam_runner("DaskRunner", f"--dask_client_address={processes.address}", str(tmp_path / "out")),
    ):
        pass
    stranger.kill()
    stranger.wait()
    assert not (tmp_path / "out").exists()


def test_what_differs_between_machines_is_told():
    ours = dask_cluster.environment()
    dask_cluster._compare("the worker w", ours)
    for package, version in (("Python", "3.99"), ("emoji", ""), ("electra_pretrain", "0.1.0, code 00000000")):
        told = f"the worker w has {package} {version or '.none.'}, this machine {re.escape(ours[package])}; install the same"
        with pytest.raises(UserError, match=told):
            dask_cluster._compare("the worker w", {**ours, package: version})


@needs_dask
@pytest.mark.parametrize(
    ("flags", "kind", "told"),
    [
        ("", UserError, "needs a scheduler .*: --beam_args='--dask_client_address=HOST:8786'$"),
        ("--dask_client_address=host", UserError, "^--dask_client_address=host: .*; write HOST:PORT$"),
        (
            "--dask_client_address=127.0.0.1:{port} --dask_connection_timeout=1",
            Unavailable,
            "^no Dask scheduler answers at 127",
        ),
        (
            "--dask_scheduler_file=none.json --dask_connection_timeout=1",
            Unavailable,
            "^none.json: no such file; is the scheduler running",
        ),
        ("--dask_npartitions=x", UserError, "^--beam_args: argument --dask_npartitions: invalid int value: 'x'$"),
        ("'", UserError, "^--beam_args=': cannot be split into flags"),
    ],
)
def test_a_scheduler_that_cannot_be_reached_is_one_line_and_nothing_is_written(tmp_path, flags, kind, told):
    port = free_ports(1)[0]
    with pytest.raises(kind, match=told) as found, beam_runner("DaskRunner", flags.format(port=port), str(tmp_path / "out")):
        pass
    assert "\n" not in str(found.value) and not (tmp_path / "out").exists()


@needs_dask
def test_the_flags_that_the_page_shows_are_those_of_beam_and_dask():
    from apache_beam.runners.dask.dask_runner import DaskOptions
    from distributed.cli import dask_scheduler, dask_worker

    page = (ROOT / "docs" / "cluster.md").read_text()
    parser = argparse.ArgumentParser()
    DaskOptions._add_argparse_args(parser)
    assert set(re.findall(r"--dask_\w+", page)) <= set(parser._option_string_actions)
    shown = re.findall(r"^(?:srun .*)?dask (scheduler|worker) ?([^#&\n]*)", page, re.MULTILINE)
    assert {role for role, _ in shown} == {"scheduler", "worker"} and len(shown) == 4
    for role, words in shown:
        main = dask_scheduler.main if role == "scheduler" else dask_worker.main
        main.make_context(role, words.split())
    assert "--memory-limit" in {name for each in dask_worker.main.params for name in each.opts}


def test_it_is_known_by_its_short_name_and_by_its_class():
    assert all(map(dask_cluster.is_meant, ("DaskRunner", "daskrunner", "dask", dask_cluster.CLASS)))
    assert not any(map(dask_cluster.is_meant, ("DirectRunner", "direct", "some.other.DaskRunner")))


def test_a_task_is_a_partition_unless_told_otherwise():
    assert dask_cluster.default_flags(["--x"]) == ["--dask_partition_size=1", "--dask_connection_timeout=10"]
    assert dask_cluster.default_flags(["--dask_npartitions=8", "--dask_connection_timeout", "60"]) == []

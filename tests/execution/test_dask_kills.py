"""Workers, commands and schedulers of Dask killed at random moments: heavy proofs that the bytes stay the same."""

import os
import random
import signal
import subprocess
import sys
import threading

import pytest

from electra_pretrain.core.errors import UserError
from tests.conftest import ROOT, SAMPLE_CORPUS
from tests.corpus.cleaning.test_clean_corpus import same_files
from tests.execution.test_dask_cluster import COMMANDS, needs_dask, on, run, small
from tests.support import dask_processes

pytestmark = [pytest.mark.slow, needs_dask]
__all__ = ["small"]


@pytest.fixture
def corpus(tmp_path):
    """Thirty files that repeat one another."""
    (tmp_path / "corpus").mkdir()
    for number, name in enumerate(("news.txt", "law.txt", "comments.txt") * 10):
        (tmp_path / "corpus" / f"{number:02}.txt").write_bytes((SAMPLE_CORPUS / name).read_bytes())
    return f"{tmp_path}/corpus/*.txt"


@pytest.fixture
def processes(tmp_path):
    (tmp_path / "dask").mkdir()
    with dask_processes.running(str(tmp_path / "dask")) as started:
        yield started


def finished(*arguments):
    """Whether it came to its end; a task of which four workers died ends the command, which then goes on where it was."""
    try:
        run(*arguments)
    except UserError as error:
        assert "a task ended all worker processes that tried it" in str(error)
        return False
    return True


@pytest.mark.parametrize("name", COMMANDS)
def test_workers_killed_again_and_again_change_no_byte(processes, corpus, small, tmp_path, vocab_path, name):
    chance, over, kills = random.Random(name), threading.Event(), []
    workers = [processes.start_worker() for _ in range(2)]

    def kill_by_turns():
        while not over.wait(chance.uniform(0.5, 3)):
            victim = workers.pop(chance.randrange(2))
            victim.kill()
            kills.append(victim.wait())
            workers.append(processes.start_worker())
            processes.wait_for(2)

    processes.wait_for(2)
    killer = threading.Thread(target=kill_by_turns)
    killer.start()
    try:
        while not finished(name, corpus, tmp_path / "on_dask", vocab_path, on(processes.address)):
            pass
    finally:
        over.set()
        killer.join()
    run(name, corpus, tmp_path / "here", vocab_path, ["--num_processes", "1"])
    same_files(tmp_path / "here", tmp_path / "on_dask")
    print(f"{name}: {len(kills)} kills")
    assert kills and set(kills) == {-signal.SIGKILL}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_killed_command_goes_on_and_a_dead_scheduler_is_one_line(processes, corpus, tmp_path, vocab_path, name):
    chance = random.Random(name)
    processes.start_worker()
    processes.start_worker()
    processes.wait_for(2)

    def started():
        more = ["--vocab", vocab_path] if name == "build_data" else []
        words = [*COMMANDS[name][1], *more, "--corpus", corpus, "--output", str(tmp_path / "dask_out"), *on(processes.address)]
        command = [sys.executable, "-m", f"electra_pretrain.{name}", *words]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)

    for _ in range(3):
        process = started()
        threading.Event().wait(chance.uniform(3, 9))
        process.kill()
        process.communicate()
    process = started()
    while not any((tmp_path / "dask_out").glob(f".beam-*-{process.pid}-*/*")) and process.poll() is None:
        threading.Event().wait(0.01)
    processes.scheduler.kill()
    _, said = process.communicate(timeout=120)
    last = said.splitlines()[-1]
    told = f"{name}: error: the Dask scheduler is gone; start it, then run the same command again to go on"
    assert (process.returncode, last) == (69, told) and "Traceback" not in said, said
    processes.scheduler.wait()
    processes.start_scheduler()
    processes.start_worker()
    processes.wait_for(1)
    process = started()
    _, said = process.communicate()
    assert process.returncode == 0, said
    run(name, corpus, tmp_path / "here", vocab_path, ["--num_processes", "1"])
    same_files(tmp_path / "here", tmp_path / "dask_out")

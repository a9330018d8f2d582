"""One run at a time in a folder: a second one is told who is there, a killed one keeps nobody out; in buckets too."""

import os
import signal
import socket
import subprocess
import sys
import threading

import pytest

from electra_pretrain.core import bucket_lock, files, locks
from electra_pretrain.core.errors import UserError
from electra_pretrain.core.holder import LOCK_NAME, Holder
from tests.conftest import ROOT
from tests.support.storage_emulator import BUCKET

URL = f"gs://{BUCKET}/run"


HOLD = """
import sys
from electra_pretrain.core import locks
with locks.held(sys.argv[1], "clean_corpus"):
    print("held", flush=True)
    sys.stdin.read()
"""
# Its child stays when it is killed.
HOLD_WITH_CHILD = """
import os, signal, sys
from electra_pretrain.core import locks
with locks.held(sys.argv[1], "clean_corpus"):
    if child := os.fork():
        print(child, flush=True)
    signal.pause()
"""
# Again and again, as much as they can; an own file tells of two at once.
TAKE_TURNS = """
import os, sys
from electra_pretrain.core import locks
from electra_pretrain.core.errors import UserError
for _ in range(300):
    try:
        with locks.held(sys.argv[1], "clean_corpus"):
            os.close(os.open(sys.argv[2], os.O_CREAT | os.O_EXCL))
            os.remove(sys.argv[2])
    except UserError:
        pass
"""


def start(script, *arguments):
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)


@pytest.fixture
def elsewhere(tmp_path):
    """A folder in which another process is at work, and that process."""
    with start(HOLD, tmp_path / "out") as process:
        assert process.stdout.readline() == "held\n"
        yield str(tmp_path / "out"), process
        process.kill()


def test_the_second_is_told_who_is_there(elsewhere):
    folder, process = elsewhere
    since = r"since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\+00:00"
    for name in (folder, f"{folder}/../out"):
        expected = rf"^{name}: in use by clean_corpus, process {process.pid} on {socket.gethostname()} {since}; "
        with pytest.raises(UserError, match=expected), locks.held(name, "build_data"):
            pytest.fail("two at once")
    process.communicate()
    with locks.held(folder, "build_data"):
        pass
    assert not os.listdir(folder)


def test_a_killed_run_keeps_nobody_out(elsewhere):
    folder, process = elsewhere
    process.kill()
    process.wait()
    assert os.listdir(folder) == [LOCK_NAME]
    with locks.held(folder, "clean_corpus"):
        assert files.list_dir(folder) == []  # no command takes it for its own, or another's, work
    assert not os.listdir(folder)


def test_a_child_that_outlives_a_killed_run_keeps_nobody_out(tmp_path):
    with start(HOLD_WITH_CHILD, tmp_path / "out") as process:
        child = int(process.stdout.readline())
        process.kill()
        process.wait()
        with locks.held(str(tmp_path / "out"), "build_data"):
            os.kill(child, signal.SIGKILL)


def test_within_one_process_too(tmp_path):
    with locks.held(str(tmp_path), "build_data"):
        with pytest.raises(UserError, match="in use by"), locks.held(f"{tmp_path}/.", "build_data"):
            pytest.fail("two at once")
        with locks.held(str(tmp_path / "within"), "finetune"):
            pass
    with locks.held(str(tmp_path), "build_data"):
        pass


def test_of_many_at_once_one_is_let_in(tmp_path):
    """While the lock's file is made and removed all the time."""
    processes = [start(TAKE_TURNS, tmp_path / "out", tmp_path / "inside") for _ in range(3)]
    assert [process.wait(60) for process in processes] == [0, 0, 0]


def test_a_run_that_fails_leaves_no_empty_folder(tmp_path):
    with pytest.raises(ZeroDivisionError), locks.held(str(tmp_path / "out"), "build_data"):
        raise ZeroDivisionError
    assert not os.listdir(tmp_path)


def test_what_lies_there_stays(tmp_path):
    (tmp_path / "part").write_text("text")
    with pytest.raises(ZeroDivisionError), locks.held(str(tmp_path), "build_data"):
        raise ZeroDivisionError
    assert os.listdir(tmp_path) == ["part"]


def test_a_lock_that_cannot_be_read_is_someones_all_the_same():
    error = Holder("out", "build_data", "here", 1, "now").refuse(b"\xff{")
    assert str(error).startswith("out: in use by another run; ")


@pytest.fixture
def quick(proxy, monkeypatch):
    """The bucket, where a day passes in a second."""
    monkeypatch.setattr(bucket_lock, "RENEWAL_SECONDS", 0.1)
    monkeypatch.setattr(bucket_lock, "ABANDONED_SECONDS", 1.0)
    return proxy


def other(process=1, host="elsewhere"):
    return Holder(URL, "build_data", host, process, "2026-01-01 00:00:00+00:00")


def test_in_a_bucket_the_second_is_told_who_is_there(quick):
    with bucket_lock.held(other()), pytest.raises(UserError) as error, locks.held(URL, "build_data"):
        pytest.fail("two at once")
    assert f"{URL}: in use by build_data, process 1 on elsewhere since 2026-01-01" in str(error.value)
    with locks.held(URL, "build_data"):
        assert list(quick.objects()) == [f"run/{LOCK_NAME}"]
    assert not quick.objects()


def test_in_a_bucket_a_lock_that_nobody_renews_is_taken_over(quick):
    quick.put(f"run/{LOCK_NAME}", other().to_bytes())
    with locks.held(URL, "build_data"):
        assert b"elsewhere" not in quick.content(f"run/{LOCK_NAME}")
    assert not quick.objects()


def test_in_a_bucket_a_run_begun_again_on_its_machine_does_not_wait(quick, monkeypatch):
    monkeypatch.setattr(bucket_lock.time, "sleep", lambda seconds: pytest.fail("waited"))
    process = subprocess.Popen(["true"])
    process.wait()
    quick.put(f"run/{LOCK_NAME}", other(process.pid, socket.gethostname()).to_bytes())
    with locks.held(URL, "build_data"):
        pass


def test_in_a_bucket_a_lost_answer_is_not_another_run(quick):
    """The write arrived, its answer did not; sent again, its condition no longer holds."""
    lost = []

    def lose_one(request, answer):
        if request.method == "POST" and not lost:
            lost.append(request)
            return answer._replace(status=503)
        return answer

    quick.touch = lose_one
    with locks.held(URL, "build_data"):
        assert lost
    assert not quick.objects()


def test_in_a_bucket_a_run_that_was_given_up_ends(quick, monkeypatch):
    told = threading.Event()
    monkeypatch.setattr(bucket_lock.os, "kill", lambda process, number: told.set())
    with locks.held(URL, "build_data"):
        quick.put(f"run/{LOCK_NAME}", other().to_bytes())
        assert told.wait(10)
    assert quick.content(f"run/{LOCK_NAME}") == other().to_bytes()  # the other's lock stays


def test_what_killed_runs_left_goes_under_the_lock_alone(tmp_path):
    """Not when a second run is refused: of another machine's process nobody knows whether it is still writing."""
    left, others = tmp_path / "part-1.tmp-1-another-machine", tmp_path / "notes.tmp-1-another-machine"
    with locks.held(str(tmp_path), "build_data"):
        left.touch()
        others.touch()
        with pytest.raises(UserError, match="in use by"), locks.held(str(tmp_path), "build_data", r"part-\d+"):
            pytest.fail("two at once")
        assert left.exists()
    with locks.held(str(tmp_path), "build_data", r"part-\d+"):
        assert not left.exists() and others.exists()

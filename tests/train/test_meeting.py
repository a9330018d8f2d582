"""Workers meet before TensorFlow connects them: who is missing is said, whoever waits can be ended, and none is left behind."""

import contextlib
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from electra_pretrain.core.errors import Unavailable, UserError
from electra_pretrain.train import meeting
from electra_pretrain.train.background import Background
from electra_pretrain.train.cluster import Cluster
from electra_pretrain.train.meeting import wait_for_all
from tests.support.ports import free_ports

WAITS = """
import sys
from electra_pretrain.core import messages
from electra_pretrain.train import meeting
from electra_pretrain.train.cluster import Cluster
messages.configure("waits")
meeting._SILENT_SECONDS = 0.1
meeting.wait_for_all(Cluster(sys.argv[1].split(","), 0), 60)
"""


@pytest.fixture
def workers(monkeypatch):
    """Addresses of three."""
    monkeypatch.setattr(meeting, "_BETWEEN_QUESTIONS", 0.02)
    monkeypatch.setattr(meeting, "_PATIENCE", 0.5)
    return [f"127.0.0.1:{port}" for port in free_ports(3)]


def assert_free(address):
    socket.create_server(("", int(address.rpartition(":")[2]))).close()


def test_all_go_on_together_however_late_the_last_one_comes(workers):
    waiting = [Background(wait_for_all, Cluster(workers, index), 20) for index in (2, 0)]
    time.sleep(0.3)
    assert all(one._thread.is_alive() for one in waiting)
    for one in (*waiting, Background(wait_for_all, Cluster(workers, 1), 20)):
        one.result()
    for address in workers:
        assert_free(address)  # TensorFlow's from here on


def test_one_that_is_alone_does_not_wait(workers):
    wait_for_all(Cluster(workers[:1], 0), 0)


def test_who_is_missing_is_said_and_at_last_given_up_on(workers, monkeypatch, caplog):
    monkeypatch.setattr(meeting, "_SILENT_SECONDS", 0.1)
    monkeypatch.setattr(meeting, "_BETWEEN_LINES", 0.4)
    monkeypatch.setattr(logging.getLogger("electra_pretrain"), "propagate", True)
    there = Background(wait_for_all, Cluster(workers, 1), 1.5)
    with pytest.raises(Unavailable) as error:
        wait_for_all(Cluster(workers, 0), 1)
    said = f"{workers[1]} (is there, but does not reach all the others itself), {workers[2]} (does not answer)"
    assert str(error.value).startswith(f"TF_CONFIG: waited 1 s for {said}; start the same command on every machine")
    lines = [record.getMessage() for record in caplog.records if record.getMessage().startswith(f"waiting for {said}; ")]
    assert len(lines) >= 2 and re.search(r"; \d s more$", lines[0])
    with pytest.raises(Unavailable, match=re.escape(f"{workers[0]} (does not answer), {workers[2]} (does not answer)")):
        there.result()


def test_one_that_ends_while_it_waits_is_missed_again(workers):
    with pytest.raises(Unavailable):
        wait_for_all(Cluster(workers, 1), 0.3)
    others = [Background(wait_for_all, Cluster(workers, index), 1) for index in (0, 2)]
    for one in others:
        with pytest.raises(Unavailable, match=re.escape(f"{workers[1]} (does not answer)")):
            one.result()


def test_a_server_of_another_kind_is_no_worker(workers):
    with socket.create_server(("127.0.0.1", int(workers[1].rpartition(":")[2]))) as other:

        def greet():
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = other.accept()
                    with connection:
                        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")

        threading.Thread(target=greet, daemon=True).start()
        with pytest.raises(Unavailable, match=re.escape(f"{workers[1]} (answers, but is no worker that waits")):
            wait_for_all(Cluster(workers[:2], 0), 0.5)


def test_two_workers_of_one_number_are_told(workers):
    """As where the variable is copied to the second machine unchanged: there its own address is called worker 1."""
    first = Background(wait_for_all, Cluster(workers[:2], 0), 20)
    with pytest.raises(UserError, match=rf"^TF_CONFIG: {workers[0]} should be worker 1, and says that it is worker 0; give"):
        wait_for_all(Cluster([workers[1], workers[0]], 0), 20)
    with pytest.raises(UserError, match=rf"^TF_CONFIG: {workers[1]} should be worker 1, and says that it is worker 0; give"):
        first.result()


@pytest.mark.parametrize(
    ("others", "named"),
    [({"config": "b", "version": "1", "--data": "c"}, {"config", "--data"}), ({}, {"config", "version"})],
)
def test_workers_of_two_runs_are_told(workers, others, named):
    own = {"config": "a", "version": "1"}
    first = Background(wait_for_all, Cluster(workers[:2], 0), 20, own)
    second = Background(wait_for_all, Cluster(workers[:2], 1), 20, others)
    for one, number in ((first, 1), (second, 0)):
        with pytest.raises(UserError) as refused:
            one.result()
        told = f"TF_CONFIG: worker {number}, {workers[number]}, has another "
        assert str(refused.value).startswith(told)
        assert {*str(refused.value).removeprefix(told).partition(" than")[0].split(", ")} == named


def test_workers_of_one_run_go_on(workers):
    both = [
        Background(wait_for_all, Cluster(workers[:2], index), 20, {"--data": "a folder", "config": "a"}) for index in (0, 1)
    ]
    for one in both:
        one.result()


def test_a_port_that_is_taken_is_told(workers):
    port = int(workers[0].rpartition(":")[2])
    with (
        socket.create_server(("", port)),
        pytest.raises(UserError, match=rf"^TF_CONFIG: this worker cannot open port {port} \(Address already in use\); end"),
    ):
        wait_for_all(Cluster(workers, 0), 5)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_whoever_waits_can_be_ended(workers, number):
    waiting = subprocess.Popen(
        [sys.executable, "-c", WAITS, ",".join(workers)], stderr=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    line = waiting.stderr.readline()
    assert line.startswith(f"waits: warning: waiting for {workers[1]} (does not answer), {workers[2]} (does not answer); ")
    began = time.monotonic()
    waiting.send_signal(number)
    _, said = waiting.communicate(timeout=20)
    assert time.monotonic() - began < 5
    if number == signal.SIGINT:
        assert waiting.returncode == -number
    else:
        assert "Stopped: stopped while it waited for the other workers; run the same command again" in said


def test_tensorflow_s_own_part_is_bounded(monkeypatch):
    with meeting.bounded():
        assert 0 < signal.alarm(100) <= meeting._SECONDS_TO_CONNECT
        assert signal.getsignal(signal.SIGINT) is signal.SIG_DFL
    assert signal.alarm(0) == 0 and signal.getsignal(signal.SIGINT) is not signal.SIG_DFL

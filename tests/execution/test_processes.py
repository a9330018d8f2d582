"""Work in several processes: results in order, errors after those before them, nothing left, of killed commands either."""

import operator
import os
import signal
import subprocess
import sys
import time

import pytest

from electra_pretrain.execution.processes import worker_pool

_SLEEPER = """
import time
from electra_pretrain.execution.processes import worker_pool
if __name__ == "__main__":
    with worker_pool(2) as run:
        print(next(run(abs, [(-1,)])), flush=True)
        list(run(time.sleep, [(60,)] * 8))
"""


def test_tasks_are_handed_over_whole_and_leave_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    waiting = []

    def tasks():
        for number in range(20):
            waiting.append(sum(len(names) for _, _, names in os.walk(tmp_path)))
            yield bytes([number]) * 3_000_000, 2_999_999
        yield b"", 0  # its error comes behind the results of those before it

    with worker_pool(2) as run:
        results = run(operator.getitem, tasks())
        assert [next(results) for _ in range(20)] == list(range(20))
        with pytest.raises(IndexError):
            next(results)
    assert max(waiting) <= 4, "more tasks wait than the window takes"
    assert os.listdir(tmp_path) == []


def test_workers_of_a_killed_command_end_and_remove_its_tasks(tmp_path):
    script = tmp_path / "sleeper.py"
    script.write_text(_SLEEPER)
    folder = tmp_path / "temporary"
    folder.mkdir()
    process = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, env={**os.environ, "TMPDIR": str(folder)})
    assert process.stdout is not None and process.stdout.readline() == b"1\n"
    _wait_for(lambda: any(folder.glob("*/*")))  # tasks of two workers that sleep
    process.send_signal(signal.SIGKILL)
    process.wait()
    _wait_for(lambda: not any(folder.iterdir()))
    # Its workers held the other end of the pipe.
    assert process.stdout.read() == b""


def _wait_for(condition, seconds=60):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)

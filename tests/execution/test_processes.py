"""Worker processes: results in order, and nothing left of a command that is killed."""

import os
import signal
import subprocess
import sys
import tempfile
import time

from electra_pretrain.execution.processes import worker_pool

_SLEEPER = """
import time
from electra_pretrain.execution.processes import worker_pool
if __name__ == "__main__":
    with worker_pool(2) as run:
        print(next(run(abs, [(-1,)])), flush=True)
        list(run(time.sleep, [(60,)] * 8))
"""


def test_results_come_in_order_and_no_file_stays(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with worker_pool(2) as run:
        assert list(run(divmod, [(number, 7) for number in range(20)])) == [divmod(number, 7) for number in range(20)]
    assert not list(tmp_path.iterdir())


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

"""A command in a process of its own: its exit code is passed on, and it ends in good order with this process."""

import os
import signal
import subprocess
import sys
import time

import pytest

from electra_pretrain.execution.child import run_shown

CHILD = """
import os, signal, sys, time
def end(number, frame):
    open("ended", "w").close()
    sys.exit(75)
signal.signal(signal.SIGTERM, end)
print("working", flush=True)
time.sleep(60)
"""
PARENT = "from electra_pretrain.execution.child import run_shown; run_shown('worker', [])"


@pytest.mark.parametrize(("end", "code"), [("sys.exit(69)", 69), ("print('done')", 0), ("os.kill(os.getpid(), 9)", 137)])
def test_exit_codes_are_passed_on_and_the_output_is_shown(tmp_path, monkeypatch, capfd, end, code):
    (tmp_path / "worker.py").write_text(f"import os, sys; print(sys.argv[1:], flush=True); {end}")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *sys.path]))
    assert run_shown("worker", ["--a", "b c"]) == code
    assert capfd.readouterr().out.startswith("['--a', 'b c']\n")


def test_an_interrupted_command_asks_its_child_to_end_and_waits_for_it(tmp_path):
    (tmp_path / "worker.py").write_text(CHILD)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert parent.stdout.readline() == b"working\n"
    began = time.monotonic()
    parent.send_signal(signal.SIGINT)
    _, err = parent.communicate(timeout=30)
    assert (tmp_path / "ended").exists() and time.monotonic() - began < 20
    assert b"KeyboardInterrupt" in err

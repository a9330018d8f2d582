"""A scheduler of Dask and its workers, each a process of its own, on the loopback device."""

import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
START_SECONDS = 120


class Processes:
    """A scheduler, and the workers that were started for it.

    Args:
        folder: for logs and Dask's own files.

    Attributes:
        address: of the scheduler.
    """

    def __init__(self, folder):
        self._folder, self._started = folder, []
        self.start_scheduler()

    def start_scheduler(self):
        """Start one on a port that it finds free itself, and wait for its address."""
        path = Path(self._folder, f"scheduler-{len(self._started)}.json")
        flags = ("--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--no-show", "--scheduler-file", path)
        self.scheduler, self.address = self._start("scheduler", *flags), ""
        while not self.address:
            assert self.scheduler.poll() is None, self.log()
            time.sleep(0.05)
            with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):  # it is not there yet, or not all of it
                self.address = json.loads(path.read_text())["address"].removeprefix("tcp://")

    def start_worker(self, *options, **environment):
        """Start a worker of one thread, which nobody starts again when it ends."""
        flags = ("--host", "127.0.0.1", "--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", self._folder)
        return self._start("worker", self.address, *flags, *options, **environment)

    def wait_for(self, workers):
        """Return when so many have come and all others are gone."""
        from distributed import Client

        end = time.monotonic() + START_SECONDS
        with Client(self.address, timeout=START_SECONDS) as client:
            while len(client.scheduler_info(n_workers=-1)["workers"]) != workers:
                assert time.monotonic() < end, self.log()
                time.sleep(0.05)

    def log(self):
        return "".join(path.read_text() for path in sorted(Path(self._folder).glob("*.log")))

    def stop(self):
        for process in self._started:
            process.kill()
            process.wait()

    def _start(self, role, *arguments, **environment):
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **environment}
        command = [sys.executable, "-m", "dask", role, *map(str, arguments)]
        with open(f"{self._folder}/{role}-{len(self._started)}.log", "wb") as log:
            self._started.append(subprocess.Popen(command, env=environment, cwd=self._folder, stdout=log, stderr=log))
        return self._started[-1]


@contextlib.contextmanager
def running(folder):
    """Give `Processes` with a scheduler; all of them end with the block."""
    processes = Processes(folder)
    try:
        yield processes
    finally:
        processes.stop()

"""Tasks for workers of Dask, and what one of them loads first that is to die in a task, as by `kill -9`.

It is loaded with `dask worker --preload`, and DIES_WRITING is a regular expression: a file whose name it matches has been
written beside its place, and the process ends instead of moving it there.
"""

import os
import re
import signal
import time

from electra_pretrain.core import files


def dask_setup(worker):
    """Lay the trap; Dask calls this once the worker runs."""

    def replace(source, target, before=files.replace):
        if re.search(os.environ["DIES_WRITING"], target):
            os.kill(os.getpid(), signal.SIGKILL)
        before(source, target)

    files.replace = replace


def who(number):
    """A task that takes a moment: give back its number, and which process does it."""
    time.sleep(0.05)
    return number, os.getpid()


def wait_for(path):
    """A task that takes until there is such a file."""
    while path and not os.path.exists(path):
        time.sleep(0.02)
    return path

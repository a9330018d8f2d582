"""What a worker of Dask loads first that is to die in a task, as by `kill -9`.

It is loaded with `dask worker --preload`, and DIES_WRITING is a regular expression: a file whose name it matches has been
written beside its place, and the process ends instead of moving it there.
"""

import os
import re
import signal

from electra_pretrain.core import files


def dask_setup(worker):
    """Lay the trap; Dask calls this once the worker runs."""

    def replace(source, target, before=files.replace):
        if re.search(os.environ["DIES_WRITING"], target):
            os.kill(os.getpid(), signal.SIGKILL)
        before(source, target)

    files.replace = replace

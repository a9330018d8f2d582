"""One run at a time in an output folder; a second one is told who is there.

What a killed run leaves behind keeps nobody out: how that is done, `file_lock` tells for folders, `bucket_lock` for buckets.
"""

import contextlib
import datetime
import os
import socket
from collections.abc import Iterator

from electra_pretrain.core import bucket_lock, file_lock, files
from electra_pretrain.core.holder import LOCK_NAME, Holder


@contextlib.contextmanager
def held(folder: str, command: str, makes: str = "") -> Iterator[None]:
    """Make a folder and be the only one who writes there within this block; a folder that stays empty is removed.

    Args:
        folder: local or `gs://`.
        command: what a second run is told that goes on there.
        makes: regular expression of the names that it gives there; what killed runs left of them half-written goes.

    Raises:
        UserError: another run is at work there (the message says which, where and since when), or the folder cannot be written.
    """
    since = datetime.datetime.now(datetime.timezone.utc).isoformat(" ", "seconds")
    holder = Holder(folder, command, socket.gethostname(), os.getpid(), since)
    if files.is_remote(folder):  # where a folder is made with what lies in it
        with bucket_lock.held(holder):
            _sweep(folder, makes)
            yield
        return
    files.make_dirs(folder)
    with files.removed_if_empty(folder), file_lock.held(files.join(folder, LOCK_NAME), holder):
        _sweep(folder, makes)
        yield


def _sweep(folder: str, makes: str) -> None:
    if makes:
        files.remove_temporaries(folder, makes)

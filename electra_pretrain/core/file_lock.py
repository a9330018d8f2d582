"""The lock of a folder on this machine or on a network's file system: a file that the kernel locks.

The kernel lets go of it when its process ends, however it ends. It is POSIX's kind (`lockf`), which other machines see over NFS
too, and which a child process does not inherit: a worker that outlives its parent for a moment keeps nobody out.
"""

import contextlib
import fcntl
import logging
import os
from collections.abc import Iterator

from electra_pretrain.core.holder import Holder

_log = logging.getLogger(__name__)
# To the kernel all of a process's own locks agree with each other.
_held_here = dict[str, Holder]()


@contextlib.contextmanager
def held(path: str, holder: Holder) -> Iterator[None]:
    """Hold the lock `path` within this block.

    Raises:
        UserError: another holds it.
    """
    path = os.path.realpath(path)
    if path in _held_here:
        raise holder.refuse(_held_here[path].to_bytes())
    lock = _acquire(path, holder)
    _held_here[path] = holder
    try:
        yield
    finally:
        del _held_here[path]
        with contextlib.suppress(FileNotFoundError):  # someone has removed the whole folder
            os.remove(path)  # before it is let go of: whoever opens it from now on makes a file of their own
        os.close(lock)


def _acquire(path: str, holder: Holder) -> int:
    """Lock the file and write the holder into it; return its descriptor."""
    while True:
        try:
            lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except FileNotFoundError:  # the one before removed the whole folder after it was found here
            os.makedirs(os.path.dirname(path), exist_ok=True)
            continue
        try:
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:
            content = os.read(lock, 1 << 16)
            os.close(lock)
            raise holder.refuse(content) from error
        except OSError as error:
            _log.warning("%s: this file system knows no locks (%s); see that no other run writes here", path, error.strerror)
            return lock
        if _is_still(path, lock):
            break
        os.close(lock)  # the one before removed it after it was opened here
    os.truncate(lock, 0)
    os.pwrite(lock, holder.to_bytes(), 0)
    return lock


def _is_still(path: str, lock: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(lock))
    except FileNotFoundError:
        return False

"""Whether another process holds this machine's TPU, or has left its lock behind; to be asked before libtpu is loaded."""

import fcntl
import os
import re
import struct
from collections.abc import Iterator
from pathlib import Path

from electra_pretrain.core.finding import Finding, Level

# What libtpu locks, one process at a time (tensorflow/core/tpu/tpu_initializer_helper.cc), unless one of these is set.
_LOCK = Path("/tmp/libtpu_lockfile")
_NO_LOCK = (("TPU_LOAD_LIBRARY", ("0", "1")), ("ALLOW_MULTIPLE_LIBTPU_LOAD", ("1", "true")))
_PROCESSES = Path("/proc")
_CHIP = re.compile(r"/dev/(?:accel\d+|vfio/\d+)$")
_FLOCK = "hhqqi4x"  # type, whence, start, length, process: struct flock of Linux, where C aligns as Python does


def check_free() -> Iterator[Finding]:
    """Yield a failure where this process would not get the TPU."""
    if any(os.environ.get(name) in values for name, values in _NO_LOCK):
        return
    holder = _locker()
    holder = next(_users(), None) if holder is None else holder
    if holder is not None:
        yield Finding(
            Level.FAILURE,
            f"the TPU is held by {_named(holder)}, and one process has all chips of a machine: end it "
            "(bash scripts/tpu/stop.sh, if it trains), or wait until it has ended",
        )
    elif _LOCK.exists() and not os.access(_LOCK, os.W_OK):
        yield Finding(
            Level.FAILURE,
            f"{_LOCK}: cannot be opened by this user, and libtpu takes that for a TPU in use; if nothing of its owner runs "
            f"(sudo fuser -v /dev/accel* /dev/vfio/*), then sudo rm {_LOCK}",
        )


def _locker() -> int | None:
    """Return the process that has locked the file, 0 where it has no number here; None where none has, or it cannot be told."""
    try:
        descriptor = os.open(_LOCK, os.O_RDONLY)
    except OSError:
        return None
    try:
        asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        kind, *_, process = struct.unpack(_FLOCK, fcntl.fcntl(descriptor, fcntl.F_GETLK, asked))
    finally:
        os.close(descriptor)
    return int(process) if kind != fcntl.F_UNLCK else None


def _users() -> Iterator[int]:
    """Yield other processes with a chip open; only root sees those of other users."""
    for folder in _PROCESSES.glob("[0-9]*"):
        try:
            opened = [os.readlink(each) for each in (folder / "fd").iterdir()]
        except OSError:  # another user's, or ended by now
            continue
        if int(folder.name) != os.getpid() and any(map(_CHIP.match, opened)):
            yield int(folder.name)


def _named(process: int) -> str:
    """Return a process in words; that of another container has no number here."""
    try:
        return f"process {process} ({(_PROCESSES / str(process) / 'comm').read_text().strip()})"
    except OSError:
        return "another process"

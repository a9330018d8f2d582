"""Names of files that are being written: they tell process and machine, so that a killed one's is told from a live one's."""

import os
import re
import socket


def name_for(path: str) -> str:
    """Name the file beside `path` that is written until it is whole; each process and machine has another."""
    return f"{path}.tmp-{os.getpid()}-{socket.gethostname()}"


def is_left_over(name: str, names: str = ".*", elsewhere: bool = True) -> bool:
    """Tell whether a file is one that a killed process left half-written.

    Another live process of this machine may still be writing its own; one of this process's number is an earlier one's, for
    this one looks before it writes. Of other machines' processes nothing is known.

    Args:
        name: of the file, without its folder.
        names: regular expression of what the file was to become.
        elsewhere: whether those of other machines are taken for dead, as where this process holds a lock that they would need.
    """
    match = re.fullmatch(rf"(?:{names})\.tmp-(\d+)-(.+)", name, re.DOTALL)
    if match is None:
        return False
    here = match[2].startswith(socket.gethostname())  # libraries add to a name what they like
    if not here:
        return elsewhere
    return int(match[1]) == os.getpid() or not is_alive(int(match[1]))


def is_alive(pid: int) -> bool:
    """Tell whether a process of this machine, anyone's, has not ended."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # someone else's
        pass
    return pid > 0 and not _is_waited_for(pid)  # 0 stands for one's own group


def _is_waited_for(pid: int) -> bool:
    """Tell whether a process is dead, and only its parent has not asked yet how it ended."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b") ")[2][:1] in (b"Z", b"X")
    except OSError:  # no Linux, or it is gone
        return False

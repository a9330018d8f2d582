"""What a command says, and the exit code that it leaves with, where it ends before it is done."""

import errno
import os
import re
import sys
from typing import NamedTuple

from electra_pretrain.cli.parser import Misuse
from electra_pretrain.core.errors import Stopped, Unavailable, UserError, reason_of

# What a supervisor goes by. 1: only the user can mend it; 2: so are arguments. The rest as sysexits.h has it: 69, a service did
# not answer; 70, an error of ours or of the machine's, which Python itself would end with 1; 75, try again: stopped in good
# order. 130 and 141 are what a shell makes of SIGINT and SIGPIPE.
EXIT_USER_ERROR, EXIT_USAGE, EXIT_UNAVAILABLE, EXIT_CRASHED, EXIT_TRY_AGAIN = 1, 2, 69, 70, 75
EXIT_INTERRUPTED, EXIT_UNREAD = 130, 141
# How TensorFlow's file system tells that the service was not reached: no address, no connection, no answer in time, cut off.
_UNREACHABLE = re.compile(r"libcurl code (?:5|6|7|28|35|52|55|56)\b")
_ADDRESS = re.compile(r"\w+://[^\s'\"]+(?<![:,;.)])")
_SYSTEM_REASONS = {os.strerror(number) for number in errno.errorcode}
# Needed by some commands only; a TPU machine may lack them.
_INSTALLABLE = {
    "tensorflow": "tensorflow (on a TPU VM: tensorflow-tpu)",
    "tokenizers": "tokenizers",
    "safetensors": "safetensors",
}
_GO_ON = "what was finished is kept: mend this and run the same command again"
_LESS = "give the machine more, or ask for less at once (fewer --num_processes, a smaller batch), and run it again"


class Ending(NamedTuple):
    """Why a command ends before it is done: the line that says so, and the exit code."""

    line: str
    code: int


def ending_of(error: BaseException) -> Ending | None:
    """Explain an error in one line; None for an error of ours, which keeps its traceback."""
    if isinstance(error, Stopped):
        return Ending(str(error), EXIT_TRY_AGAIN)
    if isinstance(error, KeyboardInterrupt):
        return Ending("interrupted; run the same command again", EXIT_INTERRUPTED)
    if isinstance(error, Misuse):
        return Ending(f"error: {error}", EXIT_USAGE)
    if isinstance(error, UserError):
        return Ending(f"error: {error}", EXIT_UNAVAILABLE if isinstance(error, Unavailable) else EXIT_USER_ERROR)
    if isinstance(error, ModuleNotFoundError) and error.name in _INSTALLABLE:
        return Ending(f"error: a package is missing; run: pip install {_INSTALLABLE[error.name]}", EXIT_USER_ERROR)
    if isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM):
        return Ending(f"error: out of memory ({reason_of(error)}); {_LESS}", EXIT_USER_ERROR)
    if isinstance(error, OSError) and error.strerror is not None:
        return Ending(f"error: {error.filename or 'file system'}: {error.strerror}; {_GO_ON}", EXIT_USER_ERROR)
    if isinstance(error, UnicodeEncodeError) and _is_name(error.object[error.start : error.end]):
        return Ending(
            f"error: {error.object}: a name that is not UTF-8 cannot be used here; rename it (or, if it is UTF-8, run the "
            "command under a locale that is, such as LC_ALL=C.UTF-8)",
            EXIT_USER_ERROR,
        )
    return _tensorflows(error)


def _is_name(text: str) -> bool:
    """Tell whether characters stand for bytes of a file's name or an argument, as Python hands over what is not UTF-8."""
    return all("\udc80" <= each <= "\udcff" for each in text)


def _tensorflows(error: BaseException) -> Ending | None:
    """Explain what TensorFlow says of files, of the service behind gs:// and of memory; all else is no user's business."""
    if "tensorflow" not in sys.modules:
        return None
    from tensorflow import errors

    if not isinstance(error, errors.OpError):
        return None
    reason = reason_of(error)
    if address := _ADDRESS.search(str(error)):
        passing = isinstance(error, (errors.UnavailableError, errors.DeadlineExceededError, errors.AbortedError))
        where = "" if address[0] in reason else f" ({address[0]})"
        return Ending(
            f"error: remote path: {reason}{where}; check the path, the credentials and the network",
            EXIT_UNAVAILABLE if passing or _UNREACHABLE.search(reason) else EXIT_USER_ERROR,
        )
    path, _, why = reason.rpartition("; ")  # "data/train-00000-of-00001.tfrecord; No such file or directory"
    if path and why in _SYSTEM_REASONS:
        return Ending(f"error: {path}: {why}; {_GO_ON}", EXIT_USER_ERROR)
    if isinstance(error, errors.ResourceExhaustedError):
        return Ending(f"error: out of memory ({reason}); {_LESS}", EXIT_USER_ERROR)
    if isinstance(error, errors.DataLossError):
        return Ending(f"error: a file is damaged ({reason}); copy it again, then run the same command again", EXIT_USER_ERROR)
    return None

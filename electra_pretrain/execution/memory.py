"""Have the C library keep memory that was freed: work that comes in blocks of one size soon needs it again."""

import ctypes
import functools

# malloc.h of the GNU C library, and what its page says of a threshold of -1.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_MMAP_MAX = -1, -3, -4
_NEVER = -1
_KEPT_BYTES = 1 << 30
_LARGEST_KEPT_BYTES = 1 << 25  # of one piece; more than this is not taken


@functools.cache
def keep_freed() -> None:
    """Do so from now on, in this process; where there is another C library, nothing changes.

    Else what a block of text leaves goes back to the system, which clears every page before it gives it again: a tenth of the
    processor's time of a build.
    """
    _tell(_M_MMAP_THRESHOLD, _LARGEST_KEPT_BYTES)
    _tell(_M_TRIM_THRESHOLD, _KEPT_BYTES)


@functools.cache
def keep_all_freed() -> None:
    """Keep pieces of any size, all of them, from now on: for training on a CPU, of which every step asks for the same again.

    Else a hundred thousand pages may be given back and cleared in every step of a small network.
    """
    _tell(_M_MMAP_MAX, 0)
    _tell(_M_TRIM_THRESHOLD, _NEVER)


def _tell(parameter: int, value: int) -> None:
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(parameter, value)

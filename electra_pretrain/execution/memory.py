"""Have the C library keep memory that was freed: work that comes in blocks of one size soon needs it again."""

import ctypes
import functools

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h of the GNU C library
_KEPT_BYTES = 1 << 30
_LARGEST_KEPT_BYTES = 1 << 25  # of one piece; more than this is not taken


@functools.cache
def keep_freed() -> None:
    """Do so from now on, in this process; where there is another C library, nothing changes.

    Else what a block of text leaves goes back to the system, which clears every page before it gives it again: a tenth of the
    processor's time of a build.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGEST_KEPT_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)

"""Makes the C library give memory back, which a small box with four cameras needs; never frees itself."""

import ctypes

_TRIM_THRESHOLD, _ARENA_MAX = -1, -8
"""mallopt(3)."""


def keep_small() -> bool:
    """Let glibc use two arenas and return freed memory at once; False where the C library isn't glibc.

    A detector's buffers come and go five times a second: without this tens of megabytes stay behind.
    """
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "mallopt"):
        return False
    return bool(libc.mallopt(_ARENA_MAX, 2)) and bool(libc.mallopt(_TRIM_THRESHOLD, 65536))

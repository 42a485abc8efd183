"""Wall time and how far it can be trusted; never used to measure a duration."""

import ctypes
import time
from typing import Literal

from edge.wire import TimeQuality

_TIME_ERROR = 5
_STA_UNSYNC = 0x0040
_DRIFT_LIMIT_US = 500_000
"""Above this estimated error the kernel's time is called drifting."""


class _Timeval(ctypes.Structure):
    _fields_ = [("seconds", ctypes.c_long), ("micros", ctypes.c_long)]


class _Timex(ctypes.Structure):
    """struct timex of adjtimex(2)."""

    _fields_ = [
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("constant", ctypes.c_long),
        ("precision", ctypes.c_long),
        ("tolerance", ctypes.c_long),
        ("time", _Timeval),
        ("tick", ctypes.c_long),
        ("reserved", ctypes.c_byte * 128),
    ]


def kernel_quality() -> TimeQuality:
    """Return what the kernel says of its clock (adjtimex(2), read only)."""
    timex = _Timex()
    state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(timex))
    if state < 0:
        return TimeQuality.UNKNOWN
    if state == _TIME_ERROR or timex.status & _STA_UNSYNC:
        return TimeQuality.UNKNOWN
    return TimeQuality.DRIFTING if timex.maxerror > _DRIFT_LIMIT_US else TimeQuality.SYNCHRONISED


class Clock:
    """The box's wall clock."""

    def __init__(self, kept_by: Literal["ntp", "hypervisor"]) -> None:
        self._kept_by = kept_by

    def now_ms(self) -> int:
        """Return milliseconds since 1970-01-01 UTC."""
        return time.time_ns() // 1_000_000

    def quality(self) -> TimeQuality:
        """Return the quality now; a hypervisor's clock is what its installer answered for."""
        return TimeQuality.SYNCHRONISED if self._kept_by == "hypervisor" else kernel_quality()

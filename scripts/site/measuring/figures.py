"""Percentiles and processor seconds for the measurements; knows nothing of what is measured."""

import math
import os
from collections.abc import Sequence

import psutil


def percentile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least `share` (0 to 1) of `values` don't exceed (nearest rank)."""
    if not values:
        raise ValueError("no values")
    ranked = sorted(values)
    return ranked[max(0, math.ceil(share * len(ranked)) - 1)]


def spread(seconds: Sequence[float]) -> dict[str, float]:
    """Return n and the percentiles of durations, in milliseconds."""
    ms = [one * 1000 for one in seconds]
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "most": 1.0}
    return {"n": len(ms)} | {name: round(percentile(ms, share), 1) for name, share in shares.items()}


def cpu_s(*pids: int) -> float:
    """Return the processor seconds (user and system) that these processes have used so far."""
    return sum(sum(psutil.Process(pid).cpu_times()[:2]) for pid in pids)


def machine() -> dict[str, float | int]:
    """Return what a figure depends on: processors, and the load of the last minute."""
    return {"processors": os.cpu_count() or 0, "load_1min": round(os.getloadavg()[0], 2)}

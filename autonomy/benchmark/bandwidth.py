"""The memory bandwidth of this machine by the triad a = b + s·c, counted as STREAM counts it: 24 bytes an element."""

from __future__ import annotations

import time

import numpy as np
from numba import njit

from autonomy.benchmark.clock import NANO, undisturbed
from autonomy.solvers.allocation import Vector

ELEMENTS = 16_000_000
"""Elements of each of three arrays: 128 MB each, many times any cache of one processor."""
REPEATS = 7


@njit(cache=True, nogil=True, error_model="numpy", fastmath=True)
def triad(a: Vector, b: Vector, c: Vector, s: float) -> None:
    """Write b + s·c to a, on one thread."""
    for i in range(a.size):
        a[i] = b[i] + s * c[i]


def triad_bytes_per_s(elements: int = ELEMENTS, repeats: int = REPEATS) -> float:
    """Return the best bandwidth of a few passes, bytes/s on one thread; what a write reads first is not counted."""
    a, b, c = np.zeros(elements), np.ones(elements), np.ones(elements)
    triad(a, b, c, 1.0)
    times = []
    with undisturbed():
        for _ in range(repeats):
            start = time.perf_counter_ns()
            triad(a, b, c, 3.0)
            times.append((time.perf_counter_ns() - start) * NANO)
    return 3 * 8 * elements / min(times)

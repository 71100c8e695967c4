"""Intervals carried over a step and met with new readings, in machine code: one loop instead of some fifteen calls.

An interval [low, high] is kept as (low, −high), so that both ends widen and meet alike.
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

from numba import float64, types

from autonomy.solvers.kernel.borrow import borrow
from autonomy.solvers.kernel.prices import compiled

MATRIX, COLUMN = (types.Array(float64, n, "C", readonly=True) for n in (2, 1))
SIGNATURE = types.boolean(*[COLUMN] * 2, *[MATRIX] * 2, float64[::1], float64[:, ::1])


@compiled(SIGNATURE)
def carry(level, moved, fixed, carried, content, met):
    """Carry intervals on by what was moved, and meet them with the readings.

    Args:
        level: (N,) the reading.
        moved: (N,)
        fixed: (10, N) rows in pairs, one for each end: by what a reading is multiplied; by what `moved` is; by what its
            size is; how far a reading may be off; what is taken off the gain.
        carried: (2, N) the intervals before.
        content: (N,) the reading times its first factor is written.
        met: (2, N) the intervals after are written.

    Returns:
        Whether every interval meets its reading; NaN meets nothing.
    """
    level, moved, fixed, carried = borrow(level), borrow(moved), borrow(fixed), borrow(carried)
    content, met = borrow(content), borrow(met)
    fits = True
    for i in range(level.size):
        size, total = abs(moved[i]), 0.0
        for end in range(2):
            reading = level[i] * fixed[end, i]
            if end == 0:
                content[i] = reading
            seen = reading - fixed[6 + end, i]
            gained = moved[i] * fixed[2 + end, i] + size * fixed[4 + end, i] - fixed[8 + end, i]
            left = carried[end, i] + gained
            met[end, i] = seen if seen > left else left
            total += met[end, i] + 0.0 * (seen + left)
        fits &= total <= 0.0
    return fits

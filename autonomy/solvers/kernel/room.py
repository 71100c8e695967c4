"""How far a store may rise and fall within its two ends, in machine code."""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

from numba import float64, types

from autonomy.solvers.kernel.prices import compiled

MATRIX, COLUMN = (types.Array(float64, n, "C", readonly=True) for n in (2, 1))
UP, DOWN, LOWEST = 4, 5, 6
"""Rows of `glance`'s answer after four that are copied: the room up, the room down, and the latter's negative."""
SIGNATURE = types.boolean(*[COLUMN] * 5, *[MATRIX] * 2, *[COLUMN] * 3, *[MATRIX] * 3, float64[:, ::1])


@compiled(inline=True)
def room(gap, share, unit, most):
    """Return min(most, max(gap, 0)·share/unit)."""
    return min(max(gap, 0.0) * share / unit, most)


@compiled(SIGNATURE)
def glance(one, two, level, high, low, lowest, highest, size_of, top, bottom, most, share, unit, out):  # noqa: PLR0913, PLR0917
    """Copy five rows of numbers if all lie in [lowest, highest] and low <= high, and work out the room of each store.

    Args:
        one: (N,)
        two: (N,)
        level: (N,) how full each store is, as a fraction of its size.
        high: (N,)
        low: (N,) <= high.
        lowest: (5, N) the least of the five, in this order.
        highest: (5, N) the most.
        size_of: (N,) size of each store.
        top: (N,) where each is full.
        bottom: (N,) where each is empty.
        most: (2, N) the largest room up, and down.
        share: (2, N) see `room`.
        unit: (2, N) see `room`.
        out: (7, N) one, two, high, low, and the rows named above.

    Returns:
        Whether nothing is in doubt; if not, `out` holds nothing of use. NaN is in doubt.
    """
    for i in range(one.size):
        if not (
            lowest[0, i] <= one[i] <= highest[0, i]
            and lowest[1, i] <= two[i] <= highest[1, i]
            and lowest[2, i] <= level[i] <= highest[2, i]
            and lowest[3, i] <= high[i] <= highest[3, i]
            and lowest[4, i] <= low[i] <= highest[4, i]
            and low[i] <= high[i]
        ):
            return False
        out[0, i], out[1, i], out[2, i], out[3, i] = one[i], two[i], high[i], low[i]
        content = level[i] * size_of[i]
        out[UP, i] = room(top[i] - content, share[0, i], unit[0, i], most[0, i])
        out[DOWN, i] = room(content - bottom[i], share[1, i], unit[1, i], most[1, i])
        out[LOWEST, i] = -out[DOWN, i]
    return True

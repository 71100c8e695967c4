"""How far a store may rise and fall within its two ends, in machine code."""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

from numba import float64, types

from autonomy.solvers.kernel.borrow import borrow
from autonomy.solvers.kernel.prices import compiled

MATRIX, COLUMN = (types.Array(float64, n, "C", readonly=True) for n in (2, 1))
UP, DOWN, LOWEST = 4, 5, 6
"""Rows of `glance`'s answer after four that are copied: the room up, the room down, and the latter's negative."""
SIGNATURE = types.boolean(*[COLUMN] * 5, MATRIX, float64[:, ::1])


@compiled(inline=True)
def room(gap, share, unit, most):
    """Return min(most, max(gap, 0)·share/unit)."""
    return min(max(gap, 0.0) * share / unit, most)


@compiled(SIGNATURE)
def glance(one, two, level, high, low, stores, out):
    """Copy five rows of numbers if all lie in their bounds and low <= high, and work out the room of each store.

    Args:
        one: (N,)
        two: (N,)
        level: (N,) how full each store is, as a fraction of its size.
        high: (N,)
        low: (N,) <= high.
        stores: (19, N) the least of the five, in this order, and the most; then the size of each store, where it is
            full, and where empty; then, up and down, the largest room, and the share and unit of `room`.
        out: (7, N) one, two, high, low, and the rows named above.

    Returns:
        Whether nothing is in doubt; if not, `out` holds nothing of use. NaN is in doubt.
    """
    one, two, level, high, low, out = borrow(one), borrow(two), borrow(level), borrow(high), borrow(low), borrow(out)
    stores = borrow(stores)
    lowest, highest, size_of, top, bottom = stores[:5], stores[5:10], stores[10], stores[11], stores[12]
    most, share, unit = stores[13:15], stores[15:17], stores[17:]
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

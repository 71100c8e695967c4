"""One total shared so that the emptiest stores are filled first, or the fullest emptied first, in machine code.

The level L solves Σ min(max((L − s_i)·k_i, 0), limit_i) = total. The sum is monotone and piecewise linear in L.
Newton's steps inside a bracket that shrinks end on a piece that holds the answer, and there L is exact.
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import numpy as np
from numba import float64, types

from autonomy.solvers.kernel.borrow import borrow
from autonomy.solvers.kernel.prices import compiled
from autonomy.solvers.kernel.room import COLUMN, MATRIX, room

ROUNDS = 200
"""More than halving a bracket of floats ever takes."""
SIGNATURE = types.boolean(*[COLUMN] * 5, MATRIX, float64[:, ::1])


@compiled(inline=True)
def _around(at, share, slope, limit):
    """Return the sum at a level, then slope and next corner to its right, and the same to its left."""
    total = right = left = 0.0
    above, below = np.inf, -np.inf
    for i in range(share.size):
        if slope[i] > 0.0 and limit[i] > 0.0:
            empty, full = share[i], share[i] + limit[i] / slope[i]
            total += min(max((at - empty) * slope[i], 0.0), limit[i])
            right += slope[i] if empty <= at < full else 0.0
            left += slope[i] if empty < at <= full else 0.0
            above = min(above, empty if empty > at else full if full > at else np.inf)
            below = max(below, full if full < at else empty if empty < at else -np.inf)
    return total, right, above, left, below


@compiled(inline=True)
def _level(total, share, slope, limit):
    """Return L for 0 <= total < Σ limit."""
    low, high = np.inf, -np.inf
    for i in range(share.size):
        if slope[i] > 0.0 and limit[i] > 0.0:
            low, high = min(low, share[i]), max(high, share[i] + limit[i] / slope[i])
    at = low
    for k in range(ROUNDS):
        sum_here, right, above, left, below = _around(at, share, slope, limit)
        if sum_here <= total:
            step = at + (total - sum_here) / right if right > 0.0 else above
            if right > 0.0 and step <= above:
                return step
            low = max(low, min(above, high))
        else:
            step = at + (total - sum_here) / left if left > 0.0 else below
            if left > 0.0 and step >= below:
                return step
            high = min(high, max(below, low))
        if not low < high:
            return low
        # A step that leaves the bracket, and every fourth, halves it.
        at = step if k % 4 != 3 and low < step < high else low + (high - low) / 2.0
    return at


@compiled(SIGNATURE)
def share_out(one, two, level, high, low, stores, out):
    """Write x, which takes Σ (one − two) as far as the stores can; one − two − x; and the middle of high and low.

    Args:
        one: (N,)
        two: (N,)
        level: (N,) how full each store is, as a fraction of its size.
        high: (N,)
        low: (N,)
        stores: (10, N) the size of each store, 0 for none; k, by how much x grows with the level, 0 for none; where it
            is full, and where empty; then, up and down, the largest room, and the share and unit of `room`.
        out: (3, N) what is written.

    Returns:
        Whether every number was finite; if not, `out` holds nothing of use.
    """
    one, two, level, high, low, out = borrow(one), borrow(two), borrow(level), borrow(high), borrow(low), borrow(out)
    stores = borrow(stores)
    size_of, slope, top, bottom = stores[0], stores[1], stores[2], stores[3]
    most, share, unit = stores[4:6], stores[6:8], stores[8:]
    size, total, finite = one.size, 0.0, 0.0
    for i in range(size):
        total += one[i] - two[i]
    sign = 1.0 if total >= 0.0 else -1.0
    way = 0 if total >= 0.0 else 1
    wanted, together = abs(total), 0.0
    stand, limit = out[1], out[2]  # until their own numbers are written
    for i in range(size):
        full = level[i] if size_of[i] > 0.0 else 0.0
        content = full * size_of[i]
        gap = top[i] - content if way == 0 else content - bottom[i]
        stand[i], limit[i] = sign * full, room(gap, share[way, i], unit[way, i], most[way, i])
        together += limit[i]
        finite += limit[i] + stand[i] + high[i] + low[i]
    if not abs(finite + wanted) < np.inf:
        return False
    at = _level(wanted, stand, slope, limit) if wanted < together else np.inf
    for i in range(size):
        amount = limit[i]
        if wanted < together:
            amount = min(max((at - stand[i]) * slope[i], 0.0), limit[i])
        out[0, i] = sign * amount
        out[1, i] = one[i] - two[i] - out[0, i]
        out[2, i] = (low[i] + high[i]) / 2.0
    return True

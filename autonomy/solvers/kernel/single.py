"""One group, in machine code: a price for all cells, found by Newton steps on a monotone piecewise-linear sum.

Σ y(s) does not decrease in s, so the price of the group is the s nearest to 0 at which L <= Σ y <= U. [Kiwiel2008]
Large instances are first priced on a sample, so that two or three passes over the data are enough.
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import numpy as np
from numba import int64

from autonomy.solvers.kernel.fills import fill
from autonomy.solvers.kernel.prices import compiled
from autonomy.solvers.kernel.search import spread, step
from autonomy.solvers.kernel.sums import BLOCK, answer

TIGHT, MET = 1e-12, 1e-9
"""Relative errors of a sum: aimed at, and counted as met (and spread over some cells)."""
NEARLY, LARGE_NEARLY = 1e-1, 1e-4
"""Relative errors of a sum that one Newton step is likely to remove; in a large instance to be wrong costs more."""
UNTOUCHED = 16 * float(np.finfo(np.float64).eps)
"""Relative rounding of a sum up to which an answer at price 0 stays as it is, to the last bit."""
MAX_STEPS = 300
SAMPLED, STRIDE = 64 * BLOCK, 32
"""From how many cells on a sample is taken, and that it is every 32nd block."""
SOLVED, INFEASIBLE, UNSOUND = 0, 1, 2


@compiled(inline=True)
def missing(s, total, floor, ceiling):
    """Return by how much Σ y must rise for the s nearest to 0: to the ceiling below 0, to the floor above, else 0."""
    if s < 0.0:
        return ceiling - total
    if s > 0.0:
        return floor - total
    return min(ceiling - total, 0.0) if total > ceiling else max(floor - total, 0.0)


@compiled()
def _sample(cells, ease, relief, floor, ceiling):
    """Return the price of the group, estimated from every STRIDE-th block of its cells."""
    size = cells.shape[1]
    scale = size / (BLOCK * len(range(0, size - BLOCK, STRIDE * BLOCK)))
    s, low, high = 0.0, -np.inf, np.inf
    for _ in range(20):
        total = slope = 0.0
        for start in range(0, size - BLOCK, STRIDE * BLOCK):
            t, m = answer(cells, ease, start, start + BLOCK, relief, s)
            total += t * scale
            slope += m * scale
        error = missing(s, total, floor, ceiling)
        if abs(error) <= 1e-6 * (1.0 + abs(total)):
            break
        low, high = (s, high) if error > 0.0 else (low, s)
        following = step(cells, ease, (int64(0), int64(BLOCK)), relief, s, error, slope, (low, high))
        if not low < following < high:
            break
        s = following
    return s


@compiled()
def _settle(cells, point, cell_multipliers, error, s, total, near):
    """Spread what rounding has left of an error, if it is near 0; return whether the bound is then met."""
    if s == 0.0 and abs(error) <= UNTOUCHED * (1.0 + abs(total)):
        return True
    if abs(error) > near * (1.0 + abs(total)):
        return False
    left = spread(cells, point, cell_multipliers, int64(0), cells.shape[1], error, total)
    return abs(left) <= MET * (1.0 + abs(total))


@compiled()
def solve_single(cells, ease, relief, floor, ceiling, start, point, cell_multipliers):
    """Write the minimiser for one group, its price sought from `start`; return (SOLVED or another, final s)."""
    none, size, s = int64(0), cells.shape[1], start  # a literal 0 would have the loops compiled twice
    if not (floor <= ceiling and floor < np.inf and ceiling > -np.inf):
        return UNSOUND, 0.0
    is_large = size >= SAMPLED
    nearly = LARGE_NEARLY if is_large else NEARLY
    if is_large and s == 0.0:
        s = _sample(cells, ease, relief, floor, ceiling)
    # The answer is written once the price should be right, and what was written is what counts.
    write, low, high = is_large and s == 0.0, -np.inf, np.inf
    for _ in range(MAX_STEPS):
        if write:
            total, bad, unmet = fill(cells, ease, none, size, relief, s, point, cell_multipliers)
            if bad > 0 or total != total:  # noqa: PLR0124 - NaN
                return UNSOUND, s
            near = MET if is_large else TIGHT
            if unmet == 0 and _settle(
                cells, point, cell_multipliers, missing(s, total, floor, ceiling), s, total, near
            ):
                return SOLVED, s
        total, slope = answer(cells, ease, none, size, relief, s)
        error = missing(s, total, floor, ceiling)
        low, high = (s, high) if error > 0.0 else (low, s)
        if abs(error) <= (UNTOUCHED if s == 0.0 else TIGHT) * (1.0 + abs(total)):
            break
        following = step(cells, ease, (none, size), relief, s, error, slope, (low, high))
        if not low < following < high:
            break
        s, write = following, abs(error) <= nearly * (1.0 + abs(total))
    total, bad, unmet = fill(cells, ease, none, size, relief, s, point, cell_multipliers)
    if bad > 0 or total != total:  # noqa: PLR0124 - NaN
        return UNSOUND, s
    is_met = _settle(cells, point, cell_multipliers, missing(s, total, floor, ceiling), s, total, MET)
    return (SOLVED if unmet == 0 and is_met else INFEASIBLE), s

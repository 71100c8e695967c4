"""The steps of a search for a price, and what is done about the rounding that is left at its end, in machine code."""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import numpy as np

from autonomy.solvers.allocation import CENTRE, DROP, LEAST, LIFT, LOWER, MOST, UPPER, U, V, X
from autonomy.solvers.kernel.prices import compiled

ROUNDING = 4 * float(np.finfo(np.float64).eps)
"""A relative change of price that is but rounding."""
UNIT = 2 * float(np.finfo(np.float64).eps)
"""A relative error of a sum that is but rounding."""


@compiled()
def corners(cells, ease, first, last, relief):
    """Return a range of s outside of which no cell first <= j < last answers differently."""
    drop_price, lift_price, smoothing = relief
    low, high = -drop_price - 1.0, lift_price + 1.0
    for j in range(first, last):
        e = ease[j] if ease.size > 1 else ease[0]
        low = min(low, (cells[LOWER, j] - cells[CENTRE, j]) / e, -drop_price - smoothing * cells[DROP, j])
        high = max(high, (cells[UPPER, j] - cells[CENTRE, j]) / e, lift_price + smoothing * cells[LIFT, j])
    return low - 2.0, high + 2.0


@compiled(inline=True)
def newton(relief, s, error, slope, bracket):
    """Return s after a Newton step, exact from the right piece; it may leave the bracket.

    It does not jump over −α, 0 or β, where all cells turn at once, unless that price lies outside the open bracket.
    """
    following = s + error / slope
    for kink in (-relief[0], 0.0, relief[1]):
        jumped = following < kink < s if error < 0.0 else s < kink < following
        if jumped and bracket[0] < kink < bracket[1]:
            following = max(kink, following) if error < 0.0 else min(kink, following)
    return following


@compiled()
def halve(cells, ease, span, relief, bracket):
    """Return the middle of a bracket, whose open end, if it has one, is put where no cell answers differently."""
    low, high = bracket
    if np.isinf(low) or np.isinf(high):
        lowest, highest = corners(cells, ease, span[0], span[1], relief)
        low, high = max(low, lowest), min(high, highest)
    return low + (high - low) / 2


@compiled(inline=True)
def step(cells, ease, span, relief, s, error, slope, bracket):
    """Return the next s of a search that removes `error`; outside the open bracket if only rounding is left."""
    if abs(error) <= slope * ROUNDING * abs(s):
        return s
    following = newton(relief, s, error, slope, bracket)
    if bracket[0] < following < bracket[1]:
        return following
    return halve(cells, ease, span, relief, bracket)


@compiled()
def give(cells, point, j, amount, most_each):
    """Raise the y of cell j by up to `amount` (lower it if < 0) through a variable strictly inside its limits.

    Returns what is left.
    """
    part = min(max(amount, -most_each), most_each)
    if cells[LOWER, j] < point[X, j] < cells[UPPER, j]:
        before = point[X, j]
        point[X, j] = min(max(before + part, cells[LOWER, j]), cells[UPPER, j])
        return amount - (point[X, j] - before)
    if 0.0 < point[U, j] < cells[DROP, j]:
        before = point[U, j]
        point[U, j] = min(max(before - part, 0.0), cells[DROP, j])
        return amount - (before - point[U, j])
    if 0.0 < point[V, j] < cells[LIFT, j]:
        before = point[V, j]
        point[V, j] = min(max(before + part, 0.0), cells[LIFT, j])
        return amount - (point[V, j] - before)
    return amount


@compiled()
def spread(cells, point, multipliers, first, last, amount, total):
    """Raise Σ y of cells first <= j < last by a rounding `amount`, a little each; return what is left of it.

    What is left may be as much as a sum of this total rounds.
    """
    each, none = max(abs(amount) / 64, 1e-9), UNIT * (1.0 + abs(total))
    for j in range(first, last):
        if abs(amount) <= none:
            break
        if cells.shape[0] > LEAST:
            y = point[X, j] - point[U, j] + point[V, j]
            if multipliers[j] != 0.0 or not cells[LEAST, j] + each <= y <= cells[MOST, j] - each:
                continue
        amount = give(cells, point, j, amount, each)
    return amount

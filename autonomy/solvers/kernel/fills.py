"""The answers themselves, written down and looked at, in machine code."""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import numpy as np

from autonomy.solvers.allocation import CENTRE, DROP, LEAST, LIFT, LOWER, MOST, UPPER, U, V, X
from autonomy.solvers.kernel.prices import compiled, price_at, terms_at
from autonomy.solvers.kernel.search import give, step
from autonomy.solvers.kernel.sums import BLOCK, FEW, add, few

SOME = 256
"""Fewer cells than this are written row by row."""


@compiled(inline=True, reorder=True)
def _fill(cells, ease, span, terms, point):
    """Write the answers of a span of cells; return Σ y and how many cells are not what they must be."""
    p, _, sign, level, share, _, _ = terms
    here, to_drop, to_lift = slice(*span), level if sign < 0.0 else 0.0, level if sign > 0.0 else 0.0
    centre, lower, upper = cells[CENTRE, here], cells[LOWER, here], cells[UPPER, here]
    drop, lift = cells[DROP, here], cells[LIFT, here]
    x, u, v = point[X, here], point[U, here], point[V, here]
    one, each = ease[0], ease[here] if ease.size > 1 else ease[:0]
    total, bad = 0.0, 0
    for j in range(centre.size):
        e = each[j] if each.size > 0 else one
        free = centre[j] + p * e
        inside = lower[j] if free < lower[j] else free
        inside = upper[j] if inside > upper[j] else inside
        dropped, lifted = share * drop[j], share * lift[j]
        dropped, lifted = dropped if dropped < to_drop else to_drop, lifted if lifted < to_lift else to_lift
        x[j], u[j], v[j] = inside, dropped, lifted
        good = (lower[j] <= inside) & (inside <= upper[j]) & (upper[j] - lower[j] < np.inf) & (abs(free) < np.inf)
        good &= (drop[j] >= 0.0) & (lift[j] >= 0.0) & (drop[j] + lift[j] < np.inf)
        bad += 0 if good else 1
        total += inside - dropped + lifted
    return total, bad


@compiled(inline=True, reorder=True)
def _clip(cells, ease, here, p, x):
    """Write x of a span of cells; return Σ x."""
    centre, lower, upper = cells[CENTRE, here], cells[LOWER, here], cells[UPPER, here]
    one, each = ease[0], ease[here] if ease.size > 1 else ease[:0]
    total = 0.0
    for j in range(x.size):
        free = centre[j] + p * (each[j] if each.size > 0 else one)
        inside = lower[j] if free < lower[j] else free
        inside = upper[j] if inside > upper[j] else inside
        x[j] = inside
        total += inside
    return total


@compiled(inline=True, reorder=True)
def _use(limit, level, share, relief):
    """Write what is used of a relief; return its Σ."""
    total = 0.0
    for j in range(relief.size):
        used = share * limit[j]
        used = used if used < level else level
        relief[j] = used
        total += used
    return total


@compiled(inline=True, reorder=True)
def _count_bad(cells, here):
    """Return how many cells of a span are not what they must be."""
    lower, upper, drop, lift = cells[LOWER, here], cells[UPPER, here], cells[DROP, here], cells[LIFT, here]
    bad = 0
    for j in range(lower.size):
        good = (upper[j] - lower[j] >= 0.0) & (upper[j] - lower[j] < np.inf)
        good &= (drop[j] >= 0.0) & (lift[j] >= 0.0) & (drop[j] + lift[j] < np.inf)
        bad += 0 if good else 1
    return bad


@compiled(inline=True)
def _fill_some(cells, ease, span, terms, point):
    """Do what `_fill` does, row by row: sooner done where the start of a loop costs as much as its turns."""
    p, _, sign, level, share, _, _ = terms
    here = slice(*span)
    total = _clip(cells, ease, here, p, point[X, here])
    if sign < 0.0:
        total -= _use(cells[DROP, here], level, share, point[U, here])
    else:
        point[U, here] = 0.0
    if sign > 0.0:
        total += _use(cells[LIFT, here], level, share, point[V, here])
    else:
        point[V, here] = 0.0
    bad = _count_bad(cells, here)
    return total, bad if abs(total) < np.inf else bad + 1


@compiled(inline=True)
def fill_few(cells, ease, first, last, terms, point):
    """Do what `_fill` does, for cells too few to be vectorised."""
    p, _, sign, level, share, _, _ = terms
    total, bad = 0.0, 0
    for j in range(first, last):
        free = cells[CENTRE, j] + p * (ease[j] if ease.size > 1 else ease[0])
        lower, upper, drop, lift = cells[LOWER, j], cells[UPPER, j], cells[DROP, j], cells[LIFT, j]
        x = lower if free < lower else upper if free > upper else free
        u = min(level, share * drop) if sign < 0.0 else 0.0
        v = min(level, share * lift) if sign > 0.0 else 0.0
        point[X, j], point[U, j], point[V, j] = x, u, v
        good = (lower <= x) & (x <= upper) & (upper - lower < np.inf) & (abs(free) < np.inf)
        good &= (drop >= 0.0) & (lift >= 0.0) & (drop + lift < np.inf)
        bad += 0 if good else 1
        total += x - u + v
    return total, bad


@compiled()
def fill(cells, ease, first, last, relief, s, point, multipliers):
    """Write point and multipliers of cells first <= j < last at s; return Σ y, and how many are unsound or unmet."""
    terms, total, lost, bad, unmet = terms_at(s, *relief), 0.0, 0.0, 0, 0
    if last - first < FEW:
        total, bad = fill_few(cells, ease, first, last, terms, point)
    elif last - first < SOME:
        total, bad = _fill_some(cells, ease, (first, last), terms, point)
    else:
        for start in range(first, last, BLOCK):
            t, b = _fill(cells, ease, (start, min(start + BLOCK, last)), terms, point)
            total, lost = add(total, lost, t)
            bad += b
    if cells.shape[0] > LEAST and bad == 0:
        total, bad, unmet = _bound_cells(cells, ease, first, last, relief, s, point, multipliers)
        lost = 0.0
    return total - lost, bad, unmet


@compiled()
def _bound_cells(cells, ease, first, last, relief, s, point, multipliers):
    """Bring every y inside its own bounds, at a price of its own; return as `fill` does."""
    total, lost, bad, unmet = 0.0, 0.0, 0, 0
    for j in range(first, last):
        least, most = cells[LEAST, j], cells[MOST, j]
        bad += 0 if (least <= most) & (least < np.inf) & (most > -np.inf) else 1
        y, multipliers[j] = point[X, j] - point[U, j] + point[V, j], 0.0
        if not least <= y <= most and bad == 0:
            bound = least if y < least else most
            own = _price_of_cell(cells[:LEAST], ease, j, relief, s, bound)
            multipliers[j] = price_at(own, *relief) - price_at(s, *relief)
            y, _ = fill_few(cells, ease, j, j + 1, terms_at(own, *relief), point)
            unmet += 0 if abs(give(cells, point, j, bound - y, np.inf)) <= 1e-9 * (1.0 + abs(bound)) else 1
            y = point[X, j] - point[U, j] + point[V, j]
        total, lost = add(total, lost, y)
    return total - lost, bad, unmet


@compiled()
def _price_of_cell(cells, ease, j, relief, s, bound):
    """Return the s at which the y of one cell meets a bound, sought from the given s; an end of its range if none."""
    low, high = -np.inf, np.inf
    for _ in range(200):
        total, slope = few(cells, ease, j, j + 1, terms_at(s, *relief))
        error = bound - total
        low, high = (s, high) if error > 0.0 else (low, s)
        following = step(cells, ease, (j, j + 1), relief, s, error, slope, (low, high))
        if error == 0.0 or not low < following < high:
            break
        s = following
    return s

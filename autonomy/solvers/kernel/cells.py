"""What many cells answer to one price, in machine code: the loops that the exact solver spends its time in.

A loop is written once, with flags. It is inlined where it is called, so the compiler drops what a constant flag rules
out and vectorises the rest.
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import numpy as np

from autonomy.solvers.allocation import CENTRE, DROP, LEAST, LIFT, LOWER, MOST, UPPER, U, V, X
from autonomy.solvers.kernel.prices import DROPS, LIFTS, NEITHER, compiled, price_at, terms_at

BLOCK, FEW = 512, 8
"""Cells summed at once; blocks are added with compensation, so a million terms round like a few hundred [Kahan1965].
Fewer than FEW are answered one by one."""
ROUNDING = 4 * float(np.finfo(np.float64).eps)
"""A relative change of price that is but rounding."""


@compiled()
def fill_ease(weight, ease):
    """Write 1/w, once if all w are equal; return how many entries count, or 0 if some weight is not > 0 and finite."""
    other = 0
    for j in range(weight.size):
        other += 1 if weight[j] != weight[0] else 0
    if other == 0 and weight.size > 0:
        ease[0] = 1.0 / weight[0]
        return 1 if 0.0 < ease[0] < np.inf else 0
    bad = 0
    for j in range(weight.size):
        ease[j] = 1.0 / weight[j]
        bad += 0 if (ease[j] > 0.0) & (ease[j] < np.inf) else 1
    return weight.size if bad == 0 else 0


@compiled(inline=True)
def _add(total, lost, term):
    """Return total + term and what rounding has added too much so far."""
    term -= lost
    larger = total + term
    return larger, (larger - total) - term


@compiled(inline=True, reorder=True)
def _sum(cells, ease, first, last, terms, kind, bounded):
    """Return Σ y and Σ dy/ds over cells first <= j < last; `kind` and `bounded` are constants."""
    p, dp, _, level, share, rise, climb = terms
    here = slice(first, last)
    centre, lower, upper = cells[CENTRE, here], cells[LOWER, here], cells[UPPER, here]
    limit = cells[LIFT if kind == LIFTS else DROP, here]
    least, most = (cells[LEAST, here], cells[MOST, here]) if bounded else (lower, upper)
    one, each = ease[0], ease[first:last] if ease.size > 1 else ease[:0]
    total = slope = 0.0
    for j in range(centre.size):
        e = each[j] if each.size > 0 else one
        free = centre[j] + p * e
        x = lower[j] if free < lower[j] else free
        x = upper[j] if x > upper[j] else x
        moving = e * dp if (lower[j] <= free) & (free < upper[j]) else 0.0
        if kind != NEITHER:
            full = share * limit[j]
            moving += rise if level < full else climb * limit[j]
            used = level if level < full else full
            x = x - used if kind == DROPS else x + used
        if bounded:
            moving = moving if (least[j] <= x) & (x < most[j]) else 0.0
            x = least[j] if x < least[j] else x
            x = most[j] if x > most[j] else x
        total += x
        slope += moving
    return total, slope


@compiled(inline=True)
def few(cells, ease, first, last, terms):
    """Return what `_sum` does, for cells too few to be vectorised."""
    p, dp, kind, level, share, rise, climb = terms
    row = LIFT if kind == LIFTS else DROP
    total = slope = 0.0
    for j in range(first, last):
        e = ease[j] if ease.size > 1 else ease[0]
        free = cells[CENTRE, j] + p * e
        x, moving = free, e * dp
        if free < cells[LOWER, j]:
            x, moving = cells[LOWER, j], 0.0
        elif free >= cells[UPPER, j]:
            x, moving = cells[UPPER, j], 0.0
        if kind != NEITHER:
            full = share * cells[row, j]
            moving += rise if level < full else climb * cells[row, j]
            used = level if level < full else full
            x = x - used if kind == DROPS else x + used
        if cells.shape[0] > LEAST:
            if x < cells[LEAST, j]:
                x, moving = cells[LEAST, j], 0.0
            elif x >= cells[MOST, j]:
                x, moving = cells[MOST, j], 0.0
        total += x
        slope += moving
    return total, slope


@compiled()
def answer(cells, ease, first, last, relief, s):
    """Return Σ y and Σ dy/ds of cells first <= j < last at s; `relief` is (α, β, ε)."""
    terms = terms_at(s, *relief)
    kind, bounded = terms[2], cells.shape[0] > LEAST
    if last - first < FEW:
        return few(cells, ease, first, last, terms)
    total = slope = lost = 0.0
    for start in range(first, last, BLOCK):
        stop = min(start + BLOCK, last)
        if bounded:
            if kind == NEITHER:
                t, m = _sum(cells, ease, start, stop, terms, NEITHER, True)
            elif kind == DROPS:
                t, m = _sum(cells, ease, start, stop, terms, DROPS, True)
            else:
                t, m = _sum(cells, ease, start, stop, terms, LIFTS, True)
        elif kind == NEITHER:
            t, m = _sum(cells, ease, start, stop, terms, NEITHER, False)
        elif kind == DROPS:
            t, m = _sum(cells, ease, start, stop, terms, DROPS, False)
        else:
            t, m = _sum(cells, ease, start, stop, terms, LIFTS, False)
        total, lost = _add(total, lost, t)
        slope += m
    return total - lost, slope


@compiled(inline=True, reorder=True)
def _fill(cells, ease, first, last, terms, kind, point):
    """Write the answers of cells first <= j < last; return Σ y and how many cells are not what they must be."""
    p, _, _, level, share, _, _ = terms
    here = slice(first, last)
    centre, lower, upper = cells[CENTRE, here], cells[LOWER, here], cells[UPPER, here]
    drop, lift = cells[DROP, here], cells[LIFT, here]
    x, u, v = point[X, here], point[U, here], point[V, here]
    one, each = ease[0], ease[first:last] if ease.size > 1 else ease[:0]
    total, bad = 0.0, 0
    for j in range(centre.size):
        e = each[j] if each.size > 0 else one
        free = centre[j] + p * e
        inside = lower[j] if free < lower[j] else free
        inside = upper[j] if inside > upper[j] else inside
        full = share * (drop[j] if kind == DROPS else lift[j])
        used = level if level < full else full
        dropped, lifted = used if kind == DROPS else 0.0, used if kind == LIFTS else 0.0
        x[j], u[j], v[j] = inside, dropped, lifted
        good = (lower[j] <= inside) & (inside <= upper[j]) & (upper[j] - lower[j] < np.inf) & (abs(free) < np.inf)
        good &= (0.0 <= drop[j]) & (0.0 <= lift[j]) & (drop[j] + lift[j] < np.inf)
        bad += 0 if good else 1
        total += inside - dropped + lifted
    return total, bad


@compiled(inline=True)
def fill_few(cells, ease, first, last, terms, point):
    """Do what `_fill` does, for cells too few to be vectorised."""
    p, _, kind, level, share, _, _ = terms
    total, bad = 0.0, 0
    for j in range(first, last):
        free = cells[CENTRE, j] + p * (ease[j] if ease.size > 1 else ease[0])
        lower, upper, drop, lift = cells[LOWER, j], cells[UPPER, j], cells[DROP, j], cells[LIFT, j]
        x = lower if free < lower else upper if free > upper else free
        u = min(level, share * drop) if kind == DROPS else 0.0
        v = min(level, share * lift) if kind == LIFTS else 0.0
        point[X, j], point[U, j], point[V, j] = x, u, v
        good = (lower <= x) & (x <= upper) & (upper - lower < np.inf) & (abs(free) < np.inf)
        good &= (0.0 <= drop) & (0.0 <= lift) & (drop + lift < np.inf)
        bad += 0 if good else 1
        total += x - u + v
    return total, bad


@compiled()
def fill(cells, ease, first, last, relief, s, point, multipliers):
    """Write point and multipliers of cells first <= j < last at s; return Σ y, and how many are unsound or unmet."""
    terms = terms_at(s, *relief)
    kind, total, lost, bad, out_of_reach = terms[2], 0.0, 0.0, 0, 0
    if last - first < FEW:
        total, bad = fill_few(cells, ease, first, last, terms, point)
        first_block = last
    else:
        first_block = first
    for start in range(first_block, last, BLOCK):
        stop = min(start + BLOCK, last)
        if kind == NEITHER:
            t, b = _fill(cells, ease, start, stop, terms, NEITHER, point)
        elif kind == DROPS:
            t, b = _fill(cells, ease, start, stop, terms, DROPS, point)
        else:
            t, b = _fill(cells, ease, start, stop, terms, LIFTS, point)
        total, lost = _add(total, lost, t)
        bad += b
    if cells.shape[0] > LEAST:
        total = lost = 0.0
        for j in range(first, last):
            least, most = cells[LEAST, j], cells[MOST, j]
            bad += 0 if (least <= most) & (least < np.inf) & (most > -np.inf) else 1
            y, multipliers[j] = point[X, j] - point[U, j] + point[V, j], 0.0
            if not least <= y <= most and bad == 0:
                bound = least if y < least else most
                own, unmet = _price_of_cell(cells, ease, j, relief, s, bound)
                multipliers[j] = price_at(own, *relief) - price_at(s, *relief)
                _fill(cells, ease, j, j + 1, terms_at(own, *relief), terms_at(own, *relief)[2], point)
                _, unmet = give(cells, point, j, bound - (point[X, j] - point[U, j] + point[V, j]), np.inf)
                out_of_reach += 0 if abs(unmet) <= 1e-9 * (1.0 + abs(bound)) else 1
                y = point[X, j] - point[U, j] + point[V, j]
            total, lost = _add(total, lost, y)
    return total - lost, bad, out_of_reach


@compiled()
def _price_of_cell(cells, ease, j, relief, s, bound):
    """Return the s at which the y of one cell meets a bound that it leaves at the given s, and what is still missing."""
    alone = cells[:LEAST]
    low, high = -np.inf, np.inf
    error = 0.0
    for _ in range(200):
        total, slope = answer(alone, ease, j, j + 1, relief, s)
        error = bound - total
        low, high = (s, high) if error > 0.0 else (low, s)
        following = step(alone, ease, j, j + 1, relief, s, error, slope, low, high)
        if error == 0.0 or not low < following < high:
            break
        s = following
    return s, error


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


@compiled()
def step(cells, ease, first, last, relief, s, error, slope, low, high):
    """Return the next s of a search inside the open bracket (low, high) that removes `error`.

    A Newton step from the right piece is exact. It does not jump over −α, 0 or β, where all cells turn at once; where
    it leaves the bracket, the bracket is halved instead. The result is no longer inside if nothing but rounding is left.
    """
    if abs(error) <= slope * ROUNDING * abs(s):
        return s
    following = s + error / slope
    for kink in (-relief[0], 0.0, relief[1]):
        jumped = following < kink < s if error < 0.0 else s < kink < following
        if jumped and low < kink < high:
            following = max(kink, following) if error < 0.0 else min(kink, following)
    if not low < following < high:
        if np.isinf(low) or np.isinf(high):
            lowest, highest = corners(cells, ease, first, last, relief)
            low, high = max(low, lowest), min(high, highest)
        following = low + (high - low) / 2
    return following


@compiled()
def give(cells, point, j, amount, most_each):
    """Raise the y of cell j by up to `amount` (or lower it if < 0) through a variable strictly inside its limits.

    Returns what the cell took and what is left.
    """
    part = min(max(amount, -most_each), most_each)
    if cells[LOWER, j] < point[X, j] < cells[UPPER, j]:
        before = point[X, j]
        point[X, j] = min(max(before + part, cells[LOWER, j]), cells[UPPER, j])
        return point[X, j] - before, amount - (point[X, j] - before)
    if 0.0 < point[U, j] < cells[DROP, j]:
        before = point[U, j]
        point[U, j] = min(max(before - part, 0.0), cells[DROP, j])
        return before - point[U, j], amount - (before - point[U, j])
    if 0.0 < point[V, j] < cells[LIFT, j]:
        before = point[V, j]
        point[V, j] = min(max(before + part, 0.0), cells[LIFT, j])
        return point[V, j] - before, amount - (point[V, j] - before)
    return 0.0, amount


@compiled()
def spread(cells, point, multipliers, first, last, amount):
    """Raise Σ y of cells first <= j < last by a rounding `amount`, a little each; return what is left of it."""
    each = max(abs(amount) / 64, 1e-9)
    for j in range(first, last):
        if amount == 0.0:
            break
        if cells.shape[0] > LEAST:
            y = point[X, j] - point[U, j] + point[V, j]
            if multipliers[j] != 0.0 or not cells[LEAST, j] + each <= y <= cells[MOST, j] - each:
                continue
        _, amount = give(cells, point, j, amount, each)
    return amount

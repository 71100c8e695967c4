"""Σ of what many cells answer to one price, in machine code: the loop that the exact solver spends its time in.

The loop is written once, with flags. It is inlined where it is called, so the compiler drops what a constant flag rules
out and vectorises the rest.
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import numpy as np

from autonomy.solvers.allocation import CENTRE, DROP, LEAST, LIFT, LOWER, MOST, UPPER
from autonomy.solvers.kernel.prices import compiled, terms_at

BLOCK, FEW = 512, 8
"""Cells summed at once; blocks are added with compensation, so a million terms round like a few hundred [Kahan1965].
Fewer than FEW are answered one by one."""
YES, NO = np.int64(1), np.int64(0)
"""Flags. A bool would be a type of its own, and each combination of them compiled on its own."""


@compiled()
def fill_ease(weight, ease):
    """Write 1/w, once if all w are equal; return how many entries count, or 0 if some weight is not > 0 and finite."""
    other = bad = 0
    for j in range(weight.size):
        other += 1 if weight[j] != weight[0] else 0
    if other == 0 and weight.size > 0:
        ease[0] = 1.0 / weight[0]
        return 1 if 0.0 < ease[0] < np.inf else 0
    for j in range(weight.size):
        ease[j] = 1.0 / weight[j]
        bad += 0 if (ease[j] > 0.0) & (ease[j] < np.inf) else 1
    return weight.size if bad == 0 else 0


@compiled(inline=True)
def add(total, lost, term):
    """Return total + term and what rounding has added too much so far."""
    term -= lost
    larger = total + term
    return larger, (larger - total) - term


@compiled(inline=True, reorder=True)
def _sum(cells, ease, span, terms, relieved, bounded):
    """Return Σ y and Σ dy/ds over a span of cells; `relieved` and `bounded` are constants."""
    p, dp, sign, level, share, rise, climb = terms
    here = slice(*span)
    centre, lower, upper = cells[CENTRE, here], cells[LOWER, here], cells[UPPER, here]
    limit = cells[LIFT if sign > 0.0 else DROP, here]
    least, most = (cells[LEAST, here], cells[MOST, here]) if bounded == YES else (lower, upper)
    one, each = ease[0], ease[here] if ease.size > 1 else ease[:0]
    total = slope = 0.0
    for j in range(centre.size):
        e = each[j] if each.size > 0 else one
        free = centre[j] + p * e
        x = lower[j] if free < lower[j] else free
        x = upper[j] if x > upper[j] else x
        moving = e * dp if (lower[j] <= free) & (free < upper[j]) else 0.0
        if relieved == YES:
            full = share * limit[j]
            moving += rise if level < full else climb * limit[j]
            x += sign * (level if level < full else full)
        if bounded == YES:
            moving = moving if (least[j] <= x) & (x < most[j]) else 0.0
            x = least[j] if x < least[j] else x
            x = most[j] if x > most[j] else x
        total += x
        slope += moving
    return total, slope


@compiled(inline=True)
def few(cells, ease, first, last, terms):
    """Return what `_sum` does, for cells too few to be vectorised."""
    p, dp, sign, level, share, rise, climb = terms
    row = LIFT if sign > 0.0 else DROP
    total = slope = 0.0
    for j in range(first, last):
        e, lower, upper = ease[j] if ease.size > 1 else ease[0], cells[LOWER, j], cells[UPPER, j]
        free = cells[CENTRE, j] + p * e
        y, moving = min(max(free, lower), upper), e * dp if (lower <= free) & (free < upper) else 0.0
        if sign != 0.0:
            limit = cells[row, j]
            full = share * limit
            moving += rise if level < full else climb * limit
            y += sign * min(level, full)
        if cells.shape[0] > LEAST:
            least, most = cells[LEAST, j], cells[MOST, j]
            moving = moving if (least <= y) & (y < most) else 0.0
            y = min(max(y, least), most)
        total += y
        slope += moving
    return total, slope


@compiled()
def answer(cells, ease, first, last, relief, s):
    """Return Σ y and Σ dy/ds of cells first <= j < last at s; `relief` is (α, β, ε)."""
    terms = terms_at(s, *relief)
    if last - first < FEW:
        return few(cells, ease, first, last, terms)
    total = slope = lost = 0.0
    for start in range(first, last, BLOCK):
        span = (start, min(start + BLOCK, last))
        if cells.shape[0] > LEAST:
            t, m = _sum(cells, ease, span, terms, YES, YES)
        elif terms[2] != 0.0:
            t, m = _sum(cells, ease, span, terms, YES, NO)
        else:
            t, m = _sum(cells, ease, span, terms, NO, NO)
        total, lost = add(total, lost, t)
        slope += m
    return total - lost, slope

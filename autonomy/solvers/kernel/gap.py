"""The certified gap in machine code; `autonomy.solvers.certificate` derives the formula and its rounding bound."""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import numpy as np
from numba import float64, int64, types

from autonomy.solvers.allocation import CENTRE, DROP, LEAST, LIFT, LOWER, MOST, UPPER, WEIGHT, U, V, X
from autonomy.solvers.kernel.prices import compiled

EPSILON = float(np.finfo(np.float64).eps)
ROWS, COLUMN, INDEX = (types.Array(kind, n, "C", readonly=True) for kind, n in ((float64, 2), (float64, 1), (int64, 1)))
SIGNATURE = types.UniTuple(float64, 2)(*[ROWS] * 3, *[COLUMN] * 2, *[float64] * 3, *[INDEX] * 3)


@compiled(inline=True)
def _clip(value, low, high):
    return low if value < low else high if value > high else value


@compiled(inline=True)
def _relief(value, best, price, smoothing, pull, size):
    """Return (excess, M) of a relief: its cost less `pull` at the value and at the cell's own minimiser."""
    moved = value - best
    return moved * (price + smoothing * (value + best) / 2.0 - pull), abs(moved) * (
        price + smoothing * (abs(value) + abs(best)) + size
    )


@compiled(SIGNATURE)
def gap_and_rounding(cells, bounds, point, own, multipliers, alpha, beta, smoothing, parent, group_of, outermost_first):
    """Return the computed gap, inf where a bound that does not exist is priced, and the bound on its rounding."""
    groups, size = multipliers.size, group_of.size
    price, magnitude, total = np.zeros(groups), np.zeros(groups), np.zeros(groups)
    for k in range(groups):
        g = outermost_first[k]
        around = parent[g]
        price[g] = multipliers[g] + (price[around] if around >= 0 else 0.0)
        magnitude[g] = abs(multipliers[g]) + (magnitude[around] if around >= 0 else 0.0)
    gap = scale = second = 0.0
    soft = 2.0 / smoothing if smoothing > 0.0 else 0.0
    for i in range(size):
        weight, centre, g = cells[WEIGHT, i], cells[CENTRE, i], group_of[i]
        x, u, v, p, reach = point[X, i], point[U, i], point[V, i], price[g] + own[i], magnitude[g] + abs(own[i])
        best = _clip(centre + p / weight, cells[LOWER, i], cells[UPPER, i])
        gap += (x - best) * (weight * ((x + best) / 2.0 - centre) - p)
        scale += reach * (abs(x) + abs(u) + abs(v))
        scale += abs(x - best) * (weight * (abs(x) + abs(best) + abs(centre)) + reach)
        if smoothing > 0.0:
            drop, lift = (
                _clip((-p - alpha) / smoothing, 0.0, cells[DROP, i]),
                _clip((p - beta) / smoothing, 0.0, cells[LIFT, i]),
            )
        else:
            drop, lift = cells[DROP, i] if -p > alpha else 0.0, cells[LIFT, i] if p > beta else 0.0
        more, size_of_it = _relief(u, drop, alpha, smoothing, -p, reach)
        gap += more
        scale += size_of_it
        more, size_of_it = _relief(v, lift, beta, smoothing, p, reach)
        gap += more
        scale += size_of_it
        second += weight * centre * centre + (reach * reach + alpha * alpha + beta * beta) * (1.0 / weight + soft)
        y = x - u + v
        total[g] += y
        if own[i] != 0.0:
            bound = (cells[LEAST, i] if own[i] > 0.0 else cells[MOST, i]) if cells.shape[0] > LEAST else np.inf
            gap += own[i] * (y - bound) if abs(bound) < np.inf else np.inf
            scale += abs(own[i] * bound)
    for k in range(groups - 1, -1, -1):
        g = outermost_first[k]
        if parent[g] >= 0:
            total[parent[g]] += total[g]
        if multipliers[g] != 0.0:
            bound = bounds[0, g] if multipliers[g] > 0.0 else bounds[1, g]
            gap += multipliers[g] * (total[g] - bound) if abs(bound) < np.inf else np.inf
            scale += abs(multipliers[g] * bound)
    return gap, EPSILON * (size + groups + 16) * scale + 16.0 * EPSILON * EPSILON * second

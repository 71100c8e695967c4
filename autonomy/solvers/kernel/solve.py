"""The exact solver's one entry: from the arrays of an instance to its answer, in one call of machine code."""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import numpy as np
from numba import float64, int64, uint64

from autonomy.solvers.allocation import CELL_ROWS, LEAST, POINT_ROWS, WEIGHT
from autonomy.solvers.kernel.prices import compiled, price_at
from autonomy.solvers.kernel.single import UNSOUND, solve_single
from autonomy.solvers.kernel.sums import fill_ease
from autonomy.solvers.kernel.tree import CEILING, FLOOR, NUMBER, fill_tree, price_tree

ANSWER = len(POINT_ROWS)
"""Row of the answer that holds the multipliers of the cells, after those of the point."""
SORTED = len(CELL_ROWS)
"""First row of `sorted_` that holds an answer, after those of the cells."""
ROWS, COLUMN = float64[:, ::1], float64[::1]
SIGNATURE = int64(ROWS, ROWS, *[float64] * 3, ROWS, COLUMN, uint64[::1], int64[:, ::1], ROWS, ROWS, COLUMN)


@compiled()
def _gather(given, order, sorted_):
    for row in range(given.shape[0]):
        for j in range(order.size):
            sorted_[row, j] = given[row, order[j]]


@compiled()
def _scatter(sorted_, order, answer):
    for row in range(answer.shape[0]):
        for j in range(order.size):
            answer[row, order[j]] = sorted_[row, j]


@compiled()
def _load_bounds(bounds, tree, groups):
    """Copy the bounds in depth-first order; return whether all are bounds."""
    bad = 0
    for g in range(groups.shape[0]):
        floor, ceiling = bounds[0, tree[g, NUMBER]], bounds[1, tree[g, NUMBER]]
        bad += 0 if (floor <= ceiling) & (floor < np.inf) & (ceiling > -np.inf) else 1
        groups[g, FLOOR], groups[g, CEILING] = floor, ceiling
    return bad == 0


@compiled(SIGNATURE)
def solve(cells, bounds, drop_price, lift_price, smoothing, answer, multipliers, order, tree, groups, sorted_, ease):
    """Write the answer (4, N) and the multipliers (G,) of an instance; return SOLVED, INFEASIBLE or UNSOUND.

    The rest is workspace of one hierarchy: the (N,) order that sorts cells by group, empty if they are sorted, the
    groups' integers and numbers, (12, N) for sorted cells and their answer, and (N,) for 1/w.
    """
    relief = (drop_price, lift_price, smoothing)
    if not (drop_price >= 0.0 and lift_price >= 0.0 and 0.0 <= smoothing < np.inf and drop_price + lift_price < np.inf):
        return UNSOUND
    own = cells
    if order.size > 0:
        own = sorted_[: cells.shape[0]]
        _gather(cells, order, own)
    kept = fill_ease(own[WEIGHT], ease)
    if kept == 0:
        return UNSOUND
    here = answer if order.size == 0 else sorted_[SORTED:]
    if cells.shape[0] <= LEAST:
        here[ANSWER, :] = 0.0
    if multipliers.size == 1:
        code, s = solve_single(own, ease[:kept], relief, bounds[0, 0], bounds[1, 0], 0.0, here[:ANSWER], here[ANSWER])
        multipliers[0] = price_at(s, *relief)
    else:
        if not _load_bounds(bounds, tree, groups):
            return UNSOUND
        price_tree(own, ease[:kept], relief, tree, groups)
        code = fill_tree(own, ease[:kept], relief, tree, groups, here[:ANSWER], here[ANSWER], multipliers)
    if order.size > 0:
        _scatter(here, order, answer)
    return code

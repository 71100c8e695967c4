"""The exact solver's one entry: from the arrays of an instance to its answer, in one call of machine code."""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import numpy as np
from numba import float64, int64

from autonomy.solvers.allocation import CELL_ROWS, LEAST, POINT_ROWS, WEIGHT
from autonomy.solvers.kernel.borrow import borrow
from autonomy.solvers.kernel.prices import compiled, price_at
from autonomy.solvers.kernel.single import UNSOUND, solve_single
from autonomy.solvers.kernel.sums import fill_ease
from autonomy.solvers.kernel.tree import CEILING, FLOATS, FLOOR, INTEGERS, NUMBER, fill_tree, price_tree

ANSWER = len(POINT_ROWS)
"""Row of the answer that holds the multipliers of the cells, after those of the point."""
SORTED = len(CELL_ROWS)
"""First row of the sorted cells' block that holds an answer, after those of the cells."""
PER_GROUP, OF_GROUP = len(INTEGERS), len(FLOATS)
"""How many integers, and numbers, a group has."""
MISFIT = 3
"""The code of arrays of other sizes than the workspace's."""
ROWS, COLUMN = float64[:, ::1], float64[::1]
SIGNATURE = int64(ROWS, ROWS, *[float64] * 3, ROWS, COLUMN, COLUMN)


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


@compiled()
def _solve_groups(cells, bounds, relief, answer, multipliers, workspace):
    """Do what `solve` does for a tree of groups."""
    size, count, ease = cells.shape[1], multipliers.size, workspace[: cells.shape[1]]
    at = size + (count + 1) * PER_GROUP
    tree = workspace[size:at].view(np.int64).reshape(count + 1, PER_GROUP)
    groups = workspace[at : at + count * OF_GROUP].reshape(count, OF_GROUP)
    at += count * OF_GROUP
    own, here = cells, answer
    is_sorted = workspace.size == at
    order = workspace[at : at if is_sorted else at + size].view(np.uint64)  # unsigned: no look-up from the end
    if not is_sorted:
        sorted_ = workspace[at + size :].reshape(SORTED + ANSWER + 1, size)
        own, here = sorted_[: cells.shape[0]], sorted_[SORTED:]
        _gather(cells, order, own)
        here[ANSWER, :] = 0.0
    kept = fill_ease(own[WEIGHT], ease)
    if kept == 0 or not _load_bounds(bounds, tree, groups):
        return UNSOUND
    price_tree(own, ease[:kept], relief, tree, groups)
    code = fill_tree(own, ease[:kept], relief, tree, groups, here[:ANSWER], here[ANSWER], multipliers)
    if not is_sorted:
        _scatter(here, order, answer)
    return code


@compiled()
def solve_one(cells, bounds, relief, answer, multipliers, workspace):
    """Do what `solve` does for sound prices and sizes."""
    if multipliers.size > 1:
        return _solve_groups(cells, bounds, relief, answer, multipliers, workspace)
    kept = fill_ease(cells[WEIGHT], workspace)
    if kept == 0:
        return UNSOUND
    ease, point = workspace[:kept], answer[:ANSWER]
    code, s = solve_single(cells, ease, relief, bounds[0, 0], bounds[1, 0], 0.0, point, answer[ANSWER])
    multipliers[0] = price_at(s, *relief)
    return code


@compiled()
def are_prices(drop_price, lift_price, smoothing):
    """Return whether α, β and ε are finite and >= 0."""
    return (drop_price >= 0.0) & (lift_price >= 0.0) & (0.0 <= smoothing < np.inf) & (drop_price + lift_price < np.inf)


@compiled(SIGNATURE)
def solve(cells, bounds, drop_price, lift_price, smoothing, answer, multipliers, workspace):
    """Write the answer and the multipliers of an instance; return SOLVED, INFEASIBLE, UNSOUND or MISFIT.

    Args:
        cells: (6 or 8, N) as in `Allocation`.
        bounds: (2, G)
        drop_price: α
        lift_price: β
        smoothing: ε
        answer: (4, N) x, u, v and the multipliers of the cells; the last must be 0 already if no cell bounds its sum.
        multipliers: (G,)
        workspace: That of one hierarchy, one array because every array of a call costs: (N,) for 1/w and, if G > 1,
            (G + 1, 8) integers and (G, 10) numbers of the groups and, only if the cells are not sorted by group, the
            (N,) order that sorts them and (12, N) for sorted cells and their answer.
    """
    size, count = answer.shape[1], multipliers.size
    if not (cells.shape[1] == size and cells.shape[0] in (LEAST, SORTED) and bounds.shape == (2, count)):
        return MISFIT
    if not are_prices(drop_price, lift_price, smoothing):
        return UNSOUND
    instance, relief = (borrow(cells), borrow(bounds)), (drop_price, lift_price, smoothing)
    return solve_one(*instance, relief, borrow(answer), borrow(multipliers), borrow(workspace))

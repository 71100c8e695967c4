"""Backend "compiled": the algorithm of `nested.py`, group by group, in machine code.

Groups are numbered in depth-first order and variables are sorted by group, so whatever lies below a group is a slice
of each. Group 0 is everything, without bounds. One sweep from the innermost groups outwards answers every group at
price 0. Going inwards, a group whose total leaves [L_g, U_g] searches its own price with sweeps of its slice alone, by
Newton steps inside a shrinking bracket: F_g(p) is monotone and piecewise linear with slope Σ 1/w over the variables
that move. The last sweep of a search leaves the totals of everything inside at the price that it inherits, so each
group is looked at once. [Kiwiel2008; Hochbaum1995]

Numba takes a second to load and some to compile the first time, so only `BACKENDS` imports this file. It infers all
types of the machine code from the one signature at `_solve`.
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

from typing import Any

import numpy as np
from numba import float64, int64, njit, uint64
from numpy.typing import NDArray

from autonomy.solvers.allocation import Allocation, Hierarchy, Index, Solution, Status

TIGHT, MET, ROUNDING = 1e-12, 1e-9, 4 * float(np.finfo(np.float64).eps)
"""Relative: the error aimed at, the error at which a bound counts as met, a change of price that is but rounding."""
MAX_STEPS = 200

COLUMNS = WEIGHT, CENTRE, PRICE, LOWER, UPPER, INVERSE, X, MOVING = range(8)
"""Arrays of the variables, sorted by group: the problem's own, 1/w, the answer, and 1/w where it moves up."""
ROWS = FLOOR, CEILING, TOTAL, SLOPE, PAID = range(5)
"""Arrays of the groups: L, U, F_g and dF_g/dp at the price around the group, and the price of the group."""
PLACES = PARENT, END, FIRST, NUMBER, HOLDER = range(5)
"""Integers of the groups: group around, end of its slice of groups, first variable, number in the hierarchy, innermost
binding group around or equal to it. One column more than groups ends the last group's variables."""
ANSWERS = (
    (Status.SOLVED, ""),
    (Status.INFEASIBLE, "the group bounds cannot all be met"),
    (Status.FAILED, "the problem's arrays have other lengths than the hierarchy of this solver"),
    (Status.FAILED, "weights must be > 0, all else numbers, lower <= upper, and only bounds on groups may be infinite"),
)
"""What the number that `_solve` returns stands for."""


def _compiled(signature: Any = None) -> Any:
    """Return the decorator that compiles: now for a signature, or together with the caller if there is none."""
    return njit(signature, cache=True, nogil=True, error_model="numpy")


class CompiledSolver:
    """Backend "compiled": see the module's docstring. Its buffers are made once, so it serves one thread at a time."""

    def __init__(self, hierarchy: Hierarchy) -> None:
        self.hierarchy = hierarchy
        self._order, self._tree = _depth_first(hierarchy)
        self._columns = np.empty((len(COLUMNS), hierarchy.group_of.size))
        self._groups = np.zeros((len(ROWS), hierarchy.n_groups + 1))

    def solve(self, problem: Allocation) -> Solution:
        """Return the minimiser, INFEASIBLE with everything pushed as far as it helps, or FAILED on bad numbers."""
        x, multipliers, p = np.empty(self._columns.shape[1]), np.zeros(self.hierarchy.n_groups), problem
        given = (p.weight, p.centre, p.price, p.lower, p.upper, p.total_lower, p.total_upper)
        mine = (self._order, self._tree, self._columns, self._groups, x, multipliers)
        try:
            code = _solve(*given, *mine)
        except TypeError:  # read-only, strided or not float64: the machine code takes plain arrays only
            code = _solve(*[*(np.array(array, dtype=np.float64) for array in given), *mine])
        status, message = ANSWERS[code]
        if status is Status.FAILED:
            x.fill(np.nan)
        return Solution(x=x, multipliers=multipliers, status=status, message=message)


def _depth_first(hierarchy: Hierarchy) -> tuple[NDArray[np.uint64], Index]:
    """Return the (V,) order of the variables, empty if they are sorted already, and the groups' integers."""
    count = hierarchy.n_groups + 1
    inner: list[list[int]] = [[] for _ in range(count)]
    for group, around in enumerate(hierarchy.parent.tolist()):
        inner[around].append(group)  # what is inside group 0 lands in the last list, index -1
    stack, groups = [-1], list[int]()
    while stack:
        groups.append(stack.pop())
        stack += inner[groups[-1]][::-1]
    position, tree = np.empty(count, dtype=np.int64), np.zeros((len(PLACES), count + 1), dtype=np.int64)
    position[groups] = np.arange(count)
    tree[NUMBER, :count], tree[END] = groups, np.arange(1, count + 2)
    tree[PARENT, 1:count] = position[hierarchy.parent[groups[1:]]]
    for g in range(count - 1, 0, -1):
        tree[END, tree[PARENT, g]] = max(tree[END, tree[PARENT, g]], tree[END, g])
    place = position[hierarchy.group_of]
    tree[FIRST, 1:] = np.cumsum(np.bincount(place, minlength=count))
    order = np.argsort(place, kind="stable").astype(np.uint64)  # unsigned: no look-up from the end
    return (order[:0] if np.array_equal(order, np.arange(order.size)) else order), tree


@_compiled()
def _sum(values):
    """Return Σ values in four lanes, which a processor adds at once."""
    a = b = c = d = 0.0
    for i in range(values.size // 4):
        a, b = a + values[4 * i], b + values[4 * i + 1]
        c, d = c + values[4 * i + 2], d + values[4 * i + 3]
    for i in range(values.size // 4 * 4, values.size):
        a += values[i]
    return (a + b) + (c + d)


@_compiled()
def _sweep(tree, columns, groups, outer, p):
    """Answer the price p in the group `outer` and all inside, each inner group clipped to its bounds."""
    end, total, slope = tree[END, outer], groups[TOTAL], groups[SLOPE]
    here = slice(tree[FIRST, outer], tree[FIRST, end])
    centre, price, inverse = columns[CENTRE, here], columns[PRICE, here], columns[INVERSE, here]
    lower, upper, x, moving = columns[LOWER, here], columns[UPPER, here], columns[X, here], columns[MOVING, here]
    for j in range(x.size):
        free = centre[j] + (p - price[j]) * inverse[j]
        above = lower[j] if free < lower[j] else free
        x[j] = upper[j] if above > upper[j] else above
        moving[j] = inverse[j] if (lower[j] <= free) & (free < upper[j]) else 0.0
    total[outer:end] = 0.0
    slope[outer:end] = 0.0
    for g in range(end - 1, outer - 1, -1):
        own = slice(tree[FIRST, g], tree[FIRST, g + 1])
        total[g] += _sum(columns[X, own])
        slope[g] += _sum(columns[MOVING, own])
        if g > outer:
            around, low, high = tree[PARENT, g], groups[FLOOR, g], groups[CEILING, g]
            total[around] += min(max(total[g], low), high)
            slope[around] += slope[g] if low <= total[g] < high else 0.0


@_compiled()
def _pivot(tree, columns, g, low, high):
    """Return the mean of the prices inside the bracket at which variables start or stop to move, or else its middle."""
    here, count = slice(tree[FIRST, g], tree[FIRST, tree[END, g]]), 0
    weight, centre, price = columns[WEIGHT, here], columns[CENTRE, here], columns[PRICE, here]
    lower, upper, corners = columns[LOWER, here], columns[UPPER, here], columns[MOVING, here]
    for j in range(corners.size):
        start = price[j] + weight[j] * (lower[j] - centre[j])
        stop = price[j] + weight[j] * (upper[j] - centre[j])
        starts, stops = (low < start) & (start < high), (low < stop) & (stop < high)
        corners[j] = (start if starts else 0.0) + (stop if stops else 0.0)
        count += starts + stops
    return _sum(corners) / count if count > 0 else low + (high - low) / 2


@_compiled()
def _search(tree, columns, groups, g, target, p):
    """Return the price at which group g meets its target, found from the price p around it.

    A Newton step from the right piece is exact. Where it leaves the bracket, the bracket is split, by turns, among
    the corners and in the middle. Where no corner is left in an open bracket, the target is out of reach.
    """
    low, high, among_corners = -np.inf, np.inf, False
    for _ in range(MAX_STEPS):
        error = target - groups[TOTAL, g]
        step = error / groups[SLOPE, g]
        if abs(error) <= TIGHT * (1.0 + abs(target)) or abs(step) <= ROUNDING * abs(p):
            break
        low, high = (p, high) if error > 0.0 else (low, p)
        following = p + step
        if not low < following < high:
            among_corners = not among_corners or np.isinf(high - low)
            following = _pivot(tree, columns, g, low, high) if among_corners else low + (high - low) / 2
        if not low < following < high:
            break
        p = following
        _sweep(tree, columns, groups, g, p)
    return p


@_compiled()
def _meet_bounds(tree, columns, groups, multipliers):
    """Remove the rounding of the prices from x; return whether all bounds that bind are met.

    What a binding group misses goes to its own movable variables. One strictly inside its box takes a share in
    proportion to 1/w; those inside a smaller binding group are left out. Smaller groups come first.
    """
    met = True
    for g in range(1, multipliers.size + 1):
        tree[HOLDER, g] = g if multipliers[tree[NUMBER, g]] != 0.0 else tree[HOLDER, tree[PARENT, g]]
    for g in range(multipliers.size, 0, -1):
        if tree[HOLDER, g] == g:
            here = slice(tree[FIRST, g], tree[FIRST, tree[END, g]])
            lower, upper, inverse = columns[LOWER, here], columns[UPPER, here], columns[INVERSE, here]
            x, share = columns[X, here], columns[MOVING, here]
            for j in range(x.size):
                share[j] = inverse[j] if (lower[j] < x[j]) & (x[j] < upper[j]) else 0.0
            for h in range(g + 1, tree[END, g]):
                if tree[HOLDER, h] != g:
                    columns[MOVING, tree[FIRST, h] : tree[FIRST, h + 1]] = 0.0
            bound = groups[FLOOR, g] if multipliers[tree[NUMBER, g]] > 0.0 else groups[CEILING, g]
            missing, shares = bound - _sum(x), _sum(share)
            for j in range(x.size if shares > 0.0 else 0):
                x[j] = min(max(x[j] + missing * share[j] / shares, lower[j]), upper[j])
            met &= abs(bound - _sum(x)) <= MET * (1.0 + abs(bound))
    return met


@_compiled()
def _load(tree, columns, groups, order, given, bounds):
    """Fill the problem's rows and 1/w; return whether all numbers are what they must be."""
    lower, upper, bad = columns[LOWER], columns[UPPER], 0
    for g in range(1, groups.shape[1]):
        low, high = bounds[0][tree[NUMBER, g]], bounds[1][tree[NUMBER, g]]
        groups[FLOOR, g], groups[CEILING, g] = low, high
        bad += 0 if (low <= high) & (low < np.inf) & (-np.inf < high) else 1
    for row, array in enumerate(given):
        for j in range(order.size):
            columns[row, j] = array[order[j]]
        for j in range(0 if order.size > 0 else array.size):
            columns[row, j] = array[j]
    weight, centre, price, inverse = columns[WEIGHT], columns[CENTRE], columns[PRICE], columns[INVERSE]
    for j in range(inverse.size):
        inverse[j] = 1.0 / weight[j]
        good = (inverse[j] > 0.0) & (inverse[j] < np.inf) & (abs(centre[j]) < np.inf) & (abs(price[j]) < np.inf)
        good &= (-np.inf < lower[j]) & (lower[j] <= upper[j]) & (upper[j] < np.inf)
        bad += 0 if good else 1
    return bad == 0


@_compiled(int64(*[float64[::1]] * 7, uint64[::1], int64[:, ::1], *[float64[:, ::1]] * 2, *[float64[::1]] * 2))
def _solve(  # noqa: PLR0913, PLR0917 - separate arrays are unpacked faster than a tuple of arrays
    weight, centre, price, lower, upper, total_lower, total_upper, order, tree, columns, groups, x, multipliers
):
    """Write the answer to `x` and `multipliers`; return its place in `ANSWERS`."""
    fits = weight.size == centre.size == price.size == lower.size == upper.size == x.size
    if not (fits and total_lower.size == total_upper.size == multipliers.size):
        return 2
    given, bounds = (weight, centre, price, lower, upper), (total_lower, total_upper)
    if not _load(tree, columns, groups, order, given, bounds):
        return 3
    reachable = True
    _sweep(tree, columns, groups, int64(0), 0.0)  # int64, as a literal would have it compiled twice
    for g in range(1, multipliers.size + 1):
        paid = groups[PAID, tree[PARENT, g]]
        groups[PAID, g] = paid
        target = min(max(groups[TOTAL, g], groups[FLOOR, g]), groups[CEILING, g])
        if target != groups[TOTAL, g]:
            groups[PAID, g] = _search(tree, columns, groups, g, target, paid)
            multipliers[tree[NUMBER, g]] = groups[PAID, g] - paid
            reachable &= groups[SLOPE, g] > 0.0 or abs(target - groups[TOTAL, g]) <= MET * (1.0 + abs(target))
    reachable = reachable and _meet_bounds(tree, columns, groups, multipliers)
    for j in range(order.size):
        x[order[j]] = columns[X, j]
    for j in range(0 if order.size > 0 else x.size):
        x[j] = columns[X, j]
    return 0 if reachable else 1

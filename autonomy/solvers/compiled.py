"""Backend "compiled": the algorithm of `nested.py`, group by group, in machine code.

Groups are numbered in depth-first order, outermost first, and variables are sorted by group. So whatever lies below a
group is one slice of the groups and one slice of the variables. Group 0 is everything, without bounds and free.
One sweep from the innermost groups outwards answers every group at price 0. Going inwards, a group whose total leaves
[L_g, U_g] searches its own price with sweeps of its slice alone, by Newton steps inside a shrinking bracket: F_g(p) is
monotone and piecewise linear with slope Σ 1/w over the variables that move. The last sweep of a search leaves the
totals of everything inside at the price that it inherits, so each group is looked at once. [Kiwiel2008; Hochbaum1995]

Only `BACKENDS` imports this file, because Numba takes a second to load, and seconds to compile the first time.
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"
# Numba infers the types of the machine code from the one signature at the end of the file.

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numba import float64, int64, njit

from autonomy.solvers.allocation import Allocation, Hierarchy, Index, Solution, Status
from autonomy.solvers.nested import MAX_STEPS, TIGHT

MET = 1e-9
"""Relative error up to which a bound counts as met."""
ROUNDING = 4 * float(np.finfo(np.float64).eps)
"""Relative change of a price that is nothing but rounding."""

COLUMNS = WEIGHT, CENTRE, PRICE, LOWER, UPPER, X, INVERSE, MOVING = range(8)
"""Arrays of the variables, sorted by group: the problem's own, the answer, 1/w, and 1/w where x moves up."""
ROWS = FLOOR, CEILING, TOTAL, SLOPE, PAID = range(5)
"""Arrays of the groups: L, U, F_g and dF_g/dp at the price around the group, and the price of the group."""
PLACES = PARENT, END, FIRST, NUMBER, HOLDER = range(5)
"""Integers of the groups: group around, end of its slice of groups, first variable, number in the hierarchy, innermost
binding group around or equal to it. One column more than groups ends the last group's variables."""

ANSWERS = (
    (Status.SOLVED, ""),
    (Status.INFEASIBLE, "the group bounds cannot all be met"),
    (Status.FAILED, "the problem's arrays have other lengths than the hierarchy of this solver"),
    (Status.FAILED, "group bounds must be numbers with lower <= upper, and only -inf and inf stand for none"),
    (Status.FAILED, "weights must be > 0, boxes finite with lower <= upper, centres and prices finite numbers"),
)
"""What the number that `_solve` returns stands for."""

F = TypeVar("F", bound=Callable[..., Any])


def _compiled(signature: Any = None) -> Callable[[F], F]:
    """Return the decorator that compiles: now for the signature, or together with the caller if there is none."""
    decorator: Callable[[F], F] = njit(signature, cache=True, nogil=True, error_model="numpy")
    return decorator


class CompiledSolver:
    """Backend "compiled": see the module's docstring.

    Its buffers are made once, so one solver serves one thread at a time.
    """

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
            plain = [*(np.array(array, dtype=np.float64) for array in given), *mine]
            code = _solve(*plain)
        status, message = ANSWERS[code]
        if status is Status.FAILED:
            x.fill(np.nan)
        return Solution(x=x, multipliers=multipliers, status=status, message=message)


def _depth_first(hierarchy: Hierarchy) -> tuple[Index, Index]:
    """Return the (V,) order of the variables, empty if they are sorted already, and the groups' integers."""
    count = hierarchy.n_groups + 1
    inner: list[list[int]] = [[] for _ in range(count)]
    for group, around in enumerate(hierarchy.parent.tolist()):
        inner[around].append(group)  # what is inside group 0 lands in the last list, index -1
    stack, groups = [-1], list[int]()
    while stack:
        groups.append(stack.pop())
        stack += inner[groups[-1]][::-1]
    position = np.empty(count, dtype=np.int64)
    position[groups] = np.arange(count)
    tree = np.zeros((len(PLACES), count + 1), dtype=np.int64)
    tree[NUMBER, :count], tree[END] = groups, np.arange(1, count + 2)
    tree[PARENT, 1:count] = position[hierarchy.parent[groups[1:]]]
    for g in range(count - 1, 0, -1):
        tree[END, tree[PARENT, g]] = max(tree[END, tree[PARENT, g]], tree[END, g])
    place = position[hierarchy.group_of]
    tree[FIRST, 1:] = np.cumsum(np.bincount(place, minlength=count))
    order = np.argsort(place, kind="stable")
    return (order[:0] if np.array_equal(order, np.arange(order.size)) else order), tree


@_compiled()
def _sum(values):
    """Return Σ values in four lanes, which a processor adds at once."""
    a = b = c = d = 0.0
    whole = values.size // 4
    for i in range(whole):
        a, b = a + values[4 * i], b + values[4 * i + 1]
        c, d = c + values[4 * i + 2], d + values[4 * i + 3]
    for i in range(4 * whole, values.size):
        a += values[i]
    return (a + b) + (c + d)


@_compiled()
def _sweep(tree, box, groups, outer, p):
    """Answer the price p in the group `outer` and all inside, each inner group clipped to its bounds."""
    end, total, slope = tree[END, outer], groups[TOTAL], groups[SLOPE]
    here = slice(tree[FIRST, outer], tree[FIRST, end])
    centre, price, inverse, moving = box[CENTRE][here], box[PRICE][here], box[INVERSE][here], box[MOVING][here]
    lower, upper, x = box[LOWER][here], box[UPPER][here], box[X][here]
    for j in range(x.size):
        free = centre[j] + (p - price[j]) * inverse[j]
        above = lower[j] if free < lower[j] else free
        x[j] = upper[j] if above > upper[j] else above
        moving[j] = inverse[j] if (lower[j] <= free) & (free < upper[j]) else 0.0
    total[outer:end] = 0.0
    slope[outer:end] = 0.0
    for g in range(end - 1, outer - 1, -1):
        own = slice(tree[FIRST, g], tree[FIRST, g + 1])
        total[g] += _sum(box[X][own])
        slope[g] += _sum(box[MOVING][own])
        if g > outer:
            around, low, high = tree[PARENT, g], groups[FLOOR, g], groups[CEILING, g]
            total[around] += min(max(total[g], low), high)
            slope[around] += slope[g] if low <= total[g] < high else 0.0


@_compiled()
def _pivot(tree, box, g, low, high):
    """Return the mean of the prices inside the bracket at which variables start or stop to move, or else its middle."""
    total, count = 0.0, 0
    for j in range(tree[FIRST, g], tree[FIRST, tree[END, g]]):
        for bound in (box[LOWER][j], box[UPPER][j]):
            corner = box[PRICE][j] + box[WEIGHT][j] * (bound - box[CENTRE][j])
            inside = (low < corner) & (corner < high)
            total += corner if inside else 0.0
            count += 1 if inside else 0
    return total / count if count > 0 else low + (high - low) / 2


@_compiled()
def _search(tree, box, groups, g, target, p):
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
        if error > 0.0:
            low = p
        else:
            high = p
        following = p + step
        if not low < following < high:
            among_corners = not among_corners or np.isinf(high - low)
            following = _pivot(tree, box, g, low, high) if among_corners else low + (high - low) / 2
        if not low < following < high:
            break
        p = following
        _sweep(tree, box, groups, g, p)
    return p


@_compiled()
def _meet_bounds(tree, box, groups, multipliers):
    """Remove the rounding of the prices from x: what a binding group misses goes to its own movable variables.

    A variable strictly inside its box takes a share in proportion to 1/w; those inside a smaller binding group are
    left out. Smaller groups come first.
    """
    lower, upper, x, inverse, share = box[LOWER], box[UPPER], box[X], box[INVERSE], box[MOVING]
    for g in range(1, multipliers.size + 1):
        tree[HOLDER, g] = g if multipliers[tree[NUMBER, g]] != 0.0 else tree[HOLDER, tree[PARENT, g]]
    for g in range(multipliers.size, 0, -1):
        if tree[HOLDER, g] == g:
            first, last = tree[FIRST, g], tree[FIRST, tree[END, g]]
            bound = groups[FLOOR, g] if multipliers[tree[NUMBER, g]] > 0.0 else groups[CEILING, g]
            missing = bound - _sum(x[first:last])
            for h in range(g, tree[END, g]):
                for j in range(tree[FIRST, h], tree[FIRST, h + 1]):
                    movable = (tree[HOLDER, h] == g) & (lower[j] < x[j]) & (x[j] < upper[j])
                    share[j] = inverse[j] if movable else 0.0
            shares = _sum(share[first:last])
            for j in range(first, last if shares > 0.0 else first):
                x[j] = min(max(x[j] + missing * share[j] / shares, lower[j]), upper[j])


@_compiled()
def _are_good(box):
    """Fill 1/w; return whether all numbers of the variables are what they must be."""
    weight, centre, price, lower, upper = box[WEIGHT], box[CENTRE], box[PRICE], box[LOWER], box[UPPER]
    inverse, bad = box[INVERSE], 0
    for j in range(inverse.size):
        inverse[j] = 1.0 / weight[j]
        good = (weight[j] > 0.0) & (inverse[j] < np.inf) & (abs(centre[j]) < np.inf) & (abs(price[j]) < np.inf)
        good &= (-np.inf < lower[j]) & (lower[j] <= upper[j]) & (upper[j] < np.inf)
        bad += 0 if good else 1
    return bad == 0


@_compiled()
def _optimise(tree, box, groups, multipliers):
    """Fill x and the multipliers; return whether all bounds can be met."""
    reachable, binding = True, False
    _sweep(tree, box, groups, 0, 0.0)
    for g in range(1, multipliers.size + 1):
        paid = groups[PAID, tree[PARENT, g]]
        groups[PAID, g] = paid
        target = min(max(groups[TOTAL, g], groups[FLOOR, g]), groups[CEILING, g])
        if target != groups[TOTAL, g]:
            groups[PAID, g] = _search(tree, box, groups, g, target, paid)
            missed = abs(target - groups[TOTAL, g]) > MET * (1.0 + abs(target))
            reachable &= not (missed and groups[SLOPE, g] == 0.0)
            multipliers[tree[NUMBER, g]] = groups[PAID, g] - paid
            binding |= groups[PAID, g] != paid
    if reachable and binding:
        _meet_bounds(tree, box, groups, multipliers)
    return reachable


@_compiled(int64(*[float64[::1]] * 7, int64[::1], int64[:, ::1], *[float64[:, ::1]] * 2, *[float64[::1]] * 2))
def _solve(  # noqa: PLR0913, PLR0917 - separate arrays reach machine code three times faster than a tuple of them
    weight, centre, price, lower, upper, total_lower, total_upper, order, tree, columns, groups, x, multipliers
):
    """Write the answer to `x` and `multipliers`; return its place in `ANSWERS`."""
    given, good = (weight, centre, price, lower, upper), True
    for array in given:
        good &= array.size == x.size
    if not (good and total_lower.size == total_upper.size == multipliers.size):
        return 2
    for g in range(1, multipliers.size + 1):
        low, high = total_lower[tree[NUMBER, g]], total_upper[tree[NUMBER, g]]
        groups[FLOOR, g], groups[CEILING, g] = low, high
        good &= (low <= high) & (low < np.inf) & (-np.inf < high)
    if not good:
        return 3
    box = (weight, centre, price, lower, upper, x, columns[INVERSE], columns[MOVING])
    if order.size > 0:
        for row, array in enumerate(given):
            for j in range(order.size):
                columns[row, j] = array[order[j]]
        box = (columns[0], columns[1], columns[2], columns[3], columns[4], columns[5], columns[6], columns[7])
    if not _are_good(box):
        return 4
    reachable = _optimise(tree, box, groups, multipliers)
    for j in range(order.size):
        x[order[j]] = columns[X, j]
    return 0 if reachable else 1

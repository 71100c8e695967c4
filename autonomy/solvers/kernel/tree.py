"""A tree of groups, in machine code: divide and conquer over the price, all groups at once.

The price of a group is the one around it, clipped to [s_L, s_U], the range of prices at which its total stays within
[L, U]; an outermost group's is 0, clipped. One sweep from the innermost groups outwards, every inner total clipped to
its bounds, answers a trial price s in all groups, and tells of each on which side of s its price lies:

    total > U:  below s           total < L:  above s           else:  where the price around it lies, or at s

Groups on the same side and next to each other stay together; between two sides the inner group is at U, if its price is
the lower one, or at L, and so adds a constant to the outer one: the tree falls apart into pieces that no longer need
each other. Each piece goes on with a trial price of its own, a Newton step for its outermost group or, now and then,
the middle of its bracket, which keeps the number of sweeps at the logarithm of the accuracy however deep the nesting.
Derivation: parametric decomposition over a laminar family, as in [Hochbaum1995].
"""
# mypy: disable-error-code="no-untyped-def,no-untyped-call"

from __future__ import annotations

import numpy as np
from numba import int64

from autonomy.solvers.allocation import LEAST
from autonomy.solvers.kernel.fills import fill, fill_few
from autonomy.solvers.kernel.prices import compiled, price_at, terms_at
from autonomy.solvers.kernel.search import ROUNDING, UNIT, corners, newton, spread
from autonomy.solvers.kernel.single import INFEASIBLE, MAX_STEPS, MET, SOLVED, TIGHT, UNSOUND, UNTOUCHED, missing
from autonomy.solvers.kernel.sums import FEW, answer, few

FLOATS = FLOOR, CEILING, TRIAL, TOTAL, SLOPE, FIXED, LOW, HIGH, MEAN, COUNT = range(10)
"""Numbers of the groups: L, U, the trial price (and at last the price), Σ and its slope, the Σ of what has come off,
the bracket of the price, and a sum of prices and how many."""
INTEGERS = PARENT, END, FIRST, NUMBER, ROOT, PULL, SIDE, ACTIVE = range(8)
"""Integers of the groups: group around, end of its slice of groups, first cell, number in the hierarchy, outermost
group of its piece, what that aims at, the side of the price, and the list of groups whose price is still open."""
OUTERMOST, TO_CEILING, TO_FLOOR = 0, 1, 2
"""What the outermost group of a piece aims at: 0 in its bounds, U (the price around is higher), L (it is lower)."""
HALVING, MANY = 12, 4
"""Every so many sweeps brackets are halved instead."""


@compiled(inline=True)
def _error(groups, tree, g):
    """Return by how much the total of the outermost group of a piece must rise."""
    total = groups[g, TOTAL]
    if tree[g, PULL] == TO_CEILING:
        return groups[g, CEILING] - total
    if tree[g, PULL] == TO_FLOOR:
        return groups[g, FLOOR] - total
    return missing(groups[g, TRIAL], total, groups[g, FLOOR], groups[g, CEILING])


@compiled()
def _sweep(cells, ease, relief, tree, groups, active):
    """Total every open group at the trial price of its piece, innermost first."""
    for k in range(active):
        g = tree[k, ACTIVE]
        groups[g, TOTAL], groups[g, SLOPE] = groups[g, FIXED], 0.0
    at, terms = 0.0, terms_at(0.0, *relief)
    for k in range(active - 1, -1, -1):
        g = tree[k, ACTIVE]
        s, first, last = groups[g, TRIAL], tree[g, FIRST], tree[g + 1, FIRST]
        if s != at:
            at, terms = s, terms_at(s, *relief)
        total, slope = (
            few(cells, ease, first, last, terms) if last - first < FEW else answer(cells, ease, first, last, relief, s)
        )
        groups[g, TOTAL] += total
        groups[g, SLOPE] += slope
        if tree[g, ROOT] != g:
            around, total = tree[g, PARENT], groups[g, TOTAL]
            inside = groups[g, FLOOR] <= total < groups[g, CEILING]
            groups[around, TOTAL] += min(max(total, groups[g, FLOOR]), groups[g, CEILING])
            groups[around, SLOPE] += groups[g, SLOPE] if inside else 0.0


@compiled(inline=True)
def _side(groups, g, around):
    """Return on which side of the trial price the price of an inner group is, `around` being that of the outer one."""
    total, floor, ceiling = groups[g, TOTAL], groups[g, FLOOR], groups[g, CEILING]
    near = TIGHT * (1.0 + abs(total))
    # Choices without jumps: which way a group goes is nothing that a processor could guess.
    below = -1 if total > floor + near else 0
    above = 1 if total < ceiling - near else 0
    inside = below if around < 0 else above if around > 0 else 0
    return 1 if total < floor - near else -1 if total > ceiling + near else inside


@compiled()
def _split(tree, groups, active):
    """Put every open group on its side of the trial price, detach what is on another; return how many stay open."""
    for k in range(active):
        g = tree[k, ACTIVE]
        s, root, around = groups[g, TRIAL], tree[g, ROOT], tree[g, PARENT]
        if root == g:
            error = _error(groups, tree, g)
            at_end = not groups[g, LOW] < s < groups[g, HIGH]
            done = abs(error) <= TIGHT * (1.0 + abs(groups[g, TOTAL])) or abs(error) <= groups[
                g, SLOPE
            ] * ROUNDING * abs(s)
            side = 0 if done or at_end else 1 if error > 0.0 else -1
        else:
            outer = tree[around, SIDE]
            side = _side(groups, g, outer)
            if side == outer:
                tree[g, ROOT] = tree[around, ROOT]
            else:
                tree[g, ROOT], tree[g, PULL] = g, TO_CEILING if side < outer else TO_FLOOR
                bound = groups[g, CEILING] if side < outer else groups[g, FLOOR]
                groups[around, FIXED] += bound if abs(bound) < np.inf else groups[g, TOTAL]  # out of reach
        tree[g, SIDE] = side
        if side > 0:
            groups[g, LOW] = s
        elif side < 0:
            groups[g, HIGH] = s
    still = 0
    for k in range(active):
        g = tree[k, ACTIVE]
        if tree[g, SIDE] != 0:
            tree[still, ACTIVE] = g
            still += 1
    return still


@compiled(inline=True)
def _newton(relief, groups, g, error):
    """Return the next trial price: a Newton step from the present one, or the bracket's middle if that leaves it."""
    low, high = groups[g, LOW], groups[g, HIGH]
    following = newton(relief, groups[g, TRIAL], error, groups[g, SLOPE], (low, high))
    return following if low < following < high else low + (high - low) / 2


@compiled()
def _collect(relief, tree, groups, active):
    """Sum, for every piece, the Newton steps of all groups in it that are out of their bounds, and count them."""
    for k in range(active):
        g = tree[k, ACTIVE]
        groups[g, MEAN], groups[g, COUNT] = 0.0, 0.0
    for k in range(active):
        g = tree[k, ACTIVE]
        root, total = tree[g, ROOT], groups[g, TOTAL]
        error = _error(groups, tree, g) if root == g else missing(0.0, total, groups[g, FLOOR], groups[g, CEILING])
        if error != 0.0 or root == g:
            groups[root, MEAN] += _newton(relief, groups, g, error)
            groups[root, COUNT] += 1.0


@compiled()
def _aim(relief, tree, groups, active, sweep):
    """Set the next trial price of every piece: by turns for its outermost group and for the mean of all it has.

    Every so often it is the middle of the bracket, which bounds the number of sweeps whatever the other two do.
    """
    is_halving, is_mean = sweep % HALVING == HALVING - 1, sweep % 2 == 1
    if is_mean and not is_halving:
        _collect(relief, tree, groups, active)
    for k in range(active):
        g = tree[k, ACTIVE]
        root = tree[g, ROOT]
        if root != g:
            groups[g, TRIAL] = groups[root, TRIAL]
        elif is_halving:
            groups[g, TRIAL] = groups[g, LOW] + (groups[g, HIGH] - groups[g, LOW]) / 2
        elif is_mean and groups[g, COUNT] >= MANY:
            groups[g, TRIAL] = groups[g, MEAN] / groups[g, COUNT]
        else:
            groups[g, TRIAL] = _newton(relief, groups, g, _error(groups, tree, g))


@compiled()
def price_tree(cells, ease, relief, tree, groups):
    """Write the price of every group to TRIAL; False if some number is none."""
    size = tree.shape[0] - 1
    for g in range(size):
        around = tree[g, PARENT]
        tree[g, ROOT] = g if around < 0 else tree[around, ROOT]
        tree[g, PULL], tree[g, SIDE], tree[g, ACTIVE] = OUTERMOST, 0, g
        groups[g, FIXED], groups[g, TRIAL], groups[g, LOW], groups[g, HIGH] = 0.0, 0.0, -np.inf, np.inf
    active = size
    for sweep in range(MAX_STEPS):
        _sweep(cells, ease, relief, tree, groups, active)
        active = _split(tree, groups, active)
        if active == 0:
            break
        if sweep == 0:
            low, high = corners(cells, ease, int64(0), cells.shape[1], relief)
            for k in range(active):
                g = tree[k, ACTIVE]
                groups[g, LOW], groups[g, HIGH] = max(groups[g, LOW], low), min(groups[g, HIGH], high)
        _aim(relief, tree, groups, active, sweep)
    return active == 0


@compiled()
def _settle(cells, tree, groups, g, error, point, cell_multipliers):
    """Spread what rounding has left of a group's error over the cells of its piece; return what cannot be spread."""
    if abs(error) > MET * (1.0 + abs(groups[g, TOTAL])):
        return error
    left, none = error, UNIT * (1.0 + abs(groups[g, TOTAL]))
    for h in range(g, tree[g, END]):
        if abs(left) <= none:
            break
        if tree[h, ROOT] == tree[g, ROOT]:
            left = spread(cells, point, cell_multipliers, tree[h, FIRST], tree[h + 1, FIRST], left, groups[g, TOTAL])
    groups[g, TOTAL] += error - left
    return left


@compiled()
def _state_prices(relief, tree, groups, multipliers):
    """Write the multipliers, and what every group is the outermost of and aims at; set the totals to 0."""
    for g in range(multipliers.size):
        around, trial = tree[g, PARENT], groups[g, TRIAL]
        price = price_at(trial, *relief)
        groups[g, MEAN], groups[g, TOTAL] = price, 0.0
        above = groups[around, TRIAL] if around >= 0 else 0.0
        multipliers[tree[g, NUMBER]] = price - (groups[around, MEAN] if around >= 0 else 0.0)
        tree[g, PULL] = TO_FLOOR if trial > above else TO_CEILING if trial < above else OUTERMOST
        tree[g, ROOT] = g if trial != above or around < 0 else tree[around, ROOT]


@compiled()
def fill_tree(cells, ease, relief, tree, groups, point, cell_multipliers, multipliers):
    """Write the answers at the prices found, innermost first, and the multipliers; return SOLVED or another."""
    size, reached = tree.shape[0] - 1, True
    _state_prices(relief, tree, groups, multipliers)
    at, terms = 0.0, terms_at(0.0, *relief)
    for g in range(size - 1, -1, -1):
        s, first, last = groups[g, TRIAL], tree[g, FIRST], tree[g + 1, FIRST]
        if s != at:
            at, terms = s, terms_at(s, *relief)
        if last - first < FEW and cells.shape[0] <= LEAST:
            total, bad = fill_few(cells, ease, first, last, terms, point)
            unmet = 0
        else:
            total, bad, unmet = fill(cells, ease, first, last, relief, s, point, cell_multipliers)
        total += groups[g, TOTAL]
        groups[g, TOTAL] = total
        if bad > 0 or total != total:  # noqa: PLR0124 - NaN
            return UNSOUND
        reached &= unmet == 0
        is_bound = tree[g, PULL] != OUTERMOST
        error = _error(groups, tree, g) if is_bound else missing(0.0, total, groups[g, FLOOR], groups[g, CEILING])
        if abs(error) > (UNIT if is_bound else UNTOUCHED) * (1.0 + abs(total)):
            left = _settle(cells, tree, groups, g, error, point, cell_multipliers)
            reached &= abs(left) <= MET * (1.0 + abs(groups[g, TOTAL]))
        if tree[g, PARENT] >= 0:
            groups[tree[g, PARENT], TOTAL] += groups[g, TOTAL]
    return SOLVED if reached else INFEASIBLE

"""The exact solver in clear NumPy: nested knapsacks, priced from the outermost group inwards.

At a price p every variable answers with its own one-dimensional minimiser, clip(r + (p − q)/w, lower, upper), and a
group answers with the sum of what is in it, each inner group clipped to its own bounds. That answer F_g(p) is
piecewise linear and does not decrease in p. Going inwards, a group whose total at the price around it leaves
[L_g, U_g] gets the price at which it meets the bound; everything inside inherits that price. The difference between
a group's price and the one around it is its multiplier, so the result satisfies the KKT conditions by construction.
[Kiwiel2008; Hochbaum1995]
"""

from __future__ import annotations

import numpy as np

from autonomy.solvers.allocation import Allocation, Hierarchy, Index, Solution, Status, Vector

TIGHT = 1e-12
"""Relative accuracy to which a bound is met by its price; `_meet_bounds` removes what is left."""
MAX_STEPS = 200


class NestedSolver:
    """Backend "exact": see the module's docstring."""

    def __init__(self, hierarchy: Hierarchy) -> None:
        self.hierarchy = hierarchy

    def solve(self, problem: Allocation) -> Solution:
        """Return the minimiser, or INFEASIBLE with every variable pushed as far as it helps."""
        h = self.hierarchy
        price = np.zeros(h.n_groups)
        reachable = True
        for level, groups in enumerate(h.levels):
            totals, _ = _answer(problem, price)
            target = np.clip(totals[groups], problem.total_lower[groups], problem.total_upper[groups])
            binding = totals[groups] != target
            if binding.any():
                met = _reprice(problem, price, level, groups[binding], target[binding])
                reachable &= met
        multipliers = price.copy()
        for groups in h.levels[1:]:
            multipliers[groups] -= price[h.parent[groups]]
        x = problem.respond(price)
        if not reachable:
            return Solution(
                x=x, multipliers=multipliers, status=Status.INFEASIBLE, message="the group bounds cannot all be met"
            )
        return Solution(x=_meet_bounds(problem, x, multipliers), multipliers=multipliers, status=Status.SOLVED)


def _answer(problem: Allocation, price: Vector) -> tuple[Vector, Vector]:
    """Return (G,) totals at these prices, inner groups clipped to their bounds, and their slopes dF/dp."""
    h = problem.hierarchy
    free = problem.centre + (price[h.group_of] - problem.price) / problem.weight
    x = np.clip(free, problem.lower, problem.upper)
    moving = np.where(x == free, 1.0 / problem.weight, 0.0)
    totals = np.bincount(h.group_of, weights=x, minlength=h.n_groups).astype(np.float64)
    slopes = np.bincount(h.group_of, weights=moving, minlength=h.n_groups).astype(np.float64)
    for groups in reversed(h.levels[1:]):
        inside = np.clip(totals[groups], problem.total_lower[groups], problem.total_upper[groups])
        np.add.at(totals, h.parent[groups], inside)
        np.add.at(slopes, h.parent[groups], np.where(inside == totals[groups], slopes[groups], 0.0))
    return totals, slopes


def _reprice(problem: Allocation, price: Vector, level: int, groups: Index, target: Vector) -> bool:
    """Set `price` of `groups` (all of one level) and of all inside so that their totals meet `target`.

    Newton steps on a monotone piecewise-linear function, kept inside a shrinking bracket; a Newton step from the
    right piece is exact, and bisection finds the piece where slopes vanish. Returns False when some target is out
    of reach; that group's price is then the extreme one.
    """
    h = problem.hierarchy
    slot = np.full(h.n_groups + 1, -1)
    slot[groups] = np.arange(groups.size)
    owner = slot[h.ancestor_at[level]]
    inside = owner >= 0

    def totals_at(p: Vector) -> tuple[Vector, Vector]:
        price[inside] = p[owner[inside]]
        totals, slopes = _answer(problem, price)
        return totals[groups], slopes[groups]

    # At the ends of this range every variable is at a bound, so no price beyond them changes anything.
    corners = problem.price + problem.weight * np.array(
        [problem.lower - problem.centre, problem.upper - problem.centre]
    )
    p = price[groups].copy()
    low, high = np.minimum(p, corners.min() - 1.0), np.maximum(p, corners.max() + 1.0)
    totals, slopes = totals_at(p)
    scale = TIGHT * (1.0 + np.abs(target))
    for _ in range(MAX_STEPS):
        error = target - totals
        short = error > 0
        low, high = np.where(short, p, low), np.where(short, high, p)
        middle = low + (high - low) / 2
        done = (np.abs(error) <= scale) | (middle == low) | (middle == high)
        if done.all():
            break
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            newton = p + error / slopes
        usable = (low < newton) & (newton < high)
        p = np.where(done, p, np.where(usable, newton, middle))
        totals, slopes = totals_at(p)
    return bool(np.all(np.abs(target - totals) <= 1e-9 * (1.0 + np.abs(target))))


def _meet_bounds(problem: Allocation, x: Vector, multipliers: Vector) -> Vector:
    """Return `x` with the rounding of the prices removed: binding groups meet their bounds to the last bits.

    What a group misses (1e-11 or so) is spread over its variables strictly inside their boxes, in proportion to
    1/w, leaving out those inside a smaller binding group. A point that needs no correction is returned untouched.
    """
    h = problem.hierarchy
    binding = multipliers != 0
    if not binding.any():
        return x
    holder = np.where(binding, np.arange(h.n_groups), -1)
    for groups in h.levels[1:]:
        holder[groups] = np.where(binding[groups], groups, holder[h.parent[groups]])
    holder_of_variable = holder[h.group_of]
    for groups in reversed(h.levels):
        for group in groups[binding[groups]]:
            bound = problem.total_lower[group] if multipliers[group] > 0 else problem.total_upper[group]
            movable = (holder_of_variable == group) & (problem.lower < x) & (x < problem.upper)
            share = np.where(movable, 1.0 / problem.weight, 0.0)
            if share.any():
                missing = bound - h.totals(x)[group]
                x = np.clip(x + missing * share / share.sum(), problem.lower, problem.upper)
    return x

"""The exact solver in clear NumPy, the compiled one's oracle: nested knapsacks, priced from outside inwards.

At a price p every variable answers with its own one-dimensional minimiser, clip(r + (p − q)/w, lower, upper), and a
group answers with the sum of what is in it, each inner group clipped to its own bounds. That answer F_g(p) is
piecewise linear and does not decrease in p. Going inwards, a group whose total at the price around it leaves
[L_g, U_g] gets the price at which it meets the bound; everything inside inherits that price. The difference between
a group's price and the one around it is its multiplier, so the result satisfies the KKT conditions by construction.
[Kiwiel2008; Hochbaum1995]

Here a cell is one more group, around its three variables x, −u and v.
"""

from __future__ import annotations

import numpy as np

from autonomy.solvers.allocation import Allocation, Hierarchy, Index, Solution, Status, Vector, no_answer
from autonomy.solvers.flat import Flat, as_point, flat_tree, flatten

TIGHT = 1e-12
"""Relative accuracy to which a bound is met by its price; `_meet_bounds` removes what is left."""
MAX_STEPS = 200


class NestedSolver:
    """Backend "nested": see the module's docstring. It needs ε > 0."""

    def __init__(self, hierarchy: Hierarchy) -> None:
        self.hierarchy = hierarchy
        self._tree = flat_tree(hierarchy)
        self._around = _around(self._tree)

    def solve(self, problem: Allocation) -> Solution:
        """Return the minimiser, or INFEASIBLE with every variable pushed as far as it helps."""
        if not problem.relief.smoothing > 0:
            return no_answer(self.hierarchy, Status.FAILED, "this solver needs a smoothing > 0")
        flat = flatten(problem, self._tree)
        if not flat.is_sound:
            return no_answer(self.hierarchy, Status.FAILED, "weights must be > 0, all else numbers, lower <= upper")
        price = np.zeros(self._tree.n_groups)
        reachable = True
        for level, groups in enumerate(self._tree.levels):
            totals, _ = _answer(flat, price)
            target = np.clip(totals[groups], flat.total_lower[groups], flat.total_upper[groups])
            binding = totals[groups] != target
            if binding.any():
                reachable &= _reprice(flat, price, self._around[level], groups[binding], target[binding])
        multipliers = price.copy()
        for groups in self._tree.levels[1:]:
            multipliers[groups] -= price[self._tree.parent[groups]]
        x = flat.respond(price)
        n_groups = self.hierarchy.n_groups
        return Solution(
            point=as_point(_meet_bounds(flat, x, multipliers) if reachable else x),
            cell_multipliers=multipliers[n_groups:],
            multipliers=multipliers[:n_groups],
            status=Status.SOLVED if reachable else Status.INFEASIBLE,
            message="" if reachable else "the bounds on sums cannot all be met",
        )


def _around(tree: Hierarchy) -> tuple[Index, ...]:
    """Return for each depth (G,) the group of that depth around, or equal to, each group; -1 where there is none."""
    rows: list[Index] = []
    for level in range(len(tree.levels)):
        row = np.where(tree.depth == level, np.arange(tree.n_groups), -1)
        for deeper in tree.levels[level + 1 :]:
            row[deeper] = row[tree.parent[deeper]]
        rows.append(row)
    return tuple(rows)


def _answer(flat: Flat, price: Vector) -> tuple[Vector, Vector]:
    """Return (G,) totals at these prices, inner groups clipped to their bounds, and their slopes dF/dp."""
    tree = flat.tree
    free = flat.centre + (price[tree.group_of] - flat.price) / flat.weight
    x = np.clip(free, flat.lower, flat.upper)
    moving = np.where(x == free, 1.0 / flat.weight, 0.0)
    totals = np.bincount(tree.group_of, weights=x, minlength=tree.n_groups).astype(np.float64)
    slopes = np.bincount(tree.group_of, weights=moving, minlength=tree.n_groups).astype(np.float64)
    for groups in reversed(tree.levels[1:]):
        inside = np.clip(totals[groups], flat.total_lower[groups], flat.total_upper[groups])
        np.add.at(totals, tree.parent[groups], inside)
        np.add.at(slopes, tree.parent[groups], np.where(inside == totals[groups], slopes[groups], 0.0))
    return totals, slopes


def _reprice(flat: Flat, price: Vector, around: Index, groups: Index, target: Vector) -> bool:
    """Set `price` of `groups` (all of one level) and of all inside so that their totals meet `target`.

    Newton steps on a monotone piecewise-linear function, kept inside a shrinking bracket; a Newton step from the
    right piece is exact, and bisection finds the piece where slopes vanish. Returns False when some target is out
    of reach; that group's price is then the extreme one.
    """
    slot = np.full(flat.tree.n_groups + 1, -1)
    slot[groups] = np.arange(groups.size)
    owner = slot[around]
    inside = owner >= 0

    def totals_at(p: Vector) -> tuple[Vector, Vector]:
        price[inside] = p[owner[inside]]
        totals, slopes = _answer(flat, price)
        return totals[groups], slopes[groups]

    # At the ends of this range every variable is at a bound, so no price beyond them changes anything.
    corners = flat.price + flat.weight * np.array([flat.lower - flat.centre, flat.upper - flat.centre])
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


def _meet_bounds(flat: Flat, x: Vector, multipliers: Vector) -> Vector:
    """Return `x` with the rounding of the prices removed: binding groups meet their bounds to the last bits.

    What a group misses (1e-11 or so) is spread over its variables strictly inside their boxes, in proportion to
    1/w, leaving out those inside a smaller binding group. A point that needs no correction is returned untouched.
    """
    tree = flat.tree
    binding = multipliers != 0
    if not binding.any():
        return x
    holder = np.where(binding, np.arange(tree.n_groups), -1)
    for groups in tree.levels[1:]:
        holder[groups] = np.where(binding[groups], groups, holder[tree.parent[groups]])
    holder_of_variable = holder[tree.group_of]
    for groups in reversed(tree.levels):
        for group in groups[binding[groups]]:
            bound = flat.total_lower[group] if multipliers[group] > 0 else flat.total_upper[group]
            movable = (holder_of_variable == group) & (flat.lower < x) & (x < flat.upper)
            share = np.where(movable, 1.0 / flat.weight, 0.0)
            if share.any():
                missing = bound - tree.totals(x)[group]
                x = np.clip(x + missing * share / share.sum(), flat.lower, flat.upper)
    return x

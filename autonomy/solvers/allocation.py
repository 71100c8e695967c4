"""The projection problem, stated as mathematics: separable, strictly convex, with nested bounds on sums.

    minimise    Σ_j w_j/2·(x_j − r_j)² + q_j·x_j
    subject to  lower_j <= x_j <= upper_j
                L_g <= Σ_{j below g} x_j <= U_g        for every group g of a tree of groups

Groups are nested (a laminar family): each variable sits in one group, each group in at most one larger group. With
one group this is the continuous quadratic knapsack problem [Kiwiel2008]; with a tree, knapsacks inside knapsacks
[Hochbaum1995].
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Vector: TypeAlias = NDArray[np.float64]
Index: TypeAlias = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Hierarchy:
    """Which group each variable is in, and which group each group is in: the part that never changes between solves.

    Attributes:
        parent: (G,) the group around each group, -1 for an outermost one; no loops.
        group_of: (V,) the innermost group of each variable.
    """

    parent: Index
    group_of: Index

    @property
    def n_groups(self) -> int:
        """Number of groups G."""
        return int(self.parent.size)

    @cached_property
    def depth(self) -> Index:
        """(G,) number of groups around each group."""
        depth = np.zeros(self.n_groups, dtype=np.int64)
        above = self.parent.copy()
        while (above >= 0).any():
            depth += above >= 0
            above = np.where(above >= 0, self.parent[above], -1)
        return depth

    @cached_property
    def levels(self) -> tuple[Index, ...]:
        """The groups of each depth, outermost first."""
        return tuple(np.flatnonzero(self.depth == d) for d in range(int(self.depth.max()) + 1))

    @cached_property
    def ancestor_at(self) -> tuple[Index, ...]:
        """For each depth, (G,) the group of that depth around (or equal to) each group; -1 where there is none."""
        rows: list[Index] = []
        for level in range(len(self.levels)):
            row = np.where(self.depth == level, np.arange(self.n_groups), -1)
            for deeper in self.levels[level + 1 :]:
                row[deeper] = row[self.parent[deeper]]
            rows.append(row)
        return tuple(rows)

    def totals(self, x: NDArray[np.float64]) -> Vector:
        """Return (G,) Σ x_j over all variables below each group."""
        totals = np.bincount(self.group_of, weights=x, minlength=self.n_groups).astype(np.float64)
        for groups in reversed(self.levels[1:]):
            np.add.at(totals, self.parent[groups], totals[groups])
        return totals

    def spread(self, multipliers: Vector) -> Vector:
        """Return (G,) the sum of multipliers from the outermost group down to each group: its price."""
        price = multipliers.copy()
        for groups in self.levels[1:]:
            price[groups] += price[self.parent[groups]]
        return price


@dataclass(frozen=True, kw_only=True, eq=False)
class Allocation:
    """One instance of the problem in the module's docstring.

    Attributes:
        hierarchy: The nested groups.
        weight: (V,) w > 0.
        centre: (V,) r.
        price: (V,) q.
        lower: (V,) finite, <= upper.
        upper: (V,) finite.
        total_lower: (G,) L, -inf for none.
        total_upper: (G,) U >= L, inf for none.
    """

    hierarchy: Hierarchy
    weight: Vector
    centre: Vector
    price: Vector
    lower: Vector
    upper: Vector
    total_lower: Vector
    total_upper: Vector

    def objective(self, x: Vector) -> float:
        """Return Σ w/2·(x − r)² + q·x."""
        return float(np.sum(self.weight / 2 * (x - self.centre) ** 2 + self.price * x))

    def respond(self, group_price: Vector) -> Vector:
        """Return (V,) argmin_x w/2·(x − r)² + (q − p)·x over the box, p the price of the variable's group."""
        p = group_price[self.hierarchy.group_of]
        return np.clip(self.centre + (p - self.price) / self.weight, self.lower, self.upper)

    def infeasibility(self, x: Vector) -> float:
        """Return the largest amount by which `x` leaves its box or a group's bounds; NaN when x has one."""
        totals = self.hierarchy.totals(x)
        worst = [
            np.max(self.lower - x, initial=0.0),
            np.max(x - self.upper, initial=0.0),
            np.max(self.total_lower - totals, initial=0.0),
            np.max(totals - self.total_upper, initial=0.0),
        ]
        return float(np.max(worst))


class Status(StrEnum):
    """What a backend says about its answer."""

    SOLVED = "solved"
    INFEASIBLE = "infeasible"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True, eq=False)
class Solution:
    """A backend's answer. On INFEASIBLE, `x` is the point of the box that violates the group bounds least greedily.

    Attributes:
        x: (V,) the point.
        multipliers: (G,) > 0 where a group's lower bound binds, < 0 where its upper bound binds.
        status: What the backend claims; `Allocation.infeasibility` is what holds.
        message: One sentence, empty when solved.
    """

    x: Vector
    multipliers: Vector
    status: Status
    message: str = ""


class Backend(Protocol):
    """A prepared solver: `setup` has seen the hierarchy, `solve` sees one instance of it after the other."""

    def solve(self, problem: Allocation) -> Solution:
        """Return the solver's answer; never raises on numbers."""
        ...


Setup: TypeAlias = Callable[[Hierarchy], Backend]

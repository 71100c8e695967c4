"""The projection problem, stated as mathematics: separable, strictly convex, with nested bounds on sums.

    minimise    Σ_i w_i/2·(x_i − r_i)² + α·u_i + ε/2·u_i² + β·v_i + ε/2·v_i²
    subject to  lower_i <= x_i <= upper_i,   0 <= u_i <= drop_i,   0 <= v_i <= lift_i
                y_i = x_i − u_i + v_i,       least_i <= y_i <= most_i        for every cell i
                L_g <= Σ_{i below g} y_i <= U_g                              for every group g of a tree

A cell has one variable that would rather be at its centre, and two reliefs that lower and raise its sum y at a price:
the drop u and the lift v. Groups are nested (a laminar family): each cell sits in one group, each group in at most
one larger group. With one group this is the continuous quadratic knapsack problem [Kiwiel2008]; with a tree, knapsacks
inside knapsacks [Hochbaum1995].
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import NamedTuple, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

Vector: TypeAlias = NDArray[np.float64]
Matrix: TypeAlias = NDArray[np.float64]
Index: TypeAlias = NDArray[np.int64]

CELL_ROWS = WEIGHT, CENTRE, LOWER, UPPER, DROP, LIFT, LEAST, MOST = range(8)
"""Rows of `Allocation.cells`; the last two may be left out."""
POINT_ROWS = X, U, V = range(3)
"""Rows of `Solution.point`."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Hierarchy:
    """Which group each cell is in, and which group each group is in: the part that never changes between solves.

    Attributes:
        parent: (G,) the group around each group, -1 for an outermost one; no loops.
        group_of: (N,) the innermost group of each cell.
    """

    parent: Index
    group_of: Index

    @property
    def n_groups(self) -> int:
        """Number of groups G."""
        return int(self.parent.size)

    @property
    def n_cells(self) -> int:
        """Number of cells N."""
        return int(self.group_of.size)

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
        ends = np.cumsum(np.bincount(self.depth))
        return tuple(np.split(self.outermost_first, ends[:-1]))

    @cached_property
    def outermost_first(self) -> Index:
        """(G,) every group after the one around it."""
        return np.argsort(self.depth, kind="stable").astype(np.int64)

    def totals(self, y: Vector) -> Vector:
        """Return (G,) Σ y_i over all cells below each group."""
        if self.n_groups == 1:
            return np.array([y.sum()])  # adds pairwise, which rounds less
        totals = np.bincount(self.group_of, weights=y, minlength=self.n_groups).astype(np.float64)
        for groups in reversed(self.levels[1:]):
            np.add.at(totals, self.parent[groups], totals[groups])
        return totals

    def spread(self, multipliers: Vector) -> Vector:
        """Return (G,) the sum of multipliers from the outermost group down to each group: its price."""
        price = multipliers.copy()
        for groups in self.levels[1:]:
            price[groups] += price[self.parent[groups]]
        return price


@dataclass(frozen=True, eq=False)
class Relief:
    """What lowering and raising a sum costs, the same for all cells.

    Attributes:
        drop_price: α >= 0, per unit of u.
        lift_price: β >= 0, per unit of v.
        smoothing: ε >= 0. With 0 the prices are linear and the minimiser may not be unique: of all minimisers the
            compiled solver returns the one in which all cells at a tied price use the same fraction of their relief.
    """

    drop_price: float = 0.0
    lift_price: float = 0.0
    smoothing: float = 1.0

    @cached_property
    def prices(self) -> tuple[float, float, float]:
        """The three numbers as floats, which is what machine code takes."""
        return float(self.drop_price), float(self.lift_price), float(self.smoothing)


@dataclass(frozen=True, eq=False, slots=True)
class Allocation:
    """One instance of the problem in the module's docstring. Its arrays are rows of two blocks, ready for a solver.

    Attributes:
        hierarchy: The nested groups.
        cells: (8, N) float64, C order: w > 0, r, lower, upper >= lower, drop >= 0, lift >= 0, all finite; least and
            most, which may be infinite. (6, N) when no cell bounds its sum.
        bounds: (2, G) float64, C order: L, -inf for none, and U >= L, inf for none.
        relief: The prices of dropping and lifting.
    """

    hierarchy: Hierarchy
    cells: Matrix
    bounds: Matrix
    relief: Relief

    @property
    def least(self) -> Vector:
        """(N,) lower bound on each y, -inf for none."""
        return self.cells[LEAST] if len(self.cells) > LEAST else np.full(self.cells.shape[1], -np.inf)

    @property
    def most(self) -> Vector:
        """(N,) upper bound on each y, inf for none."""
        return self.cells[MOST] if len(self.cells) > MOST else np.full(self.cells.shape[1], np.inf)

    def objective(self, point: Matrix) -> float:
        """Return the cost of a (3, N) point of rows x, u, v."""
        x, u, v = point
        relief, half = self.relief, self.relief.smoothing / 2
        main = self.cells[WEIGHT] / 2 * (x - self.cells[CENTRE]) ** 2
        return float(np.sum(main + relief.drop_price * u + relief.lift_price * v + half * (u * u + v * v)))

    def distance(self, one: Matrix, other: Matrix) -> float:
        """Return ‖one − other‖ in the norm of the objective's curvature: √(Σ w·Δx² + ε·Δu² + ε·Δv²)."""
        x, u, v = one - other
        return float(np.sqrt(np.sum(self.cells[WEIGHT] * x * x + self.relief.smoothing * (u * u + v * v))))

    def infeasibility(self, point: Matrix) -> float:
        """Return the largest amount by which a (3, N) point leaves its boxes or a bound on a sum; NaN if it has one."""
        x, u, v = point
        y = net(point)
        totals = self.hierarchy.totals(y)
        cells = self.cells
        worst = [
            np.max(np.maximum(cells[LOWER] - x, x - cells[UPPER]), initial=0.0),
            np.max(np.maximum(-u, u - cells[DROP]), initial=0.0),
            np.max(np.maximum(-v, v - cells[LIFT]), initial=0.0),
            np.max(np.maximum(self.least - y, y - self.most), initial=0.0),
            np.max(np.maximum(self.bounds[0] - totals, totals - self.bounds[1]), initial=0.0),
        ]
        return float(np.max(worst))


def allocation(  # noqa: PLR0913 - one keyword a row
    hierarchy: Hierarchy,
    *,
    centre: Vector,
    lower: Vector,
    upper: Vector,
    total_lower: Vector,
    total_upper: Vector,
    weight: Vector | float = 1.0,
    drop: Vector | float = 0.0,
    lift: Vector | float = 0.0,
    least: Vector | float | None = None,
    most: Vector | float | None = None,
    relief: Relief | None = None,
) -> Allocation:
    """Return an `Allocation` from its rows by name; scalars are repeated."""
    bounded = least is not None or most is not None
    cells = np.empty((len(CELL_ROWS) if bounded else LEAST, hierarchy.n_cells))
    for row, values in enumerate((weight, centre, lower, upper, drop, lift)):
        cells[row] = values
    if bounded:
        cells[LEAST] = -np.inf if least is None else least
        cells[MOST] = np.inf if most is None else most
    bounds = np.empty((2, hierarchy.n_groups))
    bounds[0], bounds[1] = total_lower, total_upper
    return Allocation(hierarchy=hierarchy, cells=cells, bounds=bounds, relief=relief or Relief())


def net(point: Matrix) -> Vector:
    """Return (N,) y = x − u + v of a (3, N) point."""
    result: Vector = point[X] - point[U] + point[V]
    return result


class Status(StrEnum):
    """What a backend says about its answer."""

    SOLVED = "solved"
    INFEASIBLE = "infeasible"
    FAILED = "failed"


class Solution(NamedTuple):
    """A backend's answer; a named tuple, for a frozen dataclass takes longer to make than a small instance to solve.

    On INFEASIBLE, `point` is inside its boxes and violates bounds on sums; on FAILED it may hold anything.

    Attributes:
        point: (3, N) rows x, u, v.
        cell_multipliers: (N,) > 0 where `least` binds, < 0 where `most` binds.
        multipliers: (G,) > 0 where a group's lower bound binds, < 0 where its upper bound binds.
        status: What the backend claims; `Allocation.infeasibility` is what holds.
        message: One sentence, empty when solved.
    """

    point: Matrix
    cell_multipliers: Vector
    multipliers: Vector
    status: Status
    message: str = ""


def no_answer(hierarchy: Hierarchy, status: Status, message: str) -> Solution:
    """Return a solution that is all NaN, for a backend that has nothing to show."""
    cells = hierarchy.n_cells
    return Solution(
        point=np.full((3, cells), np.nan),
        cell_multipliers=np.zeros(cells),
        multipliers=np.zeros(hierarchy.n_groups),
        status=status,
        message=message,
    )


class Backend(Protocol):
    """A prepared solver: `setup` has seen the hierarchy, `solve` sees one instance of it after the other."""

    def solve(self, problem: Allocation) -> Solution:
        """Return the solver's answer; never raises on numbers."""
        ...


Setup: TypeAlias = Callable[[Hierarchy], Backend]

"""The projection problem with every cell taken apart: one kind of variable, x, −u and v, in one kind of group.

General solvers and the clear one know no cells; they get V = 3N variables, each of which adds to its sums, and the N
cells as innermost groups.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from autonomy.solvers.allocation import CENTRE, DROP, LIFT, LOWER, UPPER, WEIGHT, Allocation, Hierarchy, Matrix, Vector


class Flat(NamedTuple):
    """The same problem in V = 3N separate variables: Σ w/2·(x − r)² + q·x, x in a box, bounds on nested sums."""

    tree: Hierarchy
    weight: Vector
    centre: Vector
    price: Vector
    lower: Vector
    upper: Vector
    total_lower: Vector
    total_upper: Vector

    def respond(self, group_price: Vector) -> Vector:
        """Return (V,) argmin over the box of the cost less the group's price per unit."""
        p = group_price[self.tree.group_of]
        return np.clip(self.centre + (p - self.price) / self.weight, self.lower, self.upper)

    @property
    def is_sound(self) -> bool:
        """Whether weights are > 0, boxes finite and not empty, and bounds on sums bounds."""
        finite = all(bool(np.isfinite(column).all()) for column in self[1:6])
        ordered = bool(np.all(self.lower <= self.upper) and np.all(self.total_lower <= self.total_upper))
        bounded = bool(np.all(self.total_lower < np.inf) and np.all(self.total_upper > -np.inf))
        return finite and ordered and bounded and bool(np.all(self.weight > 0))


def flat_tree(hierarchy: Hierarchy) -> Hierarchy:
    """Return the nested groups with one more group around the three variables of each cell."""
    cells = hierarchy.n_groups + np.arange(hierarchy.n_cells)
    return Hierarchy(parent=np.concatenate([hierarchy.parent, hierarchy.group_of]), group_of=np.tile(cells, 3))


def flatten(problem: Allocation, tree: Hierarchy) -> Flat:
    """Return the instance in separate variables; `tree` is `flat_tree` of its hierarchy."""
    cells, relief = problem.cells, problem.relief
    zero = np.zeros(cells.shape[1])
    return Flat(
        tree=tree,
        weight=np.concatenate([cells[WEIGHT], zero + relief.smoothing, zero + relief.smoothing]),
        centre=np.concatenate([cells[CENTRE], zero, zero]),
        price=np.concatenate([zero, zero - relief.drop_price, zero + relief.lift_price]),
        lower=np.concatenate([cells[LOWER], -cells[DROP], zero]),
        upper=np.concatenate([cells[UPPER], zero, cells[LIFT]]),
        total_lower=np.concatenate([problem.bounds[0], problem.least]),
        total_upper=np.concatenate([problem.bounds[1], problem.most]),
    )


def as_point(x: Vector) -> Matrix:
    """Return the (3, N) point of a flat (3N,) one."""
    point: Matrix = x.reshape(3, -1).copy()
    point[1] = 0.0 - point[1]
    return point

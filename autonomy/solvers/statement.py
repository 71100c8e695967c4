"""The projection problem stated as a sparse quadratic program, for the general solvers.

Two statements of the same problem, with the variables x, u and v of every cell in this order:

    sums    one row per group, L <= Σ (x − u + v) <= U, with an entry for every variable below the group
    flows   one more variable f per group, L <= f <= U, and one equation per group: its own cells' x − u + v, plus the
            flows of the groups in it, less f, is 0; so the matrix has O(N + G) entries however deep the groups are

Cells that bound their sums add a row each, least <= x − u + v <= most.
"""

from __future__ import annotations

import numpy as np

from autonomy.solvers.allocation import (
    CENTRE,
    DROP,
    LEAST,
    LIFT,
    LOWER,
    MOST,
    UPPER,
    WEIGHT,
    Allocation,
    Hierarchy,
    Index,
    Matrix,
    Relief,
    Vector,
)
from autonomy.solvers.quadratic import QuadraticSolution, QuadraticStructure, QuadraticValues

SIGNS = (1.0, -1.0, 1.0)
"""How x, u and v count in a sum."""


class Statement:
    """How instances of one hierarchy become quadratic programs, and answers come back.

    Args:
        hierarchy: The nested groups.
        flows: Whether to state flows or sums.
        bounded: Whether cells bound their sums.
    """

    def __init__(self, hierarchy: Hierarchy, *, flows: bool, bounded: bool) -> None:
        self.hierarchy, self.flows, self.bounded = hierarchy, flows, bounded
        self._zero = np.zeros(hierarchy.n_groups if flows else 0)

    def structure(self, weight: Vector, relief: Relief) -> QuadraticStructure:
        """Return what does not change while weights and smoothing stay the same."""
        hierarchy, n = self.hierarchy, self.hierarchy.n_cells
        groups, cells = (hierarchy.group_of, np.arange(n)) if self.flows else _pairs(hierarchy)
        rows, columns, entries = [], [], []
        for block, sign in enumerate(SIGNS):
            rows.append(groups)
            columns.append(cells + block * n)
            entries.append(np.full(cells.size, sign))
            if self.bounded:
                rows.append(hierarchy.n_groups + np.arange(n))
                columns.append(np.arange(n) + block * n)
                entries.append(np.full(n, sign))
        if self.flows:
            inner = np.flatnonzero(hierarchy.parent >= 0)
            rows += [np.arange(hierarchy.n_groups), hierarchy.parent[inner]]
            columns += [3 * n + np.arange(hierarchy.n_groups), 3 * n + inner]
            entries += [np.full(hierarchy.n_groups, -1.0), np.ones(inner.size)]
        curvature = np.concatenate([weight, np.full(2 * n, relief.smoothing), self._zero])
        row, column = np.concatenate(rows), np.concatenate(columns)
        order = np.lexsort((row, column))
        return QuadraticStructure(
            curvature=curvature,
            starts=np.concatenate([[0], np.cumsum(np.bincount(column, minlength=curvature.size))]),
            rows=row[order],
            entries=np.concatenate(entries)[order],
            n_rows=hierarchy.n_groups + (n if self.bounded else 0),
        )

    def values(self, problem: Allocation) -> QuadraticValues:
        """Return one instance."""
        cells, (total_lower, total_upper), relief = problem.cells, problem.bounds, problem.relief
        n = cells.shape[1]
        linear, lower, upper = np.zeros((3, 3 * n + self._zero.size))
        linear[:n] = -cells[WEIGHT] * cells[CENTRE]
        linear[n : 2 * n], linear[2 * n : 3 * n] = relief.drop_price, relief.lift_price
        lower[:n] = cells[LOWER]
        upper[:n], upper[n : 2 * n], upper[2 * n : 3 * n] = cells[UPPER], cells[DROP], cells[LIFT]
        if self.flows:
            lower[3 * n :], upper[3 * n :] = total_lower, total_upper
            total_lower = total_upper = self._zero
        if self.bounded:
            total_lower = np.concatenate([total_lower, cells[LEAST]])
            total_upper = np.concatenate([total_upper, cells[MOST]])
        return QuadraticValues(linear=linear, lower=lower, upper=upper, row_lower=total_lower, row_upper=total_upper)

    def point(self, problem: Allocation, answer: QuadraticSolution) -> Matrix:
        """Return the (3, N) point, clipped into its boxes: solvers leave them by their tolerance."""
        cells = problem.cells
        point: Matrix = answer.x[: 3 * cells.shape[1]].reshape(3, -1).copy()
        np.clip(point[0], cells[LOWER], cells[UPPER], out=point[0])
        np.clip(point[1], 0.0, cells[DROP], out=point[1])
        np.clip(point[2], 0.0, cells[LIFT], out=point[2])
        return point

    def multipliers(self, answer: QuadraticSolution) -> tuple[Vector, Vector]:
        """Return the (G,) multipliers of groups and the (N,) of cells."""
        groups, n = self.hierarchy.n_groups, self.hierarchy.n_cells
        of_cells = answer.row_multipliers[groups:] if self.bounded else np.zeros(n)
        return (answer.bound_multipliers[3 * n :] if self.flows else answer.row_multipliers[:groups]), of_cells


def _pairs(hierarchy: Hierarchy) -> tuple[Index, Index]:
    """Return every pair of a group and a cell that is somewhere in it."""
    groups, cells = [], []
    group, cell = hierarchy.group_of, np.arange(hierarchy.n_cells)
    while group.size:
        groups.append(group)
        cells.append(cell)
        group = hierarchy.parent[group]
        group, cell = group[group >= 0], cell[group >= 0]
    return np.concatenate(groups), np.concatenate(cells)

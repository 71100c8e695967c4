"""Potentials for the general solvers: one more variable and one more equation per group.

To the statement with flows (`statement.py`) come the potentials φ with their bounds, and the equations
φ_g − φ_parent − c_g·f_g = 0, so the matrix keeps O(N + G) entries. Potentials and coefficients are divided by the mean
coefficient, which puts them in the units of the flows.
"""

from __future__ import annotations

import numpy as np

from autonomy.solvers.allocation import WEIGHT, Allocation, Hierarchy, Relief, Status, Vector
from autonomy.solvers.potential import PotentialAllocation, PotentialSolution
from autonomy.solvers.quadratic import (
    QuadraticSetup,
    QuadraticSolution,
    QuadraticSolver,
    QuadraticStructure,
    QuadraticValues,
)
from autonomy.solvers.statement import Statement

FEASIBLE = 1e-6
"""Violation, in the units of the sums, at which a solver's "solved" is still believed."""


class GeneralPotentialSolver:
    """States each instance, has it solved, and believes nothing.

    The structure is set up for the first instance, and again when a weight, the smoothing or the kind of cells changes.

    Args:
        hierarchy: The nested groups.
        coefficient: (G,) c >= 0 of the potentials.
        setup: The general solver.
    """

    def __init__(self, hierarchy: Hierarchy, coefficient: Vector, setup: QuadraticSetup) -> None:
        self.hierarchy, self._setup = hierarchy, setup
        self._coefficient = np.array(coefficient, dtype=np.float64)
        used = self._coefficient[self._coefficient > 0]
        self._scale = float(used.mean()) if used.size else 1.0
        self._solver: QuadraticSolver | None = None
        self._key: tuple[bytes, float, bool] | None = None

    def solve(self, problem: PotentialAllocation) -> PotentialSolution:
        """Return the solver's answer, FAILED when it is out of bounds."""
        statement = self.statement(problem)
        answer = self._prepared(problem.allocation, statement).solve(self.values(problem, statement))
        return self.read(problem, statement, answer)

    def statement(self, problem: PotentialAllocation) -> Statement:
        """Return how the instance is stated, but for the potentials."""
        given = problem.allocation
        return Statement(self.hierarchy, flows=True, bounded=bool(np.isfinite([given.least, given.most]).any()))

    def read(self, problem: PotentialAllocation, statement: Statement, answer: QuadraticSolution) -> PotentialSolution:
        """Return a solver's answer in the terms of the instance, FAILED when it is out of bounds."""
        given = problem.allocation
        point = statement.point(given, answer)
        multipliers, of_cells = statement.multipliers(answer)
        groups = self.hierarchy.n_groups
        status, message = answer.status, answer.message
        out = max(given.infeasibility(point), problem.excess(point) / self._scale)
        if status is Status.SOLVED and not out <= FEASIBLE * (1.0 + float(np.abs(given.cells).max())):
            status, message = Status.FAILED, f"the solver's point is {out:.1e} out of bounds"
        return PotentialSolution(
            point=point,
            cell_multipliers=of_cells[: self.hierarchy.n_cells],
            multipliers=multipliers[:groups],
            potential_multipliers=multipliers[groups:] / self._scale,
            status=status,
            message=message,
        )

    def _prepared(self, given: Allocation, statement: Statement) -> QuadraticSolver:
        key = (given.cells[WEIGHT].tobytes(), given.relief.smoothing, statement.bounded)
        if self._solver is None or key != self._key:
            self._solver, self._key = self._setup(self.structure(given.cells[WEIGHT], given.relief, statement)), key
        return self._solver

    def structure(self, weight: Vector, relief: Relief, statement: Statement) -> QuadraticStructure:
        """Return the structure of `statement` with the potentials behind it."""
        plain, groups = statement.structure(weight, relief), self.hierarchy.n_groups
        rows, columns = np.arange(groups), np.arange(groups)
        inner = np.flatnonzero(self.hierarchy.parent >= 0)
        flow, potential, first = 3 * self.hierarchy.n_cells, plain.n_columns, plain.n_rows
        row = np.concatenate([plain.rows, first + rows, first + rows, first + inner])
        column = np.concatenate(
            [plain.columns, flow + columns, potential + columns, potential + self.hierarchy.parent[inner]]
        )
        entries = np.concatenate(
            [plain.entries, -self._coefficient / self._scale, np.ones(groups), np.full(inner.size, -1.0)]
        )
        order = np.lexsort((row, column))
        return QuadraticStructure(
            curvature=np.concatenate([plain.curvature, np.zeros(groups)]),
            starts=np.concatenate([[0], np.cumsum(np.bincount(column, minlength=potential + groups))]),
            rows=row[order],
            entries=entries[order],
            n_rows=first + groups,
        )

    def values(self, problem: PotentialAllocation, statement: Statement) -> QuadraticValues:
        """Return the values of `statement` with the potentials behind them."""
        plain, zero = statement.values(problem.allocation), np.zeros(self.hierarchy.n_groups)
        low, high = problem.potential_bounds / self._scale
        return QuadraticValues(
            linear=np.concatenate([plain.linear, zero]),
            lower=np.concatenate([plain.lower, low]),
            upper=np.concatenate([plain.upper, high]),
            row_lower=np.concatenate([plain.row_lower, zero]),
            row_upper=np.concatenate([plain.row_upper, zero]),
        )

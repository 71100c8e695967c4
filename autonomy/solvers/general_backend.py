"""The projection problem solved by any general solver of sparse quadratic programs, and its answer checked."""

from __future__ import annotations

import time

import numpy as np

from autonomy.solvers.allocation import (
    CENTRE,
    LEAST,
    LOWER,
    UPPER,
    WEIGHT,
    Allocation,
    Hierarchy,
    Relief,
    Solution,
    Status,
    Vector,
    net,
    no_answer,
)
from autonomy.solvers.general.checked import attempt
from autonomy.solvers.general.limits import TIME_LIMIT_S
from autonomy.solvers.quadratic import QuadraticSetup, QuadraticSolution, QuadraticSolver
from autonomy.solvers.screen import fault_in
from autonomy.solvers.statement import Statement
from autonomy.solvers.verdict import believed

SLACK = 1e-5
"""A bound this far away, relative to its size, does not bind: interior-point methods price it a little all the same."""


class GeneralBackend:
    """States each instance, has it solved, and believes nothing.

    The structure and the solver are made for the first instance and again when a weight, the smoothing or the kind of
    cells changes. A solver that fails on an instance gets it once more from a fresh setup, when time is left: what
    solvers keep for the next instance sometimes spoils it.

    Args:
        hierarchy: The nested groups.
        setup: The solver; one that trusts its values is fine here.
        flows: Whether groups are stated as flows (sparse) or as sums (fewer variables, for dense solvers). One group is
            always one sum.
    """

    def __init__(self, hierarchy: Hierarchy, setup: QuadraticSetup, *, flows: bool = True) -> None:
        self.hierarchy = hierarchy
        self._setup = setup
        self._flows = flows and hierarchy.n_groups > 1
        self._statement = Statement(hierarchy, flows=self._flows, bounded=False)
        self._weight, self._relief = np.ones(hierarchy.n_cells), Relief()
        # A missing library is found here, where the user can still choose another.
        self._solver: QuadraticSolver | None = setup(self._statement.structure(self._weight, self._relief))
        self._is_used = False

    def solve(self, problem: Allocation) -> Solution:
        """Return the solver's answer; SOLVED is true, and anything else has a sentence."""
        fault = fault_in(problem, self.hierarchy)
        if fault:
            return no_answer(self.hierarchy, Status.FAILED, fault)
        start, again = time.monotonic(), True
        while again:
            solver = self._solver_for(problem)
            again = self._is_used  # whether a fresh setup may do better
            self._is_used = True
            solution = self._solve_with(solver, problem)
            if solution.status is Status.SOLVED:
                break
            self._solver = None
            again = again and time.monotonic() - start < TIME_LIMIT_S / 2
        return solution

    def _solver_for(self, problem: Allocation) -> QuadraticSolver:
        bounded, weight = len(problem.cells) > LEAST, problem.cells[WEIGHT]
        fits = (
            bounded == self._statement.bounded
            and problem.relief.smoothing == self._relief.smoothing
            and np.array_equal(weight, self._weight)
        )
        if self._solver is None or not fits:
            self._statement = Statement(self.hierarchy, flows=self._flows, bounded=bounded)
            self._weight, self._relief = weight.copy(), problem.relief
            self._solver = self._setup(self._statement.structure(self._weight, self._relief))
            self._is_used = False
        return self._solver

    def _solve_with(self, solver: QuadraticSolver, problem: Allocation) -> Solution:
        answer = attempt(lambda: solver.solve(self._statement.values(problem)))
        if isinstance(answer, str):
            return no_answer(self.hierarchy, Status.FAILED, answer)
        if answer.status is Status.INFEASIBLE:
            return _unproved(problem, answer.message)
        if answer.status is not Status.SOLVED:
            return no_answer(self.hierarchy, Status.FAILED, answer.message)
        return believed(problem, self._read(problem, answer))

    def _read(self, problem: Allocation, answer: QuadraticSolution) -> Solution:
        point = self._statement.point(problem, answer)
        multipliers, of_cells = self._statement.multipliers(answer)
        y = net(point)
        return Solution(
            point=point,
            cell_multipliers=_binding(of_cells, y, problem.least, problem.most),
            multipliers=_binding(multipliers, self.hierarchy.totals(y), *problem.bounds),
            status=Status.SOLVED,
        )


def _unproved(problem: Allocation, message: str) -> Solution:
    """Return INFEASIBLE as claimed, with a point inside the boxes; FAILED where that point refutes the claim."""
    nothing = no_answer(problem.hierarchy, Status.FAILED, f"{message}, but the clipped centre meets all bounds")
    point = np.zeros((3, problem.hierarchy.n_cells))
    point[0] = np.clip(problem.cells[CENTRE], problem.cells[LOWER], problem.cells[UPPER])
    if problem.infeasibility(point) == 0:
        return nothing
    return Solution(
        point=point,
        cell_multipliers=nothing.cell_multipliers,
        multipliers=nothing.multipliers,
        status=Status.INFEASIBLE,
        message=message,
    )


def _binding(multipliers: Vector, sums: Vector, lower: Vector, upper: Vector) -> Vector:
    """Return the multipliers of bounds that bind, and 0 elsewhere; any multipliers make a valid certificate."""
    bound = np.where(multipliers > 0, lower, upper)
    binds = np.isfinite(bound) & (np.abs(sums - bound) <= SLACK * (1.0 + np.abs(bound)))
    return np.where(binds, multipliers, 0.0)

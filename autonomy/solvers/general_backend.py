"""The projection problem solved by any general solver of sparse quadratic programs, and its answer checked."""

from __future__ import annotations

import time

import numpy as np

from autonomy.solvers.allocation import (
    LEAST,
    WEIGHT,
    Allocation,
    Hierarchy,
    Relief,
    Solution,
    Status,
    no_answer,
)
from autonomy.solvers.general.checked import attempt
from autonomy.solvers.general.limits import TIME_LIMIT_S
from autonomy.solvers.quadratic import QuadraticSetup, QuadraticSolution, QuadraticSolver
from autonomy.solvers.screen import fault_in
from autonomy.solvers.statement import Statement
from autonomy.solvers.verdict import believed, binding, get_ready, unproved


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
        self._uses = 0
        get_ready()

    def solve(self, problem: Allocation) -> Solution:
        """Return the solver's answer; SOLVED is true, and anything else has a sentence."""
        fault = fault_in(problem, self.hierarchy)
        if fault:
            return no_answer(self.hierarchy, Status.FAILED, fault)
        start, again = time.monotonic(), True
        while again:
            found = attempt(lambda: self._solve_once(problem))
            solution = no_answer(self.hierarchy, Status.FAILED, found) if isinstance(found, str) else found
            if solution.status is Status.SOLVED:
                break
            again = self._uses > 1 and time.monotonic() - start < TIME_LIMIT_S / 2
            self._solver = None
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
            self._uses = 0
        return self._solver

    def _solve_once(self, problem: Allocation) -> Solution:
        solver = self._solver_for(problem)
        self._uses += 1
        answer = solver.solve(self._statement.values(problem))
        if answer.status is Status.INFEASIBLE:
            return unproved(problem, answer.message)
        if answer.status is not Status.SOLVED:
            return no_answer(self.hierarchy, Status.FAILED, answer.message)
        return believed(problem, self._read(problem, answer))

    def _read(self, problem: Allocation, answer: QuadraticSolution) -> Solution:
        multipliers, of_cells = self._statement.multipliers(answer)
        solution = Solution(
            point=self._statement.point(problem, answer),
            cell_multipliers=of_cells,
            multipliers=multipliers,
            status=Status.SOLVED,
        )
        return binding(problem, solution)

"""The best general solvers called directly on ready matrices: what a careful user of theirs would have, no adapter."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from autonomy.benchmark.method import Answer
from autonomy.solvers.allocation import WEIGHT, Allocation, Solution
from autonomy.solvers.quadratic import QuadraticSetup, QuadraticSolution
from autonomy.solvers.statement import Statement


@dataclass(frozen=True, kw_only=True, slots=True)
class DirectMethod:
    """A `QuadraticSolver` on values that are ready before the clock starts; nothing is checked inside the clock.

    Attributes:
        name: How tables call it.
        start: The solver.
        flows: Which statement it gets on trees: flows (sparse) or sums (fewer variables). One feeder is always one sum.
    """

    name: str
    start: QuadraticSetup
    flows: bool
    kind: str = "direct"

    def arguments(self, problems: Sequence[Allocation]) -> list[Any]:
        """Return the instances' values."""
        statement = self._statement(problems[0])
        return [statement.values(problem) for problem in problems]

    def setup(self, problem: Allocation) -> Answer:
        """Return the solver's `solve`."""
        return self.start(self._statement(problem).structure(problem.cells[WEIGHT], problem.relief)).solve

    def read(self, problem: Allocation, answer: Any) -> Solution:
        """Return the answer in the terms of the instance."""
        statement, given = self._statement(problem), _as_solution(answer)
        multipliers, of_cells = statement.multipliers(given)
        return Solution(
            point=statement.point(problem, given),
            cell_multipliers=of_cells,
            multipliers=multipliers,
            status=given.status,
            message=given.message,
        )

    def _statement(self, problem: Allocation) -> Statement:
        return Statement(problem.hierarchy, flows=self.flows and problem.hierarchy.n_groups > 1, bounded=False)


def _as_solution(answer: Any) -> QuadraticSolution:
    solution: QuadraticSolution = answer
    return solution

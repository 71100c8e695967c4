"""Is an answer what its backend says? Recomputed from the instance, whoever found it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from autonomy.solvers.allocation import Allocation, Solution, Status
from autonomy.solvers.certificate import certify
from autonomy.solvers.general.limits import GAP, INFEASIBILITY


def believed(problem: Allocation, solution: Solution) -> Solution:
    """Return an answer called solved as it is where that is true, and as FAILED with the figure where it is not."""
    if solution.status is not Status.SOLVED:
        return solution
    wrong = wrong_in(problem, solution)
    return replace(solution, status=Status.FAILED, message=wrong) if wrong else solution


def wrong_in(problem: Allocation, solution: Solution) -> str:
    """Return why an answer called solved is not, one sentence with the figure; empty when it is."""
    numbers = (solution.point, solution.cell_multipliers, solution.multipliers)
    if not all(np.isfinite(array).all() for array in numbers):
        return "called solved, but the answer is not all numbers"
    violation = problem.infeasibility(solution.point)
    if not violation <= INFEASIBILITY:
        return f"called solved, but bounds are left by {violation:.1e}"
    gap = abs(certify(problem, solution).gap) / (1.0 + abs(problem.objective(solution.point)))
    return "" if gap <= GAP else f"called solved, but the relative duality gap is {gap:.1e}"

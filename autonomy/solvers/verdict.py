"""Is an answer what its backend says? Recomputed from the instance, whoever found it."""

from __future__ import annotations

import numpy as np

from autonomy.solvers.allocation import (
    CENTRE,
    LOWER,
    UPPER,
    Allocation,
    Hierarchy,
    Solution,
    Status,
    Vector,
    allocation,
    net,
    no_answer,
)
from autonomy.solvers.certificate import certify
from autonomy.solvers.general.limits import GAP, INFEASIBILITY

SLACK = 1e-5
"""A bound this far away, relative to its size, does not bind: interior-point methods price it a little all the same."""


def believed(problem: Allocation, solution: Solution) -> Solution:
    """Return an answer called solved as it is where that is true, and as FAILED with the figure where it is not."""
    if solution.status is not Status.SOLVED:
        return solution
    wrong = wrong_in(problem, solution)
    return solution._replace(status=Status.FAILED, message=wrong) if wrong else solution


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


def unproved(problem: Allocation, message: str) -> Solution:
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


def binding(problem: Allocation, solution: Solution) -> Solution:
    """Return an answer with the multipliers of bounds that do not bind set to 0; any multipliers are a certificate."""
    y = net(solution.point)
    return solution._replace(
        cell_multipliers=_kept(solution.cell_multipliers, y, problem.least, problem.most),
        multipliers=_kept(solution.multipliers, problem.hierarchy.totals(y), *problem.bounds),
    )


def _kept(multipliers: Vector, sums: Vector, lower: Vector, upper: Vector) -> Vector:
    bound = np.where(multipliers > 0, lower, upper)
    binds = np.isfinite(bound) & (np.abs(sums - bound) <= SLACK * (1.0 + np.abs(bound)))
    return np.where(binds, multipliers, 0.0)


def get_ready() -> None:
    """Load and compile what `believed` needs, so that no first answer waits for it."""
    one, none = Hierarchy(parent=np.array([-1]), group_of=np.array([0])), np.array([np.inf])
    zero = np.zeros(1)
    problem = allocation(one, centre=zero, lower=zero, upper=zero, total_lower=-none, total_upper=none)
    certify(problem, no_answer(one, Status.FAILED, ""))

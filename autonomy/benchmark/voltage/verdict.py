"""Is an answer right? Recomputed from the instance alone, whatever the method says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from autonomy.benchmark.lower_bound import relative_gap
from autonomy.solvers.allocation import Status
from autonomy.solvers.potential import PotentialAllocation, PotentialSolution, certify_potential

FEASIBLE = 1e-6
"""kW by which a right answer may leave a limit, and per unit (squared) by which it may leave a voltage's."""
GAP = 1e-7
"""Relative gap to the best certified bound up to which an answer is the minimiser."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """The figures of one answer.

    Attributes:
        instance: Which instance of the case.
        claimed: Whether the method says "solved".
        violation_kw: Largest amount by which a box or a line's limit is left; NaN if the point has one.
        excess_pu: Largest amount by which a squared voltage leaves its limits.
        objective: The point's cost.
        bound: Lower bound on the optimum that its own multipliers prove; -inf when they prove nothing.
        message: What the method says when it claims nothing.
    """

    instance: int
    claimed: bool
    violation_kw: float
    excess_pu: float
    objective: float
    bound: float
    message: str


def judge(instance: int, problem: PotentialAllocation, solution: PotentialSolution) -> Judged:
    """Return the figures of one answer."""
    given = problem.allocation
    with np.errstate(all="ignore"):  # a method may return anything
        finite = bool(np.isfinite(solution.point).all())
        objective = given.objective(solution.point) if finite else np.nan
        bound = objective - certify_potential(problem, solution).gap if finite else -np.inf
        return Judged(
            instance=instance,
            claimed=solution.status is Status.SOLVED,
            violation_kw=given.infeasibility(solution.point) if finite else np.nan,
            excess_pu=problem.excess(solution.point) if finite else np.nan,
            objective=objective,
            bound=bound if np.isfinite(bound) else -np.inf,
            message=solution.message,
        )


def is_right(item: Judged, bounds: Sequence[float]) -> bool:
    """Return whether the answer keeps every limit and is the minimiser; False for anything that is not a number."""
    inside = item.violation_kw <= FEASIBLE and item.excess_pu <= FEASIBLE
    return inside and abs(relative_gap(item, bounds)) <= GAP

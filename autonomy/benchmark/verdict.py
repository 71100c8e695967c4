"""Is an answer right? Recomputed from the instance, whatever the method says about itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from autonomy.benchmark.lower_bound import relative_gap
from autonomy.solvers.allocation import Allocation, Solution, Status
from autonomy.solvers.certificate import certify

VIOLATION_KW = 1e-6
"""kW by which a right answer may leave a limit: a milliwatt."""
GAP = 1e-6
"""Relative gap to the best certified bound up to which an answer is the minimiser."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """One answer to one instance, in numbers.

    Attributes:
        instance: Which instance of the case.
        claimed: Whether the method says "solved".
        violation_kw: `Allocation.infeasibility`; NaN or inf when the point has such a number.
        objective: The point's cost.
        bound: Lower bound on the optimum from the method's own multipliers; -inf when they prove nothing.
        message: What the method says when it claims nothing.
    """

    instance: int
    claimed: bool
    violation_kw: float
    objective: float
    bound: float
    message: str


def judge(instance: int, problem: Allocation, solution: Solution) -> Judged:
    """Return the figures of one answer."""
    with np.errstate(all="ignore"):  # a method may return anything
        finite = bool(np.isfinite(solution.point).all())
        objective = problem.objective(solution.point) if finite else np.nan
        bound = objective - certify(problem, solution).gap if finite else -np.inf
        return Judged(
            instance=instance,
            claimed=solution.status is Status.SOLVED,
            violation_kw=problem.infeasibility(solution.point) if finite else np.nan,
            objective=objective,
            bound=bound if np.isfinite(bound) else -np.inf,
            message=solution.message,
        )


def is_right(item: Judged, bounds: Sequence[float]) -> bool:
    """Return whether the answer keeps every limit and is the minimiser; False for anything that is not a number."""
    return item.violation_kw <= VIOLATION_KW and abs(relative_gap(item, bounds)) <= GAP

"""A lower bound on the projection's optimum from any multipliers, and what it says about a point.

For any λ, with λ⁺ the part that prices lower bounds and λ⁻ the part that prices upper bounds, and p_j the sum of λ
over all groups around variable j, weak duality gives

    f* >= D(λ) = Σ_j min_{lower <= x <= upper} [w_j/2·(x − r_j)² + (q_j − p_j)·x] + Σ_g (λ⁺_g·L_g − λ⁻_g·U_g)

f is strongly convex in the w-norm, so a feasible x satisfies ‖x − x*‖_w <= sqrt(2·(f(x) − D(λ))).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from autonomy.solvers.allocation import Allocation, Vector


class Gap(NamedTuple):
    """How far a feasible point can be from the minimiser.

    Attributes:
        gap: f(x) − D(λ), >= 0 up to rounding; inf when the multipliers price a bound that does not exist.
        distance: sqrt(2·gap), upper bound on ‖x − x*‖_w.
    """

    gap: float
    distance: float


def dual_bound(problem: Allocation, multipliers: Vector) -> float:
    """Return D(λ), a lower bound on the optimum whatever the multipliers."""
    price = problem.hierarchy.spread(multipliers)
    x = problem.respond(price)
    with np.errstate(invalid="ignore"):
        lower = np.where(multipliers > 0, multipliers * problem.total_lower, 0.0)
        upper = np.where(multipliers < 0, multipliers * problem.total_upper, 0.0)
    return problem.objective(x) - float(price[problem.hierarchy.group_of] @ x) + float(lower.sum() + upper.sum())


def certify(problem: Allocation, x: Vector, multipliers: Vector) -> Gap:
    """Return gap and certified distance of a feasible point `x`."""
    gap = problem.objective(x) - dual_bound(problem, multipliers)
    return Gap(gap=gap, distance=float(np.sqrt(2.0 * max(gap, 0.0))))

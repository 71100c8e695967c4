"""Instances of the projection for tests of backends, and what has to be true of any answer."""

from __future__ import annotations

import numpy as np

from autonomy.solvers.allocation import Hierarchy, Relief, Status, allocation
from autonomy.solvers.certificate import certify
from autonomy.solvers.nested import NestedSolver

RELIEFS = (
    Relief(drop_price=0.01, lift_price=12.0, smoothing=1e-3),
    Relief(),
    Relief(drop_price=0.0, lift_price=100.0, smoothing=0.1),
)


def assert_true(problem, answer, tolerance):
    """SOLVED is feasible, has a certificate, and costs what the clear solver's answer costs."""
    assert answer.message == ""
    best = NestedSolver(problem.hierarchy).solve(problem)
    assert best.status is Status.SOLVED
    cost, least = problem.objective(answer.point), problem.objective(best.point)
    assert abs(cost - least) <= tolerance * (1.0 + abs(least))
    assert problem.infeasibility(answer.point) <= 1e-6
    assert certify(problem, answer).gap <= 1e-6 * (1.0 + abs(least))


def plain_instance():
    hierarchy = Hierarchy(parent=np.array([-1, 0, 0]), group_of=np.array([0, 1, 1, 2, 2]))
    return allocation(
        hierarchy,
        centre=np.array([3.0, -2.0, 5.0, 0.0, 1.0]),
        lower=np.full(5, -4.0),
        upper=np.full(5, 4.0),
        total_lower=np.array([-5.0, -2.0, -np.inf]),
        total_upper=np.array([5.0, 2.0, 1.0]),
        drop=1.0,
        lift=2.0,
        least=-6.0,
        most=6.0,
        relief=RELIEFS[0],
    )

"""CVXPY as it is often embedded: the problem is stated anew for every solve and given to HiGHS. For comparison only."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autonomy.benchmark.method import Answer
from autonomy.solvers.allocation import (
    CENTRE,
    DROP,
    LIFT,
    LOWER,
    UPPER,
    WEIGHT,
    Allocation,
    Solution,
    Status,
    no_answer,
)
from autonomy.solvers.statement import Statement


@dataclass(frozen=True, kw_only=True, slots=True)
class NaiveMethod:
    """CVXPY with HiGHS, without parameters, without reuse, at default settings but for the time limit.

    Attributes:
        time_limit_s: Seconds HiGHS may take.
    """

    time_limit_s: float
    name: str = "cvxpy-naive"
    kind: str = "naive"

    def arguments(self, problems: Sequence[Allocation]) -> list[Any]:
        """Return the instances themselves."""
        return list(problems)

    def setup(self, problem: Allocation) -> Answer:
        """Return the function that states and solves; only the sums' matrix is prepared.

        Raises:
            ImportError: CVXPY is not installed.
        """
        import cvxpy  # noqa: PLC0415 - optional, and slow to import

        statement = Statement(problem.hierarchy, flows=False, bounded=False)
        sums = statement.structure(problem.cells[WEIGHT], problem.relief).matrix

        def solve(instance: Allocation) -> Solution:
            return _solve(cvxpy, sums, instance, self.time_limit_s)

        return solve

    def read(self, problem: Allocation, answer: Any) -> Solution:  # noqa: ARG002 - see `Method`
        """Return the answer as it is."""
        solution: Solution = answer
        return solution


def _solve(cp: Any, sums: Any, problem: Allocation, time_limit_s: float) -> Solution:
    cells, relief, n = problem.cells, problem.relief, problem.hierarchy.n_cells
    x, u, v = cp.Variable(n), cp.Variable(n), cp.Variable(n)
    total = sums @ cp.hstack([x, u, v])
    floor, ceiling = total >= problem.bounds[0], total <= problem.bounds[1]
    boxes = [x >= cells[LOWER], x <= cells[UPPER], u >= 0, u <= cells[DROP], v >= 0, v <= cells[LIFT]]
    cost = (
        cp.sum(cp.multiply(cells[WEIGHT] / 2, cp.square(x - cells[CENTRE])))
        + relief.drop_price * cp.sum(u)
        + relief.lift_price * cp.sum(v)
        + relief.smoothing / 2 * (cp.sum_squares(u) + cp.sum_squares(v))
    )
    program = cp.Problem(cp.Minimize(cost), [*boxes, floor, ceiling])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program.solve(solver="HIGHS", time_limit=time_limit_s)
    except Exception as fault:  # noqa: BLE001 - whatever a third-party solver throws is a failed answer
        return no_answer(problem.hierarchy, Status.FAILED, f"{type(fault).__name__}: {fault}")
    if x.value is None or floor.dual_value is None:
        return no_answer(problem.hierarchy, Status.FAILED, f"status {program.status!r} without a point")
    return Solution(
        point=np.stack([x.value, u.value, v.value]),
        cell_multipliers=np.zeros(n),
        multipliers=np.asarray(floor.dual_value) - np.asarray(ceiling.dual_value),
        status=Status.SOLVED if program.status == "optimal" else Status.FAILED,
        message="" if program.status == "optimal" else f"status {program.status!r}",
    )

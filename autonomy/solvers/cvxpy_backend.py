"""Backend "cvxpy": the same program through CVXPY and HiGHS, the reference the exact solver is checked against.

HiGHS's active-set method is sensitive to the scale of the objective: at 1 it cycled without end on some degenerate
instances, at 1000 it answers. Even so it fails on 44 of the 2,000 random and degenerate instances of
tests/test_projection.py (43 reported as solver errors, one called optimal 4e-7 above the minimum). So every answer is
judged by its own duality gap, and a bad one is solved again: first at another scale, then by Clarabel's interior-point
method through the same CVXPY model.
"""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np

from autonomy.solvers.allocation import Allocation, Hierarchy, Solution, Status, no_answer
from autonomy.solvers.certificate import certify
from autonomy.solvers.flat import Flat, as_point, flat_tree, flatten
from autonomy.solvers.screen import fault_in
from autonomy.solvers.verdict import believed, binding, unproved

ATTEMPTS = (("HIGHS", 1e3), ("HIGHS", 1e1), ("CLARABEL", 1.0))
"""Solver and factor on the objective, tried in this order."""
OPTIONS: dict[str, dict[str, Any]] = {
    "HIGHS": {"time_limit": 1.0, "threads": 1},
    "CLARABEL": {"time_limit": 1.0, "tol_gap_abs": 1e-11, "tol_gap_rel": 1e-11, "tol_feas": 1e-11},
}
GAP = 1e-8
"""Relative duality gap up to which an answer is taken."""


class CvxpySolver:
    """The problem as a parametrised CVXPY model, compiled once per hierarchy and scale.

    Raises:
        ImportError: CVXPY is not installed.
    """

    def __init__(self, hierarchy: Hierarchy) -> None:
        import cvxpy  # noqa: PLC0415 - optional, and slow to import

        self.hierarchy = hierarchy
        self._cp: Any = cvxpy
        self._tree = flat_tree(hierarchy)
        self._models: dict[float, _Model] = {}

    def solve(self, problem: Allocation) -> Solution:
        """Return CVXPY's answer; SOLVED is true, and an exception, a missing value or a bad status has a sentence."""
        fault = fault_in(problem, self.hierarchy)
        if fault:
            return no_answer(self.hierarchy, Status.FAILED, fault)
        if not problem.relief.smoothing > 0:
            return no_answer(self.hierarchy, Status.FAILED, "this model needs a smoothing > 0")
        answer = self._solve_with(*ATTEMPTS[0], problem)
        for solver, scale in ATTEMPTS[1:]:
            if answer.status is Status.INFEASIBLE or _is_good(problem, answer):
                break
            retry = self._solve_with(solver, scale, problem)
            if not np.isnan(retry.point).any():
                answer = retry
        return believed(problem, answer)

    def _solve_with(self, solver: str, scale: float, problem: Allocation) -> Solution:
        if scale not in self._models:
            self._models[scale] = _build(self._cp, self._tree, scale)
        model = self._models[scale]
        flat = flatten(problem, self._tree)
        root = np.sqrt(flat.weight)
        _load(model, flat, root)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # "may be inaccurate" is judged by the gap below
                model.problem.solve(solver=solver, **OPTIONS[solver])
            status, z = str(model.problem.status), model.z.value
        except Exception as fault:  # noqa: BLE001 - whatever a third-party solver throws is a failed answer
            return no_answer(self.hierarchy, Status.FAILED, f"{type(fault).__name__}: {fault}")
        if z is None or not np.all(np.isfinite(z)):
            message = f"{solver}: status {status!r} without a finite point"
            if status == "infeasible":
                return unproved(problem, message)
            return no_answer(self.hierarchy, Status.FAILED, message)
        # Solvers leave the box by their tolerance (1e-9 or so); the box is free to enforce.
        multipliers = (np.asarray(model.floor.dual_value) - np.asarray(model.ceiling.dual_value)) / scale
        solution = Solution(
            point=as_point(np.clip(flat.centre + z / root, flat.lower, flat.upper)),
            cell_multipliers=multipliers[self.hierarchy.n_groups :],
            multipliers=multipliers[: self.hierarchy.n_groups],
            status=Status.SOLVED if status == "optimal" else Status.FAILED,
            message="" if status == "optimal" else f"{solver}: status {status!r}",
        )
        return binding(problem, solution)


class _Model(NamedTuple):
    """A compiled CVXPY problem and its parameters."""

    problem: Any
    z: Any
    inverse_root: Any
    pull: Any
    lower: Any
    upper: Any
    total_lower: Any
    total_upper: Any
    floor: Any
    ceiling: Any


def _build(cp: Any, tree: Hierarchy, scale: float) -> _Model:
    """Return the model in z = √w·(x − r), whose Hessian is the identity; all that changes is a parameter."""
    groups, variables = tree.n_groups, tree.n_cells
    below, around = np.zeros((groups, variables)), tree.group_of.copy()
    while (around >= 0).any():
        below[around[around >= 0], np.flatnonzero(around >= 0)] = 1.0
        around = np.where(around >= 0, tree.parent[around], -1)
    z, inverse_root = cp.Variable(variables), cp.Parameter(variables, nonneg=True)
    pull, lower, upper = cp.Parameter(variables), cp.Parameter(variables), cp.Parameter(variables)
    total_lower, total_upper = cp.Parameter(groups), cp.Parameter(groups)
    total = below @ cp.multiply(inverse_root, z)
    floor, ceiling = total >= total_lower, total <= total_upper
    objective = scale * (0.5 * cp.sum_squares(z) + pull @ z)
    problem = cp.Problem(cp.Minimize(objective), [lower <= z, z <= upper, floor, ceiling])
    return _Model(problem, z, inverse_root, pull, lower, upper, total_lower, total_upper, floor, ceiling)


def _load(model: _Model, problem: Flat, root: np.ndarray[Any, Any]) -> None:
    """Set the parameters; no finite total leaves ±beyond, so it stands for "no bound" (HiGHS aborts on inf)."""
    beyond = 1.0 + float(np.abs(problem.lower).sum() + np.abs(problem.upper).sum())
    offset = problem.tree.totals(problem.centre)
    model.inverse_root.value = 1.0 / root
    model.pull.value = problem.price / root
    model.lower.value, model.upper.value = (
        root * (problem.lower - problem.centre),
        root * (problem.upper - problem.centre),
    )
    model.total_lower.value = np.maximum(problem.total_lower, -beyond) - offset
    model.total_upper.value = np.minimum(problem.total_upper, beyond) - offset


def _is_good(problem: Allocation, answer: Solution) -> bool:
    if answer.status is not Status.SOLVED:
        return False
    gap = certify(problem, answer).gap
    return abs(gap) <= GAP * (1.0 + abs(problem.objective(answer.point)))

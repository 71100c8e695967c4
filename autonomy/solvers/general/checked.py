"""A general solver that is never trusted: numbers are looked at before it sees them, its answer is checked after."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np

from autonomy.solvers.allocation import Status, Vector
from autonomy.solvers.general.limits import GAP, INFEASIBILITY, LARGEST, RESIDUAL
from autonomy.solvers.general.rows import declined
from autonomy.solvers.quadratic import (
    QuadraticSetup,
    QuadraticSolution,
    QuadraticSolver,
    QuadraticStructure,
    QuadraticValues,
    infeasibility,
    objective,
)

Answer = TypeVar("Answer")


class Checked:
    """Any `QuadraticSolver`, behind a look at its values and at its answer.

    After a failure it is set up anew: what it kept for the next instance may be spoilt.
    """

    def __init__(self, structure: QuadraticStructure, setup: QuadraticSetup) -> None:
        self.structure = structure
        self._setup = setup
        self._solver: QuadraticSolver | None = setup(structure)

    def solve(self, values: QuadraticValues) -> QuadraticSolution:
        """Return the answer; SOLVED is true, and anything raised becomes FAILED."""
        fault = fault_in(self.structure, values)
        found = fault if fault else attempt(lambda: self._solve_once(values))
        answer = declined(self.structure, found) if isinstance(found, str) else found
        if answer.status is not Status.SOLVED:
            self._solver = None
        return answer

    def _solve_once(self, values: QuadraticValues) -> QuadraticSolution:
        self._solver = self._solver or self._setup(self.structure)
        answer = self._solver.solve(values)
        fault = wrong_in(self.structure, values, answer) if answer.status is Status.SOLVED else ""
        return declined(self.structure, fault) if fault else answer


def attempt(solve: Callable[[], Answer]) -> Answer | str:
    """Return what `solve` returns, or a sentence about what it raised.

    A panic in a library written in Rust arrives as a `BaseException` of its own, so that is what is caught here.
    """
    try:
        with np.errstate(all="ignore"):
            return solve()
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as fault:  # noqa: BLE001 - whatever a third-party solver throws is a failed answer
        return f"the solver raised {type(fault).__name__}: {fault}"


def fault_in(structure: QuadraticStructure, values: QuadraticValues) -> str:
    """Return what is wrong with an instance, naming field, entry and value; empty when nothing is."""
    columns, rows = structure.n_columns, structure.n_rows
    fields = (("linear", columns), ("lower", columns), ("upper", columns), ("row_lower", rows), ("row_upper", rows))
    for name, size in fields:
        shape = np.shape(getattr(values, name))
        if shape != (size,):
            return f"{name} has the shape {shape}: expected ({size},)"
    return (
        fault_at("linear", values.linear, np.abs(values.linear) <= LARGEST, f"a number within ±{LARGEST:g}")
        or bounds_fault("lower", values.lower, "upper", values.upper)
        or bounds_fault("row_lower", values.row_lower, "row_upper", values.row_upper)
    )


def bounds_fault(low_name: str, low: Vector, high_name: str, high: Vector) -> str:
    """Return what is wrong with a pair of bounds; -inf and inf stand for none."""
    expected = f"a number within ±{LARGEST:g}"
    return (
        fault_at(low_name, low, (np.abs(low) <= LARGEST) | (low == -np.inf), f"{expected}, or -inf for none")
        or fault_at(high_name, high, (np.abs(high) <= LARGEST) | (high == np.inf), f"{expected}, or inf for none")
        or fault_at(low_name, low, low <= high, f"at most {high_name}")
    )


def fault_at(name: str, numbers: Vector, passed: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], expected: str) -> str:
    """Return a sentence about the first entry that did not pass, empty if all did."""
    if passed.all():
        return ""
    worst = int(np.flatnonzero(~passed)[0])
    return f"{name}[{worst}] = {numbers[worst]}: expected {expected}"


def wrong_in(structure: QuadraticStructure, values: QuadraticValues, answer: QuadraticSolution) -> str:
    """Return why an answer called solved is not, with the figure; empty when it is.

    With multipliers m of rows and n of boxes, those that price a bound which does not exist taken for 0, solved means
    feasible within `INFEASIBILITY`; h·x + q = Aᵀm + n within `RESIDUAL`, relative to the largest term; and a duality
    gap Σ m·(A x − bound) + Σ n·(x − bound) within `GAP`, relative to the cost.
    """
    if not all(np.isfinite(array).all() for array in (answer.x, answer.row_multipliers, answer.bound_multipliers)):
        return "called solved, but the answer is not all numbers"
    violation = infeasibility(structure, values, answer.x)
    if not violation <= INFEASIBILITY:
        return f"called solved, but bounds are left by {violation:.1e}"
    on_rows, rows_gap = _priced(answer.row_multipliers, structure.times(answer.x), values.row_lower, values.row_upper)
    on_boxes, boxes_gap = _priced(answer.bound_multipliers, answer.x, values.lower, values.upper)
    slope, pull = structure.curvature * answer.x + values.linear, structure.transposed_times(on_rows)
    scale = 1.0 + max(np.max(np.abs(term), initial=0.0) for term in (slope, pull, on_boxes))
    error = np.max(np.abs(slope - pull - on_boxes), initial=0.0) / scale
    if not error <= RESIDUAL:
        return f"called solved, but the slope is off by {error:.1e}"
    gap = abs(rows_gap + boxes_gap) / (1.0 + abs(objective(structure, values, answer.x)))
    return "" if gap <= GAP else f"called solved, but the relative duality gap is {gap:.1e}"


def _priced(multipliers: Vector, amounts: Vector, lower: Vector, upper: Vector) -> tuple[Vector, float]:
    """Return the multipliers of bounds that exist, and Σ multiplier·(amount − bound)."""
    bound = np.where(multipliers > 0, lower, upper)
    exists = np.isfinite(bound)
    kept = np.where(exists, multipliers, 0.0)
    return kept, float(kept @ (amounts - np.where(exists, bound, 0.0)))

"""Linear and mixed-integer programs straight into HiGHS, and answers that are checked afterwards.

Whatever status the solver reports, the residuals and, for a linear program, the dual bound are recomputed here from the
program's data.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import highspy
import numpy as np

from autonomy.solvers.linear import LinearProgram, Vector

FEASIBILITY_LIMIT = 1e-7
"""Largest violated bound, row or integrality (in the program's own unit) that still counts as solved."""

ROUNDING_GAP = 1e-9
"""Largest relative gap that is rounding and nothing else."""


class Status(StrEnum):
    """What is known about an answer."""

    OPTIMAL = "optimal"
    """Feasible by our own residuals, and the solver proved the requested gap."""
    TIME_LIMIT = "time limit"
    """Stopped early; `found` says whether x is feasible."""
    INFEASIBLE = "infeasible"
    """The solver says that no x exists, with and without presolve. That is a report, not a proof."""
    UNBOUNDED = "unbounded"
    """The solver says that the objective has no lower end."""
    FAILED = "failed"
    """Anything else; the message says what."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class LinearSolution:
    """An answer, and what was checked about it.

    Attributes:
        status: What is known; read `found` before using x.
        objective: cᵀx, recomputed; NaN without an answer.
        x: (n,) clipped into its bounds; NaN without an answer.
        dual: (m,) row multipliers, those that a linear program was stopped with; NaN for a mixed-integer program or
            without an answer.
        bound: Lower bound on the optimum. For a linear program recomputed from `dual`, so it needs no trust in the
            solver; for a mixed-integer program the solver's own claim.
        gap: (objective − bound) / max(|objective|, 1), >= 0; NaN without an answer.
        feasibility_error: Largest residual of x, recomputed; inf without an answer.
        message: One sentence.
        seconds: Wall-clock time.
    """

    status: Status
    objective: float
    x: Vector
    dual: Vector
    bound: float
    gap: float
    feasibility_error: float
    message: str
    seconds: float

    @property
    def found(self) -> bool:
        """Whether x is feasible, by our own residuals."""
        return self.feasibility_error <= FEASIBILITY_LIMIT


def solve(
    program: LinearProgram,
    *,
    time_limit_s: float | None = None,
    relative_gap: float = 1e-6,
    tolerance: float = 1e-9,
    start_at: Vector | None = None,
) -> LinearSolution:
    """Solve a program with HiGHS: one thread, no output, a vertex for a linear program (simplex).

    An answer that does not pass the checks here, and a report of infeasibility, is tried once more without presolve.

    Args:
        program: What to solve.
        time_limit_s: Seconds for all attempts together; None for no limit.
        relative_gap: Largest relative gap at which a mixed-integer search may stop; 0 for a full proof.
        tolerance: Primal, dual and integrality tolerance handed to the solver, at least 1e-10.
        start_at: (n,) a feasible point of a mixed-integer program to begin with.
    """
    start = time.perf_counter()
    answer = _attempt(program, time_limit_s, relative_gap, tolerance, presolve="choose", start_at=start_at)
    if answer.status not in (Status.OPTIMAL, Status.TIME_LIMIT):
        left = None if time_limit_s is None else max(time_limit_s - answer.seconds, 0.0)
        answer = _attempt(program, left, relative_gap, tolerance, presolve="off")
    return replace(answer, seconds=time.perf_counter() - start)


def _attempt(
    program: LinearProgram,
    time_limit_s: float | None,
    relative_gap: float,
    tolerance: float,
    presolve: str,
    start_at: Vector | None = None,
) -> LinearSolution:
    """Run HiGHS once and check what comes back."""
    start = time.perf_counter()
    highs = load(program)
    options = {
        "presolve": presolve,
        "primal_feasibility_tolerance": tolerance,
        "dual_feasibility_tolerance": tolerance,
        "mip_feasibility_tolerance": tolerance,
        "mip_rel_gap": relative_gap,
        "mip_abs_gap": tolerance,
    } | ({} if time_limit_s is None else {"time_limit": time_limit_s})
    for name, value in options.items():
        highs.setOptionValue(name, value)
    if start_at is not None:
        known: Any = highspy.HighsSolution()
        known.col_value = start_at.tolist()
        highs.setSolution(known)
    highs.run()
    return replace(_checked(program, highs, relative_gap), seconds=time.perf_counter() - start)


def _checked(program: LinearProgram, highs: Any, relative_gap: float) -> LinearSolution:
    """Return what HiGHS found, with every number recomputed that can be."""
    reported, solution = highs.getModelStatus(), highs.getSolution()
    status = REPORTED.get(reported, Status.FAILED)
    message = f"HiGHS reports: {highs.modelStatusToString(reported).lower()}."
    dual = np.full(program.row_lower.size, np.nan)
    answer = LinearSolution(
        status=Status.FAILED if status is Status.OPTIMAL else status,
        objective=np.nan,
        x=np.full(program.cost.size, np.nan),
        dual=dual,
        bound=-np.inf,
        gap=np.nan,
        feasibility_error=np.inf,
        message=message,
        seconds=0.0,
    )
    told = np.asarray(solution.row_dual, dtype=np.float64)
    if status is Status.TIME_LIMIT and not program.integer.any() and told.size == dual.size:
        answer = replace(answer, dual=told)  # any multipliers prove something
    x = np.asarray(solution.col_value, dtype=np.float64)
    if status not in (Status.OPTIMAL, Status.TIME_LIMIT) or x.size != program.cost.size or not solution.value_valid:
        return answer
    x = np.clip(x, program.lower, program.upper)
    error = program.feasibility_error(x)
    if not error <= FEASIBILITY_LIMIT:
        return replace(answer, message=f"{message} But the answer breaks the program by {error:.3g}.")
    objective, bound = float(program.cost @ x), -np.inf
    if program.integer.any():
        bound = float(highs.getInfo().mip_dual_bound)
    elif solution.dual_valid:
        dual = told
        bound = program.dual_bound(dual)
    gap = relative_gap_of(objective, bound)
    if status is Status.OPTIMAL and not gap <= max(relative_gap, ROUNDING_GAP) + ROUNDING_GAP:
        status, message = Status.FAILED, f"{message} But what it gives for a proof leaves a gap of {gap:.3g}."
    return replace(
        answer,
        message=message,
        status=status,
        objective=objective,
        x=x,
        dual=dual,
        bound=bound,
        gap=gap,
        feasibility_error=error,
    )


def load(program: LinearProgram) -> Any:
    """Return a quiet HiGHS that holds the program.

    `threads` is left alone on purpose: HiGHS keeps one scheduler for the whole process, and a solver that asks for
    another number of threads than the host process did fails. `parallel = off` gives one thread all the same.
    The base class is used because `highspy.Highs` adds callbacks, which print a banner whatever the options say.
    """
    highs: Any = highspy.Highs.__base__()  # type: ignore[misc]
    highs.setOptionValue("output_flag", False)
    highs.setOptionValue("parallel", "off")
    highs.setOptionValue("solver", "choose" if program.integer.any() else "simplex")
    start, row, value = program.compressed()
    highs.passModel(
        program.cost.size,
        program.row_lower.size,
        value.size,
        int(highspy.MatrixFormat.kColwise),
        int(highspy.ObjSense.kMinimize),
        0.0,
        program.cost,
        program.lower,
        program.upper,
        program.row_lower,
        program.row_upper,
        start,
        row,
        value,
        program.integer.astype(np.int32),
    )
    return highs


REPORTED = {
    highspy.HighsModelStatus.kOptimal: Status.OPTIMAL,
    highspy.HighsModelStatus.kModelEmpty: Status.OPTIMAL,
    highspy.HighsModelStatus.kTimeLimit: Status.TIME_LIMIT,
    highspy.HighsModelStatus.kInfeasible: Status.INFEASIBLE,
    highspy.HighsModelStatus.kUnbounded: Status.UNBOUNDED,
    highspy.HighsModelStatus.kUnboundedOrInfeasible: Status.FAILED,
}


def relative_gap_of(objective: float, bound: float, offset: float = 0.0) -> float:
    """Return (objective − bound) / max(|objective + offset|, 1), and 0 where rounding makes it negative."""
    return max(objective - bound, 0.0) / max(abs(objective + offset), 1.0)

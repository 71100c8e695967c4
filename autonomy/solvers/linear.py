"""Sparse linear and mixed-integer programs, straight from arrays into HiGHS, and answers that are checked afterwards.

    minimise    cᵀx
    subject to  lower <= x <= upper
                row_lower <= A·x <= row_upper
                x_j a whole number where integer_j

A program is data (`LinearProgram`), made by hand or with `LinearBuilder`; solving it is a second step. Whatever status
the solver reports, the residuals and, for a linear program, the dual bound are recomputed here from the data.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import highspy
import numpy as np
from numpy.typing import NDArray

FEASIBILITY_LIMIT = 1e-7
"""Largest violated bound, row or integrality (in the program's own unit) that still counts as solved."""

ROUNDING_GAP = 1e-9
"""Largest relative gap that is rounding and nothing else."""

Vector = NDArray[np.float64]
Index = NDArray[np.int64]
Mask = NDArray[np.bool_]


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
class LinearProgram:
    """A program of n columns, m rows and a sparse matrix given as triplets; repeated entries add up.

    Attributes:
        cost: (n,) finite, c.
        lower: (n,) lower <= upper; -inf for none.
        upper: (n,) inf for none.
        row_lower: (m,) row_lower <= row_upper; -inf for none.
        row_upper: (m,) inf for none.
        row: (k,) row of each triplet, 0..m-1.
        column: (k,) column of each triplet, 0..n-1.
        value: (k,) finite.
        integer: (n,) whether the column must be a whole number.

    Raises:
        ValueError: a shape, an index or a number is wrong; the message names the field. (HiGHS itself would abort, or
            silently solve something else.)
    """

    cost: Vector
    lower: Vector
    upper: Vector
    row_lower: Vector
    row_upper: Vector
    row: Index
    column: Index
    value: Vector
    integer: Mask

    def __post_init__(self) -> None:
        columns, rows, entries = self.cost.size, self.row_lower.size, self.value.size
        for name, size in (
            *((name, columns) for name in ("cost", "lower", "upper", "integer")),
            *((name, rows) for name in ("row_lower", "row_upper")),
            *((name, entries) for name in ("row", "column", "value")),
        ):
            if getattr(self, name).shape != (size,):
                raise ValueError(f"{name} has shape {getattr(self, name).shape}: expected ({size},)")
        require("cost", self.cost, np.isfinite(self.cost), "a finite number")
        require("value", self.value, np.isfinite(self.value), "a finite number")
        require("row", self.row, (self.row >= 0) & (self.row < rows), f"a row in 0..{rows - 1}")
        require("column", self.column, (self.column >= 0) & (self.column < columns), f"a column in 0..{columns - 1}")
        for low, high in (("lower", "upper"), ("row_lower", "row_upper")):
            least, most = getattr(self, low), getattr(self, high)
            require(low, least, (least <= most) & (least < np.inf), f"a number <= {high}, or -inf")
            require(high, most, most > -np.inf, f"a number >= {low}, or inf")

    def activity(self, x: Vector) -> Vector:
        """Return (m,) A·x."""
        return _summed(self.row, self.value * x[self.column], self.row_lower.size)

    def feasibility_error(self, x: Vector) -> float:
        """Return the largest amount by which x breaks a bound, a row or an integrality; inf when x has a NaN."""
        activity = self.activity(x)
        broken = (
            self.lower - x,
            x - self.upper,
            self.row_lower - activity,
            activity - self.row_upper,
            np.abs(x - np.round(x))[self.integer],
        )
        worst = max((float(part.max()) for part in broken if part.size), default=0.0)
        return max(worst, 0.0) if np.isfinite(x).all() and np.isfinite(activity).all() else np.inf

    def dual_bound(self, dual: Vector) -> float:
        """Return the lower bound on cᵀx that the row multipliers y prove, by weak duality, for any y.

            y'·A·x + z'·x with z = c − Aᵀy, each product at its smallest over its row or column bounds

        A multiplier or reduced cost that would need an infinite bound counts as 0 when it is below 1e-9 (rounding) and
        else makes the bound -inf. Integrality is ignored, so for a mixed-integer program this bounds the relaxation.
        """
        reduced = self.cost - _summed(self.column, self.value * dual[self.row], self.cost.size)
        return _smallest(dual, self.row_lower, self.row_upper) + _smallest(reduced, self.lower, self.upper)


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


class LinearBuilder:
    """Collects blocks of columns, rows and triplets; every block is an array of any shape.

    Example:
        >>> program = LinearBuilder()
        >>> x = program.columns((2,), cost=np.array([1.0, 2.0]), upper=3.0)
        >>> total = program.rows((), lower=4.0)
        >>> program.terms(total, x, 1.0)
        >>> solve(program.build()).objective
        5.0
    """

    def __init__(self) -> None:
        self._columns: list[tuple[Vector, Vector, Vector, Mask]] = []
        self._rows: list[tuple[Vector, Vector]] = []
        self._terms: list[tuple[Index, Index, Vector]] = []
        self._n_columns = self._n_rows = 0

    def columns(
        self, shape: tuple[int, ...], *, cost: Any = 0.0, lower: Any = 0.0, upper: Any = np.inf, integer: Any = False
    ) -> Index:
        """Add a block of columns; the numbers broadcast to `shape`. Returns their indices in that shape."""
        first, self._n_columns = self._n_columns, self._n_columns + int(np.prod(shape))
        numbers = [_flat(part, shape, np.float64) for part in (cost, lower, upper)]
        self._columns.append((numbers[0], numbers[1], numbers[2], _flat(integer, shape, np.bool_)))
        return np.arange(first, self._n_columns).reshape(shape)

    def rows(self, shape: tuple[int, ...], *, lower: Any = -np.inf, upper: Any = np.inf) -> Index:
        """Add a block of empty rows; the bounds broadcast to `shape`. Returns their indices in that shape."""
        first, self._n_rows = self._n_rows, self._n_rows + int(np.prod(shape))
        self._rows.append((_flat(lower, shape, np.float64), _flat(upper, shape, np.float64)))
        return np.arange(first, self._n_rows).reshape(shape)

    def terms(self, row: Any, column: Any, value: Any) -> None:
        """Add value·x_column to the row, entry by entry; the three broadcast against each other."""
        parts = np.broadcast_arrays(row, column, value)
        self._terms.append((parts[0].ravel(), parts[1].ravel(), parts[2].astype(np.float64).ravel()))

    def build(self) -> LinearProgram:
        """Return the program collected so far."""
        cost, lower, upper, integer = _joined(self._columns, (np.float64, np.float64, np.float64, np.bool_))
        row_lower, row_upper = _joined(self._rows, (np.float64, np.float64))
        row, column, value = _joined(self._terms, (np.int64, np.int64, np.float64))
        return LinearProgram(
            cost=cost,
            lower=lower,
            upper=upper,
            row_lower=row_lower,
            row_upper=row_upper,
            row=row,
            column=column,
            value=value,
            integer=integer,
        )

    def added_to(self, program: LinearProgram) -> LinearProgram:
        """Return a program with the rows collected here, whose terms name its columns; no column may be collected."""
        if self._n_columns:
            raise ValueError(f"{self._n_columns} columns were collected: expected rows of columns that are there")
        rows = program.row_lower.size
        row_lower, row_upper = _joined(self._rows, (np.float64, np.float64))
        row, column, value = _joined(self._terms, (np.int64, np.int64, np.float64))
        return replace(
            program,
            row_lower=np.concatenate([program.row_lower, row_lower]),
            row_upper=np.concatenate([program.row_upper, row_upper]),
            row=np.concatenate([program.row, rows + row]),
            column=np.concatenate([program.column, column]),
            value=np.concatenate([program.value, value]),
        )


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
    start, row, value = _compressed(program)
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


def _compressed(program: LinearProgram) -> tuple[NDArray[np.int32], NDArray[np.int32], Vector]:
    """Return the matrix column by column (start, row, value), with repeated triplets added up."""
    order = np.lexsort((program.row, program.column))
    row, column, value = program.row[order], program.column[order], program.value[order]
    fresh = np.ones(row.size, dtype=np.bool_)
    fresh[1:] = (row[1:] != row[:-1]) | (column[1:] != column[:-1])
    value = _summed(np.cumsum(fresh) - 1, value, int(fresh.sum()))
    start = np.searchsorted(column[fresh], np.arange(program.cost.size + 1))
    return start.astype(np.int32), row[fresh].astype(np.int32), value


REPORTED = {
    highspy.HighsModelStatus.kOptimal: Status.OPTIMAL,
    highspy.HighsModelStatus.kModelEmpty: Status.OPTIMAL,
    highspy.HighsModelStatus.kTimeLimit: Status.TIME_LIMIT,
    highspy.HighsModelStatus.kInfeasible: Status.INFEASIBLE,
    highspy.HighsModelStatus.kUnbounded: Status.UNBOUNDED,
    highspy.HighsModelStatus.kUnboundedOrInfeasible: Status.FAILED,
}


def _summed(place: Index, value: Vector, size: int) -> Vector:
    """Return (size,) the values added up at their places."""
    total: Vector = np.zeros(size)
    np.add.at(total, place, value)
    return total


def relative_gap_of(objective: float, bound: float, offset: float = 0.0) -> float:
    """Return (objective − bound) / max(|objective + offset|, 1), and 0 where rounding makes it negative."""
    return max(objective - bound, 0.0) / max(abs(objective + offset), 1.0)


def _smallest(weight: Vector, lower: Vector, upper: Vector) -> float:
    """Return Σ of the smallest weight·v over lower <= v <= upper."""
    end = np.where(weight > 0, lower, upper)
    rounding = np.isinf(end) & (np.abs(weight) < 1e-9)
    used = np.where(rounding | (weight == 0), 0.0, end)
    return float(np.sum(np.where(used == 0.0, 0.0, weight * used)))


def _flat(numbers: Any, shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
    return np.broadcast_to(np.asarray(numbers, dtype=dtype), shape).ravel()


def _joined(blocks: list[Any], dtypes: tuple[Any, ...]) -> list[NDArray[Any]]:
    """Return each part of the blocks end to end."""
    return [
        np.concatenate([np.zeros(0, dtype=dtype), *(block[part] for block in blocks)]).astype(dtype)
        for part, dtype in enumerate(dtypes)
    ]


def require(name: str, values: NDArray[Any], passed: Mask, expected: str) -> None:
    """Raise for the first entry where `passed` is false; conditions are written so that NaN fails them."""
    if not passed.all():
        worst = int(np.flatnonzero(~passed)[0])
        raise ValueError(f"{name}[{worst}] = {values[worst]}: expected {expected}")

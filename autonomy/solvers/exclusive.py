"""Programs with mutually exclusive columns: linear first, binaries only where the linear optimum needs them."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from autonomy.solvers.allocation import Index, Vector
from autonomy.solvers.linear import (
    FEASIBILITY_LIMIT,
    ROUNDING_GAP,
    LinearProgram,
    LinearSolution,
    Status,
    relative_gap_of,
    require,
    solve,
)


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class ExclusiveSolution:
    """The answer to a program with mutually exclusive columns.

    Attributes:
        solution: The best exclusive vertex; its bound holds for the exclusive program. Not `found` when there is none.
        binaries: Number of binary columns that were needed; 0 when a vertex of the linear optimum is exclusive, which
            makes it the optimum of the exclusive program as well.
        rounds: Number of times binaries were added.
        dual: (m,) row multipliers of the linear optimum without binaries; what they prove holds for both programs.
        proved: A bound that `autonomy.solvers.branches` proved in fractions; None where that was not tried or not done.
    """

    solution: LinearSolution
    binaries: int
    rounds: int
    dual: Vector
    proved: Fraction | None = None


def solve_exclusive(
    program: LinearProgram,
    first: Index,
    second: Index,
    *,
    tolerance: float = FEASIBILITY_LIMIT,
    time_limit_s: float | None = None,
    relative_gap: float = 1e-6,
) -> ExclusiveSolution:
    """Solve a linear program in which, for each pair, x_first and x_second may not both be positive.

    The linear program without the pairs is solved first. Only pairs that overlap by more than `tolerance` then get a
    binary y, with x_first <= upper·y and x_second <= upper·(1 − y); this repeats until no pair overlaps, which it must
    because every round adds at least one pair. In each round the linear program is also solved with the smaller column
    of every pair held at 0. That makes an exact vertex of an exclusive answer, and of any other answer a candidate that
    ends the search when it meets the bound, and is returned with its gap when the time is up.

    Args:
        program: A program whose paired columns have lower bound 0 and a finite upper bound.
        first: (p,) columns.
        second: (p,) columns.
        tolerance: Largest smaller-of-the-two that counts as exclusive.
        time_limit_s: Seconds for all rounds together; None for no limit.
        relative_gap: Largest relative gap at which the search over binaries may stop.
    """
    pairs = np.concatenate([first, second])
    require("lower", program.lower[pairs], program.lower[pairs] == 0.0, "0 for paired columns")
    require("upper", program.upper[pairs], program.upper[pairs] < np.inf, "a finite number for paired columns")
    deadline = np.inf if time_limit_s is None else time.perf_counter() + time_limit_s
    switched = np.zeros(first.size, dtype=np.bool_)
    relaxed, best, bound, rounds = solve(program, time_limit_s=time_limit_s), None, -np.inf, 0
    dual = relaxed.dual
    while relaxed.found:
        overlap = ~switched & (np.minimum(relaxed.x[first], relaxed.x[second]) > tolerance)
        exclusive = not overlap.any()
        candidate = relaxed
        if rounds or not exclusive:
            one_sided = solve(_one_sided(program, relaxed.x, first, second))
            candidate = relaxed if exclusive and not one_sided.found else one_sided
        if candidate.found and (best is None or candidate.objective < best.objective):
            best = candidate
        bound = max(bound, relaxed.bound)
        if exclusive or (best is not None and relative_gap_of(best.objective, bound) <= relative_gap):
            break
        switched, rounds = switched | overlap, rounds + 1
        relaxed = solve(
            _with_switches(program, first[switched], second[switched]),
            time_limit_s=None if time_limit_s is None else max(deadline - time.perf_counter(), 0.0),
            relative_gap=relative_gap,
        )
    if best is None:
        return ExclusiveSolution(solution=relaxed, binaries=int(switched.sum()), rounds=rounds, dual=dual)
    gap = relative_gap_of(best.objective, bound)
    status = Status.OPTIMAL if gap <= max(relative_gap, ROUNDING_GAP) else relaxed.status
    best = replace(best, status=status, bound=bound, gap=gap, message=relaxed.message)
    return ExclusiveSolution(solution=best, binaries=int(switched.sum()), rounds=rounds, dual=dual)


def _with_switches(program: LinearProgram, first: Index, second: Index) -> LinearProgram:
    """Return the program with one binary column and two rows for each pair."""
    count, rows, columns = first.size, program.row_lower.size, program.cost.size
    switch, use_first, use_second = (np.arange(count) + base for base in (columns, rows, rows + count))
    one, none = np.ones(count), np.full(count, -np.inf)
    return LinearProgram(
        cost=np.concatenate([program.cost, 0.0 * one]),
        lower=np.concatenate([program.lower, 0.0 * one]),
        upper=np.concatenate([program.upper, one]),
        integer=np.concatenate([program.integer, one.astype(np.bool_)]),
        row_lower=np.concatenate([program.row_lower, none, none]),
        row_upper=np.concatenate([program.row_upper, 0.0 * one, program.upper[second]]),
        row=np.concatenate([program.row, use_first, use_first, use_second, use_second]),
        column=np.concatenate([program.column, first, switch, second, switch]),
        value=np.concatenate([program.value, one, -program.upper[first], one, program.upper[second]]),
    )


def _one_sided(program: LinearProgram, x: Vector, first: Index, second: Index) -> LinearProgram:
    """Return the program with the smaller column of each pair held at 0."""
    upper = program.upper.copy()
    upper[np.where(x[first] >= x[second], second, first)] = 0.0
    return replace(program, upper=upper)

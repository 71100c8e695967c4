"""Programs with mutually exclusive columns: linear first, binaries only where the linear optimum needs them."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from autonomy.solvers.allocation import Index, Vector
from autonomy.solvers.branches import branch, proved_bound
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

    The linear program without the pairs is solved first. If pairs overlap by more than `tolerance`, a few linear
    programs with one side of a pair held at 0 are tried (`autonomy.solvers.branches`), which often ends the search with
    a proof that can be checked. If not, the pairs that overlap get a binary y, with x_first <= upper·y and x_second <=
    upper·(1 − y); this repeats until no pair overlaps, which it must because every round adds at least one pair. In
    each round the linear program is also solved with the smaller column of every pair held at 0. That makes an exact
    vertex of an exclusive answer, and of any other answer a candidate that ends the search when it meets the bound, and
    is returned with its gap when the time is up.

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
    relaxed = solve(program, time_limit_s=time_limit_s)
    if not relaxed.found:
        return ExclusiveSolution(solution=relaxed, binaries=0, rounds=0, dual=relaxed.dual)
    search = _Search(program, first, second, relaxed, tolerance=tolerance, relative_gap=relative_gap)
    search.consider(relaxed)
    if not search.is_done:
        search.branch(deadline)
    while not search.is_done:
        left = None if time_limit_s is None else max(deadline - time.perf_counter(), 0.0)
        if not search.add_binaries(left):
            break
    return search.answer()


class _Search:
    """What is known of a program with pairs: the best point, a bound, and which pairs have a binary."""

    def __init__(
        self,
        program: LinearProgram,
        first: Index,
        second: Index,
        relaxed: LinearSolution,
        *,
        tolerance: float,
        relative_gap: float,
    ) -> None:
        self._program, self._first, self._second = program, first, second
        self._tolerance, self._relative_gap = tolerance, relative_gap
        self._switched = np.zeros(first.size, dtype=np.bool_)
        self._relaxed = self._latest = relaxed
        self._best: LinearSolution | None = None
        self._bound, self._rounds, self._split = relaxed.bound, 0, 0
        self._proved: Fraction | None = None
        self.is_done = False

    def consider(self, found: LinearSolution) -> None:
        """Take a solution of a relaxation: its bound, and it or its one-sided neighbour as the best point."""
        overlap = np.minimum(found.x[self._first], found.x[self._second])
        exclusive = not (overlap > self._tolerance).any()
        candidate = found
        if self._rounds or not exclusive:
            one_sided = solve(_one_sided(self._program, found.x, self._first, self._second))
            candidate = found if exclusive and not one_sided.found else one_sided
        if candidate.found and (self._best is None or candidate.objective < self._best.objective):
            self._best = candidate
        self._latest, self._bound = found, max(self._bound, found.bound)
        self.is_done = exclusive or self._is_close(self._relative_gap if self._rounds else ROUNDING_GAP)

    def branch(self, deadline: float) -> None:
        """Split on pairs, as far as that goes, and prove what it says."""
        known = np.inf if self._best is None else self._best.objective
        found = branch(
            self._program,
            self._first,
            self._second,
            objective=known,
            tolerance=self._tolerance,
            relative_gap=self._relative_gap,
            deadline=deadline,
        )
        self._rounds, self._split = 1, found.pairs
        if found.x is not None:
            error = self._program.feasibility_error(found.x)
            self._best = replace(self._relaxed, x=found.x, objective=found.objective, feasibility_error=error)
        self._proved = proved_bound(self._program, self._first, self._second, found.nodes)
        self._bound = max(self._bound, found.bound)
        self.is_done = self._is_close(self._relative_gap)

    def add_binaries(self, time_limit_s: float | None) -> bool:
        """Give every pair that overlaps a binary and solve again; return whether there was an answer to go on from."""
        overlap = np.minimum(self._latest.x[self._first], self._latest.x[self._second])
        self._switched |= overlap > self._tolerance
        self._rounds += 1
        first, second = self._first[self._switched], self._second[self._switched]
        start_at = None
        if self._best is not None:
            start_at = np.concatenate([self._best.x, np.where(self._best.x[first] > self._best.x[second], 1.0, 0.0)])
        found = solve(
            with_switches(self._program, first, second),
            time_limit_s=time_limit_s,
            relative_gap=self._relative_gap,
            start_at=start_at,
        )
        self._latest = found
        if found.found:
            columns = self._program.cost.size
            self.consider(replace(found, x=found.x[:columns]))
        return found.found

    def answer(self) -> ExclusiveSolution:
        """Return the best point with the best bound."""
        solution = self._latest
        if self._best is not None:
            gap = relative_gap_of(self._best.objective, self._bound)
            status: Status = solution.status if solution.status is not Status.OPTIMAL else Status.FAILED
            if gap <= max(self._relative_gap, ROUNDING_GAP):
                status = Status.OPTIMAL
            solution = replace(self._best, status=status, bound=self._bound, gap=gap, message=solution.message)
        return ExclusiveSolution(
            solution=solution,
            binaries=max(int(self._switched.sum()), self._split),
            rounds=self._rounds,
            dual=self._relaxed.dual,
            proved=self._proved,
        )

    def _is_close(self, gap: float) -> bool:
        return self._best is not None and relative_gap_of(self._best.objective, self._bound) <= gap


def with_switches(program: LinearProgram, first: Index, second: Index) -> LinearProgram:
    """Return the program with y in {0, 1}, x_first <= upper·y and x_second <= upper·(1 − y) for each pair."""
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

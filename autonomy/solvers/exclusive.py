"""Programs with mutually exclusive columns: linear first, a tree of linear programs where that is not enough.

    linear program ─▶ smaller sides at 0 ─▶ tree ─▶ binaries ─▶ tree again        whatever settles it first

The tree proves its bound in fractions; a search over binaries is HiGHS's word, but it finds points that the tree can
then be closed with.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TypeAlias

import numpy as np

from autonomy.solvers.branches import Aim, Branches, Effort
from autonomy.solvers.deadline import Deadline
from autonomy.solvers.linear import Index, LinearBuilder, LinearProgram, Vector, require
from autonomy.solvers.linear_solution import (
    FEASIBILITY_LIMIT,
    ROUNDING_GAP,
    LinearSolution,
    Status,
    relative_gap_of,
    solve,
)
from autonomy.solvers.tree import proved_bound

Tighter: TypeAlias = Callable[[], LinearProgram]
"""Returns the same program with rows and upper bounds that every allowed point keeps, though not every point does."""
EFFORT, LATER_EFFORT = Effort(), Effort().times(10)
"""Of the tree before and after the search over binaries."""
TREE_SHARE, BINARIES_SHARE = 0.5, 0.6
"""Shares of the time that is left, for the tree and then for the search over binaries."""
ROUNDED_UP = 1.0 + 2.0**-50
LEAST_UPPER = 1e-6
"""Upper bound below which a column is not scaled by its inverse."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class ExclusiveSolution:
    """The answer to a program with mutually exclusive columns.

    Attributes:
        solution: The best exclusive point; its bound holds for the exclusive program. Not `found` when there is none.
        binaries: Number of pairs that were split on or got a binary column; 0 when a vertex of the linear optimum is
            exclusive, which makes it the optimum of the exclusive program as well.
        rounds: Number of times binaries were added, and 1 for the tree.
        dual: (m,) row multipliers of the linear optimum without pairs; what they prove holds for both programs.
        proved: A bound that `autonomy.solvers.tree` proved in fractions; None where that was not tried or not done.
        leaves: How many linear programs prove it; 1 for the linear program alone.
        is_stopped: Whether the time ran out before the gap was closed.
    """

    solution: LinearSolution
    binaries: int
    rounds: int
    dual: Vector
    proved: Fraction | None = None
    leaves: int = 1
    is_stopped: bool = False


def solve_exclusive(
    program: LinearProgram,
    first: Index,
    second: Index,
    *,
    tolerance: float = FEASIBILITY_LIMIT,
    time_limit_s: float | Deadline | None = None,
    relative_gap: float = 1e-6,
    offset: float = 0.0,
    tighter: Tighter | None = None,
) -> ExclusiveSolution:
    """Solve a linear program in which, for each pair, x_first and x_second may not both be positive.

    The linear program without the pairs is solved first, and where pairs overlap by more than `tolerance` once more
    with the smaller column of every pair held at 0. If that costs more, the program is tightened by what the pairs
    imply, and split (`autonomy.solvers.branches`). What that leaves open goes to HiGHS with a binary y for the pairs
    that overlap, with x_first <= upper·y and x_second <= upper·(1 − y), which is repeated until no pair overlaps; every
    round adds at least one pair. With the point that it finds the tree goes on.

    Args:
        program: A program whose paired columns have lower bound 0 and a finite upper bound.
        first: (p,) columns.
        second: (p,) columns.
        tolerance: Largest smaller-of-the-two that counts as exclusive.
        time_limit_s: Seconds for all rounds together, or when they end; None for no limit.
        relative_gap: Largest relative gap at which the search may stop.
        offset: What is added to the objective elsewhere; the gap is relative to both together.
        tighter: Makes the program that is split; None for `program`. What pairs imply alone is added anyway.
    """
    pairs = np.concatenate([first, second])
    require("lower", program.lower[pairs], program.lower[pairs] == 0.0, "0 for paired columns")
    require("upper", program.upper[pairs], program.upper[pairs] < np.inf, "a finite number for paired columns")
    deadline = Deadline.of(time_limit_s)
    relaxed = solve(program, time_limit_s=deadline.left_s)
    if not relaxed.found:
        stopped = relaxed.status is Status.TIME_LIMIT
        return ExclusiveSolution(solution=relaxed, binaries=0, rounds=0, dual=relaxed.dual, is_stopped=stopped)
    search = _Search(program, (first, second), relaxed, Aim(tolerance, relative_gap, offset))
    search.consider(relaxed)
    if not (search.is_done or deadline.is_over):
        search.branch(tighter, deadline)
    while not (search.is_done or deadline.is_over) and search.add_binaries(deadline):
        pass
    search.branch_on(deadline)
    return search.answer(deadline)


class _Search:
    """What is known of a program with pairs: the best point, a bound, the tree, and which pairs have a binary."""

    def __init__(
        self,
        program: LinearProgram,
        pairs: tuple[Index, Index],
        relaxed: LinearSolution,
        aim: Aim,
    ) -> None:
        self._program, (self._first, self._second), self._aim = program, pairs, aim
        self._switched = np.zeros(self._first.size, dtype=np.bool_)
        self._relaxed = self._latest = relaxed
        self._best: LinearSolution | None = None
        self._bound, self._rounds = relaxed.bound, 0
        self._tight = program
        self._tree: Branches | None = None
        self.is_done = False

    def consider(self, found: LinearSolution) -> None:
        """Take a solution of a relaxation: its bound, and it or its one-sided neighbour as the best point."""
        overlap = np.minimum(found.x[self._first], found.x[self._second])
        exclusive = not (overlap > self._aim.tolerance).any()
        candidate = found
        if self._rounds or not exclusive:
            one_sided = solve(_one_sided(self._program, found.x, self._first, self._second))
            candidate = found if exclusive and not one_sided.found else one_sided
        if candidate.found and (self._best is None or candidate.objective < self._best.objective):
            self._best = candidate
        self._latest, self._bound = found, max(self._bound, found.bound)
        is_solved = exclusive and found.status is Status.OPTIMAL
        self.is_done = is_solved or self._is_close(self._aim.relative_gap if self._rounds else ROUNDING_GAP)

    def branch(self, tighter: Tighter | None, deadline: Deadline) -> None:
        """Split on pairs, as far as that goes with a part of the time."""
        self._rounds = 1
        self._tight = with_hulls(self._program if tighter is None else tighter(), self._first, self._second)
        self._tree = Branches(
            self._tight,
            self._first,
            self._second,
            aim=self._aim,
            rows=self._program.row_lower.size,
            deadline=deadline,
        )
        self._grow(EFFORT, deadline.share(TREE_SHARE))

    def branch_on(self, deadline: Deadline) -> None:
        """Go on with the tree, where binaries were needed to find a point."""
        if self._tree is not None and self._switched.any() and not self._tree.is_closed:
            self._grow(LATER_EFFORT, deadline)

    def _grow(self, effort: Effort, deadline: Deadline) -> None:
        tree = self._tree
        if tree is None:
            return
        if self._best is not None:
            tree.consider(self._best.x, self._best.objective)
        tree.grow(effort, deadline)
        if tree.x is not None and (self._best is None or tree.objective < self._best.objective):
            error = self._program.feasibility_error(tree.x)
            self._best = replace(self._relaxed, x=tree.x, objective=tree.objective, feasibility_error=error)
        self._bound = max(self._bound, tree.bound)
        self.is_done = self._is_close(self._aim.relative_gap)

    def add_binaries(self, deadline: Deadline) -> bool:
        """Give every pair that overlaps a binary and solve again; return whether there was an answer to go on from."""
        overlap = np.minimum(self._latest.x[self._first], self._latest.x[self._second])
        self._switched |= overlap > self._aim.tolerance
        if self._tree is not None:
            self._switched[self._tree.overlapping] = True
        self._rounds += 1
        first, second = self._first[self._switched], self._second[self._switched]
        start_at = None
        if self._best is not None:
            start_at = np.concatenate([self._best.x, np.where(self._best.x[first] > self._best.x[second], 1.0, 0.0)])
        found = solve(
            with_switches(self._tight, first, second),
            time_limit_s=deadline.share(BINARIES_SHARE).left_s,
            relative_gap=self._aim.relative_gap,
            start_at=start_at,
        )
        if found.found:
            self.consider(replace(found, x=found.x[: self._program.cost.size]))
        return found.found and found.status is Status.OPTIMAL

    def answer(self, deadline: Deadline) -> ExclusiveSolution:
        """Return the best point with the best bound, and what the tree proves."""
        proved, leaves = None, 1
        if self._tree is not None:
            proved, leaves = (
                proved_bound(self._tree.program, self._first, self._second, self._tree.nodes),
                (self._tree.leaves),
            )
        split = 0 if self._tree is None else len(self._tree.split)
        stopped = deadline.is_over and not self.is_done
        return ExclusiveSolution(
            solution=self._solution(is_stopped=stopped),
            binaries=max(int(self._switched.sum()), split),
            rounds=self._rounds,
            dual=self._relaxed.dual,
            proved=proved,
            leaves=leaves,
            is_stopped=stopped,
        )

    def _solution(self, *, is_stopped: bool) -> LinearSolution:
        status = Status.TIME_LIMIT if is_stopped else Status.FAILED
        if self._best is None:
            nothing = np.full(self._program.cost.size, np.nan)
            message = "No exclusive point was found." if is_stopped else self._latest.message
            if status is Status.FAILED and self._latest.status is Status.INFEASIBLE:
                status = Status.INFEASIBLE
            return replace(
                self._relaxed, status=status, x=nothing, objective=np.nan, bound=self._bound,
                gap=np.nan, feasibility_error=np.inf, message=message,
            )  # fmt: skip
        gap = relative_gap_of(self._best.objective, self._bound, self._aim.offset)
        if gap <= max(self._aim.relative_gap, ROUNDING_GAP):
            status = Status.OPTIMAL
        return replace(self._best, status=status, bound=self._bound, gap=gap, message=self._latest.message)

    def _is_close(self, gap: float) -> bool:
        best = self._best
        return best is not None and relative_gap_of(best.objective, self._bound, self._aim.offset) <= gap


def with_hulls(program: LinearProgram, first: Index, second: Index) -> LinearProgram:
    """Return the program with x_first/upper_first + x_second/upper_second <= 1 for each pair, which pairs imply.

    The right side is rounded up, so that no exclusive point is cut off by rounding.
    """
    builder = LinearBuilder()
    both = (program.upper[first] > LEAST_UPPER) & (program.upper[second] > LEAST_UPPER)
    first, second = first[both], second[both]
    hull = builder.rows(first.shape, upper=ROUNDED_UP)
    for columns in (first, second):
        builder.terms(hull, columns, 1.0 / program.upper[columns])
    return builder.added_to(program)


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

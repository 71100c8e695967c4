"""HiGHS with one linear program in it, solved again and again with other columns held at 0.

Rows that every solution so far kept anyway are left out; what a solution breaks is added, and stays.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import highspy
import numpy as np

from autonomy.solvers.linear import Index, LinearProgram, Vector
from autonomy.solvers.linear_solution import load
from autonomy.solvers.tree import held_at_zero

TOLERANCE = 1e-9
"""Primal and dual tolerance handed to the solver."""
BROKEN = 1e-7
"""Amount by which a row that is left out has to be broken to be added."""
MOST_ROUNDS = 20
"""Times that rows are added to one program."""


class Found(NamedTuple):
    """What a linear program says.

    Attributes:
        x: (n,) its optimum; NaN where there is none.
        dual: Multipliers of the rows there were, or a ray that proves that there is no point.
        cost: cᵀx; inf without x.
        bound: What the multipliers prove, in floats; inf for a ray.
        is_empty: Whether the ray proves, in floats, that there is no point.
    """

    x: Vector
    dual: Vector
    cost: float
    bound: float
    is_empty: bool


class Sides:
    """A program of which columns are held at 0 in turn; every solve starts from the basis of the last.

    Attributes:
        program: The program with the rows that are in use; rows are only ever added.
        programs: How many linear programs were solved.
        iterations: Simplex iterations of all of them.
    """

    def __init__(self, program: LinearProgram, rows: int | None = None) -> None:
        """Load the program.

        Args:
            program: The program.
            rows: How many of its first rows are used from the start; None for all.
        """
        self._whole = program
        self._spare = np.arange(program.row_lower.size if rows is None else rows, program.row_lower.size)
        self.program = program if rows is None else _of_rows(program, np.arange(rows))
        self.programs, self.iterations = 0, 0
        self._highs, self._held = load(self.program), set[int]()
        for name in ("primal_feasibility_tolerance", "dual_feasibility_tolerance"):
            self._highs.setOptionValue(name, TOLERANCE)

    def solve(self, at_zero: tuple[int, ...], time_limit_s: float | None = None) -> Found:
        """Return the optimum with the given columns held at 0, and the bound that its multipliers prove."""
        highs, upper = self._highs, self.program.upper
        for column in self._held.symmetric_difference(at_zero):
            most = 0.0 if column in at_zero else float(upper[column])
            highs.changeColBounds(column, float(self.program.lower[column]), most)
        self._held = set(at_zero)
        highs.setOptionValue("time_limit", np.inf if time_limit_s is None else highs.getRunTime() + time_limit_s)
        for _ in range(MOST_ROUNDS):
            found = self._run(at_zero)
            if not self._add_broken(found.x):
                break
        return found

    def _run(self, at_zero: tuple[int, ...]) -> Found:
        self._highs.run()
        self.programs += 1
        self.iterations += max(int(self._highs.getInfo().simplex_iteration_count), 0)
        status, part = self._highs.getModelStatus(), held_at_zero(self.program, at_zero)
        if status == highspy.HighsModelStatus.kInfeasible:
            return self._without_point(part)
        return self._with_point(part, is_solved=status == highspy.HighsModelStatus.kOptimal)

    def _add_broken(self, x: Vector) -> bool:
        """Add the spare rows that a point breaks; return whether there were any."""
        whole, spare = self._whole, self._spare
        if not spare.size or not np.isfinite(x).all():
            return False
        activity = whole.activity(x)[spare]
        broken = np.maximum(whole.row_lower[spare] - activity, activity - whole.row_upper[spare]) > BROKEN
        if not broken.any():
            return False
        added = _of_rows(whole, spare[broken])
        order = np.lexsort((added.column, added.row))
        start = np.searchsorted(added.row[order], np.arange(added.row_lower.size))
        entries = start.astype(np.int32), added.column[order].astype(np.int32), added.value[order]
        self._highs.addRows(added.row_lower.size, added.row_lower, added.row_upper, added.value.size, *entries)
        self._spare, rows = spare[~broken], self.program.row_lower.size
        self.program = replace(
            self.program,
            row_lower=np.concatenate([self.program.row_lower, added.row_lower]),
            row_upper=np.concatenate([self.program.row_upper, added.row_upper]),
            row=np.concatenate([self.program.row, rows + added.row]),
            column=np.concatenate([self.program.column, added.column]),
            value=np.concatenate([self.program.value, added.value]),
        )
        return True

    def _with_point(self, part: LinearProgram, *, is_solved: bool) -> Found:
        solution: Any = self._highs.getSolution()
        dual = np.asarray(solution.row_dual, dtype=np.float64)
        x = np.asarray(solution.col_value, dtype=np.float64)
        if dual.size != part.row_lower.size or not np.isfinite(dual).all():
            dual = np.zeros(part.row_lower.size)
        if not is_solved or x.size != part.cost.size or not np.isfinite(x).all():
            return Found(np.full(part.cost.size, np.nan), dual, np.inf, part.dual_bound(dual), is_empty=False)
        x = np.clip(x, part.lower, part.upper)
        return Found(x, dual, float(part.cost @ x), part.dual_bound(dual), is_empty=False)

    def _without_point(self, part: LinearProgram) -> Found:
        """Return the ray with the sign that proves that there is no point; multipliers of 0 where it proves nothing."""
        nothing, rows = np.full(part.cost.size, np.nan), part.row_lower.size
        ray = np.asarray(self._highs.getDualRay()[-1], dtype=np.float64)
        if ray.size == rows and np.isfinite(ray).all():
            free = replace(part, cost=np.zeros(part.cost.size))
            for signed in (ray, -ray):
                if free.dual_bound(signed) > TOLERANCE:
                    return Found(nothing, signed, np.inf, np.inf, is_empty=True)
        zeros = np.zeros(rows)
        return Found(nothing, zeros, np.inf, part.dual_bound(zeros), is_empty=False)


def _of_rows(program: LinearProgram, rows: Index) -> LinearProgram:
    """Return the program with the given rows only, in their order."""
    place = np.full(program.row_lower.size, -1)
    place[rows] = np.arange(rows.size)
    kept = place[program.row] >= 0
    return replace(
        program,
        row_lower=program.row_lower[rows],
        row_upper=program.row_upper[rows],
        row=place[program.row[kept]],
        column=program.column[kept],
        value=program.value[kept],
    )

"""A linear program that stays in HiGHS: costs and bounds change from step to step, simplex starts where it ended."""

from __future__ import annotations

from typing import Any

import highspy
import numpy as np

from autonomy.layers.arrays import Vector
from autonomy.solvers.linear import LinearProgram


class SolveError(ArithmeticError):
    """HiGHS found no optimum; the text has its status."""


class PersistentProgram:
    """A linear program whose matrix does not change.

    Args:
        program: The program as it is first.
    """

    def __init__(self, program: LinearProgram) -> None:
        size, rows = program.cost.size, program.row_lower.size
        self._columns = np.arange(size, dtype=np.int32)
        self._rows = np.arange(rows, dtype=np.int32)
        model = highspy.HighsLp()
        model.num_col_, model.num_row_ = size, rows
        model.col_cost_, model.col_lower_, model.col_upper_ = program.cost, program.lower, program.upper
        model.row_lower_, model.row_upper_ = program.row_lower, program.row_upper
        order = np.argsort(program.column, kind="stable")
        starts = np.searchsorted(program.column[order], np.arange(size + 1))
        model.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        model.a_matrix_.start_ = starts.astype(np.int32)
        model.a_matrix_.index_ = program.row[order].astype(np.int32)
        model.a_matrix_.value_ = program.value[order]
        # `threads` is left alone, see `linear_solution.load`: the host process may have chosen another number.
        # The base class, because `highspy.Highs` prints a banner whatever the options say.
        self._solver: Any = highspy.Highs.__base__()  # type: ignore[misc]
        for option, value in (("output_flag", False), ("parallel", "off"), ("solver", "simplex")):
            self._solver.setOptionValue(option, value)
        self._solver.passModel(model)

    def solve(self, *, cost: Vector, lower: Vector, upper: Vector, row_lower: Vector, row_upper: Vector) -> Vector:
        """Return x of the program with these numbers.

        Raises:
            SolveError: no optimum was found.
        """
        solver, columns, rows = self._solver, self._columns, self._rows
        solver.changeColsCost(columns.size, columns, cost)
        solver.changeColsBounds(columns.size, columns, lower, upper)
        solver.changeRowsBounds(rows.size, rows, row_lower, row_upper)
        solver.run()
        status = solver.getModelStatus()
        if status != highspy.HighsModelStatus.kOptimal:
            solver.clearSolver()
            raise SolveError(f"HiGHS says {solver.modelStatusToString(status)}")
        return np.asarray(solver.getSolution().col_value)

"""HiGHS: an active-set method for quadratic programs, called directly (MIT).

It cycles on degenerate programs until the time limit (ERGO-Code/HiGHS issues 1583 and 2489), and has called answers
optimal that are not. It is sensitive to the scale of the objective, so a program that fails at one scale is tried at
another. An infinite cost it takes for 0, and says optimal; infinite numbers have ended the whole process.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from autonomy.solvers.allocation import Status
from autonomy.solvers.general.limits import TIME_LIMIT_S
from autonomy.solvers.general.rows import answer
from autonomy.solvers.quadratic import QuadraticSolution, QuadraticStructure, QuadraticValues

SCALES = (1e3, 1e1)
"""Factors on the objective, in this order: at 1 the method cycles more often."""


class HighsSolver:
    """See the module's docstring; HiGHS comes with this distribution."""

    def __init__(self, structure: QuadraticStructure) -> None:
        import highspy  # noqa: PLC0415 - slow to import

        self.structure = structure
        self._highspy: Any = highspy
        self._solvers: dict[float, Any] = {}
        self._columns = np.arange(structure.n_columns, dtype=np.int32)

    def solve(self, values: QuadraticValues) -> QuadraticSolution:
        """Return HiGHS's answer at the first scale at which it has one."""
        end = time.monotonic() + TIME_LIMIT_S
        for scale in SCALES:
            found = self._solve_at(scale, values, end - time.monotonic())
            if found.status is not Status.FAILED or time.monotonic() > end:
                break
            self._solvers.pop(scale)  # a failed run spoils the next
        return found

    def _solve_at(self, scale: float, values: QuadraticValues, limit_s: float) -> QuadraticSolution:
        if scale not in self._solvers:
            self._solvers[scale] = self._set_up(scale, values)
        else:
            self._update(self._solvers[scale], scale, values)
        solver = self._solvers[scale]
        solver.setOptionValue("time_limit", solver.getRunTime() + limit_s)  # its clock runs on
        solver.run()
        status, solution = solver.getModelStatus(), solver.getSolution()
        claims = {
            self._highspy.HighsModelStatus.kOptimal: Status.SOLVED,
            self._highspy.HighsModelStatus.kInfeasible: Status.INFEASIBLE,
        }
        return answer(
            np.asarray(solution.col_value, dtype=np.float64),
            np.asarray(solution.row_dual, dtype=np.float64) / scale,
            np.asarray(solution.col_dual, dtype=np.float64) / scale,
            claims.get(status, Status.FAILED),
            solver.modelStatusToString(status),
        )

    def _update(self, solver: Any, scale: float, values: QuadraticValues) -> None:
        columns = self._columns
        solver.changeColsCost(columns.size, columns, scale * values.linear)
        solver.changeColsBounds(columns.size, columns, values.lower, values.upper)
        for row in range(self.structure.n_rows):
            solver.changeRowBounds(row, values.row_lower[row], values.row_upper[row])

    def _set_up(self, scale: float, values: QuadraticValues) -> Any:
        library, structure = self._highspy, self.structure
        # The base class, because `highspy.Highs` adds callbacks, which print a banner whatever the options say.
        solver: Any = library.Highs.__base__()
        solver.setOptionValue("output_flag", False)
        solver.setOptionValue("parallel", "off")
        columns = structure.n_columns
        solver.passModel(
            columns,
            structure.n_rows,
            structure.entries.size,
            columns,
            int(library.MatrixFormat.kColwise),
            int(library.HessianFormat.kTriangular),
            int(library.ObjSense.kMinimize),
            0.0,
            scale * values.linear,
            values.lower,
            values.upper,
            values.row_lower,
            values.row_upper,
            structure.starts.astype(np.int32),
            structure.rows.astype(np.int32),
            structure.entries,
            np.arange(columns + 1, dtype=np.int32),
            np.arange(columns, dtype=np.int32),
            scale * structure.curvature,
            np.zeros(columns, dtype=np.int32),
        )
        return solver

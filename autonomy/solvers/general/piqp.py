"""PIQP: a proximal interior-point method on the sparse KKT system (BSD-2-Clause).

It knows no time limit, so its iterations are capped. A bound that is NaN it takes for none, and says solved; a row
whose bounds are both infinite it deletes with a line on standard error. So the kinds of rows are told apart here, and a
row that changes its kind means a new setup.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autonomy.solvers.allocation import Status
from autonomy.solvers.general.rows import Rows, answer, rows_of, split
from autonomy.solvers.quadratic import QuadraticSolution, QuadraticStructure, QuadraticValues

TOLERANCE = 1e-10
"""Absolute and relative, of residuals and gap; at 1e-9 three in 2,000 had gaps above 1e-6."""
INFEASIBLE = 1e-10
"""Of a certificate of infeasibility; at its default of 1e-4 one in 400 feasible programs was called infeasible."""
MAX_ITERATIONS = 80
"""10 to 25 are usual; nothing better comes after."""


class PiqpSolver:
    """See the module's docstring.

    Args:
        structure: What never changes.
        tolerance: Absolute and relative, of residuals and gap.

    Raises:
        ImportError: PIQP is not installed.
    """

    def __init__(self, structure: QuadraticStructure, *, tolerance: float = TOLERANCE) -> None:
        import piqp  # noqa: PLC0415 - optional library

        self.structure, self._tolerance = structure, tolerance
        self._piqp: Any = piqp
        self._solver: Any = None
        self._rows: Rows | None = None

    def solve(self, values: QuadraticValues) -> QuadraticSolution:
        """Return PIQP's answer."""
        if self._rows is None or not self._rows.fit(values):
            self._rows = rows_of(values)
            self._solver = self._set_up(values, self._rows)
        else:
            self._solver.update(**_numbers(values, self._rows))
        status, result = self._solver.solve(), self._solver.result
        multipliers = np.empty(self.structure.n_rows)
        multipliers[self._rows.equations] = -result.y
        multipliers[self._rows.inequalities] = result.z_l - result.z_u
        claim = {
            self._piqp.PIQP_SOLVED: Status.SOLVED,
            self._piqp.PIQP_PRIMAL_INFEASIBLE: Status.INFEASIBLE,
        }.get(status, Status.FAILED)
        return answer(np.array(result.x), multipliers, result.z_bl - result.z_bu, claim, status.name)

    def _set_up(self, values: QuadraticValues, rows: Rows) -> Any:
        from scipy.sparse import diags  # noqa: PLC0415 - optional, and slow to import

        solver = self._piqp.SparseSolver()
        settings = solver.settings
        settings.eps_abs = settings.eps_rel = self._tolerance
        settings.eps_duality_gap_abs = settings.eps_duality_gap_rel = self._tolerance
        settings.eps_primal_inf = settings.eps_dual_inf = INFEASIBLE
        settings.max_iter = MAX_ITERATIONS
        equations, inequalities = split(self.structure, rows)
        curvature = diags(self.structure.curvature, format="csc")
        solver.setup(P=curvature, A=equations, G=inequalities, **_numbers(values, rows))
        return solver


def _numbers(values: QuadraticValues, rows: Rows) -> dict[str, Any]:
    return {
        "c": values.linear,
        "b": values.row_lower[rows.equations],
        "h_l": values.row_lower[rows.inequalities],
        "h_u": values.row_upper[rows.inequalities],
        "x_l": values.lower,
        "x_u": values.upper,
    }

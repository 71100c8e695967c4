"""ProxQP: a proximal augmented-Lagrangian method, from ProxSuite (BSD-2-Clause).

Without caps on both kinds of iterations it does not return from a NaN, and on some programs not from good numbers
either (Simple-Robotics/proxsuite issue 63); it knows no time limit. A bound that is NaN it takes for none, and says
solved. Bounds of 1e20 and more are none.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autonomy.solvers.allocation import Status, Vector
from autonomy.solvers.general.rows import Rows, answer, declined, rows_of, split
from autonomy.solvers.quadratic import QuadraticSolution, QuadraticStructure, QuadraticValues

TOLERANCE = 1e-9
"""Absolute, of both residuals and the gap."""
INFEASIBLE = 1e-10
"""Of a certificate of infeasibility; at its default of 1e-4 feasible programs were called infeasible."""
MAX_OUTER, MAX_INNER = 300, 300
"""Caps on the iterations of the method, and on the Newton steps within one of them; 5 to 30 are usual."""
MOST_VARIABLES = 600
"""More are declined: with 900 of them it already takes 1 to 9 s."""
NONE = 1e20
"""What it takes for an infinite bound."""


class ProxqpSolver:
    """See the module's docstring.

    Raises:
        ImportError: ProxSuite is not installed.
    """

    def __init__(self, structure: QuadraticStructure) -> None:
        from proxsuite import proxqp  # noqa: PLC0415 - optional library

        self.structure = structure
        self._proxqp: Any = proxqp
        self._solver: Any = None
        self._rows: Rows | None = None

    def solve(self, values: QuadraticValues) -> QuadraticSolution:
        """Return ProxQP's answer."""
        if self.structure.n_columns > MOST_VARIABLES:
            return declined(
                self.structure, f"{self.structure.n_columns} variables would take it longer than is sensible"
            )
        if self._rows is None or not self._rows.fit(values):
            self._rows = rows_of(values)
            self._solver = self._set_up(values, self._rows)
        else:
            self._solver.update(**_numbers(values, self._rows))
        self._solver.solve()
        result, rows = self._solver.results, self._rows
        status = result.info.status
        claims = {
            self._proxqp.PROXQP_SOLVED: Status.SOLVED,
            self._proxqp.PROXQP_PRIMAL_INFEASIBLE: Status.INFEASIBLE,
        }
        multipliers, on_inequalities = np.zeros(self.structure.n_rows), -np.array(result.z)
        multipliers[rows.equations] = -np.array(result.y)
        multipliers[rows.inequalities] = on_inequalities[: rows.inequalities.size]
        return answer(
            np.array(result.x),
            multipliers,
            on_inequalities[rows.inequalities.size :],
            claims.get(status, Status.FAILED),
            status.name,
        )

    def _set_up(self, values: QuadraticValues, rows: Rows) -> Any:
        from scipy.sparse import diags, identity, vstack  # noqa: PLC0415 - optional, and slow to import

        columns = self.structure.n_columns
        equations, inequalities = split(self.structure, rows)
        boxed = vstack([inequalities, identity(columns)], format="csc")
        solver = self._proxqp.sparse.QP(columns, rows.equations.size, boxed.shape[0])
        settings = solver.settings
        settings.eps_abs, settings.eps_rel = TOLERANCE, 0.0
        settings.eps_primal_inf = settings.eps_dual_inf = INFEASIBLE
        settings.check_duality_gap, settings.eps_duality_gap_abs = True, TOLERANCE
        settings.max_iter, settings.max_iter_in = MAX_OUTER, MAX_INNER
        settings.verbose = False
        curvature = diags(self.structure.curvature, format="csc")
        solver.init(H=curvature, A=equations, C=boxed, **_numbers(values, rows))
        return solver


def _numbers(values: QuadraticValues, rows: Rows) -> dict[str, Vector]:
    chosen = rows.inequalities
    return {
        "g": values.linear,
        "b": values.row_lower[rows.equations],
        "l": np.maximum(np.concatenate([values.row_lower[chosen], values.lower]), -NONE),
        "u": np.minimum(np.concatenate([values.row_upper[chosen], values.upper]), NONE),
    }

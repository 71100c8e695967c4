"""OSQP: operator splitting on one factorisation of the sparse KKT system (Apache-2.0).

At its default settings it leaves bounds by 1e-3 relative; here it is run to 1e-9. It calls NaN solved when it is given
one. It is not asked to polish: the guess which bounds bind can be wrong and is accepted all the same (osqp/osqp issue
790), it gained nothing on our programs, and where no bound binds it prints a line although told to be silent.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from autonomy.solvers.allocation import Status
from autonomy.solvers.general.limits import TIME_LIMIT_S
from autonomy.solvers.general.rows import answer
from autonomy.solvers.quadratic import QuadraticSolution, QuadraticStructure, QuadraticValues

SETTINGS: dict[str, Any] = {
    "eps_abs": 1e-9,
    "eps_rel": 1e-12,  # a limit of 500 is to be kept as well as one of 1; at 1e-9 one in ten was left by 1e-6
    "check_dualgap": False,  # relative to so small a number it is never met; who uses an answer recomputes the gap
    "eps_prim_inf": 1e-9,  # at the default of 1e-4 feasible programs are called infeasible
    "eps_dual_inf": 1e-9,
    "max_iter": 20_000,
    "time_limit": TIME_LIMIT_S,
    "polishing": False,
    "verbose": False,
}


class OsqpSolver:
    """See the module's docstring.

    Raises:
        ImportError: OSQP is not installed.
    """

    def __init__(self, structure: QuadraticStructure) -> None:
        import osqp  # noqa: PLC0415 - optional library
        from scipy.sparse import diags, identity, vstack  # noqa: PLC0415 - optional, and slow to import

        self.structure = structure
        self._osqp: Any = osqp
        self._solver: Any = None
        self._curvature = diags(structure.curvature, format="csc")
        self._rows = vstack([structure.matrix, identity(structure.n_columns)], format="csc")

    def solve(self, values: QuadraticValues) -> QuadraticSolution:
        """Return OSQP's answer."""
        lower = np.concatenate([values.row_lower, values.lower])
        upper = np.concatenate([values.row_upper, values.upper])
        if self._solver is None:
            self._solver = self._osqp.OSQP()
            self._solver.setup(self._curvature, values.linear, self._rows, lower, upper, **SETTINGS)
        else:
            self._solver.update(q=values.linear, l=lower, u=upper)
        result = self._solver.solve(raise_error=False)
        code = result.info.status_val
        claims = {
            int(self._osqp.SolverStatus.OSQP_SOLVED): Status.SOLVED,
            int(self._osqp.SolverStatus.OSQP_PRIMAL_INFEASIBLE): Status.INFEASIBLE,
        }
        multipliers, rows = -np.array(result.y), self.structure.n_rows
        return answer(
            np.array(result.x),
            multipliers[:rows],
            multipliers[rows:],
            claims.get(code, Status.FAILED),
            result.info.status,
        )

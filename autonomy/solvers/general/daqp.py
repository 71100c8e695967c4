"""DAQP: a dual active-set method on dense matrices (MIT); the fastest general one on small programs.

Its matrices are dense, so programs above `MOST_ENTRIES` are declined with a sentence. It has returned infeasible points
with a good exit flag (darnstrom/daqp issue 82), returns NaN with one when given NaN, and about one time in 200 when
started from the last answer. Without curvature on some variable it solves a sequence of proximal programs instead.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from autonomy.solvers.allocation import Status, Vector
from autonomy.solvers.general.limits import TIME_LIMIT_S
from autonomy.solvers.general.rows import answer, declined
from autonomy.solvers.quadratic import QuadraticSolution, QuadraticStructure, QuadraticValues

MOST_ENTRIES = 12_000_000
"""Largest V·(V + R) that is tried, 96 MB of matrix; from V = 1,000 on most programs run into the time limit."""
SETTINGS = {"primal_tol": 1e-9, "dual_tol": 1e-10, "iter_limit": 20_000, "time_limit": TIME_LIMIT_S}
"""Tight enough for a relative gap of 1e-9; the iterations are those of an active-set method, several per variable."""
EQUATION = 5
"""DAQP's `sense` of an equation; 0 is an inequality."""
CLAIMS = {1: Status.SOLVED, 2: Status.FAILED, -1: Status.INFEASIBLE}
"""Its exit flags; all others are failures. 2 is "soft constraint used", which we never ask for."""


class DaqpSolver:
    """See the module's docstring.

    Raises:
        ImportError: DAQP is not installed.
    """

    def __init__(self, structure: QuadraticStructure) -> None:
        import daqp  # noqa: PLC0415 - optional library

        self.structure = structure
        self._daqp: Any = daqp
        self._model: Any = None
        self._is_equation: Any = None
        columns = structure.n_columns
        self._is_small = columns * (columns + structure.n_rows) <= MOST_ENTRIES

    def solve(self, values: QuadraticValues) -> QuadraticSolution:
        """Return DAQP's answer."""
        columns = self.structure.n_columns
        if not self._is_small:
            return declined(self.structure, f"{columns} variables are too many for dense matrices")
        upper = np.concatenate([values.upper, values.row_upper])
        lower = np.concatenate([values.lower, values.row_lower])
        is_equation = lower == upper
        sense = np.where(is_equation, EQUATION, 0).astype(np.int32)
        if self._model is None:
            self._model = self._set_up(values, upper, lower, sense)
        else:
            same = np.array_equal(is_equation, self._is_equation)
            self._model.update(f=values.linear, bupper=upper, blower=lower, sense=None if same else sense)
        self._is_equation = is_equation
        x, _, flag, info = self._model.solve()
        multipliers = -np.asarray(info["lam"])
        return answer(
            np.array(x),
            multipliers[columns:],
            multipliers[:columns],
            CLAIMS.get(flag, Status.FAILED),
            f"exit flag {flag}",
        )

    def _set_up(self, values: QuadraticValues, upper: Vector, lower: Vector, sense: NDArray[np.int32]) -> Any:
        model = self._daqp.Model()
        proximal = {} if self.structure.curvature.all() else {"eps_prox": 1e-4}
        model.settings = SETTINGS | proximal
        rows = np.ascontiguousarray(self.structure.matrix.toarray())
        model.setup(np.diag(self.structure.curvature), values.linear, rows, upper, lower, sense)
        return model

"""Clarabel: an interior-point method on a homogeneous embedding, in Rust (Apache-2.0).

Every bound that exists is one row of a cone; an infinite number where it was told of a finite one ends in "numerical
error" (oxfordcontrol/Clarabel.rs issue 218), so bounds that come or go mean a new setup. A bound that is NaN it takes
for none, and says solved. A panic in Rust arrives as a `BaseException`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from autonomy.solvers.allocation import Status, Vector
from autonomy.solvers.general.limits import TIME_LIMIT_S
from autonomy.solvers.general.rows import answer
from autonomy.solvers.quadratic import QuadraticSolution, QuadraticStructure, QuadraticValues

TOLERANCE = 1e-10
"""Of gap and feasibility; "almost solved" ones are failures."""


class ClarabelSolver:
    """See the module's docstring.

    Raises:
        ImportError: Clarabel is not installed.
    """

    def __init__(self, structure: QuadraticStructure) -> None:
        import clarabel  # noqa: PLC0415 - optional library
        from scipy.sparse import diags, identity, vstack  # noqa: PLC0415 - optional, and slow to import

        self.structure = structure
        self._clarabel: Any = clarabel
        self._curvature = diags(structure.curvature, format="csc")
        self._rows = vstack([structure.matrix, identity(structure.n_columns)], format="csr")
        self._solver: Any = None
        self._equal, self._above, self._below = np.zeros((3, 0), dtype=np.bool_)

    def solve(self, values: QuadraticValues) -> QuadraticSolution:
        """Return Clarabel's answer."""
        lower = np.concatenate([values.row_lower, values.lower])
        upper = np.concatenate([values.row_upper, values.upper])
        equal = lower == upper
        above, below = (lower > -np.inf) & ~equal, (upper < np.inf) & ~equal
        shapes = (equal, above, below)
        mine = (self._equal, self._above, self._below)
        right = np.concatenate([lower[equal], -lower[above], upper[below]])
        if self._solver is not None and all(map(np.array_equal, shapes, mine)):
            self._solver.update(q=values.linear, b=right)
        else:
            self._equal, self._above, self._below = shapes
            self._solver = self._set_up(values.linear, right)
        result = self._solver.solve()
        claims = {
            self._clarabel.SolverStatus.Solved: Status.SOLVED,
            self._clarabel.SolverStatus.PrimalInfeasible: Status.INFEASIBLE,
        }
        rows = self.structure.n_rows
        multipliers = self._multipliers(np.array(result.z))
        claim = next((claim for status, claim in claims.items() if status == result.status), Status.FAILED)
        return answer(np.array(result.x), multipliers[:rows], multipliers[rows:], claim, result.status)

    def _set_up(self, linear: Vector, right: Vector) -> Any:
        from scipy.sparse import vstack  # noqa: PLC0415 - optional, and slow to import

        library = self._clarabel
        settings = library.DefaultSettings()
        settings.verbose = False
        settings.time_limit = TIME_LIMIT_S
        settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = TOLERANCE
        settings.max_threads = 1
        settings.presolve_enable = False  # it would forbid updates
        matrix = vstack([self._rows[self._equal], -self._rows[self._above], self._rows[self._below]], format="csc")
        equations = int(self._equal.sum())
        cones = [library.ZeroConeT(equations), library.NonnegativeConeT(right.size - equations)]
        return library.DefaultSolver(self._curvature, linear, matrix, right, cones, settings)

    def _multipliers(self, z: Vector) -> Vector:
        """Return one multiplier a row and box from one a cone row."""
        multipliers: NDArray[np.float64] = np.zeros(self._equal.size)
        equations, bounds = int(self._equal.sum()), int(self._equal.sum() + self._above.sum())
        multipliers[self._equal] = -z[:equations]
        multipliers[self._above] += z[equations:bounds]
        multipliers[self._below] -= z[bounds:]
        return multipliers

"""What holds of an answer over a horizon, recomputed from the sparse statement: infeasibility and duality gap.

For any row multipliers y, with y⁺ the part that prices lower bounds and y⁻ the part that prices upper bounds, weak
duality gives

    f* >= D(y) = Σ_j min over lower_j <= x_j <= upper_j of [h_j/2·x² + (q − Aᵀy)_j·x] + Σ y⁺·row_lower + y⁻·row_upper

and f is strongly convex in the first step, so a feasible point is within sqrt(2·(f − D)) of the minimiser there, in
the norm of `Allocation.distance`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from autonomy.solvers.allocation import CENTRE, WEIGHT, Vector
from autonomy.solvers.horizon.program import HorizonProgram, HorizonSolution, HorizonStructure
from autonomy.solvers.horizon.sparse import columns, values
from autonomy.solvers.quadratic import QuadraticStructure, QuadraticValues, infeasibility, objective

FEASIBLE = 1e-6
"""Largest violation at which an answer is believed."""
RELATIVE_GAP = 1e-7
"""Largest (f − D)/(1 + |f|) at which an answer is believed."""


class Measure(NamedTuple):
    """What holds of an answer, whatever its solver says.

    Attributes:
        violation: Largest amount by which a bound or a row is left; NaN when the answer has one.
        objective: f.
        gap: f − D(y) >= 0 up to rounding.
    """

    violation: float
    objective: float
    gap: float

    @property
    def relative_gap(self) -> float:
        """The gap over 1 + |f|."""
        return self.gap / (1.0 + abs(self.objective))

    @property
    def is_solved(self) -> bool:
        """Whether the point is feasible and near the optimum; False for NaN."""
        return self.violation <= FEASIBLE and self.relative_gap <= RELATIVE_GAP


def measure(
    structure: HorizonStructure, statement: QuadraticStructure, program: HorizonProgram, solution: HorizonSolution
) -> Measure:
    """Return what holds of `solution`; `statement` is `sparse.state(structure)`."""
    column = columns(structure)
    x = np.empty(column.total)
    for block, answer in zip(column, (solution.point, solution.given, solution.level, solution.missing), strict=True):
        x[block] = answer
    instance = values(structure, program)
    constant = float(np.sum(program.first.cells[WEIGHT] / 2 * program.first.cells[CENTRE] ** 2))
    f = objective(statement, instance, x) + constant
    return Measure(
        violation=infeasibility(statement, instance, x),
        objective=f,
        gap=f - constant - dual_bound(statement, instance, solution.row_multipliers),
    )


def dual_bound(statement: QuadraticStructure, instance: QuadraticValues, row_multipliers: Vector) -> float:
    """Return D(y) for finite column bounds; a multiplier that prices a bound which does not exist counts as 0."""
    bound = np.where(row_multipliers > 0, instance.row_lower, instance.row_upper)
    y = np.where(np.isfinite(bound), row_multipliers, 0.0)
    slope = instance.linear - statement.transposed_times(y)
    curved = statement.curvature > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        stationary = np.where(curved, -slope / statement.curvature, 0.0)
    corner = np.where(slope > 0, instance.lower, instance.upper)
    x = np.where(curved, np.clip(stationary, instance.lower, instance.upper), corner)
    least = float(np.sum(statement.curvature / 2 * x * x + slope * x))
    return least + float(y @ np.where(np.isfinite(bound), bound, 0.0))

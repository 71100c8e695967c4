"""The projection problem with potentials: bounds on weighted sums of sums, along the paths of the tree.

The problem of `allocation.py`, and on top of it, with T_g the sum of a group and c_g >= 0 a coefficient of it,

    φ_g = φ_parent + c_g·T_g        (φ of the parent of an outermost group is 0)
    low_g <= φ_g <= high_g          for every group g

A potential builds up from the outermost group inwards, so one bound on it holds all sums of a path at once. Its
multiplier μ_k prices every sum on the way to k: with N_g the sum of μ over g and all groups inside it,

    p_i = ν_i + Σ over all groups g around cell i of (λ_g + c_g·N_g)

and weak duality bounds the optimum as it does without potentials, with Σ_g μ_g·(low_g if μ_g > 0 else high_g) added.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeAlias

import numpy as np

from autonomy.solvers.allocation import (
    CENTRE,
    DROP,
    LIFT,
    LOWER,
    UPPER,
    WEIGHT,
    Allocation,
    Hierarchy,
    Matrix,
    Status,
    Vector,
    net,
)
from autonomy.solvers.certificate import Gap


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class PotentialAllocation:
    """One instance of the problem in the module's docstring.

    Attributes:
        allocation: Cells, sums, and their bounds.
        coefficient: (G,) c >= 0, the same from solve to solve.
        potential_bounds: (2, G) float64, C order: low, -inf for none, and high >= low, inf for none.
    """

    allocation: Allocation
    coefficient: Vector
    potential_bounds: Matrix

    def potentials(self, point: Matrix) -> Vector:
        """Return (G,) φ of a (3, N) point."""
        hierarchy = self.allocation.hierarchy
        return hierarchy.spread(self.coefficient * hierarchy.totals(net(point)))

    def excess(self, point: Matrix) -> float:
        """Return the largest amount by which a potential leaves its bounds; NaN if the point has one."""
        potentials, (low, high) = self.potentials(point), self.potential_bounds
        return float(np.max(np.maximum(low - potentials, potentials - high), initial=0.0))


class PotentialSolution(NamedTuple):
    """An answer with the multipliers of the potentials.

    Attributes:
        point: (3, N) as in `Solution`, like all others but the last.
        cell_multipliers: (N,)
        multipliers: (G,)
        status: What the solver claims.
        message: One sentence, empty when solved.
        potential_multipliers: (G,) > 0 where a potential's lower bound binds, < 0 where its upper bound binds.
    """

    point: Matrix
    cell_multipliers: Vector
    multipliers: Vector
    status: Status
    message: str
    potential_multipliers: Vector


class PotentialBackend(Protocol):
    """A prepared solver: setup has seen hierarchy and coefficients, `solve` sees one instance after the other."""

    def solve(self, problem: PotentialAllocation) -> PotentialSolution:
        """Return the solver's answer; never raises on numbers."""
        ...


PotentialSetup: TypeAlias = Callable[[Hierarchy, Vector], PotentialBackend]


def cell_prices(problem: PotentialAllocation, solution: PotentialSolution) -> Vector:
    """Return (N,) p of the module's docstring."""
    hierarchy = problem.allocation.hierarchy
    inside = solution.potential_multipliers.copy()
    for groups in reversed(hierarchy.levels[1:]):
        np.add.at(inside, hierarchy.parent[groups], inside[groups])
    price = hierarchy.spread(solution.multipliers + problem.coefficient * inside)
    return price[hierarchy.group_of] + solution.cell_multipliers


def certify_potential(problem: PotentialAllocation, solution: PotentialSolution) -> Gap:
    """Return gap and certified distance of a feasible answer, from terms that all vanish at the minimiser.

    As in `certificate.py`, in plain NumPy and without the bound on rounding.
    """
    given, cells, relief = problem.allocation, problem.allocation.cells, problem.allocation.relief
    p, (x, u, v) = cell_prices(problem, solution), solution.point
    best_x = np.clip(cells[CENTRE] + p / cells[WEIGHT], cells[LOWER], cells[UPPER])
    best_u = _least_cost(-p - relief.drop_price, relief.smoothing, cells[DROP])
    best_v = _least_cost(p - relief.lift_price, relief.smoothing, cells[LIFT])
    half = relief.smoothing / 2
    excess = (x - best_x) * (cells[WEIGHT] * ((x + best_x) / 2 - cells[CENTRE]) - p)
    excess += (u - best_u) * (relief.drop_price + half * (u + best_u) + p)
    excess += (v - best_v) * (relief.lift_price + half * (v + best_v) - p)
    y = net(solution.point)
    bound = _slackness(solution.multipliers, given.hierarchy.totals(y), *given.bounds)
    bound += _slackness(solution.cell_multipliers, y, given.least, given.most)
    bound += _slackness(solution.potential_multipliers, problem.potentials(solution.point), *problem.potential_bounds)
    gap = float(np.sum(excess)) + bound
    return Gap(gap=gap, distance=float(np.sqrt(2.0 * max(gap, 0.0))))


def _least_cost(gain: Vector, smoothing: float, limit: Vector) -> Vector:
    """Return argmin of smoothing/2·z² − gain·z over 0 <= z <= limit."""
    if smoothing > 0:
        return np.clip(gain / smoothing, 0.0, limit)
    return np.where(gain > 0, limit, 0.0)


def _slackness(multipliers: Vector, values: Vector, low: Vector, high: Vector) -> float:
    """Return Σ multiplier·(value − bound), inf where a bound that does not exist is priced."""
    bound = np.where(multipliers > 0, low, np.where(multipliers < 0, high, values))
    return float(np.sum(multipliers * (values - bound)))

"""Layer 2's program: the nearest feasible set-points, stated as an `Allocation`.

    minimise    Σ w/2·(b − b̂)² + ρc·c + ε/2·c² + ρs·s + ε/2·s²
    subject to  blo <= b <= bhi,  0 <= c <= curtailable,  0 <= s <= sheddable
                |n| <= K,  −Limp <= Σ n <= Lexp on every line,      n = (g − c) − (d − s) − b

with b̂ the intent clipped to the power limits. A prosumer is a cell: x = −b is what the battery adds to its net export,
curtailment drops it and shedding lifts it, so its connection bounds the cell's sum, and every line bounds the sum of
the cells below it. The sums are nested.

Exact penalty. ρs must exceed the largest price a battery can answer to. Let shed s_i > 0 be optimal and let battery
j be able to replace it, that is, (b_j − δ, s_i − δ) stays feasible. The change costs at most
δ·(w_j·|b_j − b̂_j| − ρs) + O(δ²), and |b_j − b̂_j| <= P⁺_j + P⁻_j because both lie within the power limits. So with

    ρs > max_j w_j·(P⁺_j + P⁻_j)

the change would improve the optimum, a contradiction: load is never shed where a battery could have helped. On a
tree, feasible exchanges decompose into such pairs, because a cycle through a radial network meets exactly two nodes.
`shed_price` takes the threshold with these weights and adds a tenth and a unit of margin.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from autonomy.layers import physics
from autonomy.layers.arrays import Vector
from autonomy.layers.community import Community
from autonomy.layers.situation import Capacity, SetPoints, Situation
from autonomy.solvers.allocation import (
    CENTRE,
    DROP,
    LEAST,
    LIFT,
    LOWER,
    MOST,
    UPPER,
    WEIGHT,
    Allocation,
    Hierarchy,
    Matrix,
    Relief,
    U,
    V,
    X,
)

BATTERY_WEIGHT = 1.0
"""w, cost per kW² of leaving the intent."""
CURTAIL_PRICE = 0.01
"""ρc, cost per kW; small, so that a battery is not abused to burn surplus, but positive."""
SMOOTHING = 1e-3
"""ε, cost per kW² beside each linear price: makes the answer unique and Lipschitz."""
MARGIN_KW = 2e-6
"""kW per prosumer kept free on every limit, so that set-points can be rounded to whole milliwatts afterwards."""


class Rated(Protocol):
    """What the program needs to know of the limits of a step: a `Situation`, or a `Rating`."""

    @property
    def charge_limit_kw(self) -> Vector:
        """(N,) kW, P⁺."""
        ...

    @property
    def discharge_limit_kw(self) -> Vector:
        """(N,) kW, P⁻."""
        ...

    @property
    def capacity(self) -> Capacity:
        """What connections and lines carry."""
        ...


def shed_price(situation: Rated) -> float:
    """Return ρs, above the exact-penalty threshold of the module's docstring."""
    threshold = BATTERY_WEIGHT * float(np.max(situation.charge_limit_kw + situation.discharge_limit_kw))
    return 1.1 * threshold + 1.0


class ProjectionProgram:
    """Builds the program for one community, step after step.

    Attributes:
        hierarchy: The nested sums: every prosumer is a cell in the group of its line, each line in its upstream line.
    """

    def __init__(self, community: Community) -> None:
        self._network = community.network
        self.hierarchy = Hierarchy(parent=self._network.parent, group_of=self._network.bus_of_prosumer)
        self._line_margin_kw = MARGIN_KW * (1.0 + self._network.prosumers_below)
        self._ratings: Ratings | None = None

    def ratings(self, situation: Rated) -> Ratings:
        """Return what follows from the limits alone; the same object for as long as these are the same."""
        if self._ratings is None or not self._ratings.are_of(situation):
            self._ratings = _ratings(situation, self._line_margin_kw)
        return self._ratings

    def build(self, situation: Situation, intent_kw: Vector, *, within_ramp: bool = True) -> Allocation:
        """Return the instance for a situation and a clipped battery intent (N,) kW; without ramps if told so."""
        ratings = self.ratings(situation)
        size = intent_kw.size
        base = situation.pv_kw - situation.demand_kw
        cells = np.empty((MOST + 1 if ratings.reach_kw.size else LEAST, size))
        cells[WEIGHT] = BATTERY_WEIGHT
        np.negative(intent_kw, out=cells[CENTRE])
        if within_ramp:
            np.negative(situation.reach_kw[0], out=cells[LOWER])
            cells[UPPER] = situation.reach_kw[1]
        else:
            np.negative(situation.rate_upper_kw, out=cells[LOWER])
            np.negative(situation.rate_lower_kw, out=cells[UPPER])
        if situation.curtailable_kw is situation.pv_kw and situation.sheddable_kw is situation.demand_kw:
            cells[DROP:LEAST] = situation.measured_kw
        else:
            cells[DROP], cells[LIFT] = situation.curtailable_kw, situation.sheddable_kw
        if ratings.reach_kw.size:
            np.subtract(ratings.reach_kw, base, out=cells[LEAST:])
        bounds = ratings.line_bounds_kw - physics.line_flows(self._network, base)
        return Allocation(self.hierarchy, cells, bounds, ratings.relief)


class Ratings(NamedTuple):
    """What the program derives from limits that seldom change, kept from step to step.

    Attributes:
        charge_limit_kw: What it was derived from; read-only, so the same object means the same numbers.
        discharge_limit_kw: Likewise.
        capacity: Likewise.
        relief: The prices of curtailing and shedding.
        line_bounds_kw: (2, M) kW, lowest and highest flow of every line, margins taken off.
        reach_kw: (2, N) kW, lowest and highest net export of every connection, margins off; (2, 0) without limits.
    """

    charge_limit_kw: Vector
    discharge_limit_kw: Vector
    capacity: Capacity
    relief: Relief
    line_bounds_kw: Matrix
    reach_kw: Matrix

    def are_of(self, situation: Rated) -> bool:
        """Whether they were made from the very objects of this situation."""
        return (
            self.capacity is situation.capacity
            and self.charge_limit_kw is situation.charge_limit_kw
            and self.discharge_limit_kw is situation.discharge_limit_kw
        )


def _ratings(situation: Rated, line_margin_kw: Vector) -> Ratings:
    capacity = situation.capacity
    limits = np.stack([capacity.import_limit_kw, capacity.export_limit_kw])
    connection = np.maximum(capacity.connection_limit_kw - 2.0 * MARGIN_KW, 0.0)  # a line with one prosumer
    return Ratings(
        charge_limit_kw=situation.charge_limit_kw,
        discharge_limit_kw=situation.discharge_limit_kw,
        capacity=capacity,
        relief=Relief(CURTAIL_PRICE, shed_price(situation), SMOOTHING),
        line_bounds_kw=np.maximum(limits - line_margin_kw, 0.0) * [[-1.0], [1.0]],
        reach_kw=np.stack([-connection, connection]) if np.isfinite(connection).any() else np.empty((2, 0)),
    )


def set_points(point: Matrix) -> SetPoints:
    """Return the set-points (kW) of a solution's rows −b, c, s."""
    # 0.0 − x instead of −x: no negative zeros in journals and tables.
    return SetPoints(battery_kw=0.0 - point[X], curtail_kw=point[U], shed_kw=point[V])

"""Layer 2's program: the nearest feasible set-points, stated as an `Allocation`.

    minimise    Σ w/2·(b − b̂)² + ρc·c + ε/2·c² + ρs·s + ε/2·s²
    subject to  blo <= b <= bhi,  0 <= c <= curtailable,  0 <= s <= sheddable
                |n| <= K,  −Limp <= Σ n <= Lexp on every line,      n = (g − c) − (d − s) − b

with b̂ the intent clipped to the power limits. Variables enter as what they add to the net export: −b, −c, +s, so
that every line and every connection is a bound on a sum, and the sums are nested.

Exact penalty. ρs must exceed the largest price a battery can answer to. Let shed s_i > 0 be optimal and let battery
j be able to replace it, that is, (b_j − δ, s_i − δ) stays feasible. The change costs at most
δ·(w_j·|b_j − b̂_j| − ρs) + O(δ²), and |b_j − b̂_j| <= P⁺_j + P⁻_j because both lie within the power limits. So with

    ρs > max_j w_j·(P⁺_j + P⁻_j)

the change would improve the optimum, a contradiction: load is never shed where a battery could have helped. On a
tree, feasible exchanges decompose into such pairs, because a cycle through a radial network meets exactly two nodes.
`shed_price` takes the threshold with these weights and adds a tenth and a unit of margin.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autonomy.layers import physics
from autonomy.layers.arrays import Vector
from autonomy.layers.community import Community
from autonomy.layers.situation import SetPoints, Situation
from autonomy.solvers.allocation import Allocation, Hierarchy

BATTERY_WEIGHT = 1.0
"""w, cost per kW² of leaving the intent."""
CURTAIL_PRICE = 0.01
"""ρc, cost per kW; small, so that a battery is not abused to burn surplus, but positive."""
SMOOTHING = 1e-3
"""ε, cost per kW² beside each linear price: makes the answer unique and Lipschitz."""
MARGIN_KW = 2e-6
"""kW per prosumer kept free on every limit, so that set-points can be rounded to whole milliwatts afterwards."""


def shed_price(situation: Situation) -> float:
    """Return ρs, above the exact-penalty threshold of the module's docstring."""
    threshold = BATTERY_WEIGHT * float(np.max(situation.charge_limit_kw + situation.discharge_limit_kw))
    return 1.1 * threshold + 1.0


@dataclass(frozen=True, eq=False)
class ProjectionProgram:
    """Builds the program for one community, step after step; the hierarchy is fixed.

    The groups are the network's M lines followed by N connections, one around each prosumer.
    """

    community: Community

    @property
    def hierarchy(self) -> Hierarchy:
        """The nested sums: every prosumer's connection inside its line, every line inside its upstream line."""
        network = self.community.network
        nodes = network.n_lines + np.arange(network.n_prosumers)
        return Hierarchy(parent=np.concatenate([network.parent, network.bus_of_prosumer]), group_of=np.tile(nodes, 3))

    def build(
        self, hierarchy: Hierarchy, situation: Situation, intent_kw: Vector, box: tuple[Vector, Vector]
    ) -> Allocation:
        """Return the instance for a situation, a clipped battery intent (N,) kW and a battery box, kW."""
        size = self.community.n_prosumers
        zeros, lower, upper = np.zeros(size), *box
        base = physics.net_export(situation.pv_kw, situation.demand_kw, zeros)
        base_flow = physics.line_flows(self.community.network, base)
        per_line = MARGIN_KW * (1.0 + self.community.network.prosumers_below)
        import_limit = np.maximum(situation.import_limit_kw - per_line, 0.0)
        export_limit = np.maximum(situation.export_limit_kw - per_line, 0.0)
        connection = np.maximum(situation.connection_limit_kw - MARGIN_KW, 0.0)
        return Allocation(
            hierarchy=hierarchy,
            weight=np.concatenate([np.full(size, BATTERY_WEIGHT), np.full(2 * size, SMOOTHING)]),
            centre=np.concatenate([-intent_kw, zeros, zeros]),
            price=np.concatenate([zeros, np.full(size, -CURTAIL_PRICE), np.full(size, shed_price(situation))]),
            lower=np.concatenate([-upper, -situation.curtailable_kw, zeros]),
            upper=np.concatenate([-lower, zeros, situation.sheddable_kw]),
            total_lower=np.concatenate([-import_limit - base_flow, -connection - base]),
            total_upper=np.concatenate([export_limit - base_flow, connection - base]),
        )


def set_points(x: Vector) -> SetPoints:
    """Return the set-points (kW) of a solution vector (−b, −c, s)."""
    battery, curtail, shed = np.split(x, 3)
    # 0.0 − x instead of −x: no negative zeros in journals and tables.
    return SetPoints(battery_kw=0.0 - battery, curtail_kw=0.0 - curtail, shed_kw=shed)

"""CHECK: does a plan keep every limit? Integers, no solver, no tolerance."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autonomy.layers import physics
from autonomy.layers.supervision.milliwatt import Bounds, Plan, net_export_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One broken limit.

    Attributes:
        rule: Which limit.
        index: Which prosumer or line.
        excess_mw: By how many milliwatts.
    """

    rule: str
    index: int
    excess_mw: int


def check(bounds: Bounds, plan: Plan) -> tuple[Finding, ...]:
    """Return every limit the plan breaks; an empty tuple means that it is safe."""
    network = bounds.situation.community.network
    node = net_export_of(bounds, plan)
    flow = physics.line_flows(network, node)
    intervals = (
        ("battery", plan.battery, bounds.battery_lower, bounds.battery_upper),
        ("curtailment", plan.curtail, np.zeros_like(node), bounds.curtailable),
        ("shedding", plan.shed, np.zeros_like(node), bounds.sheddable),
        ("connection", node, -bounds.connection, bounds.connection),
        ("line", flow, -bounds.import_limit, bounds.export_limit),
    )
    found = []
    for rule, value, lower, upper in intervals:
        inside = (lower <= value) & (value <= upper)
        for index in np.flatnonzero(~inside):
            excess = max(int(lower[index] - value[index]), int(value[index] - upper[index]))
            found.append(Finding(rule=rule, index=int(index), excess_mw=excess))
    return tuple(found)

"""The model again, in plain loops and exact fractions: what the fast code is tested against.

Written from DESIGN's formulas without looking at, or importing, the package's physics.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from autonomy import Community, Decision


def lines_above(network: Any, prosumer: int) -> list[int]:
    """Return the lines from a prosumer's bus to the grid."""
    path, line = [], int(network.bus_of_prosumer[prosumer])
    while line >= 0:
        path.append(line)
        line = int(network.parent[line])
    return path


def line_flow(network: Any, net: Any, line: int) -> Any:
    """Return the sum of net exports below a line."""
    total: Any = 0
    for i in range(len(net)):
        if line in lines_above(network, i):
            total += net[i]
    return total


def battery_interval(community: Community, i: int, soc: float, previous_kw: float) -> tuple[float, float]:
    """Return [blo, bhi] of DESIGN §2 for one battery without a ramp conflict."""
    dt = community.timestep_h
    capacity = float(community.battery_capacity_kwh[i])
    energy = soc * capacity
    low, high = float(community.soc_min[i]) * capacity, float(community.soc_max[i]) * capacity
    up = min(
        float(community.charge_limit_kw[i]),
        max(0.0, high - energy) / (dt * float(community.charge_efficiency[i])),
        previous_kw + float(community.ramp_limit_kw[i]),
    )
    down = -min(
        float(community.discharge_limit_kw[i]),
        max(0.0, energy - low) * float(community.discharge_efficiency[i]) / dt,
        float(community.ramp_limit_kw[i]) - previous_kw,
    )
    return down, up


def next_energy(community: Community, i: int, energy: Any, battery: Any) -> Any:
    """Return e' for one battery; exact when fed fractions."""
    number = Fraction if isinstance(energy, Fraction) else float
    dt = number(community.timestep_h)
    if battery >= 0:
        return energy + dt * number(float(community.charge_efficiency[i])) * battery
    return energy + dt * battery / number(float(community.discharge_efficiency[i]))


def broken_limits(community: Community, observed: Any, decision: Decision) -> list[str]:
    """Return what a decision breaks, in exact fractions of the measured floats.

    Line limits are allowed one milliwatt a prosumer below them, half of it for each of demand and generation: the
    resolution in which the supervisor works.
    """
    slack = Fraction(1, 10**6)
    found = []
    exports = []
    for i in range(community.n_prosumers):
        exact = {
            name: Fraction(float(getattr(decision, name)[i]))
            for name in ("battery_kw", "curtail_kw", "shed_kw", "trade_kw")
        }
        demand, pv = Fraction(float(observed.demand_kw[i])), Fraction(float(observed.pv_kw[i]))
        battery = exact["battery_kw"]
        if (
            not -Fraction(float(community.discharge_limit_kw[i]))
            <= battery
            <= Fraction(float(community.charge_limit_kw[i]))
        ):
            found.append(f"rate {i}")
        capacity = Fraction(float(community.battery_capacity_kwh[i]))
        soc = Fraction(float(observed.soc[i])) if capacity else Fraction(0)
        energy = soc * capacity
        after = next_energy(community, i, energy, battery)
        low = min(energy, Fraction(float(community.soc_min[i])) * capacity)
        high = max(energy, Fraction(float(community.soc_max[i])) * capacity)
        if not low - Fraction(1, 10**12) <= after <= high + Fraction(1, 10**12):
            found.append(f"soc {i}")
        if not 0 <= exact["curtail_kw"] <= pv:
            found.append(f"curtailment {i}")
        if not 0 <= exact["shed_kw"] <= demand:
            found.append(f"shedding {i}")
        net = (pv - exact["curtail_kw"]) - (demand - exact["shed_kw"]) - battery
        exports.append(net)
        limit = community.connection_limit_kw[i]
        if limit != float("inf") and abs(net) > Fraction(float(limit)) + slack:
            found.append(f"connection {i}")
        if not min(net, Fraction(0)) - slack <= exact["trade_kw"] <= max(net, Fraction(0)) + slack:
            found.append(f"trade {i}")
    network = community.network
    for line in range(network.n_lines):
        flow = line_flow(network, exports, line)
        below = sum(line in lines_above(network, i) for i in range(network.n_prosumers))
        for limit, value in ((network.import_limit_kw[line], -flow), (network.export_limit_kw[line], flow)):
            if limit != float("inf") and value > Fraction(float(limit)) + below * slack:
                found.append(f"line {line} by {float(value) - float(limit):.2e} kW")
    return found

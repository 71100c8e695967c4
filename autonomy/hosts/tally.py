"""What a run of a host came to: limits, money, and time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from autonomy.economics import Economics
from autonomy.hosts.host import Host, asked_kw, predicted_net_kw
from autonomy.hosts.play import HostStep
from autonomy.layers.network import Network

COUNTED_KW = 1e-3
"""kW by which a flow may pass its limit before the step counts: a watt, what hosts in single precision round to."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tally:
    """Sums over a run.

    Attributes:
        steps: Steps played.
        violations: Steps in which a line, the feeder included, carried more than its limit, by the host's own flows.
        worst_kw: kW, the largest excess; <= 0 where there was none.
        unmet_kwh: kWh by which what batteries were asked, in the digits of the host, differs from what was applied,
            summed over the run.
        rounding_kw: kW, the most that those digits rounded off a set-point; 0 for a host that has all of ours.
        rounding_kwh: kWh that they rounded off, up or down, summed over the run.
        curtailed_kwh: kWh of generation that was cut.
        shed_kwh: kWh of load that was cut.
        cost: Currency: imports at the retail price less exports at the feed-in price, home by home, and
            `Economics.value_of_lost_load_per_kwh` for load that was cut. What is left in batteries counts for nothing.
        decide_ms: Milliseconds of a step's decision, the median.
        host_ms: Milliseconds of the host's own step, the median.
    """

    steps: int
    violations: int
    worst_kw: float
    unmet_kwh: float
    rounding_kw: float
    rounding_kwh: float
    curtailed_kwh: float
    shed_kwh: float
    cost: float
    decide_ms: float
    host_ms: float


def tally(host: Host, steps: Iterable[HostStep], economics: Economics | None = None) -> Tally:
    """Return the sums over the steps of a host."""
    community, lost_load = host.community, (economics or Economics()).value_of_lost_load_per_kwh
    excess, unmet, curtailed, shed, cost = [], 0.0, 0.0, 0.0, 0.0
    rounding_kw, rounding_kwh = 0.0, 0.0
    decide_s, host_s = [], []
    dt = community.timestep_h
    for step in steps:
        seen, decision, applied = step.observation, step.decision, step.after.applied_battery_kw
        excess.append(excess_kw(community.network, step))
        asked = asked_kw(host, decision)
        rounding = np.abs(asked - decision.battery_kw)
        rounding_kw, rounding_kwh = max(rounding_kw, float(rounding.max())), rounding_kwh + dt * float(rounding.sum())
        if applied is not None:
            unmet += dt * float(np.abs(asked - applied).sum())
        nodes = predicted_net_kw(seen, decision)
        if applied is not None:
            nodes = nodes + decision.battery_kw - applied
        generation_cut = seen.pv_kw - np.minimum(seen.pv_kw - decision.curtail_kw, decision.generation_cap_kw)
        load_cut = seen.demand_kw - np.minimum(seen.demand_kw - decision.shed_kw, decision.load_cap_kw)
        curtailed += dt * float(generation_cut.sum())
        shed += dt * float(load_cut.sum())
        bought, sold = np.maximum(-nodes, 0.0), np.maximum(nodes, 0.0)
        cost += dt * float((bought * seen.retail_price - sold * seen.feed_in_price).sum())
        decide_s.append(step.decide_s)
        host_s.append(step.host_s)
    return Tally(
        steps=len(excess),
        violations=sum(not amount <= COUNTED_KW for amount in excess),
        worst_kw=max(excess, default=0.0),
        unmet_kwh=unmet,
        rounding_kw=rounding_kw,
        rounding_kwh=rounding_kwh,
        curtailed_kwh=curtailed,
        shed_kwh=shed,
        cost=cost + lost_load * shed,
        decide_ms=1e3 * median(decide_s or [0.0]),
        host_ms=1e3 * median(host_s or [0.0]),
    )


def excess_kw(network: Network, step: HostStep) -> float:
    """Return kW by which the worst line passed its limit, <= 0 where none did; NaN where the host metered nothing.

    What the host itself says where it does; else from the flows of every line, where it knows them; else from the
    feeder's meter alone.
    """
    if step.excess_kw is not None:
        return step.excess_kw
    if step.flows is not None:
        low = np.minimum(step.flows.downstream_kw, step.flows.upstream_kw)
        high = np.maximum(step.flows.downstream_kw, step.flows.upstream_kw)
        return float(np.maximum(-network.import_limit_kw - low, high - network.export_limit_kw).max())
    feeder = int(np.argmin(network.parent))
    metered: Any = np.nan if step.after.feeder_kw is None else step.after.feeder_kw
    return float(max(-network.import_limit_kw[feeder] - metered, metered - network.export_limit_kw[feeder]))

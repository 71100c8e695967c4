"""The demo's community with more homes, and with batteries of several makes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from autonomy.dispatch import Problem, known_problem
from autonomy.economics import Economics
from autonomy.layers.community import Community
from autonomy.layers.network import Network
from autonomy.scenario import Scenario

MOVED_H = 24 * 7
"""Homes beyond those of the demo are its first ones, a week later."""
MAKES = {
    "battery_capacity_kwh": (5.0, 6.4, 10.0, 13.5),
    "charge_limit_kw": (2.5, 5.0, 3.0, 5.0),
    "discharge_limit_kw": (2.5, 5.0, 3.0, 5.0),
    "charge_efficiency": (0.97, 0.95, 0.94, 0.95),
    "discharge_efficiency": (0.97, 0.95, 0.94, 0.95),
}
"""Four makes of batteries."""
CONNECTION_KW = 4.0
"""A connection that binds where the sun is high and the battery full."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """What is dispatched.

    Attributes:
        kind: Key of `KINDS`.
        homes: N.
        steps: Hours, from the first of the demo's year on.
    """

    kind: str
    homes: int
    steps: int

    def data(self) -> tuple[Community, Scenario]:
        """Return the community and its window."""
        community, scenario = enlarged(self.homes, self.steps)
        return KINDS[self.kind](community), scenario


def problem_of(community: Community, scenario: Scenario) -> Problem:
    """Return what every method is given: batteries are half full, and prices those of `Economics`."""
    energy_kwh = 0.5 * community.battery_capacity_kwh
    return known_problem(community, scenario, economics=Economics(), energy_kwh=energy_kwh)


def enlarged(homes: int, steps: int) -> tuple[Community, Scenario]:
    """Return the demo's community and data with as many homes; its feeder grows with them."""
    community, scenario = Community.demo(), Scenario.demo()
    size, series = community.n_prosumers, scenario.series
    if homes == size:
        return community, scenario.window(0, steps)
    which, late = np.arange(homes) % size, np.arange(homes) // size
    network = Network.single_feeder(
        n_prosumers=homes,
        import_limit_kw=float(community.network.import_limit_kw[0]) * homes / size,
        export_limit_kw=float(community.network.export_limit_kw[0]) * homes / size,
    )
    names = tuple(f"home-{place + 1}" for place in range(homes))
    larger = Community(
        battery_capacity_kwh=community.battery_capacity_kwh[which],
        charge_limit_kw=community.charge_limit_kw[which],
        discharge_limit_kw=community.discharge_limit_kw[which],
        charge_efficiency=community.charge_efficiency[which],
        discharge_efficiency=community.discharge_efficiency[which],
        soc_min=community.soc_min[which],
        soc_max=community.soc_max[which],
        connection_limit_kw=community.connection_limit_kw[which],
        network=network,
        timestep_h=community.timestep_h,
        names=names,
    )
    rows = (np.arange(steps)[:, None] + MOVED_H * late) % series.n_steps
    window = replace(
        series,
        time=series.time[:steps],
        demand_kw=series.demand_kw[rows, which],
        pv_kw=series.pv_kw[rows, which],
        retail_price=series.retail_price[:steps],
        feed_in_price=series.feed_in_price[:steps],
        carbon_kg_per_kwh=series.carbon_kg_per_kwh[:steps],
        names=names,
        sha256="",
    )
    return larger, Scenario.whole(window)


def _makes(community: Community) -> Community:
    make = np.arange(community.n_prosumers) % len(MAKES["battery_capacity_kwh"])
    made: dict[str, Any] = {field: np.array(values)[make] for field, values in MAKES.items()}
    return replace(community, **made)


def _connections(community: Community) -> Community:
    return replace(_makes(community), connection_limit_kw=np.full(community.n_prosumers, CONNECTION_KW))


KINDS: dict[str, Callable[[Community], Community]] = {
    "alike": lambda community: community,
    "makes": _makes,
    "connections": _connections,
}
"""All batteries alike, as in the demo; four makes; and besides them a connection that binds."""

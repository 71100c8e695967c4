"""Homes, their data and their decisions, for tests that step the simulator."""

from __future__ import annotations

from typing import Any

import numpy as np

from autonomy import Community, Decision, Mode, Network, Scenario
from autonomy.series import Series

NO_CAP = np.inf


def scenario_of(community: Community, demand: Any, pv: Any, **prices: Any) -> Scenario:
    """A scenario from lists (T, N)."""
    demand = np.atleast_2d(np.asarray(demand, dtype=float))
    step = np.timedelta64(round(community.timestep_h * 60), "m")
    return Scenario.whole(
        Series(
            time=np.datetime64("2024-05-01T00:00", "m") + step * np.arange(len(demand)),
            demand_kw=demand,
            pv_kw=np.broadcast_to(np.asarray(pv, dtype=float), demand.shape),
            **{"retail_price": 0.30, "feed_in_price": 0.10, "carbon_kg_per_kwh": 0.40, **prices},
            names=community.names,
            timestep_h=community.timestep_h,
        )
    )


def decision_of(
    battery: Any, *, curtail: Any = 0.0, shed: Any = 0.0, trade: Any = 0.0, price: Any = 0.2, **others: Any
) -> Decision:
    battery = np.atleast_1d(np.asarray(battery, dtype=float))

    def column(values: Any) -> Any:
        return np.broadcast_to(np.asarray(values, dtype=float), battery.shape)

    return Decision(
        battery_kw=battery,
        curtail_kw=column(curtail),
        shed_kw=column(shed),
        trade_kw=column(trade),
        price_bid=column(price),
        net_export_kw=column(others.pop("net_export", 0.0)),
        generation_cap_kw=column(others.pop("generation_cap", NO_CAP)),
        load_cap_kw=column(others.pop("load_cap", NO_CAP)),
        mode=Mode.POLICY,
        **others,
    )


def homes(size: int = 1, *, timestep_h: float = 1.0, network: Network | None = None, **others: Any) -> Community:
    values = {"battery_capacity_kwh": 10.0, "charge_limit_kw": 5.0, "discharge_limit_kw": 5.0, **others}
    return Community(network=network or Network.single_feeder(n_prosumers=size), timestep_h=timestep_h, **values)

"""Three homes and four weeks on which the matrix is quick: a feeder that binds at noon and in the evening."""

from __future__ import annotations

import numpy as np

from autonomy import Community, Network, Scenario
from autonomy.series import Series


def village() -> Community:
    return Community(
        battery_capacity_kwh=np.array([10.0, 5.0, 0.0]),
        charge_limit_kw=np.array([4.0, 2.0, 0.0]),
        discharge_limit_kw=np.array([4.0, 2.0, 0.0]),
        soc_min=0.1,
        soc_max=0.9,
        connection_limit_kw=12.0,
        network=Network.single_feeder(n_prosumers=3, import_limit_kw=6.0, export_limit_kw=4.0),
    )


def village_data() -> Scenario:
    """28 days by the hour: 1 kW of demand and 4 kW in the evening, PV around noon, every day 1 % more than the last."""
    hour, day = np.arange(24 * 28) % 24, np.arange(24 * 28) // 24
    growing = (1.0 + 0.01 * day)[:, None]
    evening = ((hour >= 18) & (hour < 21))[:, None]
    sun = np.maximum(np.sin((hour - 6) * np.pi / 12), 0.0)[:, None]
    series = Series(
        time=np.datetime64("2024-05-06T00:00", "m") + np.timedelta64(60, "m") * np.arange(hour.size),
        demand_kw=growing * (1.0 + 3.0 * evening) * np.array([[1.0, 0.8, 0.6]]),
        pv_kw=growing * np.where(sun > 1e-9, sun, 0.0) * np.array([[6.0, 5.0, 0.0]]),
        retail_price=np.where(hour >= 16, 0.4, 0.2),
        feed_in_price=0.06,
        carbon_kg_per_kwh=0.3,
        names=village().names,
        timestep_h=1.0,
    )
    return Scenario.whole(series)

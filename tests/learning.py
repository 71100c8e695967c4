"""Small communities with different assets, and days of data for them: what every learning interface is tested with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autonomy import Community, Network, Scenario
from autonomy.series import Series

FULL: dict[str, Any] = {
    "battery_capacity_kwh": [10.0, 6.4, 0.0],
    "charge_limit_kw": [5.0, 3.0, 0.0],
    "discharge_limit_kw": [4.0, 3.0, 0.0],
    "charge_efficiency": 0.95,
    "discharge_efficiency": 0.9,
    "soc_min": 0.1,
}


def feeder(size: int = 3, resistance_ohm: float = 0.0) -> Network:
    return Network(
        parent=[-1],
        bus_of_prosumer=[0] * size,
        import_limit_kw=[6.0],
        export_limit_kw=[4.0],
        resistance_ohm=[resistance_ohm],
    )


MIXES: dict[str, Callable[[], Community]] = {
    "batteries and a consumer": lambda: Community(**FULL, network=feeder()),
    "ramp limits": lambda: Community(**FULL, ramp_limit_kw=1.5, network=feeder()),
    "connection limits": lambda: Community(**FULL, connection_limit_kw=3.0, network=feeder()),
    "line losses": lambda: Community(**FULL, network=feeder(resistance_ohm=0.02)),
    "consumers only": lambda: Community(
        battery_capacity_kwh=0.0, charge_limit_kw=0.0, discharge_limit_kw=0.0, network=feeder()
    ),
    "one home": lambda: Community(
        battery_capacity_kwh=10.0, charge_limit_kw=5.0, discharge_limit_kw=5.0, network=feeder(1)
    ),
    "quarter hours": lambda: Community(**FULL, timestep_h=0.25, network=feeder()),
}
"""Communities of three homes or one."""


def days(community: Community, count: int = 2) -> Scenario:
    """Days with a sine of PV, a demand that differs from home to home, and a dear evening."""
    steps = round(24 / community.timestep_h)
    hour = np.arange(steps * count) % steps * community.timestep_h
    sun = np.maximum(np.sin((hour - 6) / 12 * np.pi), 0.0)[:, None]
    homes = np.arange(community.n_prosumers)
    wobble = np.random.default_rng(0).uniform(0.8, 1.2, (hour.size, homes.size))
    step = np.timedelta64(round(60 * community.timestep_h), "m")
    return Scenario.whole(
        Series(
            time=np.datetime64("2024-05-01T00:00", "m") + step * np.arange(hour.size),
            demand_kw=(1.0 + 0.5 * homes) * wobble,
            pv_kw=6.0 * sun * wobble * (homes < 2),
            retail_price=np.where((hour >= 17) & (hour < 21), 0.5, 0.2),
            feed_in_price=0.06,
            carbon_kg_per_kwh=0.3,
            names=community.names,
            timestep_h=community.timestep_h,
        )
    )


def setting(mix: str, **more: Any) -> dict[str, Any]:
    """Return the arguments that an environment of a mix is made with: episodes of one day."""
    community = MIXES[mix]()
    steps = round(24 / community.timestep_h)
    return {"community": community, "scenario": days(community), "episode_steps": steps, **more}

"""Small communities with different assets, and days of data for them: what every learning interface is tested with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from autonomy import Community, Network, Scenario
from autonomy.assets import Assets, Derating, Ev, Outage, Wind
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
    "EVs": lambda: Community(**FULL, network=feeder()),
    "an outage": lambda: Community(**FULL, network=feeder(resistance_ohm=0.01)),
    "wind and derating": lambda: Community(**FULL, network=feeder(), self_discharge_per_h=0.01),
    "every asset": lambda: Community(**FULL, network=feeder()),
    "every asset, quarter hours": lambda: Community(**FULL, timestep_h=0.25, network=feeder()),
}
"""Communities of three homes or one."""

EVS: tuple[Ev, ...] = (
    Ev(prosumer="prosumer-1", departure_h=7, arrival_h=16, required_kwh=8, drive_kwh=5, spread_h=0.5, v2g=True),
    Ev(prosumer="prosumer-2", departure_h=9, arrival_h=18, required_kwh=5, drive_kwh=3),
)
OUTAGES: tuple[Outage, ...] = (
    Outage(from_=np.datetime64("2024-05-01T18:00"), to=np.datetime64("2024-05-01T21:00")),
    Outage(
        from_=np.datetime64("2024-05-02T10:00"), to=np.datetime64("2024-05-02T15:00"),
        import_limit_kw=3.0, export_limit_kw=1.0,
    ),
)  # fmt: skip
WINDS: tuple[Wind, ...] = (Wind(prosumer="prosumer-3", rated_kw=4.0),)
DERATINGS: tuple[Derating, ...] = (
    Derating(hours=(11, 17), charge_share=0.5, soc_max=0.8),
    Derating(prosumers=("prosumer-2",), discharge_share=0.25),
)
ASSETS: dict[str, Assets] = {
    "EVs": Assets(evs=EVS),
    "an outage": Assets(outages=OUTAGES),
    "wind and derating": Assets(winds=WINDS, deratings=DERATINGS),
    "every asset": Assets(evs=EVS, winds=WINDS, outages=OUTAGES, deratings=DERATINGS),
    "every asset, quarter hours": Assets(evs=EVS, winds=WINDS, outages=OUTAGES, deratings=DERATINGS, seed=3),
}
"""What some of them have beside batteries and PV."""


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
    given = {"community": community, "scenario": days(community), "episode_steps": steps, **more}
    return given | {"assets": ASSETS[mix]} if mix in ASSETS else given

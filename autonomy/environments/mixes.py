"""Named mixes of assets for the demo's homes, and cars in place of home batteries: what registered ids are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from autonomy.assets import Assets, Derating, Ev, Outage, Wind
from autonomy.layers.community import Community
from autonomy.layers.errors import ModelError, did_you_mean

CAPACITY_KWH, CHARGER_KW, EFFICIENCY = 40.0, 7.4, 0.95
"""Of a car and its charging point."""
BY_DAY: dict[str, Any] = {
    "departure_h": 7.5, "arrival_h": 17.5, "required_kwh": 24.0, "drive_kwh": 9.0, "spread_h": 0.5,
    "drive_spread_kwh": 2.0,
}  # fmt: skip
"""Of cars that are away by day."""
BY_NIGHT: dict[str, Any] = {
    "departure_h": 20.0, "arrival_h": 6.0, "required_kwh": 20.0, "drive_kwh": 12.0, "spread_h": 0.5,
}  # fmt: skip
"""Of cars that are away by night."""

V2G = Ev(prosumer="home-2", v2g=True, **BY_DAY), Ev(prosumer="home-9", v2g=True, days="weekdays", **BY_DAY)
CHARGE_ONLY = (
    Ev(prosumer="home-5", **BY_DAY),
    Ev(prosumer="home-12", days="weekdays", **BY_DAY),
    Ev(prosumer="home-16", **BY_NIGHT),
)
FIRST_EVENING, WEEKS = np.datetime64("2016-08-03T18:00", "m"), 52
"""The grid fails from 18 to 22 o'clock on every Wednesday of the demo's year."""
OUTAGES = tuple(
    Outage(from_=FIRST_EVENING + np.timedelta64(7 * week, "D"), to=FIRST_EVENING + np.timedelta64(168 * week + 4, "h"))
    for week in range(WEEKS)
)
WINDS = Wind(prosumer="home-3", rated_kw=6.0), Wind(prosumer="home-11", rated_kw=4.0, mean_speed=5.0)
DERATINGS = (
    Derating(hours=(12, 17), charge_share=0.6, soc_max=0.9),
    Derating(prosumers=("home-1", "home-7"), discharge_share=0.5),
)

MIXES: Mapping[str, Assets] = {
    "ev": Assets(evs=(*V2G, *CHARGE_ONLY)),
    "outage": Assets(outages=OUTAGES),
    "wind": Assets(winds=WINDS, deratings=DERATINGS),
    "all": Assets(evs=(*V2G, *CHARGE_ONLY), winds=WINDS, outages=OUTAGES, deratings=DERATINGS),
}
"""From a name to assets of the demo community. Cars stand in the place of their homes' batteries."""


def named_mix(name: str) -> Assets:
    """Return the assets of a name in `MIXES`.

    Raises:
        ModelError: there are none.
    """
    if name not in MIXES:
        raise ModelError("assets", name, f"Assets, or one of {', '.join(MIXES)}{did_you_mean(name, MIXES)}")
    return MIXES[name]


def with_cars(community: Community, assets: Assets) -> Community:
    """Return a community in which the battery of every prosumer with an EV is a car's.

    Raises:
        ModelError: an EV is nobody's.
    """
    homes = [ev.prosumer for ev in assets.evs]
    for home in homes:
        if home not in community.names:
            raise ModelError("assets", home, f"one of the prosumers {', '.join(community.names)}")
    places = [community.names.index(home) for home in homes]

    def of_cars(values: Any, of_car: float) -> Any:
        changed = values.copy()
        changed[places] = of_car
        return changed

    return replace(
        community,
        battery_capacity_kwh=of_cars(community.battery_capacity_kwh, CAPACITY_KWH),
        charge_limit_kw=of_cars(community.charge_limit_kw, CHARGER_KW),
        discharge_limit_kw=of_cars(community.discharge_limit_kw, CHARGER_KW),
        charge_efficiency=of_cars(community.charge_efficiency, EFFICIENCY),
        discharge_efficiency=of_cars(community.discharge_efficiency, EFFICIENCY),
    )

"""The cars of the evening peak at charging points of their own: the same wish, and somebody who can say "later"."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from autonomy.assets import Assets, Ev
from autonomy.layers.arrays import Vector
from autonomy.layers.community import Community
from autonomy.layers.intent.rules import self_consumption
from autonomy.layers.network import Network
from autonomy.layers.observation import Observation
from autonomy.scenarios.base import demo_weeks, dice_of, drawn
from autonomy.scenarios.named import NamedScenario
from autonomy.series import Series

NAME = "ev-fleet"
SENTENCE = (
    "Every day of a week eight cars at charging points of their own come back between 17:00 and 20:00 with 11 kWh "
    "less, ask for full power at once, and leave at 7:00, for which they need 30 of 40 kWh."
)
CARS = 8
FIRST_H, LAST_H, DEPARTURE_H = 17.0, 20.0, 7.0
CAPACITY_KWH, REQUIRED_KWH, DRIVE_KWH = 40.0, 30.0, 11.0
CHARGE_KW, EFFICIENCY = 3.7, 0.95


def build(seed: int, *, held_out: bool) -> NamedScenario:
    """Return the scenario."""
    dice = dice_of(NAME, seed)
    week = drawn(demo_weeks(held_out=held_out), dice)
    names = tuple(f"car-{i + 1}" for i in range(CARS))
    cars = tuple(
        Ev(
            prosumer=name,
            departure_h=DEPARTURE_H,
            arrival_h=float(arrival_h),
            required_kwh=REQUIRED_KWH,
            drive_kwh=DRIVE_KWH,
        )
        for name, arrival_h in zip(names, dice.uniform(FIRST_H, LAST_H, CARS), strict=True)
    )
    assets = Assets(evs=cars)
    community = assets.equip(with_charging_points(Community.demo(), names))
    series = with_idle_columns(week.series, names)
    timeline = assets.timeline(community, series)
    return NamedScenario(
        name=NAME,
        seed=seed,
        sentence=SENTENCE,
        community=community,
        scenario=replace(week, series=series),
        policy=charge_at_once,
        timeline=None if timeline is None else timeline.window(week.start, week.stop),
    )


def charge_at_once(community: Community, observation: Observation) -> Any:
    """Return the intents of self-consumption, and full power for what can only charge."""
    intent = self_consumption(community, observation)
    is_car = community.has_battery & (community.discharge_limit_kw == 0)
    return replace(intent, battery_kw=np.where(is_car, community.charge_limit_kw, intent.battery_kw))


def with_charging_points(community: Community, names: tuple[str, ...]) -> Community:
    """Return a community behind one feeder with charging points for cars added at its end."""
    network = community.network

    def longer(values: Vector, of_cars: float) -> Vector:
        return np.append(values, np.full(len(names), of_cars))

    return Community(
        battery_capacity_kwh=longer(community.battery_capacity_kwh, CAPACITY_KWH),
        charge_limit_kw=longer(community.charge_limit_kw, CHARGE_KW),
        discharge_limit_kw=longer(community.discharge_limit_kw, CHARGE_KW),
        charge_efficiency=longer(community.charge_efficiency, EFFICIENCY),
        discharge_efficiency=longer(community.discharge_efficiency, EFFICIENCY),
        soc_min=longer(community.soc_min, 0.0),
        soc_max=longer(community.soc_max, 1.0),
        connection_limit_kw=longer(community.connection_limit_kw, np.inf),
        network=Network.single_feeder(
            n_prosumers=community.n_prosumers + len(names),
            import_limit_kw=float(network.import_limit_kw[0]),
            export_limit_kw=float(network.export_limit_kw[0]),
        ),
        timestep_h=community.timestep_h,
        names=(*community.names, *names),
    )


def with_idle_columns(series: Series, names: tuple[str, ...]) -> Series:
    """Return the series with prosumers added at its end who neither need nor generate anything."""
    nothing = np.zeros((series.n_steps, len(names)))
    return replace(
        series,
        demand_kw=np.hstack([series.demand_kw, nothing]),
        pv_kw=np.hstack([series.pv_kw, nothing]),
        names=(*series.names, *names),
        source=f"{series.source}; {len(names)} charging points added",
        sha256="",
    )

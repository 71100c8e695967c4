"""All assets of a community beside its batteries and PV, and what they make of its data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from autonomy.assets.departure import required_before_kwh
from autonomy.assets.derating import Derating
from autonomy.assets.ev import HOURS_PER_DAY, Ev
from autonomy.assets.outage import Outage
from autonomy.assets.timeline import Timeline
from autonomy.assets.wind import Wind
from autonomy.layers.arrays import Vector
from autonomy.layers.community import Community
from autonomy.layers.errors import ModelError
from autonomy.series import Series

HAIR = 1e-6
"""Steps that a time may be off a step's start by rounding."""
EV_SEED, WIND_SEED = 1, 2
"""Random numbers of different assets are apart, whatever else a file has."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Assets:
    """EVs, wind, outages and derating.

    Attributes:
        evs: Cars; at most one a prosumer.
        winds: Turbines.
        outages: Times without the grid, or with less of it.
        deratings: Times in which batteries do less.
        seed: Of everything random.
    """

    evs: tuple[Ev, ...] = ()
    winds: tuple[Wind, ...] = ()
    outages: tuple[Outage, ...] = ()
    deratings: tuple[Derating, ...] = ()
    seed: int = 0

    def equip(self, community: Community) -> Community:
        """Return the community with its cars: those that only charge have no discharge limit but 0.

        Raises:
            ModelError: an asset names nobody, or a car's battery cannot be what it is described as.
        """
        for position, wind in enumerate(self.winds):
            _place(community, f"wind[{position}].prosumer", wind.prosumer)
        for position, derating in enumerate(self.deratings):
            for name in derating.prosumers:
                _place(community, f"derating[{position}].prosumer", name)
        discharge, taken = community.discharge_limit_kw.copy(), set[int]()
        for position, ev in enumerate(self.evs):
            place = _place(community, f"ev[{position}].prosumer", ev.prosumer)
            _check_car(community, place, f"ev[{position}]", ev)
            if place in taken:
                raise ModelError(f"ev[{position}].prosumer", ev.prosumer, "a prosumer without another EV")
            taken.add(place)
            if not ev.v2g:
                discharge[place] = 0.0
        is_same = bool((discharge == community.discharge_limit_kw).all())
        return community if is_same else replace(community, discharge_limit_kw=discharge)

    def supply(self, series: Series) -> Series:
        """Return the data with what the wind generates added to the available generation."""
        if not self.winds:
            return series
        generation, described = series.pv_kw.copy(), []
        for position, wind in enumerate(self.winds):
            speed = wind.speeds(series.n_steps, series.timestep_h, (self.seed, WIND_SEED, position))
            generation[:, series.names.index(wind.prosumer)] += wind.power_kw(speed)
            described.append(f"{wind.rated_kw:g} kW at {wind.prosumer}")
        source = f"{series.source}; with simulated wind: {', '.join(described)} (seed {self.seed})"
        return replace(series, pv_kw=generation, source=source, sha256="")

    def timeline(self, community: Community, series: Series) -> Timeline | None:
        """Return what changes in each step of the data; None where nothing does. Windows are cut from it.

        Args:
            community: As `equip` returned it.
            series: All the data, so that a window's last hours know of the departures after it.
        """
        if not (self.evs or self.outages or self.deratings):
            return None
        charge, discharge, soc_max = self._derated(community, series)
        cars = self._cars(community, series, charge)
        timeline = Timeline(
            n_steps=series.n_steps,
            n_prosumers=series.n_prosumers,
            charge_limit_kw=_where_less(charge, community.charge_limit_kw),
            discharge_limit_kw=_where_less(discharge, community.discharge_limit_kw),
            soc_max=_where_less(soc_max, community.soc_max, 1.0),
            **cars,
            **self._grid(series),
        )
        return None if timeline.is_empty else timeline

    def _grid(self, series: Series) -> dict[str, Any]:
        limits = {name: np.full(series.n_steps, np.inf) for name in ("import", "export")}
        step = np.timedelta64(round(60 * series.timestep_h), "m")
        for outage in self.outages:
            during = (series.time < outage.to) & (series.time + step > outage.from_)
            for name, limit in (("import", outage.import_limit_kw), ("export", outage.export_limit_kw)):
                limits[name][during] = np.minimum(limits[name][during], limit)
        return {f"grid_{name}_limit_kw": limit for name, limit in limits.items()}

    def _derated(self, community: Community, series: Series) -> tuple[Vector, Vector, Vector]:
        """Return (T, N) charge limits, discharge limits and upper ends of the band."""
        shape = series.n_steps, series.n_prosumers
        charge = np.broadcast_to(community.charge_limit_kw, shape).copy()
        discharge = np.broadcast_to(community.discharge_limit_kw, shape).copy()
        soc_max = np.broadcast_to(community.soc_max, shape).copy()
        for derating in self.deratings:
            whose = np.array([community.names.index(name) for name in derating.prosumers] or range(shape[1]))
            place = np.ix_(np.flatnonzero(derating.at(series.time)), whose)
            charge[place] = np.minimum(charge[place], derating.charge_share * community.charge_limit_kw[whose])
            discharge[place] = np.minimum(
                discharge[place], derating.discharge_share * community.discharge_limit_kw[whose]
            )
            soc_max[place] = np.minimum(soc_max[place], derating.soc_max)
        return charge, discharge, soc_max

    def _cars(self, community: Community, series: Series, charge: Vector) -> dict[str, Any]:
        if not self.evs:
            return {}
        # A day more than there are data: a car that leaves the morning after has to be charged in the last night.
        per_h = 1.0 / series.timestep_h
        steps = series.n_steps + round(HOURS_PER_DAY * per_h)
        shape = steps, series.n_prosumers
        active, driven = np.ones(shape, dtype=bool), np.zeros(shape)
        leaving = np.full(shape, -np.inf)
        start_h = float(series.time[0].astype("datetime64[m]").astype(np.int64)) / 60
        first_day = int(start_h // HOURS_PER_DAY) - 1
        last_day = int((start_h + steps / per_h) // HOURS_PER_DAY)
        for position, ev in enumerate(self.evs):
            place = community.names.index(ev.prosumer)
            for trip in ev.trips(first_day, last_day, (self.seed, EV_SEED, position)):
                # A step in which it is away for a part is one in which it is away.
                leaves = int(np.floor((trip.leaves_h - start_h) * per_h + HAIR))
                returns = int(np.ceil((trip.returns_h - start_h) * per_h - HAIR))
                active[max(leaves, 0) : max(returns, 0), place] = False
                if 0 <= returns < steps:
                    driven[returns, place] += trip.drive_kwh
                if 0 < leaves <= steps:
                    leaving[leaves - 1, place] = ev.required_kwh
        leaving = np.where(active, leaving, -np.inf)
        limits = np.concatenate((charge, np.broadcast_to(community.charge_limit_kw, (steps - len(charge), shape[1]))))
        required = required_before_kwh(community, limits, active, leaving)
        kept = slice(0, series.n_steps)
        return {
            "active": active[kept],
            "drive_kwh": driven[kept],
            "departing": np.isfinite(leaving)[kept],
            "required_kwh": required[kept],
        }


def _place(community: Community, field: str, name: str) -> int:
    if name not in community.names:
        raise ModelError(field, name, f"one of the prosumers {', '.join(community.names)}")
    return community.names.index(name)


def _check_car(community: Community, place: int, field: str, ev: Ev) -> None:
    most = float(community.energy_max_kwh[place])
    if not ev.required_kwh <= most:
        raise ModelError(f"{field}.required_kwh", ev.required_kwh, f"at most {most:g} kWh, what the battery holds")
    if not community.charge_limit_kw[place] > 0:
        raise ModelError(f"{field}.prosumer", ev.prosumer, "a prosumer whose battery can be charged")
    if np.isfinite(community.ramp_limit_kw[place]):
        # What a departure needs would depend on the power before.
        raise ModelError(f"{field}.prosumer", ev.prosumer, "a prosumer without ramp_limit_kw")


def _where_less(rows: Vector, own: Vector, nothing: float = np.inf) -> Vector:
    """Return rows that say nothing where they are the community's own."""
    result: Vector = np.where(rows < own, rows, nothing)
    return result

"""What is true at the start of a step, and the observation that a sound host would make of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from autonomy.layers.arrays import Vector
from autonomy.layers.observation import Forecast, Observation
from autonomy.scenario import Scenario


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Weather:
    """The part of the truth that no controller changes.

    Attributes:
        demand_kw: (N,) kW.
        pv_kw: (N,) kW.
        retail_price: (N,) currency/kWh.
        feed_in_price: (N,) currency/kWh.
        carbon_kg_per_kwh: (N,) kg/kWh.
        time: Start of the step.
        forecast: What is expected of the next day; no fault touches it.
    """

    demand_kw: Vector
    pv_kw: Vector
    retail_price: Vector
    feed_in_price: Vector
    carbon_kg_per_kwh: Vector
    time: np.datetime64
    forecast: Forecast

    @classmethod
    def of(cls, scenario: Scenario, k: int) -> Weather:
        """Return that of step k of a window of data."""
        size = scenario.n_prosumers
        return cls(
            demand_kw=scenario.demand_kw[k],
            pv_kw=scenario.pv_kw[k],
            retail_price=np.full(size, scenario.retail_price[k]),
            feed_in_price=np.full(size, scenario.feed_in_price[k]),
            carbon_kg_per_kwh=np.full(size, scenario.carbon_kg_per_kwh[k]),
            time=scenario.time[k],
            forecast=scenario.forecast(k),
        )


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Truth:
    """Everything that is true at the start of a step.

    Attributes:
        weather: What no controller changes.
        soc: (N,) fraction of the capacity.
        feeder_kw: (1,) kW, net export of the community at the grid over the step before; NaN when there was none.
        applied_kw: (N,) kW, what the batteries did in the step before, or None when there was none.
    """

    weather: Weather
    soc: Vector
    feeder_kw: Vector
    applied_kw: Vector | None

    @property
    def clock_minutes(self) -> Vector:
        """(1,) minutes since 1970."""
        return np.array([minutes_of(self.weather.time)])

    def observation(self, **instead: Any) -> Observation:
        """Return what a sound host would report, with other values in the fields named."""
        weather = self.weather
        fields: dict[str, Any] = {
            "demand_kw": weather.demand_kw,
            "pv_kw": weather.pv_kw,
            "soc": self.soc,
            "retail_price": weather.retail_price,
            "feed_in_price": weather.feed_in_price,
            "carbon_kg_per_kwh": weather.carbon_kg_per_kwh,
            "feeder_kw": float(self.feeder_kw[0]) if np.isfinite(self.feeder_kw[0]) else None,
            "applied_battery_kw": self.applied_kw,
            "time": weather.time,
            "forecast": weather.forecast,
        }
        return Observation(**(fields | instead))


def minutes_of(time: np.datetime64) -> float:
    """Return minutes since 1970."""
    return float(time.astype("datetime64[m]").astype(np.int64))


def time_of(minutes: float) -> np.datetime64:
    """Return the time of minutes since 1970; what no calendar holds is "not a time"."""
    if not abs(minutes) < 2.0**40:  # NaN too
        return np.datetime64("NaT")
    return np.datetime64(round(minutes), "m")

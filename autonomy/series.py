"""Measurements and prices, step by step: the data every scenario is a window of."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from autonomy.forecasting import DayAhead, Forecasters, ForecastKind
from autonomy.layers.arrays import Mask, Vector, frozen, frozen_vector, require
from autonomy.layers.errors import ModelError

MINUTES_PER_DAY = 1440


@dataclass(frozen=True, kw_only=True, eq=False)
class Series:
    """T equal steps of N prosumers. Array-likes are copied into read-only arrays; scalar prices are repeated.

    Attributes:
        time: (T,) datetime64[m], start of each step, `timestep_h` apart. UTC where the file had offsets or a time zone
            was named, else the clock of the file, taken to have no change to summer time.
        demand_kw: (T, N) kW >= 0, mean over the step.
        pv_kw: (T, N) kW >= 0, available generation, mean over the step.
        retail_price: (T,) currency/kWh, >= feed_in_price (the market needs room between the two).
        feed_in_price: (T,) currency/kWh.
        carbon_kg_per_kwh: (T,) kg CO2/kWh >= 0 of grid energy.
        names: N different names of the prosumers.
        timestep_h: Hours, a whole number of minutes.
        source: Where the numbers come from, one sentence.
        sha256: Hash of the file they were read from; computed over the arrays when not given.

    Raises:
        ModelError: a field has the wrong shape or is out of its range; the message names it.
    """

    time: NDArray[np.datetime64]
    demand_kw: Vector
    pv_kw: Vector
    retail_price: Vector
    feed_in_price: Vector
    carbon_kg_per_kwh: Vector = 0.0  # type: ignore[assignment]  # scalars become arrays in __post_init__
    names: tuple[str, ...]
    timestep_h: float
    source: str = "arrays in memory"
    sha256: str = ""

    def __post_init__(self) -> None:
        minutes = step_minutes(self.timestep_h)
        time = _frozen_time(self.time, minutes)
        shape = (time.size, len(self.names))
        if shape[1] == 0 or len(set(self.names)) != shape[1]:
            raise ModelError("names", list(self.names), "different names, at least one")
        object.__setattr__(self, "names", tuple(self.names))
        object.__setattr__(self, "time", time)
        for name in ("demand_kw", "pv_kw"):
            object.__setattr__(self, name, _frozen_table(name, getattr(self, name), shape))
        for name in ("retail_price", "feed_in_price", "carbon_kg_per_kwh"):
            values = frozen_vector(name, getattr(self, name), shape[0])
            require(name, values, np.isfinite(values), "a finite number")
            object.__setattr__(self, name, values)
        require("carbon_kg_per_kwh", self.carbon_kg_per_kwh, self.carbon_kg_per_kwh >= 0, "a number >= 0 kg/kWh")
        ordered = self.feed_in_price <= self.retail_price
        require("retail_price", self.retail_price, ordered, "a price no lower than the feed-in price of the same step")
        if not self.sha256:
            object.__setattr__(self, "sha256", self._hash())

    def _hash(self) -> str:
        digest = hashlib.sha256(repr((self.names, self.timestep_h)).encode())
        digest.update(self.time.astype("<i8").tobytes())
        for name in ("demand_kw", "pv_kw", "retail_price", "feed_in_price", "carbon_kg_per_kwh"):
            digest.update(getattr(self, name).astype("<f8").tobytes())
        return digest.hexdigest()

    @property
    def n_steps(self) -> int:
        """Number of steps T."""
        return int(self.time.size)

    @cached_property
    def opens_month(self) -> Mask:
        """(T,) whether a step is the first of its calendar month; the first of the series is."""
        month = self.time.astype("datetime64[M]")
        return frozen(np.append(True, month[1:] != month[:-1]), np.bool_)

    @property
    def n_prosumers(self) -> int:
        """Number of prosumers N."""
        return len(self.names)

    @property
    def steps_per_day(self) -> int:
        """Number of steps of 24 hours.

        Raises:
            ModelError: the step does not divide a day.
        """
        minutes = step_minutes(self.timestep_h)
        if MINUTES_PER_DAY % minutes:
            raise ModelError("timestep_h", self.timestep_h, "a step that divides a day, as forecasts and weeks need")
        return MINUTES_PER_DAY // minutes

    @cached_property
    def demand_forecast(self) -> DayAhead:
        """The forecast of the demand by the last seven days."""
        return DayAhead.of(self.demand_kw, self.steps_per_day)

    @cached_property
    def pv_forecast(self) -> DayAhead:
        """The forecast of the available generation by the last seven days."""
        return DayAhead.of(self.pv_kw, self.steps_per_day)

    def forecasters(self, kind: ForecastKind) -> Forecasters:
        """Return the forecasts of demand and PV of a kind, made once and kept.

        Raises:
            ModelError: the step does not divide a day.
        """
        if kind not in self._forecasters:
            self._forecasters[kind] = kind.of(self)
        return self._forecasters[kind]

    @cached_property
    def _forecasters(self) -> dict[ForecastKind, Forecasters]:
        return {}


def step_minutes(timestep_h: float) -> int:
    """Return the minutes of a step.

    Raises:
        ModelError: they are not a whole number >= 1.
    """
    minutes = timestep_h * 60
    if not 0 < minutes < np.inf or abs(minutes - round(minutes)) > 1e-6:
        raise ModelError("timestep_h", timestep_h, "hours that are a whole number of minutes, as series of data need")
    return round(minutes)


def _frozen_time(values: Any, minutes: int) -> NDArray[np.datetime64]:
    try:
        time: NDArray[np.datetime64] = frozen(values, "datetime64[m]")
    except (TypeError, ValueError):
        raise ModelError("time", values, "an array of datetime64") from None
    if time.ndim != 1 or time.size == 0:
        raise ModelError("time", f"an array of shape {time.shape}", "an array of shape (T,) with T >= 1")
    if np.isnat(time[0]):
        raise ModelError("time[0]", str(time[0]), "a time")
    given = np.asarray(values, dtype="datetime64")
    whole = (time == given) | np.isnat(given)
    if not whole.all():
        step = int(np.flatnonzero(~whole)[0])
        raise ModelError(f"time[{step}]", str(given[step]), "a whole minute")
    regular = np.diff(time) == np.timedelta64(minutes, "m")
    if not regular.all():
        step = int(np.flatnonzero(~regular)[0]) + 1
        raise ModelError(f"time[{step}]", str(time[step]), f"{minutes} minutes after {time[step - 1]}")
    return time


def _frozen_table(field: str, values: Any, shape: tuple[int, int]) -> Vector:
    try:
        table: Vector = frozen(values)
    except (TypeError, ValueError):
        raise ModelError(field, values, f"numbers in an array of shape {shape}") from None
    if table.shape != shape:
        raise ModelError(field, f"an array of shape {table.shape}", f"an array of shape {shape}")
    passed: Mask = (table >= 0) & (table < np.inf)
    if not passed.all():
        step, prosumer = (int(index) for index in np.argwhere(~passed)[0])
        raise ModelError(f"{field}[{step}, {prosumer}]", table[step, prosumer].item(), "a finite number >= 0 kW")
    return table

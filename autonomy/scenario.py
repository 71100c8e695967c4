"""What happens to a community: a series of measurements and prices, and the window of it that is played."""

from __future__ import annotations

import hashlib
import operator
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from autonomy.forecasting import COVERAGE, DayAhead, horizon_rows
from autonomy.layers.arrays import Mask, Vector, frozen, frozen_vector, require
from autonomy.layers.community import Community
from autonomy.layers.errors import ModelError
from autonomy.layers.observation import Forecast

MINUTES_PER_DAY = 1440
DAYS_PER_WEEK = 7
HELD_OUT_EVERY = 4
"""Every fourth week is held out: nothing is trained, calibrated or tuned on it."""


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
        """The causal forecast of the demand."""
        return DayAhead.of(self.demand_kw, self.steps_per_day)

    @cached_property
    def pv_forecast(self) -> DayAhead:
        """The causal forecast of the available generation."""
        return DayAhead.of(self.pv_kw, self.steps_per_day)


@dataclass(frozen=True, kw_only=True, eq=False)
class Scenario:
    """The steps `start` up to but not including `stop` of a series.

    Attributes:
        series: The whole series; what lies before the window is history a forecast may use.
        start: First step of the window, >= 0.
        stop: Step after its last, start < stop <= T.

    Raises:
        ModelError: the window is empty or leaves the series.
    """

    series: Series
    start: int
    stop: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "start", _whole_number("start", self.start))
        object.__setattr__(self, "stop", _whole_number("stop", self.stop))
        if not 0 <= self.start < self.series.n_steps:
            raise ModelError("start", self.start, f"a step in 0..{self.series.n_steps - 1}")
        if not self.start < self.stop <= self.series.n_steps:
            raise ModelError("stop", self.stop, f"a step in {self.start + 1}..{self.series.n_steps}")

    @classmethod
    def whole(cls, series: Series) -> Scenario:
        """Return the window of all steps."""
        return cls(series=series, start=0, stop=series.n_steps)

    @classmethod
    def demo(cls) -> Scenario:
        """Return the year of real data that ships with the package: 17 homes in Fontana, California."""
        from autonomy.demo import demo_series  # noqa: PLC0415 - the reader of files needs the class above

        return cls.whole(demo_series())

    @classmethod
    def from_file(cls, path: str | Path, *, community: Community, time_zone: str | None = None) -> Scenario:
        """Read a CSV or Parquet file in the column scheme of `docs/data.md`.

        Args:
            path: The file, `.csv`, `.csv.gz` or `.parquet`.
            community: Whose data it is: its names, time step and limits are what the file is checked against.
            time_zone: IANA name of the zone that times without an offset are local times of.

        Raises:
            DataError: the file is wrong; the message names row and column.
        """
        from autonomy.tables import read_series  # noqa: PLC0415 - the reader of files needs the class above

        return cls.whole(read_series(path, community=community, time_zone=time_zone))

    @property
    def n_steps(self) -> int:
        """Number of steps of the window."""
        return self.stop - self.start

    @property
    def n_prosumers(self) -> int:
        """Number of prosumers N."""
        return self.series.n_prosumers

    @property
    def timestep_h(self) -> float:
        """Hours of a step."""
        return self.series.timestep_h

    @property
    def names(self) -> tuple[str, ...]:
        """N names."""
        return self.series.names

    @property
    def time(self) -> NDArray[np.datetime64]:
        """(n_steps,) start of each step."""
        return self.series.time[self.start : self.stop]

    @property
    def demand_kw(self) -> Vector:
        """(n_steps, N) kW >= 0."""
        return self.series.demand_kw[self.start : self.stop]

    @property
    def pv_kw(self) -> Vector:
        """(n_steps, N) kW >= 0."""
        return self.series.pv_kw[self.start : self.stop]

    @property
    def retail_price(self) -> Vector:
        """(n_steps,) currency/kWh."""
        return self.series.retail_price[self.start : self.stop]

    @property
    def feed_in_price(self) -> Vector:
        """(n_steps,) currency/kWh."""
        return self.series.feed_in_price[self.start : self.stop]

    @property
    def carbon_kg_per_kwh(self) -> Vector:
        """(n_steps,) kg CO2/kWh."""
        return self.series.carbon_kg_per_kwh[self.start : self.stop]

    @property
    def label(self) -> str:
        """A short name: "week 4 (2016-08-22)" for a whole week of the series, else its first step and length."""
        first = self.series.time[self.start]
        week = _steps_per_week(self.series)
        if week is not None and self.n_steps == week and self.start % week == 0:
            return f"week {self.start // week + 1} ({first.astype('datetime64[D]')})"
        return f"{first} ({self.n_steps} step{'s' if self.n_steps > 1 else ''})"

    def forecast(self, k: int) -> Forecast:
        """Return what is expected, at step k of the window, of the 24 hours after it.

        Measurements up to and including step k are used, those before the window too, none after; the tariff is
        published, so it is known. See `autonomy.forecasting.DayAhead`.

        Raises:
            ModelError: k is not a step of the window.
        """
        k = _whole_number("k", k)
        if not 0 <= k < self.n_steps:
            raise ModelError("k", k, f"a step of the window, 0..{self.n_steps - 1}")
        series, step = self.series, self.start + k
        demand, pv = series.demand_forecast.outlook(step), series.pv_forecast.outlook(step)
        rows = horizon_rows(step, series.steps_per_day, series.n_steps)
        return Forecast(
            demand_kw=demand.expected_kw,
            pv_kw=pv.expected_kw,
            demand_low_kw=demand.low_kw,
            demand_high_kw=demand.high_kw,
            pv_low_kw=pv.low_kw,
            pv_high_kw=pv.high_kw,
            coverage=COVERAGE,
            retail_price=series.retail_price[rows],
            feed_in_price=series.feed_in_price[rows],
        )

    def window(self, first: int, steps: int) -> Scenario:
        """Return `steps` steps from step `first` of this window.

        Raises:
            ModelError: they do not all lie in this window.
        """
        first, steps = _whole_number("first", first), _whole_number("steps", steps)
        if not 0 <= first < self.n_steps:
            raise ModelError("first", first, f"a step of the window, 0..{self.n_steps - 1}")
        if not 1 <= steps <= self.n_steps - first:
            raise ModelError("steps", steps, f"1..{self.n_steps - first} steps from step {first}")
        return Scenario(series=self.series, start=self.start + first, stop=self.start + first + steps)

    def between(self, from_: str | datetime | np.datetime64, to: str | datetime | np.datetime64) -> Scenario:
        """Return the steps that start in [from_, to), on the clock of `time`.

        Args:
            from_: ISO 8601 text without an offset, or a datetime.
            to: The first time that is no longer part.

        Raises:
            ModelError: an argument is no such time or outside the window, or no step starts between them.
        """
        minutes = step_minutes(self.timestep_h)
        first, last = _instant("from_", from_), _instant("to", to)
        begin, end = self.time[0], self.time[-1] + np.timedelta64(minutes, "m")
        for field, given, instant in (("from_", from_, first), ("to", to, last)):
            if not begin <= instant <= end:
                raise ModelError(field, str(given), f"a time from {begin} to {end}")
        start, stop = (int(np.searchsorted(self.time, instant)) for instant in (first, last))
        if start >= stop:
            raise ModelError("to", str(to), f"a time later than {from_}, with a step between them")
        return self.window(start, stop - start)

    def windows(self, steps: int) -> Iterator[Scenario]:
        """Yield consecutive windows of `steps` steps; a shorter rest at the end is left out.

        Raises:
            ModelError: `steps` is not in 1..n_steps.
        """
        size = self.window(0, steps).n_steps
        return (self.window(first, size) for first in range(0, self.n_steps - size + 1, size))

    def weeks(self) -> Iterator[Scenario]:
        """Yield the whole weeks inside the window; weeks are 7 days counted from the first step of the series."""
        week = self.series.steps_per_day * DAYS_PER_WEEK
        first = -(-self.start // week) * week
        return (
            Scenario(series=self.series, start=start, stop=start + week)
            for start in range(first, self.stop - week + 1, week)
        )

    def held_out_weeks(self) -> Iterator[Scenario]:
        """Yield every fourth week of the series, weeks 4, 8, 12 …: nothing is trained or tuned on them."""
        return (week for week in self.weeks() if _is_held_out(week))

    def training_weeks(self) -> Iterator[Scenario]:
        """Yield the weeks that are not held out."""
        return (week for week in self.weeks() if not _is_held_out(week))


def step_minutes(timestep_h: float) -> int:
    """Return the minutes of a step.

    Raises:
        ModelError: they are not a whole number >= 1.
    """
    minutes = timestep_h * 60
    if not 0 < minutes < np.inf or abs(minutes - round(minutes)) > 1e-6:
        raise ModelError("timestep_h", timestep_h, "hours that are a whole number of minutes, as series of data need")
    return round(minutes)


def _is_held_out(week: Scenario) -> bool:
    return week.start // week.n_steps % HELD_OUT_EVERY == HELD_OUT_EVERY - 1


def _steps_per_week(series: Series) -> int | None:
    minutes = step_minutes(series.timestep_h)
    return None if MINUTES_PER_DAY % minutes else MINUTES_PER_DAY // minutes * DAYS_PER_WEEK


def _whole_number(field: str, value: SupportsIndex) -> int:
    try:
        return operator.index(value)
    except TypeError:
        raise ModelError(field, value, "a whole number") from None


def _instant(field: str, value: Any) -> np.datetime64:
    try:
        instant = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        instant = None
    if not isinstance(instant, date | np.datetime64):
        raise ModelError(field, value, "an ISO 8601 time such as 2016-08-22 or 2016-08-22T06:00")
    if isinstance(instant, datetime) and instant.tzinfo is not None:
        raise ModelError(field, str(value), "a time without an offset, on the clock of the series")
    result: np.datetime64 = np.asarray([instant], dtype="datetime64[us]")[0]
    if np.isnat(result):
        raise ModelError(field, str(value), "a time")
    return result


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

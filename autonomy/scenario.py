"""What happens to a community: a series of measurements and prices, and the window of it that is played."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from autonomy.forecasting import DEFAULT, Forecasters, ForecastKind, horizon_rows, named_forecast
from autonomy.layers.arrays import Vector
from autonomy.layers.community import Community
from autonomy.layers.errors import ModelError
from autonomy.layers.observation import Forecast
from autonomy.series import MINUTES_PER_DAY, Series, step_minutes

DAYS_PER_WEEK = 7
HELD_OUT_EVERY = 4
"""Every fourth week is held out: nothing is trained, calibrated or tuned on it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Scenario:
    """The steps `start` up to but not including `stop` of a series.

    Attributes:
        series: The whole series; what lies before the window is history a forecast may use.
        start: First step of the window, >= 0.
        stop: Step after its last, start < stop <= T.
        forecast_kind: How what comes next is forecast.

    Raises:
        ModelError: the window is empty or leaves the series.
    """

    series: Series
    start: int
    stop: int
    forecast_kind: ForecastKind = DEFAULT

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
    def demo(cls, *, forecast: str | ForecastKind = DEFAULT, seed: int = 0) -> Scenario:
        """Return the year of real data that ships with the package: 17 homes in Fontana, California.

        Args:
            forecast: As for `with_forecast`.
            seed: As for `with_forecast`.

        Raises:
            ConfigError: no forecast is called so.
        """
        from autonomy.demo import demo_series  # noqa: PLC0415 - the reader of files needs the class above

        return cls.whole(demo_series()).with_forecast(forecast, seed=seed)

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

    def with_forecast(self, forecast: str | ForecastKind, *, seed: int = 0) -> Scenario:
        """Return the same window with another forecast.

        Args:
            forecast: A name from `autonomy.forecasting.KINDS`, or a kind of one's own.
            seed: Of a named forecast that draws something (`weather`); the others give the same for every seed.

        Raises:
            ConfigError: no forecast is called so.
        """
        kind = named_forecast(forecast, seed=seed) if isinstance(forecast, str) else forecast
        return replace(self, forecast_kind=kind)

    @property
    def forecasters(self) -> Forecasters:
        """The forecasts of demand and PV, by step of the series: `start` + k is step k of the window.

        Raises:
            ModelError: the step of the series does not divide a day.
        """
        return self.series.forecasters(self.forecast_kind)

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

        By a causal kind, as the default is, measurements up to and including step k are used, those before the window
        too, none after; the tariff is published, so it is known. See `autonomy.forecasting`.

        Raises:
            ModelError: k is not a step of the window.
        """
        k = _whole_number("k", k)
        if not 0 <= k < self.n_steps:
            raise ModelError("k", k, f"a step of the window, 0..{self.n_steps - 1}")
        series, step = self.series, self.start + k
        demand, pv = (forecaster.outlook(step) for forecaster in self.forecasters)
        rows = horizon_rows(step, series.steps_per_day, series.n_steps)
        return Forecast(
            demand_kw=demand.expected_kw,
            pv_kw=pv.expected_kw,
            demand_low_kw=demand.low_kw,
            demand_high_kw=demand.high_kw,
            pv_low_kw=pv.low_kw,
            pv_high_kw=pv.high_kw,
            coverage=self.forecast_kind.coverage,
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
        return replace(self, start=self.start + first, stop=self.start + first + steps)

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
        return (replace(self, start=start, stop=start + week) for start in range(first, self.stop - week + 1, week))

    def held_out_weeks(self) -> Iterator[Scenario]:
        """Yield every fourth week of the series, weeks 4, 8, 12 …: nothing is trained or tuned on them."""
        return (week for week in self.weeks() if _is_held_out(week))

    def training_weeks(self) -> Iterator[Scenario]:
        """Yield the weeks that are not held out."""
        return (week for week in self.weeks() if not _is_held_out(week))


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

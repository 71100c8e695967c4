"""The intraday forecast: a day-ahead one, corrected by what it is wrong by right now."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from autonomy.forecasting.day_ahead import HISTORY_DAYS, DayAhead
from autonomy.forecasting.kind import Forecasters
from autonomy.forecasting.outlook import Outlook, freeze, horizon_rows, horizon_table
from autonomy.forecasting.pv_three_day_mean import MEAN_DAYS
from autonomy.forecasting.sums import SumTable
from autonomy.layers.arrays import Index, Mask, Vector, frozen
from autonomy.layers.errors import ModelError

if TYPE_CHECKING:
    from autonomy.scenario import Scenario
    from autonomy.series import Series

COVERAGE = 0.6
"""Share of the truth between low and high, by lead time, on the demo's training weeks: 0.61 to 0.63 of demand, 0.57 to
0.58 of PV by daylight."""
DEMAND_DECAY, PV_DECAY = 0.638, 0.761
"""Share of an error that is still there an hour later, fitted by `Intraday.fitted` on the demo's training weeks."""
FINENESS = 1000
"""Fitted factors are multiples of 1/1000."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Intraday:
    """The mean of seven days (demand) and of three (PV), corrected by the last error, which decays with the lead time.

    See `Corrected` for the formula.

    Attributes:
        demand_decay: Share of the error of the demand that is left after an hour, 0..1.
        pv_decay: The same of PV.

    Raises:
        ModelError: a share is not in 0..1.
    """

    demand_decay: float = DEMAND_DECAY
    pv_decay: float = PV_DECAY

    name = "intraday"
    is_causal = True
    coverage = COVERAGE

    def __post_init__(self) -> None:
        for field in ("demand_decay", "pv_decay"):
            if not 0.0 <= getattr(self, field) <= 1.0:
                raise ModelError(field, getattr(self, field), "a share in 0..1")

    def of(self, series: Series) -> Forecasters:
        """Return the forecasts of a series."""
        hours = series.timestep_h * np.arange(1, series.steps_per_day + 1)
        demand, pv = _bases(series)
        most = most_of_history(series.pv_kw, series.steps_per_day)
        return Forecasters(
            Corrected(base=demand, decay=frozen(self.demand_decay**hours), most_kw=None),
            Corrected(base=pv, decay=frozen(self.pv_decay**hours), most_kw=most),
        )

    @classmethod
    def fitted(cls, scenario: Scenario) -> Intraday:
        """Return the forecast fitted on the training weeks of a scenario: least squares over all lead times.

        Only errors of steps in training weeks are used whose seven days of history lie in training weeks, too.

        Raises:
            ModelError: there is no such step.
        """
        series = scenario.series
        taught = np.zeros(series.n_steps, dtype=bool)
        for week in scenario.training_weeks():
            taught[week.start : week.stop] = True
        week_steps = HISTORY_DAYS * series.steps_per_day
        taught[week_steps:] &= taught[:-week_steps].copy()
        taught[:week_steps] = False
        if not taught.any():
            raise ModelError("scenario", scenario.label, "two training weeks one after the other")
        demand, pv = (
            _fitted_decay(base.values_kw - base.table.expected_kw, taught, series.steps_per_day, series.timestep_h)
            for base in _bases(series)
        )
        return cls(demand_decay=demand, pv_decay=pv)


@dataclass(frozen=True, kw_only=True, eq=False)
class Corrected:
    """A day-ahead forecast f, corrected at issue step t by its present error.

        expected(t, τ) = min(max(f(τ) + ρ^(τ−t)·(v(t) − f(t)), 0), most(τ))
        low, high: the same way around it, by √(1 − ρ^(2(τ−t))) times the distances that f had

    ρ is the share of an error that is left after a step. Errors that decay so are those of an AR(1) process, whose
    variance, once the last error is known, is 1 − ρ^(2h) times what it was. In the first day nothing is corrected.

    Attributes:
        base: f.
        decay: (H,) ρ^h.
        most_kw: (T, N) kW, more than which is not expected, or None: with `most_of_history` no sun is expected at
            night, whatever the error was. `high` may be above it, except where it is 0.
    """

    base: DayAhead
    decay: Vector
    most_kw: Vector | None

    @property
    def steps_per_day(self) -> int:
        """The horizon H."""
        return self.base.steps_per_day

    def outlook(self, step: int) -> Outlook:
        """Return (H, N) kW: what is expected at `step` of the H steps after it."""
        rows = horizon_rows(step, self.steps_per_day, self._error.shape[0])
        most = None if self.most_kw is None else self.most_kw[rows]
        return freeze(self._correct(self.base.outlook(step), self._error[step], most))

    def rows(self, steps: Index) -> Outlook:
        """Return (B, H, N) kW: the outlooks of B steps."""
        rows = horizon_table(steps, self.steps_per_day, self._error.shape[0])
        most = None if self.most_kw is None else self.most_kw[rows]
        return self._correct(self.base.rows(steps), self._error[steps][:, None], most)

    def sums(self, steps: Index) -> Outlook:
        """Return (B, H) kW: the outlooks of B steps, summed over the prosumers."""
        return self._sums.of(np.asarray(steps))

    @cached_property
    def _sums(self) -> SumTable:
        return SumTable(self.rows, steps=self._error.shape[0], horizon=self.steps_per_day)

    def _correct(self, base: Outlook, error: Vector, most: Vector | None) -> Outlook:
        expected, low, high = base
        moved, spread = expected + self.decay[:, None] * error, self._spread[:, None]
        below, above = moved - spread * (expected - low), moved + spread * (high - expected)
        if most is not None:
            moved, below = np.minimum(moved, most), np.minimum(below, most)
            above = np.where(most > 0.0, above, 0.0)
        return Outlook(*(np.maximum(values, 0.0) for values in (moved, below, above)))

    @cached_property
    def _spread(self) -> Vector:
        spread: Vector = np.sqrt(1.0 - self.decay**2)
        return spread

    @cached_property
    def _error(self) -> Vector:
        error = self.base.values_kw - self.base.table.expected_kw
        error[: self.steps_per_day] = 0.0
        return error


def most_of_history(values_kw: Vector, steps_per_day: int) -> Vector:
    """Return (T, N) the largest value at the same time of day in the last seven days; no limit in the first day."""
    steps, day = values_kw.shape[0], steps_per_day
    most = np.full(values_kw.shape, np.inf)
    for back in range(day, min(HISTORY_DAYS * day, steps - 1) + 1, day):
        known = most[back:]
        most[back:] = np.where(np.isinf(known), values_kw[:-back], np.maximum(known, values_kw[:-back]))
    return most


def _bases(series: Series) -> tuple[DayAhead, DayAhead]:
    """Return the day-ahead forecasts of demand and PV that are corrected."""
    pv = DayAhead.of(series.pv_kw, series.steps_per_day, mean_days=MEAN_DAYS)
    return series.demand_forecast, pv


def _fitted_decay(error: Vector, taught: Mask, horizon: int, timestep_h: float) -> float:
    """Return the share r of an error that is left after an hour, by least squares over lead times 1 … H.

        minimise Σ_h Σ_t (e(t + h) − r^(h·dt)·e(t))²

    over all pairs of steps t and t + h that are both in `taught`.
    """
    r = np.arange(FINENESS) / FINENESS
    loss = np.zeros(FINENESS)
    for h in range(1, horizon + 1):
        pairs = taught[:-h] & taught[h:]
        now, later = error[:-h][pairs], error[h:][pairs]
        share = r ** (h * timestep_h)
        loss += share**2 * float((now**2).sum()) - 2.0 * share * float((now * later).sum())
    return float(r[np.argmin(loss)])

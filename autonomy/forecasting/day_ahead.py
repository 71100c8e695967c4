"""Forecasts that are known a day before their step: one table serves every step they are asked at."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from autonomy.forecasting.outlook import QUANTILES, Outlook, freeze, horizon_rows, horizon_table
from autonomy.layers.arrays import Index, Vector, frozen

HISTORY_DAYS = 7


@dataclass(frozen=True, kw_only=True, eq=False)
class DayAhead:
    """The forecast of every step of a series, each known a day before its step; `outlook` cuts it at an issue step.

    Row τ of the table is made of values at τ − day and before, so it is known at every issue step t with
    τ − day <= t < τ, and one table serves every issue step up to a day ahead.

    Attributes:
        values_kw: (T, N) kW, the series itself.
        table: (T, N) arrays; the rows of the first day, which has no history, are the first measurement.
        steps_per_day: The horizon H.
    """

    values_kw: Vector
    table: Outlook
    steps_per_day: int

    @classmethod
    def of(cls, values_kw: Vector, steps_per_day: int, *, mean_days: int = HISTORY_DAYS) -> DayAhead:
        """Return the forecast of a (T, N) series by the same time of day on the last seven days, or as many as are.

        Args:
            values_kw: The series.
            steps_per_day: The horizon H.
            mean_days: Over how many of the last days the expected value is the mean, 1..7. Low and high are quantiles
                of all seven: of at least three numbers, the mean of three lies between their 10 % and 90 % quantiles.
        """
        steps, day = values_kw.shape[0], steps_per_day
        expected, low, high = (np.repeat(values_kw[:1], steps, axis=0) for _ in range(3))
        for days in range(1, HISTORY_DAYS + 1):
            first, last = days * day, steps if days == HISTORY_DAYS else min((days + 1) * day, steps)
            if first >= last:
                break
            history = np.stack([values_kw[first - back * day : last - back * day] for back in range(1, days + 1)])
            expected[first:last] = history[:mean_days].mean(axis=0)
            low[first:last], high[first:last] = np.quantile(history, QUANTILES, axis=0)
        return cls(
            values_kw=values_kw, table=Outlook(frozen(expected), frozen(low), frozen(high)), steps_per_day=steps_per_day
        )

    def outlook(self, step: int) -> Outlook:
        """Return what was expected at `step` of the H steps after it, from values up to and including `step` only.

        A target in the first day has no history: it is expected to be as the present is, between the extremes seen so
        far. Past the end of the series the last row is repeated.
        """
        rows = horizon_rows(step, self.steps_per_day, self.values_kw.shape[0])
        if isinstance(rows, slice) and rows.start >= self.steps_per_day:
            return Outlook(*(series[rows] for series in self.table))
        expected, low, high = (series[rows].copy() for series in self.table)
        unknown = np.arange(self.values_kw.shape[0])[rows] < self.steps_per_day
        seen = self.values_kw[: step + 1]
        expected[unknown], low[unknown], high[unknown] = seen[-1], seen.min(axis=0), seen.max(axis=0)
        return freeze(Outlook(expected, low, high))

    def rows(self, steps: Index) -> Outlook:
        """Return (B, H, N) kW: `outlook` of B steps."""
        return self._gathered(self.table, self._first_day, steps)

    def sums(self, steps: Index) -> Outlook:
        """Return (B, H) kW: `outlook` of B steps, summed over the prosumers."""
        return self._gathered(self._sums[0], self._sums[1], steps)

    def _gathered(self, table: Outlook, first_day: Outlook, steps: Index) -> Outlook:
        steps = np.asarray(steps)
        rows = horizon_table(steps, self.steps_per_day, self.values_kw.shape[0])
        found = Outlook(*(series[rows] for series in table))
        unknown = rows < self.steps_per_day
        if unknown.any():
            issued = np.broadcast_to(steps[:, None], rows.shape)[unknown]
            for values, seen in zip(found, first_day, strict=True):
                values[unknown] = seen[issued]
        return found

    @cached_property
    def _first_day(self) -> Outlook:
        """What is expected of a step of the first day, by issue step: the present, between the extremes so far."""
        seen = self.values_kw[: self.steps_per_day]
        return Outlook(seen, np.minimum.accumulate(seen), np.maximum.accumulate(seen))

    @cached_property
    def _sums(self) -> tuple[Outlook, Outlook]:
        return self.table.summed(), self._first_day.summed()

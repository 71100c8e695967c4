"""Persistence: tomorrow is as today, give or take what that was wrong by in the last seven days."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from autonomy.forecasting.day_ahead import HISTORY_DAYS, DayAhead
from autonomy.forecasting.kind import Forecasters
from autonomy.forecasting.outlook import QUANTILES, Outlook
from autonomy.layers.arrays import Vector, frozen

if TYPE_CHECKING:
    from autonomy.series import Series

COVERAGE = 0.67
"""Share of the truth between low and high: 0.68 of demand and 0.67 of PV by daylight on the demo's training weeks."""


@dataclass(frozen=True, slots=True)
class Persistence:
    """What was a day ago, with the quantiles of its own errors over the last seven days around it.

        expected(τ) = v(τ − day)        errors(τ) = v(τ − j·day) − v(τ − (j+1)·day), j = 1 … 7
        low = max(expected + min(q10(errors), 0), 0)        high = expected + max(q90(errors), 0)

    The zeros keep the expected value between low and high where all seven errors have one sign.
    """

    name = "persistence"
    is_causal = True
    coverage = COVERAGE

    def of(self, series: Series) -> Forecasters:
        """Return the forecasts of a series."""
        day = series.steps_per_day
        return Forecasters(as_yesterday(series.demand_kw, day), as_yesterday(series.pv_kw, day))


def as_yesterday(values_kw: Vector, steps_per_day: int) -> DayAhead:
    """Return persistence of a (T, N) series. On the second day, with no error known, all seen so far is around it."""
    steps, day = values_kw.shape[0], steps_per_day
    expected, low, high = (np.repeat(values_kw[:1], steps, axis=0) for _ in range(3))
    expected[day:] = values_kw[: max(steps - day, 0)]
    second = values_kw[: max(min(steps, 2 * day) - day, 0)]
    low[day : 2 * day], high[day : 2 * day] = np.minimum.accumulate(second), np.maximum.accumulate(second)
    for known in range(1, HISTORY_DAYS + 1):
        first, last = (known + 1) * day, steps if known == HISTORY_DAYS else min((known + 2) * day, steps)
        if first >= last:
            break
        history = [values_kw[first - back * day : last - back * day] for back in range(1, known + 2)]
        errors = np.stack([newer - older for newer, older in pairwise(history)])
        below, above = np.quantile(errors, QUANTILES, axis=0)
        low[first:last] = np.maximum(history[0] + np.minimum(below, 0.0), 0.0)
        high[first:last] = history[0] + np.maximum(above, 0.0)
    table = Outlook(frozen(expected), frozen(low), frozen(high))
    return DayAhead(values_kw=values_kw, table=table, steps_per_day=steps_per_day)

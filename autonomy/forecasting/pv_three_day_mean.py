"""Demand by the last seven days, PV by the last three: the weather of last week is forgotten sooner than habits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from autonomy.forecasting.day_ahead import DayAhead
from autonomy.forecasting.kind import Forecasters
from autonomy.forecasting.seven_day_mean import COVERAGE

if TYPE_CHECKING:
    from autonomy.series import Series

MEAN_DAYS = 3


@dataclass(frozen=True, slots=True)
class PvThreeDayMean:
    """Demand as in `SevenDayMean`; PV by the mean of three days, between the quantiles of seven."""

    name = "pv-3-day-mean"
    is_causal = True
    coverage = COVERAGE

    def of(self, series: Series) -> Forecasters:
        """Return the forecasts of a series."""
        pv = DayAhead.of(series.pv_kw, series.steps_per_day, mean_days=MEAN_DAYS)
        return Forecasters(series.demand_forecast, pv)

"""The default: each hour of tomorrow is expected to be like the same hour of the last seven days."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from autonomy.forecasting.kind import Forecasters

if TYPE_CHECKING:
    from autonomy.series import Series

COVERAGE = 0.6
"""Share of the truth that lies between low and high, step by step and prosumer by prosumer.

Seven days are few: for independent days of one uniform distribution the share is 0.6, not the 0.8 that the two
quantiles suggest. Measured on the training weeks of the demo, where seven days of history exist, it is 0.63 for demand
and 0.58 for PV by daylight (truth or high above 0; at night it is 1). `tests/test_forecasting.py` measures both.
"""


@dataclass(frozen=True, slots=True)
class SevenDayMean:
    """Demand and PV by the mean of the last seven days; low and high are the 10 % and 90 % quantiles of these days."""

    name = "7-day-mean"
    is_causal = True
    coverage = COVERAGE

    def of(self, series: Series) -> Forecasters:
        """Return the forecasts of a series."""
        return Forecasters(series.demand_forecast, series.pv_forecast)

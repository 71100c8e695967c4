"""What is expected of the next 24 hours, and between what: one kind of forecast a file, chosen by name.

    scenario.with_forecast("intraday")      # or persistence, 7-day-mean, pv-3-day-mean, weather, perfect

docs/forecasts.md has their formulas and what was measured of them.
"""

from __future__ import annotations

from autonomy.forecasting.catalogue import KINDS, named_forecast
from autonomy.forecasting.day_ahead import HISTORY_DAYS, DayAhead
from autonomy.forecasting.intraday import Intraday
from autonomy.forecasting.kind import Forecaster, Forecasters, ForecastKind
from autonomy.forecasting.outlook import QUANTILES, Outlook, covered_share, horizon_rows, horizon_table
from autonomy.forecasting.perfect import Perfect
from autonomy.forecasting.persistence import Persistence
from autonomy.forecasting.pv_three_day_mean import PvThreeDayMean
from autonomy.forecasting.seven_day_mean import COVERAGE, SevenDayMean
from autonomy.forecasting.weather import Weather

DEFAULT = SevenDayMean()
"""The forecast of a scenario that asks for no other."""

__all__ = [
    "COVERAGE",
    "DEFAULT",
    "HISTORY_DAYS",
    "KINDS",
    "QUANTILES",
    "DayAhead",
    "ForecastKind",
    "Forecaster",
    "Forecasters",
    "Intraday",
    "Outlook",
    "Perfect",
    "Persistence",
    "PvThreeDayMean",
    "SevenDayMean",
    "Weather",
    "covered_share",
    "horizon_rows",
    "horizon_table",
    "named_forecast",
]

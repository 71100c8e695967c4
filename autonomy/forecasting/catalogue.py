"""The forecasts by name; a new kind is one file and one line here."""

from __future__ import annotations

from collections.abc import Callable

from autonomy.forecasting.intraday import Intraday
from autonomy.forecasting.kind import ForecastKind
from autonomy.forecasting.perfect import Perfect
from autonomy.forecasting.persistence import Persistence
from autonomy.forecasting.pv_three_day_mean import PvThreeDayMean
from autonomy.forecasting.seven_day_mean import SevenDayMean
from autonomy.forecasting.weather import Weather
from autonomy.layers.errors import ConfigError, did_you_mean

KINDS: dict[str, Callable[[int], ForecastKind]] = {
    Persistence.name: lambda _: Persistence(),
    SevenDayMean.name: lambda _: SevenDayMean(),
    PvThreeDayMean.name: lambda _: PvThreeDayMean(),
    Intraday.name: lambda _: Intraday(),
    Weather.name: lambda seed: Weather(seed=seed),
    Perfect.name: lambda _: Perfect(),
}
"""From a seed to the forecast; only `weather` draws anything."""


def named_forecast(name: str, *, seed: int = 0) -> ForecastKind:
    """Return the forecast of a name.

    Raises:
        ConfigError: there is none of that name.
        ModelError: the seed is none.
    """
    if name not in KINDS:
        known = ", ".join(KINDS)
        raise ConfigError("forecast", "", f"no forecast is called {name!r}{did_you_mean(name, KINDS)}; known: {known}")
    return KINDS[name](seed)

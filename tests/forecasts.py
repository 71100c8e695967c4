"""Series and quantities of forecasts in tests."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from autonomy.forecasting import Forecaster, ForecastKind
from autonomy.series import Series

Values = NDArray[np.float64]


def made(demand: Any, pv: Any, timestep_h: float = 8.0) -> Series:
    """A series of demand and PV, (T, N) each."""
    steps, size = np.asarray(demand).shape
    return Series(
        time=np.datetime64("2024-05-01T00:00", "m") + np.arange(steps) * np.timedelta64(round(timestep_h * 60), "m"),
        demand_kw=demand,
        pv_kw=pv,
        retail_price=0.3,
        feed_in_price=0.1,
        names=tuple(f"home-{i}" for i in range(size)),
        timestep_h=timestep_h,
    )


@st.composite
def made_series(draw: st.DrawFn, *, min_days: int = 0) -> Series:
    """A series of up to eleven days of 2 to 6 steps, with nights, zeros and jumps."""
    timestep_h = draw(st.sampled_from([4.0, 8.0, 12.0]))
    day = round(24 / timestep_h)
    steps = draw(st.integers(max(min_days * day, 1), 11 * day))
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = (steps, draw(st.integers(1, 3)))
    bright = (np.arange(steps) % day > 0)[:, None] * random.integers(0, 2, shape)
    return made(random.exponential(2.0, shape), 5.0 * random.random(shape) * bright, timestep_h)


def by_quantity(series: Series, kind: ForecastKind) -> tuple[tuple[Values, Forecaster], ...]:
    demand, pv = series.forecasters(kind)
    return (series.demand_kw, demand), (series.pv_kw, pv)


def quantile(numbers: list[float], share: float) -> float:
    """Linear between order statistics, in plain Python."""
    ordered = sorted(numbers)
    place = share * (len(ordered) - 1)
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])

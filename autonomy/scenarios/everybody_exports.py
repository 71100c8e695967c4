"""Sun on every roof and nobody at home."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from autonomy.forecasting.weather import clear_sky
from autonomy.layers.community import Community
from autonomy.scenarios.base import changed, demo_weeks, dice_of, drawn, rows_of
from autonomy.scenarios.named import NamedScenario
from autonomy.series import Series

NAME = "everybody-exports"
SENTENCE = (
    "A clear week of spring or summer with PV on every roof and a tenth of the demand: at noon every home has surplus, "
    "together more than the feeder may export."
)
SUNNY = (3, 4, 5, 6, 7, 8)
DEMAND_SHARE = 0.1


def build(seed: int, *, held_out: bool) -> NamedScenario:
    """Return the scenario."""
    dice = dice_of(NAME, seed)
    week = drawn(demo_weeks(held_out=held_out, months=SUNNY), dice)
    series = sunny(week.series, rows_of(week))
    return NamedScenario(
        name=NAME, seed=seed, sentence=SENTENCE, community=Community.demo(), scenario=replace(week, series=series)
    )


def sunny(series: Series, rows: slice) -> Series:
    """Return the series with clear days and little demand in some rows.

    A roof gives the most that it gave at that time of day within a week before and after; one without PV gives what
    the median of the others does.
    """
    clear = clear_sky(series.pv_kw, series.steps_per_day)[rows]
    has_pv = series.pv_kw.max(axis=0) > 0
    pv = np.where(has_pv, clear, np.median(clear[:, has_pv], axis=1)[:, None])
    return changed(
        series, rows, "clear sky and little demand", pv_kw=pv, demand_kw=DEMAND_SHARE * series.demand_kw[rows]
    )

"""Some hot days, on which air conditioning runs in every home."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from autonomy.layers.arrays import Vector
from autonomy.layers.community import Community
from autonomy.scenarios.base import changed, days_of, demo_weeks, dice_of, drawn, hours_of, rows_of
from autonomy.scenarios.named import NamedScenario
from autonomy.series import Series

NAME = "heat-wave"
SENTENCE = (
    "Four hot days of a summer week: air conditioning adds 1 to 2 kW at 17:00 to the demand of every home, less before "
    "and after, nothing from 23:00 to 11:00."
)
SUMMER = (6, 7, 8, 9)
DAYS = 4
PEAK_H, HALF_WIDTH_H = 17.0, 6.0
LEAST_KW, MOST_KW = 1.0, 2.0


def build(seed: int, *, held_out: bool) -> NamedScenario:
    """Return the scenario."""
    dice = dice_of(NAME, seed)
    week = drawn(demo_weeks(held_out=held_out, months=SUMMER), dice)
    first = int(dice.integers(0, 7 - DAYS + 1))
    peak_kw = dice.uniform(LEAST_KW, MOST_KW, week.n_prosumers)
    series = heated(week.series, rows_of(week), range(first, first + DAYS), peak_kw)
    return NamedScenario(
        name=NAME, seed=seed, sentence=SENTENCE, community=Community.demo(), scenario=replace(week, series=series)
    )


def heated(series: Series, rows: slice, hot_days: range, peak_kw: Vector) -> Series:
    """Return the series with air conditioning in the demand of the hot days of some rows.

        added(h) = peak·cos²(π/2·(h − 17)/6) from 11:00 to 23:00, h the hour of the day

    Args:
        series: The series.
        rows: Which rows.
        hot_days: Which of their days, counted from 0.
        peak_kw: (N,) kW at 17:00.
    """
    away = (hours_of(series, rows) - PEAK_H) / HALF_WIDTH_H
    shape = np.where(np.abs(away) < 1.0, np.cos(np.pi / 2 * away) ** 2, 0.0)
    hot = np.isin(days_of(series, rows), hot_days)
    added = (shape * hot)[:, None] * peak_kw
    return changed(series, rows, "air conditioning added", demand_kw=series.demand_kw[rows] + added)

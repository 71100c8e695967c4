"""Evenings on which energy from the grid is very dear."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from autonomy.layers.community import Community
from autonomy.scenarios.base import changed, days_of, demo_weeks, dice_of, drawn, hours_of, rows_of
from autonomy.scenarios.named import NamedScenario
from autonomy.series import Series

NAME = "price-spike"
SENTENCE = "On two evenings of a week the retail price is five times what it was, from 17:00 to 21:00; all know before."
FACTOR = 5.0
FROM_H, TO_H = 17.0, 21.0
EVENINGS = 2


def build(seed: int, *, held_out: bool) -> NamedScenario:
    """Return the scenario."""
    dice = dice_of(NAME, seed)
    week = drawn(demo_weeks(held_out=held_out), dice)
    evenings = tuple(int(day) for day in sorted(dice.choice(7, EVENINGS, replace=False)))
    series = spiked(week.series, rows_of(week), evenings)
    return NamedScenario(
        name=NAME, seed=seed, sentence=SENTENCE, community=Community.demo(), scenario=replace(week, series=series)
    )


def spiked(series: Series, rows: slice, evenings: tuple[int, ...]) -> Series:
    """Return the series with retail prices times `FACTOR` on the evenings of some days of the rows, counted from 0."""
    hours = hours_of(series, rows)
    dear = np.isin(days_of(series, rows), evenings) & (hours >= FROM_H) & (hours < TO_H)
    return changed(series, rows, "price spikes", retail_price=series.retail_price[rows] * np.where(dear, FACTOR, 1.0))

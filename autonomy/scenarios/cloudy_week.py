"""Clouds over all roofs for a week."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from autonomy.layers.arrays import Vector
from autonomy.layers.community import Community
from autonomy.scenarios.base import changed, days_of, demo_weeks, dice_of, drawn, rows_of
from autonomy.scenarios.named import NamedScenario
from autonomy.series import Series

NAME = "cloudy-week"
SENTENCE = "A week under clouds: all roofs give the same share of their PV, in each step another between 10 and 40 %."
LEAST, MOST = 0.1, 0.4
OF_THE_HOUR = 0.05
"""How much the share of an hour differs from that of its day at most."""


def build(seed: int, *, held_out: bool) -> NamedScenario:
    """Return the scenario."""
    dice = dice_of(NAME, seed)
    week = drawn(demo_weeks(held_out=held_out), dice)
    rows = rows_of(week)
    series = clouded(week.series, rows, clearness(days_of(week.series, rows), dice))
    return NamedScenario(
        name=NAME, seed=seed, sentence=SENTENCE, community=Community.demo(), scenario=replace(week, series=series)
    )


def clearness(days: np.ndarray[tuple[int], np.dtype[np.int64]], dice: np.random.Generator) -> Vector:
    """Return the share of PV that is left in each step: one a day, and a little up and down by the step."""
    of_day = dice.uniform(LEAST + OF_THE_HOUR, MOST - OF_THE_HOUR, int(days.max()) + 1)
    share: Vector = of_day[days] + dice.uniform(-OF_THE_HOUR, OF_THE_HOUR, days.size)
    return share


def clouded(series: Series, rows: slice, share: Vector) -> Series:
    """Return the series with PV times a share in each of the rows."""
    return changed(series, rows, "PV under clouds", pv_kw=series.pv_kw[rows] * share[:, None])

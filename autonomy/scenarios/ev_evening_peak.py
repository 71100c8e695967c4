"""Cars that come home in the evening and charge at once, because nobody controls them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from autonomy.layers.arrays import Index, Matrix
from autonomy.layers.community import Community
from autonomy.scenarios.base import changed, demo_weeks, dice_of, drawn, rows_of
from autonomy.scenarios.named import NamedScenario
from autonomy.series import Series

NAME = "ev-evening-peak"
SENTENCE = (
    "Every evening of a week the cars of eight homes come back between 17:00 and 20:00, and each charges 11 kWh "
    "at once, at 3.7 kW."
)
CARS = 8
FIRST_H, LAST_H = 17.0, 20.0
CHARGE_KW, ENERGY_KWH = 3.7, 11.0


def build(seed: int, *, held_out: bool) -> NamedScenario:
    """Return the scenario."""
    dice = dice_of(NAME, seed)
    week = drawn(demo_weeks(held_out=held_out), dice)
    homes = np.sort(dice.choice(week.n_prosumers, CARS, replace=False))
    arrivals_h = dice.uniform(FIRST_H, LAST_H, (7, CARS))
    series = with_cars(week.series, rows_of(week), homes, arrivals_h)
    return NamedScenario(
        name=NAME, seed=seed, sentence=SENTENCE, community=Community.demo(), scenario=replace(week, series=series)
    )


def with_cars(series: Series, rows: slice, homes: Index, arrivals_h: Matrix) -> Series:
    """Return the series with cars in the demand of some homes, each charging from its arrival until it is full.

    Args:
        series: The series.
        rows: Which rows, from a midnight on.
        homes: (C,) whose cars.
        arrivals_h: (D, C) hour of the day at which each comes back.
    """
    dt = series.timestep_h
    begins = dt * np.arange(rows.stop - rows.start)[:, None]
    demand = series.demand_kw[rows].copy()
    for day, arrivals in enumerate(arrivals_h):
        start = 24.0 * day + arrivals
        stop = start + ENERGY_KWH / CHARGE_KW
        charging_h = np.clip(np.minimum(begins + dt, stop) - np.maximum(begins, start), 0.0, dt)
        demand[:, homes] += CHARGE_KW * charging_h / dt
    return changed(series, rows, "cars charging at once", demand_kw=demand)

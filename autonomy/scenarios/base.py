"""What named scenarios are made from: a week of the demo, drawn by seed, and a series changed in some of its rows."""

from __future__ import annotations

import zlib
from dataclasses import replace
from typing import Any

import numpy as np

from autonomy.layers.arrays import Vector
from autonomy.layers.errors import ModelError
from autonomy.scenario import Scenario
from autonomy.series import Series


def dice_of(name: str, seed: int) -> np.random.Generator:
    """Return the random numbers of a scenario: others for every name, the same for the same seed.

    Raises:
        ModelError: the seed is no whole number >= 0.
    """
    if not isinstance(seed, int) or seed < 0:
        raise ModelError("seed", seed, "a whole number >= 0")
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def demo_weeks(*, held_out: bool, months: tuple[int, ...] = ()) -> tuple[Scenario, ...]:
    """Return weeks of the demo that begin in one of the months (1..12; any when none is named).

    Args:
        held_out: Held-out weeks instead of training weeks. The first week is left out: it has no history.
        months: Which.
    """
    demo = Scenario.demo()
    weeks = demo.held_out_weeks() if held_out else demo.training_weeks()
    found = (week for week in weeks if week.start > 0)
    return tuple(week for week in found if not months or month_of(week) in months)


def month_of(window: Scenario) -> int:
    """Return the month, 1..12, in which a window begins."""
    return int(window.time[0].astype("datetime64[M]").astype(np.int64)) % 12 + 1


def drawn(weeks: tuple[Scenario, ...], dice: np.random.Generator) -> Scenario:
    """Return one of the weeks."""
    return weeks[int(dice.integers(len(weeks)))]


def rows_of(window: Scenario) -> slice:
    """Return the rows of the series that are the window."""
    return slice(window.start, window.stop)


def hours_of(series: Series, rows: slice) -> Vector:
    """Return the hour of the day, 0 <= h < 24, at which each of the rows begins."""
    minutes = (series.time[rows] - series.time[rows].astype("datetime64[D]")).astype(np.int64)
    hours: Vector = minutes / 60.0
    return hours


def days_of(series: Series, rows: slice) -> Any:
    """Return which day each of the rows lies in, counted from 0."""
    days = series.time[rows].astype("datetime64[D]").astype(np.int64)
    return days - days[0]


def changed(series: Series, rows: slice, what: str, **values: Vector) -> Series:
    """Return the series with other values in some rows; before and after them it is what it was.

    Args:
        series: The series.
        rows: Which rows.
        what: What was changed, for the source.
        values: Fields of the series, and their values in these rows.
    """
    fields = {}
    for name, part in values.items():
        whole = getattr(series, name).copy()
        whole[rows] = part
        fields[name] = whole
    return replace(series, source=f"{series.source}; {what}", sha256="", **fields)

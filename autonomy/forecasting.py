"""The causal forecast: each hour of tomorrow is expected to be like the same hour of the last seven days."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from autonomy.layers.arrays import Mask, Vector, frozen

HISTORY_DAYS = 7
QUANTILES = (0.1, 0.9)
COVERAGE = 0.6
"""Share of the truth that lies between low and high, step by step and prosumer by prosumer.

Seven days are few: for independent days of one uniform distribution the share is 0.6, not the 0.8 that the two
quantiles suggest. Measured on the training weeks of the demo, where seven days of history exist, it is 0.63 for demand
and 0.58 for PV by daylight (truth or high above 0; at night it is 1). `tests/test_forecasting.py` measures both.
"""


class Outlook(NamedTuple):
    """What is expected, and between what; arrays of equal shape (H, N), kW.

    Attributes:
        expected_kw: The mean over the days of history.
        low_kw: Their 10 % quantile.
        high_kw: Their 90 % quantile.
    """

    expected_kw: Vector
    low_kw: Vector
    high_kw: Vector


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class DayAhead:
    """The forecast of every step of a series, each known a day before its step; `outlook` cuts it at an issue time.

    Row τ is made of the values at τ − day, τ − 2·day, … τ − 7·day, fewer in the first week. All of them are known at
    every issue time t with τ − day <= t < τ, so one table serves every issue time up to a day ahead.

    Attributes:
        values_kw: (T, N) kW, the series itself.
        table: (T, N) arrays; the rows of the first day, which has no history, are the first measurement.
        steps_per_day: The horizon H.
    """

    values_kw: Vector
    table: Outlook
    steps_per_day: int

    @classmethod
    def of(cls, values_kw: Vector, steps_per_day: int) -> DayAhead:
        """Return the forecast of a (T, N) series."""
        steps, day = values_kw.shape[0], steps_per_day
        expected, low, high = (np.repeat(values_kw[:1], steps, axis=0) for _ in range(3))
        for days in range(1, HISTORY_DAYS + 1):
            first, last = days * day, steps if days == HISTORY_DAYS else min((days + 1) * day, steps)
            if first >= last:
                break
            history = np.stack([values_kw[first - back * day : last - back * day] for back in range(1, days + 1)])
            expected[first:last] = history.mean(axis=0)
            low[first:last], high[first:last] = np.quantile(history, QUANTILES, axis=0)
        return cls(
            values_kw=values_kw, table=Outlook(frozen(expected), frozen(low), frozen(high)), steps_per_day=steps_per_day
        )

    def outlook(self, step: int) -> Outlook:
        """Return what was expected at `step` of the H steps after it, from values up to and including `step` only.

        A target in the first day has no history: it is expected to be as the present is, between the extremes seen so
        far. Past the end of the series the last row is repeated.
        """
        rows = horizon_rows(step, self.steps_per_day, self.values_kw.shape[0])
        if isinstance(rows, slice) and rows.start >= self.steps_per_day:
            return Outlook(*(series[rows] for series in self.table))
        expected, low, high = (series[rows].copy() for series in self.table)
        unknown = np.arange(self.values_kw.shape[0])[rows] < self.steps_per_day
        seen = self.values_kw[: step + 1]
        expected[unknown], low[unknown], high[unknown] = seen[-1], seen.min(axis=0), seen.max(axis=0)
        return Outlook(frozen(expected), frozen(low), frozen(high))


def horizon_rows(step: int, horizon: int, steps: int) -> slice | np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return the rows step + 1 … step + horizon of a series of `steps` rows; its last row stands for missing ones."""
    if step + horizon < steps:
        return slice(step + 1, step + horizon + 1)
    return np.minimum(np.arange(step + 1, step + horizon + 1), steps - 1)


def covered_share(truth: Vector, low: Vector, high: Vector, *, where: Mask | None = None) -> float:
    """Return the share of `truth` inside [low, high], counted where `where` is true; NaN when nothing is counted."""
    inside = (low <= truth) & (truth <= high)
    counted = inside if where is None else inside[where]
    return float(counted.mean()) if counted.size else float("nan")

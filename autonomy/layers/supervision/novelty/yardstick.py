"""How unusual a figure is for its time of day: distances from a median, in units of that hour's own spread.

    z = (x − q50)/(q98 − q50)  above the median,  (q50 − x)/(q50 − q2)  below         quantiles of that time of day
    u = (ln z − m)/(M − m)     m, M: median and maximum over days of ln max z of a day

u is 0 on an ordinary day and 1 on the strangest training day, for every figure of every prosumer: so the largest u
over figures and prosumers is not always that of the prosumer with the heaviest tails, and one threshold serves all.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from autonomy.layers.arrays import Index, Mask, Matrix, frozen

QUANTILES = (0.02, 0.5, 0.98)
LEAST_SPREAD = 0.1
"""Spread below which an hour's figures count as equal (figures are logarithms: ten per cent)."""
LEAST_Z = 1e-3
LEAST_RANGE = 0.1
"""Least M − m."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Yardstick:
    """What is usual, learnt from training days.

    Attributes:
        middle: (slots, F, N) median.
        up: (slots, F, N) 1/(q98 − q50); 0 where nothing was seen.
        down: (slots, F, N) −1/(q50 − q2); likewise.
        offset: (F, N) m.
        slope: (F, N) 1/(M − m).
    """

    middle: Matrix
    up: Matrix
    down: Matrix
    offset: Matrix
    slope: Matrix

    def __post_init__(self) -> None:
        for name in ("middle", "up", "down", "offset", "slope"):
            object.__setattr__(self, name, frozen(getattr(self, name)))

    @classmethod
    def fit(cls, figures: Matrix, slot: Index, day: Index) -> Yardstick:
        """Return the yardstick of training figures.

        Args:
            figures: (T, F, N); NaN where there is nothing to say.
            slot: (T,) step of the day of each row; every one of them occurs.
            day: (T,) number of its day.
        """
        slots = int(slot.max()) + 1
        low, middle, high = (np.empty((slots, *figures.shape[1:])) for _ in range(3))
        for k in range(slots):
            near = (slot == k) | (slot == (k - 1) % slots) | (slot == (k + 1) % slots)
            low[k], middle[k], high[k] = _quantiles(figures[near])
        seen = np.isfinite(middle)
        up = np.where(seen, 1 / np.maximum(high - middle, LEAST_SPREAD), 0.0)
        down = np.where(seen, -1 / np.maximum(middle - low, LEAST_SPREAD), 0.0)
        middle = np.where(seen, middle, 0.0)
        flat = np.ones(figures.shape[1:])
        raw = cls(middle=middle, up=up, down=down, offset=0 * flat, slope=flat)
        logs = raw.score(slot, figures)
        daily = np.stack([np.fmax.reduce(logs[day == number], axis=0) for number in np.unique(day)])
        quantiles = np.nan_to_num(_quantiles(daily, (0.5, 1.0)), nan=0.0)
        slope = 1 / np.maximum(quantiles[1] - quantiles[0], LEAST_RANGE)
        return cls(middle=middle, up=up, down=down, offset=quantiles[0], slope=slope)

    def score(self, slot: int | Index, figures: Matrix) -> Matrix:
        """Return u of figures (F, N) at a step of the day, or of many such steps (T, F, N); NaN stays NaN."""
        away = figures - self.middle[slot]
        z = np.maximum(away * self.up[slot], away * self.down[slot])
        np.maximum(z, LEAST_Z, out=z)
        np.log(z, out=z)
        z -= self.offset
        z *= self.slope
        return z


def _quantiles(values: Matrix, levels: tuple[float, ...] = QUANTILES) -> Matrix:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # of columns in which nothing was seen
        result: Matrix = np.nanquantile(values, levels, axis=0)
    return result


def worst(scores: Matrix) -> Matrix:
    """Return the largest u over the figures, their last axis but one; NaN where none says anything."""
    result: Matrix = np.fmax.reduce(scores, axis=-2)
    return result


def by_day(step_scores: Matrix, day: Index, chosen: Mask) -> Matrix:
    """Return the largest score of each chosen day, in their order; NaN where no step has one."""
    return np.stack([np.fmax.reduce(step_scores[chosen & (day == k)], axis=0) for k in np.unique(day[chosen])])

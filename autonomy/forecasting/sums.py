"""Sums of outlooks over a community, each worked out once, when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from autonomy.forecasting.outlook import Outlook
from autonomy.layers.arrays import Index

AT_ONCE = 256
"""Steps whose outlooks are worked out together."""


class SumTable:
    """The sums of the outlooks of a series.

    Args:
        rows: Returns the outlooks of B steps, (B, H, N).
        steps: Number of steps T of the series.
        horizon: H.
    """

    def __init__(self, rows: Callable[[Index], Outlook], *, steps: int, horizon: int) -> None:
        self._rows = rows
        self._known = np.zeros(steps, dtype=bool)
        self._table = Outlook(*(np.empty((steps, horizon)) for _ in range(3)))

    def of(self, steps: Index) -> Outlook:
        """Return (B, H) kW: the sums of the outlooks of B steps."""
        missing = np.unique(steps[~self._known[steps]])
        for first in range(0, missing.size, AT_ONCE):
            some = missing[first : first + AT_ONCE]
            for kept, values in zip(self._table, self._rows(some).summed(), strict=True):
                kept[some] = values
            self._known[some] = True
        return Outlook(*(values[steps] for values in self._table))

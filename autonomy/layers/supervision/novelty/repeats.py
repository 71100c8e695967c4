"""How long a meter has shown the very same number, and how rare that is at this meter.

A meter repeats when it shows the number of the step before, and that number is not 0: a roof at night and an empty home
read 0 for hours. With p the share of a meter's training readings that were repeats, r of them in a row score

    r·ln(1/p)                                       p = (1 + repeats)/(2 + readings other than 0)

so a meter that shows tenths of a watt is strange after one or two repeats, and one that is rounded to 10 W, or stands
at its inverter's limit every summer, after many more. Repeats come in spells, so this is no probability; the
calibration days say which score is strange.
"""

from __future__ import annotations

import numpy as np

from autonomy.layers.arrays import Matrix


class Repeats:
    """Counts repeats, step after step.

    Args:
        size: N prosumers.
    """

    def __init__(self, size: int) -> None:
        self._shape = (2, size)
        self.reset()

    def reset(self) -> None:
        """Forget every step seen."""
        self._last_kw: Matrix | None = None
        self._runs = np.zeros(self._shape)

    def see(self, measured_kw: Matrix) -> Matrix:
        """Return how many steps in a row, up to this one, were repeats: (2, N), 0 where this one is none.

        Args:
            measured_kw: (2, N) kW, PV and demand; 0 where a meter says nothing.
        """
        if self._last_kw is not None:
            repeats = measured_kw == self._last_kw
            repeats &= measured_kw > 0.0
            self._runs = (self._runs + 1.0) * repeats
        self._last_kw = measured_kw
        return self._runs


def rarity(runs: Matrix, measured_kw: Matrix) -> Matrix:
    """Return (2, N) what one repeat scores, ln(1/p), from training steps.

    Args:
        runs: (T, 2, N) repeats in a row.
        measured_kw: (T, 2, N) kW.
    """
    repeats, readings = np.count_nonzero(runs, axis=0), np.count_nonzero(measured_kw, axis=0)
    rare: Matrix = np.log((2 + readings) / (1 + repeats))
    return rare

"""A meter that shows one number for ever."""

from __future__ import annotations

from math import ceil

import numpy as np

from autonomy.layers.arrays import Matrix, all_true
from autonomy.layers.community import Community
from autonomy.layers.decision import Cause
from autonomy.layers.supervision.monitors.naming import members, named
from autonomy.layers.supervision.watch import Doubt, Loss, Sight

STUCK_HOURS = 24.0
"""Hours over which no home draws, and no roof delivers, exactly the same power."""
LEAST_STEPS = 12
"""Repeats that it takes at least, however long a step is."""


class Stuck:
    """Doubts a meter that repeats one number, other than zero, for a day.

    Statement: within `hours` the demand of a home changes by more than its meter's last digit at least once (a
    refrigerator's compressor, a lamp), and so does generation unless it is 0 (the sun sets within 24 hours anywhere
    below the polar circles). Zero is never doubted: it is what a roof delivers at night and an empty home uses. The
    statement is about homes; a load that really is constant needs another figure, or none (inf).

    Readings are compared with one that is `hours` old at least, so a meter is found after one to two times that.

    The alarm is late by design. Sooner found are a stuck SoC (`StorageBalance`, the first step its battery moves) and a
    stuck demand or generation where a feeder is metered (`FeederBalance`, as soon as the difference is beyond its
    tolerance).

    Args:
        community: Whose prosumers.
        hours: h, see above.
    """

    def __init__(self, community: Community, hours: float = STUCK_HOURS) -> None:
        self._longest = np.inf if np.isinf(hours) else max(ceil(hours / community.timestep_h), LEAST_STEPS)
        self._shape = (2, community.n_prosumers)
        self.reset()

    def reset(self) -> None:
        """Forget every step seen."""
        self._first_kw: Matrix | None = None
        self._moved = np.zeros(self._shape, dtype=bool)
        self._has_moved = False
        self._repeats = 0
        self._stuck = np.zeros(self._shape, dtype=bool)
        self._is_stuck = False

    def look(self, sight: Sight) -> tuple[Doubt, ...]:
        """Return whose meter has not moved."""
        measured, first = sight.situation.measured_kw, self._first_kw
        if first is None:
            self._first_kw = measured
            return ()
        if not self._has_moved:  # every meter has, most of the day
            np.logical_or(self._moved, measured != first, out=self._moved)
            self._has_moved = all_true(self._moved)
        self._repeats += 1
        if self._repeats < self._longest and not self._is_stuck:
            return ()
        self._stuck &= ~self._moved
        if self._repeats >= self._longest:
            self._stuck |= ~self._moved & (measured != 0.0)
            self._first_kw, self._repeats = measured, 0
            self._moved[:] = self._has_moved = False
        self._is_stuck = bool(self._stuck.any())
        return self._doubts(measured)

    def _doubts(self, measured: Matrix) -> tuple[Doubt, ...]:
        found = []
        for row, name in enumerate(("pv_kw", "demand_kw")):
            hit = self._stuck[row]
            if hit.any():
                places = members(hit)
                shown, steps = float(measured[row, places[0]]), int(self._longest)
                text = f"{name} of {named(hit)} shows one number for {steps} steps or more: {shown:.6g} kW"
                found.append(Doubt(cause=Cause.METER_STUCK, text=text, loss=Loss.METER, prosumers=places))
        return tuple(found)

"""A meter that shows one number for ever."""

from __future__ import annotations

from math import ceil

import numpy as np

from autonomy.layers.arrays import Matrix
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
        self._last_kw: Matrix = np.zeros(self._shape)
        self._repeats = np.zeros(self._shape)

    def look(self, sight: Sight) -> tuple[Doubt, ...]:
        """Return whose meter has not moved."""
        measured, repeats = sight.situation.measured_kw, self._repeats
        same = measured == self._last_kw
        repeats += 1.0
        repeats *= same
        self._last_kw = measured
        if repeats.max() < self._longest:
            return ()
        # A zero is at rest, whatever it counts.
        repeats *= measured != 0.0
        found = []
        for row, name in enumerate(("pv_kw", "demand_kw")):
            hit = repeats[row] >= self._longest
            if hit.any():
                worst = int(np.argmax(repeats[row]))
                text = (
                    f"{name} of {named(hit)} shows {measured[row, worst]:.6g} kW for {int(repeats[row, worst])} steps"
                )
                found.append(Doubt(cause=Cause.METER_STUCK, text=text, loss=Loss.METER, prosumers=members(hit)))
        return tuple(found)

"""Demand and generation against what is installed."""

from __future__ import annotations

import numpy as np

from autonomy.layers.arrays import ArrayLike, all_true, frozen, frozen_vector, require
from autonomy.layers.community import Community
from autonomy.layers.decision import Cause
from autonomy.layers.supervision.monitors.accuracy import Accuracy
from autonomy.layers.supervision.monitors.naming import members, named
from autonomy.layers.supervision.watch import Doubt, Loss, Sight


class Peak:
    """Doubts demand or generation above what is installed; only where it is declared.

    Statement: g <= installed PV and d <= installed load, each read within power_error and power_resolution_kw. The
    numbers must be what the devices can deliver at all (for PV: the inverter's AC rating, which clouds cannot lift),
    not what was seen so far.

    Args:
        community: Whose prosumers.
        accuracy: What the host states about itself.
        pv_peak_kw: (N,) kW; inf where unknown.
        demand_peak_kw: (N,) kW; inf where unknown.
    """

    def __init__(
        self,
        community: Community,
        accuracy: Accuracy,
        *,
        pv_peak_kw: ArrayLike = np.inf,
        demand_peak_kw: ArrayLike = np.inf,
    ) -> None:
        peaks = []
        for name, given in (("pv_peak_kw", pv_peak_kw), ("demand_peak_kw", demand_peak_kw)):
            values = frozen_vector(name, given, community.n_prosumers)
            require(name, values, values >= 0, "kW >= 0, or inf where it is unknown")
            peaks.append(values)
        self._peak_kw = frozen(peaks)
        self._highest_kw = frozen(self._peak_kw * (1.0 + accuracy.power_error) + accuracy.power_resolution_kw)

    def reset(self) -> None:
        """Forget every step seen; there is nothing to forget."""

    def look(self, sight: Sight) -> tuple[Doubt, ...]:
        """Return whose meter shows more than is installed."""
        measured = sight.situation.measured_kw
        inside = measured <= self._highest_kw
        if all_true(inside):
            return ()
        found = []
        for row, name in enumerate(("pv_kw", "demand_kw")):
            hit = ~inside[row]
            if hit.any():
                worst = int(np.argmax(np.where(hit, measured[row] - self._peak_kw[row], -np.inf)))
                text = (
                    f"{name} of {named(hit)} is above what is installed: "
                    f"{measured[row, worst]:.3f} of {self._peak_kw[row, worst]:.3f} kW"
                )
                found.append(Doubt(cause=Cause.ABOVE_PEAK, text=text, loss=Loss.METER, prosumers=members(hit)))
        return tuple(found)

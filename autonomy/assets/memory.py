"""What earlier steps make later ones cost: how the batteries were cycled, and the month's highest import."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from autonomy.assets import wear
from autonomy.assets.peak import raise_peak
from autonomy.economics import Economics
from autonomy.layers.arrays import ArrayLike, Index, Vector
from autonomy.layers.community import Community


class CostMemory:
    """The memory of one community or of many; what costs nothing is not kept.

    Args:
        community: Whose.
        economics: What cycles and peaks cost.
        shape: Of the communities that are remembered: () for one, (B,) for many.
    """

    def __init__(self, community: Community, economics: Economics, shape: Sequence[int] = ()) -> None:
        self._community, self._has_peak = community, economics.capacity_price_per_kw > 0
        self._used = wear.life_by_slice(economics) if economics.cycle_price_per_kwh > 0 else None
        self._slices_kwh: Vector = np.zeros((*shape, community.n_prosumers, wear.SEGMENTS))
        self._peak_kw: Vector = np.zeros(tuple(shape))

    def begin(self, energy_kwh: Vector, rows: Index | None = None) -> None:
        """Begin anew with (..., N) kWh stored; in the given rows only, or in all."""
        place = ... if rows is None else rows
        self._peak_kw[place] = 0.0
        if self._used is not None:
            self._slices_kwh[place] = wear.filled(energy_kwh, self._community.battery_capacity_kwh)

    def worn_kwh(self, before_kwh: Vector, after_kwh: Vector) -> Vector | None:
        """Return (..., N) kWh of capacity that a step's cycles used up; None where they cost nothing."""
        if self._used is None:
            return None
        left = self._community.retention * before_kwh
        kept = wear.lost(self._slices_kwh, left)
        worn = wear.cycled(kept, self._community.battery_capacity_kwh, after_kwh - left, self._used)
        self._slices_kwh = worn.slices_kwh
        return worn.life_kwh

    def leave(self, energy_kwh: Vector) -> None:
        """Keep what (..., N) kWh are left of the slices when the next step begins: cars may have driven."""
        if self._used is not None:
            self._slices_kwh = wear.lost(self._slices_kwh, energy_kwh)

    def peak_rise_kw(self, feeder_kw: ArrayLike, is_new_month: ArrayLike) -> ArrayLike:
        """Return (...) kW by which a step raised the month's highest import; 0 where that costs nothing.

        Args:
            feeder_kw: (...) kW, net export at the grid, + = export.
            is_new_month: (...) whether the step is the first of its month, and not of the window.
        """
        if not self._has_peak:
            return 0.0
        peak = raise_peak(self._peak_kw, feeder_kw, is_new_month)
        self._peak_kw = np.asarray(peak.highest_kw)  # a 0-d array stays one: `begin` writes into it
        return peak.rise_kw

"""A community's batteries as one: what they hold and can do together, and how a total is shared among them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from autonomy.layers import physics
from autonomy.layers.arrays import Vector, frozen
from autonomy.layers.community import Community
from autonomy.layers.intent.level import fill
from autonomy.layers.observation import Limits
from autonomy.layers.storage import Storage

RATINGS = (
    "charge_limit_kw",
    "discharge_limit_kw",
    "soc_min",
    "soc_max",
    "charge_efficiency",
    "discharge_efficiency",
)
"""What an observation may limit of a battery."""


class Together(NamedTuple):
    """The batteries' sums at one moment.

    Attributes:
        energy_kwh: kWh stored.
        band_kwh: kWh, least and most that may be stored; what is stored now is inside.
        charge_kw: kW that can be charged in the present step.
        discharge_kw: kW that can be discharged in the present step.
    """

    energy_kwh: float
    band_kwh: tuple[float, float]
    charge_kw: float
    discharge_kw: float


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Store:
    """N batteries that act as one.

    The sums are exact for batteries of equal efficiencies as long as none is full or empty before the others, and
    water-filling (`share`) delays that as long as possible. With different efficiencies the store has their mean,
    weighted by capacity.

    Attributes:
        storage: Ratings as `physics.reach_kw` reads them.
        capacity_kwh: (N,) kWh, 0 where there is no battery or it may not be used.
        slopes: (2N,) and
        per_unit: (N,), what `fill` needs.
        band_kwh: kWh, least and most that all may store.
        charge_kw: kW, sum of the charge limits.
        discharge_kw: kW, sum of the discharge limits.
        charge_efficiency: One-way.
        discharge_efficiency: One-way.
        retention: What a step leaves of what is stored.
    """

    storage: Storage
    capacity_kwh: Vector
    slopes: Vector
    per_unit: Vector
    band_kwh: tuple[float, float]
    charge_kw: float
    discharge_kw: float
    charge_efficiency: float
    discharge_efficiency: float
    retention: float

    @classmethod
    def of(cls, community: Community, limits: Limits | None = None) -> Store:
        """Return the store of a community, as far as the limits of a step leave it.

        Raises:
            ValueError: a limit is not one number a prosumer, or not a number.
        """
        rating = {name: getattr(community, name) for name in RATINGS}
        capacity = community.battery_capacity_kwh
        if limits is not None:
            rating |= _given(limits, community.n_prosumers)
            active = True if limits.active is None else np.asarray(limits.active, dtype=bool)
            capacity = np.where(active, capacity, 0.0)
        movable = capacity > 0
        power = {name: np.where(movable, rating[name], 0.0) for name in RATINGS[:2]}
        least, most = rating["soc_min"] * capacity, rating["soc_max"] * capacity
        hours, weights = community.timestep_h, capacity if movable.any() else np.ones_like(capacity)
        per_kw = np.divide(hours, capacity, out=np.ones_like(capacity), where=movable)
        storage = Storage.of(
            energy_min_kwh=least,
            energy_max_kwh=most,
            charge_limit_kw=power["charge_limit_kw"],
            discharge_limit_kw=power["discharge_limit_kw"],
            charge_efficiency=rating["charge_efficiency"],
            discharge_efficiency=rating["discharge_efficiency"],
            timestep_h=hours,
            retention=community.retention if community.has_self_discharge else None,
        )
        return cls(
            storage=storage,
            capacity_kwh=frozen(capacity),
            slopes=frozen(np.concatenate((capacity, -capacity)) / hours),
            per_unit=frozen(per_kw),
            band_kwh=(float(least.sum()), float(most.sum())),
            charge_kw=float(power["charge_limit_kw"].sum()),
            discharge_kw=float(power["discharge_limit_kw"].sum()),
            charge_efficiency=float(np.average(rating["charge_efficiency"], weights=weights)),
            discharge_efficiency=float(np.average(rating["discharge_efficiency"], weights=weights)),
            retention=float(np.average(community.retention, weights=weights)),
        )

    def reach_kw(self, soc: Vector) -> Vector:
        """Return (2, N) kW that each battery can charge, and discharge, in the present step."""
        return physics.reach_kw(self.storage, soc * self.capacity_kwh)

    def together(self, soc: Vector, reach_kw: Vector) -> Together:
        """Return the sums now."""
        energy = float(soc.dot(self.capacity_kwh))
        least, most = self.band_kwh
        charge, discharge = reach_kw.sum(axis=1).tolist()
        return Together(energy, (min(least, energy), max(most, energy)), charge, discharge)

    def share(self, total_kw: float, soc: Vector, reach_kw: Vector) -> Vector:
        """Return (N,) kW that sum to the total, as far as the reach allows; emptiest charge, fullest give first."""
        level = np.where(self.capacity_kwh > 0, soc, 0.0)
        sign, share, room = (1.0, level, reach_kw[0]) if total_kw >= 0 else (-1.0, -level, reach_kw[1])
        total = abs(total_kw)
        shared: Vector = room
        if total < room.sum():
            shared = fill(total, share=share, per_unit=self.per_unit, slopes=self.slopes, room=room)
        return sign * shared


def _given(limits: Limits, size: int) -> Mapping[str, Any]:
    """Return the ratings that limits state, as (N,) numbers."""
    found = {}
    for name in RATINGS:
        value = getattr(limits, name)
        if value is not None:
            found[name] = np.broadcast_to(np.asarray(value, dtype=np.float64), (size,))
            if not np.isfinite(found[name]).all():
                raise ValueError(f"{name} is not a finite number")
    return found

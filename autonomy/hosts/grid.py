"""What a power flow needs of a network beyond its limits: reactances, ratings, and the grid's voltage."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autonomy.layers.arrays import Vector, frozen_vector, require
from autonomy.layers.errors import ModelError
from autonomy.layers.network import Network


@dataclass(frozen=True, kw_only=True, eq=False)
class Grid:
    """The electrical data of a balanced radial network of M lines; resistances and nominal voltage are the network's.

    Attributes:
        network: Lines and who is below them.
        reactance_ohm: (M,) ohm >= 0; a line needs a resistance or a reactance.
        rating_kva: (M,) kVA > 0 that a line carries at its rated current and nominal voltage.
        grid_voltage_pu: Per unit > 0, voltage of the grid at the feeder's upstream end, whatever flows.
        frequency_hz: Hz > 0.

    Raises:
        ModelError: a field is out of range.
    """

    network: Network
    reactance_ohm: Vector
    rating_kva: Vector
    grid_voltage_pu: float = 1.0
    frequency_hz: float = 50.0

    def __post_init__(self) -> None:
        for name in ("reactance_ohm", "rating_kva"):
            object.__setattr__(self, name, frozen_vector(name, getattr(self, name), self.network.n_lines))
        reactance, rating = self.reactance_ohm, self.rating_kva
        require("reactance_ohm", reactance, (reactance >= 0) & (reactance < np.inf), "a number >= 0 ohm")
        impedance = self.network.resistance_ohm + reactance
        require("reactance_ohm", reactance, impedance > 0, "a number > 0 ohm on a line without resistance")
        require("rating_kva", rating, (rating > 0) & (rating < np.inf), "a number > 0 kVA")
        for name in ("grid_voltage_pu", "frequency_hz"):
            if not 0 < getattr(self, name) < np.inf:
                raise ModelError(name, getattr(self, name), "a number > 0")

    @property
    def rated_current_a(self) -> Vector:
        """(M,) A of each conductor at the rating: S/(√3·V)."""
        current: Vector = self.rating_kva * 1000.0 / (np.sqrt(3.0) * self.network.nominal_voltage_v)
        return current

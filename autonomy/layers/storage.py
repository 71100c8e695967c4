"""Batteries as two directions: how far each can be charged, and how far discharged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autonomy.layers.arrays import Matrix, Vector, frozen


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Storage:
    """Ratings of N batteries, most in blocks of two rows: charging, then discharging. `physics.reach_kw` reads them.

    Attributes:
        energy_max_kwh: (N,) emax.
        energy_min_kwh: (N,) emin.
        power_limit_kw: (2, N) P⁺ and P⁻.
        yield_: (2, N) what arrives of a kWh on its way: 1 and ed.
        hours: (2, N) dt·ec and dt.
        nothing: (2, N) zeros; NumPy compares with an array in half the time that it takes with a number.
    """

    energy_max_kwh: Vector
    energy_min_kwh: Vector
    power_limit_kw: Matrix
    yield_: Matrix
    hours: Matrix
    nothing: Matrix

    @classmethod
    def of(
        cls,
        *,
        energy_min_kwh: Vector,
        energy_max_kwh: Vector,
        charge_limit_kw: Vector,
        discharge_limit_kw: Vector,
        charge_efficiency: Vector,
        discharge_efficiency: Vector,
        timestep_h: float,
    ) -> Storage:
        """Return the blocks for (N,) ratings."""
        one = np.ones_like(energy_max_kwh)
        return cls(
            energy_max_kwh=frozen(energy_max_kwh),
            energy_min_kwh=frozen(energy_min_kwh),
            power_limit_kw=frozen((charge_limit_kw, discharge_limit_kw)),
            yield_=frozen((one, discharge_efficiency)),
            hours=frozen((timestep_h * charge_efficiency, timestep_h * one)),
            nothing=frozen((0.0 * one, 0.0 * one)),
        )

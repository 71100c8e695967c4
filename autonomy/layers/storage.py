"""Batteries as two directions: how far each can be charged, and how far discharged."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from autonomy.layers.arrays import Matrix, Vector, frozen

UNIT = 2.0**-53
"""The relative error of one operation on floats."""
SMALLEST = float(np.finfo(np.float64).tiny)
"""The smallest float of full precision."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Storage:
    """Ratings of N batteries, most in blocks of two rows: charging, then discharging. `physics.reach_kw` reads them.

    What is made of them is rounded inward: the band is narrowed by 4u and what arrives by 8u, u = 2^-53. That is more
    than the floats of `physics.reach_kw` can err by. With e, emax, emin and dt·ec each within u of the exact products:

        emax·(1 − u) − e·(1 + u) >= emax·(1 − 3u) − e                   wherever that is >= 0, because then e < emax
        e·(1 − u) − emin·(1 + u) >= (e − emin·(1 + 3u))·(1 − u)

    and four more roundings, of the difference, its product, dt·ec and the quotient, cost less than 7u together.

    Attributes:
        energy_max_kwh: (N,) emax, narrowed.
        energy_min_kwh: (N,) emin, narrowed.
        power_limit_kw: (2, N) P⁺ and P⁻.
        yield_: (2, N) what arrives of a kWh on its way: 1 and ed, narrowed.
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
        retention: Vector | None = None,
    ) -> Storage:
        """Return the blocks for (N,) ratings.

        With self-discharge a·e is left of e, a = `retention`. Then emax − a·e = a·(emax/a − e), and likewise for emin:
        the same two differences, with the ends of the band divided by a and what arrives multiplied by it.
        """
        if retention is not None:
            narrow = retention * (1.0 - 8.0 * UNIT)
            storage = cls.of(
                energy_min_kwh=energy_min_kwh / narrow,
                energy_max_kwh=energy_max_kwh / retention * (1.0 - 8.0 * UNIT),
                charge_limit_kw=charge_limit_kw,
                discharge_limit_kw=discharge_limit_kw,
                charge_efficiency=charge_efficiency,
                discharge_efficiency=discharge_efficiency,
                timestep_h=timestep_h,
            )
            return replace(storage, yield_=frozen(storage.yield_ * narrow))
        one = np.ones_like(energy_max_kwh)
        return cls(
            energy_max_kwh=frozen(energy_max_kwh * (1.0 - 4.0 * UNIT)),
            energy_min_kwh=frozen(energy_min_kwh * (1.0 + 4.0 * UNIT)),
            power_limit_kw=frozen((charge_limit_kw, discharge_limit_kw)),
            yield_=frozen(np.array((one, discharge_efficiency)) * (1.0 - 8.0 * UNIT)),
            hours=frozen(np.maximum((timestep_h * charge_efficiency, timestep_h * one), SMALLEST)),
            nothing=frozen((0.0 * one, 0.0 * one)),
        )

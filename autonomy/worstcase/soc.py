"""How far stored energy can leave its band in one step: as the model says, with wrong meters, and with a margin.

With m the error of the meter, δ that of the efficiencies, W the width of the band and U, D what one step moves at most,

    above   min(m, U) + ε·U           U = min(W, dt·ec·P⁺),  ε = min(1, ec·(1 + δ))/ec − 1
    below   min(m, D) + D·δ/(1 − δ)   D = min(W, dt·P⁻/ed)

docs/worst-case.md derives these, and the states that attain them.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from autonomy.layers.arrays import ArrayLike, frozen_vector, require
from autonomy.layers.community import Community
from autonomy.layers.errors import ModelError
from autonomy.worstcase.amounts import exact, exact_all, text, texts
from autonomy.worstcase.peak import Store, stores_of

ZERO, ONE = Fraction(0), Fraction(1)
Pair = tuple[Fraction, Fraction]


@dataclass(frozen=True, kw_only=True, slots=True)
class Soc:
    """What one step can do to the stored energy of every battery.

    Attributes:
        stores: (N,) batteries.
        timestep: Hours.
        meter_error: (N,) kWh, m.
        efficiency_error: (N,) fraction, δ.
        robust: (N,) kWh, how far above and below the band one step can end, with those errors.
        narrowed: (N,) kWh, the band that the controller is to be told so that the true one is kept; None where there
            is no such band.
    """

    stores: tuple[Store, ...]
    timestep: Fraction
    meter_error: tuple[Fraction, ...]
    efficiency_error: tuple[Fraction, ...]
    robust: tuple[Pair, ...]
    narrowed: tuple[Pair | None, ...]

    def certificate(self) -> dict[str, Any]:
        """Return the certificate of kind "soc"."""
        nothing = ["0", "0"]
        worst = max(max(pair) for pair in self.robust)
        return {
            "format": "autonomy-certificate/1",
            "kind": "soc",
            "statement": "With right meters and ratings no step leaves the band; with the stated errors none does by "
            f"more than {float(worst):.6f} kWh, and none at all with the narrowed bands.",
            "timestep_h": text(self.timestep),
            "storage": [store.document() for store in self.stores],
            "meter_error_kwh": texts(self.meter_error),
            "efficiency_error": texts(self.efficiency_error),
            "one_step": [nothing] * len(self.stores),
            "robust": [texts(pair) for pair in self.robust],
            "narrowed_kwh": [None if band is None else texts(band) for band in self.narrowed],
            "narrowed": [
                nothing if band is not None else texts(pair)
                for band, pair in zip(self.narrowed, self.robust, strict=True)
            ],
        }


def soc_of(community: Community, *, meter_error_kwh: ArrayLike, efficiency_error: ArrayLike) -> Soc:
    """Return what one step can do to the stored energy.

    Args:
        community: Batteries.
        meter_error_kwh: kWh >= 0, a scalar or (N,): how far the meters of stored energy can be off.
        efficiency_error: Fraction 0..1, a scalar or (N,): how far the efficiencies can be off the rated ones.

    Raises:
        ModelError: an error is out of range, or a battery leaks.
    """
    size = community.n_prosumers
    meter = frozen_vector("meter_error_kwh", meter_error_kwh, size)
    efficiency = frozen_vector("efficiency_error", efficiency_error, size)
    require("meter_error_kwh", meter, (meter >= 0) & (meter < float("inf")), "a finite number >= 0")
    require("efficiency_error", efficiency, (efficiency >= 0) & (efficiency < 1), "a fraction >= 0 and < 1")
    if community.has_self_discharge:
        raise ModelError("self_discharge_per_h", community.self_discharge_per_h.tolist(), "batteries that do not leak")
    stores, timestep = stores_of(community), exact(community.timestep_h)
    errors = exact_all(meter.tolist()), exact_all(efficiency.tolist())
    return Soc(
        stores=stores,
        timestep=timestep,
        meter_error=errors[0],
        efficiency_error=errors[1],
        robust=tuple(_robust(*row, timestep) for row in zip(stores, *errors, strict=True)),
        narrowed=tuple(_narrowed(store, m) for store, m in zip(stores, errors[0], strict=True)),
    )


def _robust(store: Store, meter: Fraction, off: Fraction, timestep: Fraction) -> Pair:
    up = min(store.width, timestep * store.charge_efficiency * store.charge)
    down = min(store.width, timestep * store.discharge / store.discharge_efficiency)
    gain = min(ONE, store.charge_efficiency * (1 + off)) / store.charge_efficiency - 1
    return min(meter, up) + gain * up, min(meter, down) + down * off / (1 - off)


def _narrowed(store: Store, meter: Fraction) -> Pair | None:
    band = store.low + meter, store.high - meter
    return band if band[0] <= band[1] else None

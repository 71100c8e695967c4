"""Battery wear by depth of discharge: deep cycles cost more than shallow ones of the same throughput.

A full cycle of depth δ uses up the share Φ(δ) = coefficient·δ^exponent of a battery's life [Xu2018]. Which cycles a
path of charging and discharging consists of is known at its end only (rainflow counting). The segments of [Xu2018] tell
it as the path goes: the battery is J equal slices of its capacity; charging fills the shallowest slice with room,
discharging empties the shallowest one with energy, and a kWh drawn from slice j = 1..J costs what it makes a cycle
deeper:

    c_j = price·J·(Φ(j/J) − Φ((j − 1)/J))          wear of a step = Σ_j c_j·(kWh drawn from slice j)

Charging costs nothing; a cycle is paid for when it is discharged. So the sum over a window is the window's wear, a full
discharge of a full battery costs price·capacity·Φ(1), and a small cycle on the way costs what it does alone. Φ is taken
as linear within a slice.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from autonomy.economics import Economics
from autonomy.layers.arrays import Vector

SEGMENTS = 20
"""J, slices of a battery: cycles are told apart to 5 % of the capacity."""


class Worn(NamedTuple):
    """What a step did to the batteries.

    Attributes:
        slices_kwh: (..., N, J) kWh stored in each slice after the step, the shallowest first.
        life_kwh: (..., N) kWh of capacity that the step used up; times the price of a kWh, its cost.
    """

    slices_kwh: Vector
    life_kwh: Vector


def life_by_slice(economics: Economics) -> Vector:
    """Return (J,) kWh of capacity used up by a kWh drawn from each slice: J·(Φ(j/J) − Φ((j − 1)/J))."""
    depth = np.arange(SEGMENTS + 1) / SEGMENTS
    stress = economics.cycle_coefficient * depth**economics.cycle_exponent
    used: Vector = SEGMENTS * np.diff(stress)
    return used


def filled(energy_kwh: Vector, capacity_kwh: Vector) -> Vector:
    """Return (..., N, J) the slices of batteries that were charged to (..., N) kWh without anything drawn since."""
    size = np.asarray(capacity_kwh)[..., None] / SEGMENTS
    slices: Vector = np.clip(energy_kwh[..., None] - size * np.arange(SEGMENTS), 0.0, size)
    return slices


def cycled(slices_kwh: Vector, capacity_kwh: Vector, change_kwh: Vector, used: Vector) -> Worn:
    """Return what charging or discharging does.

    Args:
        slices_kwh: (..., N, J) before the step.
        capacity_kwh: (N,) kWh.
        change_kwh: (..., N) kWh that the step stores (> 0) or draws (< 0), efficiencies included.
        used: (J,) as `life_by_slice` returns it.
    """
    size = np.asarray(capacity_kwh)[..., None] / SEGMENTS
    stored = _poured(np.maximum(change_kwh, 0.0), size - slices_kwh)
    drawn = _poured(np.maximum(-change_kwh, 0.0), slices_kwh)
    return Worn(slices_kwh=slices_kwh + stored - drawn, life_kwh=(drawn * used).sum(axis=-1))


def lost(slices_kwh: Vector, energy_kwh: Vector) -> Vector:
    """Return the slices after a loss that nobody drew, by self-discharge or on the road, down to (..., N) kWh stored.

    Every slice loses the same share; it is not wear that the community's dispatch has caused.
    """
    before = slices_kwh.sum(axis=-1)
    share = np.divide(energy_kwh, before, out=np.zeros(before.shape), where=before > 0)
    left: Vector = slices_kwh * np.minimum(share, 1.0)[..., None]
    return left


def _poured(amount: Vector, room: Vector) -> Vector:
    """Return (..., J) how an amount is spread over the slices, the first to its brim before the next."""
    room = np.maximum(room, 0.0)
    before = np.cumsum(room, axis=-1) - room
    return np.clip(amount[..., None] - before, 0.0, room)

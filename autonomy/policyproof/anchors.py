"""What the gates choose between, over intervals of the surplus and of what is stored; and the set-point they make.

    charged(T)_i    = min(max(T, 0)·room_i/(Σ room + tiny), charge_i)       discharged likewise with store
    match = charged(S) − discharged(−S)      fill = charged(S + Limp)      empty = −discharged(Lexp − S)
    b̂ = (1 − c)(1 − d)·u·match + c(1 − d)·fill + d(1 − c)·empty

the formulas of `autonomy.learning.gates` in intervals. b̂ is linear in each gate, and rises with each anchor, so its
ends over a box are at corners: exact for a box, without the looseness of one product after another.
"""

from __future__ import annotations

from itertools import product
from typing import NamedTuple

import numpy as np

from autonomy.learning.gates import TINY_KWH, Battery
from autonomy.policyproof.interval import Interval, just, wider


class Anchors(NamedTuple):
    """Intervals of (..., N) kW.

    Attributes:
        match: What the community's surplus asks of each battery.
        fill: All the charge that the feeder bears, >= 0.
        empty: All the discharge that it bears, <= 0.
    """

    match: Interval
    fill: Interval
    empty: Interval


def anchors_of(battery: Battery, energy: Interval, surplus: Interval, import_kw: float, export_kw: float) -> Anchors:
    """Return the anchors.

    Args:
        battery: The batteries.
        energy: (..., N) kWh stored.
        surplus: (...) kW, generation less demand of the community.
        import_kw: kW that the feeder brings.
        export_kw: kW that it takes.
    """
    to_kw = 1.0 / (battery.hours * battery.charge_efficiency)
    room = ((just(battery.most_kwh) - energy) * just(to_kw)).clipped(0.0)
    store = ((energy - just(battery.least_kwh)) * just(battery.discharge_efficiency / battery.hours)).clipped(0.0)
    total, kept = Interval(surplus.low[..., None], surplus.high[..., None]), just(0.0)
    charge = just(battery.charge_limit_kw).least(room)
    discharge = just(battery.discharge_limit_kw).least(store)

    def shared(asked: Interval, part: Interval, most: Interval) -> Interval:
        return (asked.clipped(0.0) * _shares(part)).least(most)

    match = shared(total, room, charge) - shared(kept - total, store, discharge)
    fill = shared(total + just(import_kw), room, charge)
    empty = -shared(just(export_kw) - total, store, discharge)
    return Anchors(match, fill, empty)


def set_points(gates: Interval, anchors: Anchors) -> Interval:
    """Return (..., N) kW b̂ for (..., N, 3) gates match, fill, empty."""
    ends = []
    for side in (0, 1):
        match, fill, empty = (anchor[side] for anchor in anchors)
        corners = []
        for u, c, d in product(*((gates.low[..., k], gates.high[..., k]) for k in range(3))):
            corners.append((1 - c) * (1 - d) * u * match + c * (1 - d) * fill + d * (1 - c) * empty)
        ends.append(np.min(corners, axis=0) if side == 0 else np.max(corners, axis=0))
    return wider(*ends)


def _shares(part: Interval) -> Interval:
    """Return each one's share of the sum: it rises with its own part and falls with the others'."""
    low_sum, high_sum = (side.sum(axis=-1, keepdims=True) for side in part)
    least = part.low / (part.low + (high_sum - part.high) + TINY_KWH)
    most = part.high / (part.high + (low_sum - part.low) + TINY_KWH)
    return wider(least, most)

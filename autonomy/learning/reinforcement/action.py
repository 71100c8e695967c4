"""What the three numbers of a learner's action mean: levels, shares of the community's surplus, or plain power.

A store that buys at one price to save another is best run by levels: it is filled from the grid up to one, and serves
the load down to another, whatever it holds; the levels hang on prices and forecasts [Ven2013]. With U the usable
capacity, s the own stored share of it, S the community's surplus for each home, all in a step of dt hours,

    levels   reserve r = a₀⁺:       a deficit is served while s > r        b = −min(S⁻, (s − r)⁺·U·η/dt)
             stored k = 1 − a₂⁻:    the share of a surplus that is stored   b = k·S⁺
             fill ℓ = a₁⁺:          the grid fills up to ℓ, not in a rush    b >= min((ℓ − s)⁺·U/(η·dt), U/3 h)
             sale v = 1 − a₂⁺:      above v the grid is served               b <= −(s − v)⁺·U·η/dt
    shares   match m = 1 − a₀⁻, fill f = a₁⁺, empty g = a₂⁺                  b = (1 − f)(1 − g)·m·S + (f − g)·U/3 h
    power                                                                    b = a₀·P⁺, or a₀·P⁻

so that (0, 0, 0) is self-consumption by levels and by shares, and idle by power. What is left is offered to the other
prosumers, all of it, at the middle of the prices. The efficiency is no part of an observation, so η is a nominal one;
batteries take and give what they can.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from autonomy.layers.arrays import Vector
from autonomy.learning.reinforcement.layout import Seen, seen_of
from autonomy.observing import Flat

NOMINAL_EFFICIENCY = 0.95
"""η, one way."""
FILL_H = 3.0
"""Least hours in which an empty battery is filled from the grid, so that a street does not want all at once."""
LEAST_KWH = 1e-6
LEAST_KW = 1e-9
Meaning: TypeAlias = Callable[[Seen, Vector], Vector]


def translated(rows: Flat, raw: Vector | Flat, meaning: str) -> Vector:
    """Return (R, 3) actions of `make_vec`, each in [−1, 1], given what a learner wants.

    Args:
        rows: (R, D) observations.
        raw: (R, 3) in [−1, 1], see the module.
        meaning: Key of `MEANINGS`.
    """
    seen = Seen._make(np.asarray(part, dtype=np.float64) for part in seen_of(rows))
    wanted = MEANINGS[meaning](seen, np.asarray(raw, dtype=np.float64))
    charge, discharge = (np.maximum(limit, LEAST_KW) for limit in (seen.charge_limit_kw, seen.discharge_limit_kw))
    action = np.zeros((len(rows), 3))
    action[:, 0] = np.clip(np.where(wanted >= 0, wanted / charge, wanted / discharge), -1.0, 1.0)
    action[:, 1] = np.sign(seen.pv_kw - seen.demand_kw - wanted)
    return action


def by_levels(seen: Seen, raw: Vector) -> Vector:
    """Return (R,) kW of the batteries, + = charge, by levels."""
    reserve, fill = np.maximum(raw[:, 0], 0.0), np.maximum(raw[:, 1], 0.0)
    stored, sale = 1.0 + np.minimum(raw[:, 2], 0.0), 1.0 - np.maximum(raw[:, 2], 0.0)
    usable, share = seen.usable_kwh, stored_share(seen)
    surplus = seen.mean_pv_kw - seen.mean_demand_kw
    into, out = usable / (NOMINAL_EFFICIENCY * seen.timestep_h), usable * NOMINAL_EFFICIENCY / seen.timestep_h
    served = np.minimum(np.maximum(-surplus, 0.0), np.maximum(share - reserve, 0.0) * out)
    battery: Vector = np.minimum(stored * np.maximum(surplus, 0.0), (1.0 - share) * into) - served
    filled = np.minimum(np.maximum(fill - share, 0.0) * into, usable / FILL_H)
    sold = np.maximum(share - sale, 0.0) * out
    battery = np.where(sold > 0, np.minimum(battery, -sold), battery)
    raised: Vector = np.where(filled > 0, np.maximum(battery, filled), battery)
    return raised


def by_shares(seen: Seen, raw: Vector) -> Vector:
    """Return (R,) kW of the batteries, + = charge, by shares."""
    match, fill, empty = 1.0 + np.minimum(raw[:, 0], 0.0), np.maximum(raw[:, 1], 0.0), np.maximum(raw[:, 2], 0.0)
    usable, share = seen.usable_kwh, stored_share(seen)
    most = (1.0 - share) * usable / (NOMINAL_EFFICIENCY * seen.timestep_h)
    least = -share * usable * NOMINAL_EFFICIENCY / seen.timestep_h
    surplus = seen.mean_pv_kw - seen.mean_demand_kw
    wanted = (1.0 - fill) * (1.0 - empty) * match * surplus + (fill - empty) * usable / FILL_H
    kept: Vector = np.clip(wanted, least, most)
    return kept


def by_power(seen: Seen, raw: Vector) -> Vector:
    """Return (R,) kW of the batteries, + = charge, as a share of what they can do."""
    power = raw[:, 0]
    wanted: Vector = np.where(power >= 0, power * seen.charge_limit_kw, power * seen.discharge_limit_kw)
    return wanted


def stored_share(seen: Seen) -> Vector:
    """Return (R,) the stored share of the usable capacity, 0..1; 0 without a battery."""
    band = np.maximum(seen.soc_max - seen.soc_min, LEAST_KWH)
    return np.where(seen.usable_kwh > 0, np.clip((seen.soc - seen.soc_min) / band, 0.0, 1.0), 0.0)


MEANINGS: dict[str, Meaning] = {"levels": by_levels, "shares": by_shares, "power": by_power}
"""By name."""

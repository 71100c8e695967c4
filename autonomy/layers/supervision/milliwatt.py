"""Integers instead of floats: one step's limits and set-points in whole milliwatts, every bound rounded inward.

Sums of integers are exact, so a limit that holds here holds to the last bit. Measurements are rounded to the nearest
milliwatt, and line limits keep one milliwatt a prosumer for that rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from autonomy.layers import physics
from autonomy.layers.arrays import Vector
from autonomy.layers.situation import SetPoints, Situation

Milliwatts: TypeAlias = NDArray[np.int64]

PER_KW = 1_000_000
UNLIMITED = 10**15
"""mW that stand for "no limit": a million megawatts."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Bounds:
    """What a plan is checked against, in mW; names as in `Situation`."""

    situation: Situation
    demand: Milliwatts
    pv: Milliwatts
    battery_lower: Milliwatts
    battery_upper: Milliwatts
    curtailable: Milliwatts
    sheddable: Milliwatts
    connection: Milliwatts
    import_limit: Milliwatts
    export_limit: Milliwatts


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Plan:
    """Set-points in mW; + = charge for the battery, >= 0 for cuts."""

    battery: Milliwatts
    curtail: Milliwatts
    shed: Milliwatts


def bounds_of(situation: Situation, *, within_ramp: bool = True) -> Bounds:
    """Return the limits of a situation in mW, each rounded to the safe side."""
    ramp = (situation.battery_lower_kw, situation.battery_upper_kw)
    lower, upper = ramp if within_ramp else (situation.rate_lower_kw, situation.rate_upper_kw)
    battery_lower, battery_upper = _ceil(lower), _floor(upper)
    # A box thinner than a milliwatt (a full or empty battery under a ramp limit): its end nearer to zero.
    thin = battery_lower > battery_upper
    nearer = np.trunc(np.where(np.abs(lower) < np.abs(upper), lower, upper) * PER_KW).astype(np.int64)
    below = situation.community.network.prosumers_below.astype(np.int64)
    return Bounds(
        situation=situation,
        demand=_nearest(situation.demand_kw),
        pv=_nearest(situation.pv_kw),
        battery_lower=np.where(thin, nearer, battery_lower),
        battery_upper=np.where(thin, nearer, battery_upper),
        curtailable=_nearest(situation.curtailable_kw),
        sheddable=_nearest(situation.sheddable_kw),
        connection=np.maximum(_floor(situation.connection_limit_kw) - 1, 0),
        import_limit=np.maximum(_floor(situation.import_limit_kw) - below, 0),
        export_limit=np.maximum(_floor(situation.export_limit_kw) - below, 0),
    )


def quantise(bounds: Bounds, points: SetPoints) -> Plan:
    """Return finite set-points in mW, inside the box; cuts are rounded up."""
    return Plan(
        battery=np.clip(_nearest(points.battery_kw), bounds.battery_lower, bounds.battery_upper),
        # 1e-9 kW of solver noise is no cut.
        curtail=np.clip(_ceil(points.curtail_kw - 1e-9), 0, bounds.curtailable),
        shed=np.clip(_ceil(points.shed_kw - 1e-9), 0, bounds.sheddable),
    )


def net_export_of(bounds: Bounds, plan: Plan) -> Milliwatts:
    """Return n in mW, exactly."""
    result: Milliwatts = physics.net_export(bounds.pv - plan.curtail, bounds.demand - plan.shed, plan.battery)
    return result


def to_kw(plan: Plan, situation: Situation) -> SetPoints:
    """Return a plan in kW; a cut of everything is everything, whatever the last digit of the measurement."""
    curtail, shed = plan.curtail / PER_KW, plan.shed / PER_KW
    return SetPoints(
        battery_kw=plan.battery / PER_KW,
        curtail_kw=np.where(plan.curtail >= _nearest(situation.pv_kw), situation.pv_kw, curtail),
        shed_kw=np.where(plan.shed >= _nearest(situation.demand_kw), situation.demand_kw, shed),
    )


def _clip(values_kw: Vector) -> Vector:
    return np.clip(values_kw, -UNLIMITED / PER_KW, UNLIMITED / PER_KW) * PER_KW


def _nearest(values_kw: Vector) -> Any:
    return np.rint(_clip(values_kw)).astype(np.int64)


def _ceil(values_kw: Vector) -> Any:
    return np.ceil(_clip(values_kw)).astype(np.int64)


def _floor(values_kw: Vector) -> Any:
    return np.floor(_clip(values_kw)).astype(np.int64)

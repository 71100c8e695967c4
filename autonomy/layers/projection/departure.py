"""Floors under the charge of batteries that have to leave with enough: kept where no load is shed for it.

A floor (`Limits.charge_floor_kw`) raises the intent. If the nearest feasible point still lies below it, other batteries
may have given way less than they could. Then a second program asks how much of the floors can be had: charging at the
floor counts as load, the batteries move above it, and what is shed of that load, at the price of shedding, is what has
to be given up. By the exact penalty (`program.py`) nothing is given up where another battery, or curtailing less, could
have helped; of the real load no more is shed than without any floor. What is left of the floors then bounds a third
program, which has a feasible point, and whose answer is the nearest one to the intent that keeps them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from autonomy.layers.arrays import Mask, Vector
from autonomy.layers.decision import Cause, Reason
from autonomy.layers.situation import Situation

if TYPE_CHECKING:
    from autonomy.layers.projection.projector import Proposal

ROOM_KW = 1e-7
"""kW by which a solver's answer may miss a bound: a tenth of a milliwatt."""
NOTICEABLE_KW = 1e-4
"""kW of a floor that are worth a reason."""
MORE_SHED_KW = 1e-4
"""kW of shedding, beyond what there is without floors, at which the floors are dropped after all."""


def raised(situation: Situation, intent_kw: Vector) -> Vector:
    """Return (N,) kW the intent clipped to the power limits, and raised to the floors as far as the battery can."""
    clipped = np.minimum(np.maximum(intent_kw, -situation.discharge_limit_kw), situation.charge_limit_kw)
    if situation.charge_floor_kw is None:
        return clipped
    floor = np.minimum(situation.charge_floor_kw, situation.battery_upper_kw)
    higher: Vector = np.maximum(clipped, floor)
    return higher


def keep_floors(
    project: Callable[[Situation, Vector], Proposal], situation: Situation, floor_kw: Vector, intent_kw: Vector
) -> Proposal:
    """Return the projection of an intent, with the floors kept as far as they can be without shedding for them.

    Args:
        project: The projection without floors.
        situation: The situation.
        floor_kw: (N,) kW, its floors; -inf for none.
        intent_kw: (N,) kW, the battery intent, finite, + = charge.
    """
    wanted, plain = raised(situation, intent_kw), situation._replace(charge_floor_kw=None)
    answer = project(plain, wanted)
    reachable = np.minimum(floor_kw, situation.battery_upper_kw)
    if not answer.ramp_relaxed and (answer.set_points.battery_kw < reachable - ROOM_KW).any():
        answer = _as_far_as_possible(project, plain, reachable, wanted, answer)
    reasons = _reasons(situation, floor_kw, intent_kw, wanted, answer.set_points.battery_kw)
    return answer._replace(reasons=(*reasons, *answer.reasons))


def _as_far_as_possible(
    project: Callable[[Situation, Vector], Proposal],
    situation: Situation,
    floor_kw: Vector,
    wanted_kw: Vector,
    without: Proposal,
) -> Proposal:
    """Return the projection with as much of the floors as can be had beside the shedding there is without them."""
    lower, shed = situation.battery_lower_kw, without.set_points.shed_kw
    floored = floor_kw > lower + ROOM_KW
    floor = np.where(floored, floor_kw, 0.0)
    given_up = project(_floor_as_load(situation, floored, floor, shed), wanted_kw - floor).set_points.shed_kw
    kept = np.where(floored, np.maximum(lower, floor - given_up - ROOM_KW), lower)
    bounded = situation._replace(
        battery_lower_kw=kept,
        rate_lower_kw=np.maximum(situation.rate_lower_kw, np.where(floored, kept, -np.inf)),
        reach_kw=np.array((situation.battery_upper_kw, -kept)),
    )
    answer = project(bounded, wanted_kw)
    more_shed = float(answer.set_points.shed_kw.sum() - shed.sum())
    return answer if more_shed <= MORE_SHED_KW and not answer.ramp_relaxed else without


def _floor_as_load(situation: Situation, floored: Mask, floor_kw: Vector, shed_kw: Vector) -> Situation:
    """Return the situation in which charging at the floor is load, the only one that can be shed; b counts from it."""
    upper = situation.battery_upper_kw - floor_kw
    lower = np.where(floored, 0.0, situation.battery_lower_kw)
    pv = situation.pv_kw + np.maximum(-floor_kw, 0.0)
    demand = situation.demand_kw - shed_kw + np.maximum(floor_kw, 0.0)
    return situation._replace(
        measured_kw=np.array((pv, demand)),
        pv_kw=pv,
        demand_kw=demand,
        reach_kw=np.array((upper, -lower)),
        battery_lower_kw=lower,
        battery_upper_kw=upper,
        rate_lower_kw=np.where(floored, 0.0, situation.rate_lower_kw),
        rate_upper_kw=situation.rate_upper_kw - floor_kw,
        curtailable_kw=situation.curtailable_kw,
        sheddable_kw=np.where(floored, floor_kw - situation.battery_lower_kw, 0.0),
    )


def _reasons(
    situation: Situation, floor_kw: Vector, intent_kw: Vector, wanted_kw: Vector, battery_kw: Vector
) -> tuple[Reason, ...]:
    found = []
    short_kw = floor_kw - battery_kw
    short = np.flatnonzero(short_kw > NOTICEABLE_KW)
    if short.size:
        missing = float(short_kw[short].sum())
        text = f"{missing:.3f} kW are missing that {short.size} battery(s) must be charged with to leave with enough"
        places = tuple(short.tolist())
        found.append(Reason(cause=Cause.DEPARTURE_SHORT, text=text, prosumers=places, amount_kw=missing))
    clipped = np.minimum(np.maximum(intent_kw, -situation.discharge_limit_kw), situation.charge_limit_kw)
    more_kw = wanted_kw - clipped
    more = np.flatnonzero(more_kw > NOTICEABLE_KW)
    if more.size:
        amount = float(more_kw[more].sum())
        text = f"the intent of {more.size} battery(s) was raised by {amount:.3f} kW, to leave with enough"
        places = tuple(more.tolist())
        found.append(Reason(cause=Cause.DEPARTURE, text=text, prosumers=places, amount_kw=amount))
    return tuple(found)

"""Integers instead of floats: one step's limits and set-points in whole milliwatts, every bound rounded inward.

Sums of integers are exact, so a limit that holds here holds to the last bit. Generation is rounded to the nearest
milliwatt, and demand so that their difference is; limits keep one milliwatt a prosumer for that rounding, and one for
what the floats of all decisions below are off their milliwatts: 0.8 mW for 1e9 kW, in proportion to their sum.

All that limits speak about stands in one row, a ledger: battery power, curtailment, shedding and net export of every
prosumer, then the flow of every line: 4N + M integers. A bound is such a row too, so one comparison checks a plan.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from autonomy.layers import physics
from autonomy.layers.arrays import Matrix, Vector, all_true, frozen
from autonomy.layers.network import Network
from autonomy.layers.situation import LARGEST_KW, Capacity, SetPoints, Situation

Milliwatts: TypeAlias = NDArray[np.int64]

PER_KW = 1_000_000
"""mW per kW."""
SCALE = float(PER_KW)
"""The same for arrays, which take a float in half the time that they take an integer in."""
FLOATS = 1
"""mW that every limit keeps free for the rounding of floats."""
LARGEST_SUM = 2**62
"""mW that no sum over all prosumers may exceed; half of what 64 bits hold."""
ROUNDING_UP = 0.499
"""mW added to a cut before it is rounded to the nearest milliwatt: cuts are rounded up, but the last micro-watt of a
solver's noise is no cut."""


class Bounds(NamedTuple):
    """What a plan is checked against, in mW.

    Attributes:
        situation: The situation these are the limits of; names of the properties are as there.
        measured: (2, N) generation and demand.
        lower: (4N + M,) the least of every entry of a ledger.
        upper: (4N + M,) the most.
    """

    situation: Situation
    measured: Milliwatts
    lower: Milliwatts
    upper: Milliwatts

    @property
    def pv(self) -> Milliwatts:
        """(N,) measured generation."""
        generation: Milliwatts = self.measured[0]
        return generation

    @property
    def demand(self) -> Milliwatts:
        """(N,) measured demand."""
        demand: Milliwatts = self.measured[1]
        return demand

    @property
    def size(self) -> int:
        """Number of prosumers N."""
        return int(self.measured.shape[1])

    @property
    def battery_lower(self) -> Milliwatts:
        """(N,) least battery power."""
        return self.lower[: self.size]

    @property
    def battery_upper(self) -> Milliwatts:
        """(N,) largest battery power."""
        return self.upper[: self.size]

    @property
    def curtailable(self) -> Milliwatts:
        """(N,) largest curtailment."""
        return self.upper[self.size : 2 * self.size]

    @property
    def sheddable(self) -> Milliwatts:
        """(N,) largest shedding."""
        return self.upper[2 * self.size : 3 * self.size]

    @property
    def connection(self) -> Milliwatts:
        """(N,) largest net export or import."""
        return self.upper[3 * self.size : 4 * self.size]

    @property
    def import_limit(self) -> Milliwatts:
        """(M,) largest flow towards the prosumers."""
        return -self.lower[4 * self.size :]

    @property
    def export_limit(self) -> Milliwatts:
        """(M,) largest flow towards the grid."""
        return self.upper[4 * self.size :]


class Plan(NamedTuple):
    """Set-points in mW; + = charge for the battery, >= 0 for cuts."""

    battery: Milliwatts
    curtail: Milliwatts
    shed: Milliwatts


def bounds_of(situation: Situation, *, within_ramp: bool = True) -> Bounds:
    """Return the limits of a situation in mW, each rounded to the safe side."""
    community, size = situation.community, situation.pv_kw.size
    reach_kw = situation.reach_kw
    if community.has_ramp_limits and not within_ramp:
        reach_kw = np.array((situation.rate_upper_kw, -situation.rate_lower_kw))
    measured = _measured(situation)
    # A lower bound is rounded up by rounding its negative down.
    reach = _whole(np.floor, reach_kw)
    if community.has_ramp_limits:
        reach -= in_kw(reach) > reach_kw
        _widen(reach, reach_kw)
    fixed_lower, fixed_upper = fixed_rows(situation.capacity, community.network)
    lower, upper = fixed_lower.copy(), fixed_upper.copy()
    np.negative(reach[1], out=lower[:size])
    upper[:size] = reach[0]
    if situation.curtailable_kw is situation.pv_kw and situation.sheddable_kw is situation.demand_kw:
        upper[size : 3 * size] = measured.ravel()
    else:
        # A host can cut all of it or nothing.
        upper[size : 2 * size] = np.where(situation.curtailable_kw > 0.0, measured[0], 0)
        upper[2 * size : 3 * size] = np.where(situation.sheddable_kw > 0.0, measured[1], 0)
    return Bounds(situation=situation, measured=measured, lower=lower, upper=upper)


def _measured(situation: Situation) -> Milliwatts:
    """Return (2, N) generation and demand; g is rounded to the nearest milliwatt, and d so that g − d is."""
    measured = _whole(np.rint, situation.measured_kw)
    measured[1] = measured[0] - _whole(np.rint, situation.pv_kw - situation.demand_kw)
    return measured


def _widen(reach: Milliwatts, reach_kw: Matrix) -> None:
    """Turn a box thinner than a milliwatt (a full or empty battery under a ramp limit) into its end nearer to zero."""
    thin = reach[0] < -reach[1]
    if thin.any():
        upper, lower = reach_kw[0], -reach_kw[1]
        nearer = _whole(np.trunc, np.where(np.abs(lower) < np.abs(upper), lower, upper))
        reach[:, thin] = nearer[thin], -nearer[thin]


@lru_cache(maxsize=64)
def fixed_rows(capacity: Capacity, network: Network) -> tuple[Milliwatts, Milliwatts]:
    """Return lower and upper ledger rows with what connections and lines carry filled in, the rest 0.

    Remembered, because neither changes as long as the capacity is the same object; its arrays are read-only.
    """
    below = network.prosumers_below.astype(np.int64)
    connection = np.maximum(_limit(capacity.connection_limit_kw) - 1, 0)
    # However many prosumers there are, what passes the connections does not overflow when it is summed up.
    np.minimum(connection, LARGEST_SUM // connection.size, out=connection)
    import_limit = np.maximum(_limit(capacity.import_limit_kw) - below, 0)
    export_limit = np.maximum(_limit(capacity.export_limit_kw) - below, 0)
    empty = np.zeros(3 * connection.size, dtype=np.int64)
    lower = np.concatenate((empty, -connection, -import_limit))
    upper = np.concatenate((empty, connection, export_limit))
    return frozen(lower, np.int64), frozen(upper, np.int64)


def quantise(bounds: Bounds, points: SetPoints) -> Plan | None:
    """Return set-points in mW, inside their boxes, cuts rounded up; None when a number is no power.

    What is not finite, or beyond ±`LARGEST_KW`, is no power.
    """
    rows = np.array(points)
    if not all_true(np.abs(rows) <= LARGEST_KW):
        return None
    rows *= SCALE
    rows[1:] += ROUNDING_UP
    np.rint(rows, out=rows)
    whole = rows.ravel().astype(np.int64)
    np.maximum(whole, bounds.lower[: whole.size], out=whole)
    np.minimum(whole, bounds.upper[: whole.size], out=whole)
    size = bounds.size
    return Plan(battery=whole[:size], curtail=whole[size : 2 * size], shed=whole[2 * size :])


def net_export_of(bounds: Bounds, plan: Plan) -> Milliwatts:
    """Return n in mW, exactly."""
    result: Milliwatts = physics.net_export(bounds.pv - plan.curtail, bounds.demand - plan.shed, plan.battery)
    return result


def ledger_of(bounds: Bounds, plan: Plan) -> Milliwatts:
    """Return (4N + M,) what a plan does, in the order of `Bounds.lower`, exactly."""
    node = net_export_of(bounds, plan)
    flow = physics.line_flows(bounds.situation.community.network, node)
    return np.concatenate((plan.battery, plan.curtail, plan.shed, node, flow))


def to_kw(bounds: Bounds, plan: Plan, *, is_cut: bool = True) -> SetPoints:
    """Return a plan in kW; a cut of everything is everything, whatever the last digit of the measurement."""
    situation = bounds.situation
    # The float nearest to a whole milliwatt may lie a hair beyond the bound that the milliwatt keeps.
    battery_kw = np.minimum(np.maximum(in_kw(plan.battery), situation.rate_lower_kw), situation.rate_upper_kw)
    if not is_cut:
        nothing = np.zeros(battery_kw.size)
        return SetPoints(battery_kw=battery_kw, curtail_kw=nothing, shed_kw=nothing)
    return SetPoints(
        battery_kw=battery_kw,
        curtail_kw=_cut(plan.curtail, bounds.pv, situation.pv_kw),
        shed_kw=_cut(plan.shed, bounds.demand, situation.demand_kw),
    )


def _cut(cut: Milliwatts, measured: Milliwatts, measured_kw: Vector) -> Vector:
    return np.where((cut > 0) & (cut >= measured), measured_kw, in_kw(cut))


def in_kw(milliwatts: Milliwatts) -> Vector:
    """Return mW in kW; dividing the integers themselves would take NumPy longer."""
    kilowatts: Vector = milliwatts.astype(np.float64)
    kilowatts /= SCALE
    return kilowatts


def _whole(rounding: np.ufunc, values_kw: Vector | Matrix) -> Milliwatts:
    """Return kW within ±`LARGEST_KW` in whole mW.

    Raises:
        ValueError: a number is NaN or larger; no integer stands for that, and no bound may be made of it.
    """
    if not all_true(np.abs(values_kw) <= LARGEST_KW):
        raise ValueError(f"{values_kw!r} kW; expected numbers within ±{LARGEST_KW:g}")
    milliwatts = values_kw * SCALE
    rounding(milliwatts, out=milliwatts)
    whole: Milliwatts = milliwatts.astype(np.int64)
    return whole


def _limit(limit_kw: Vector) -> Milliwatts:
    """Return a limit in mW, rounded down, less one for what floats are off."""
    return _rounded_down(limit_kw) - FLOATS


def _rounded_down(limit_kw: Vector) -> Milliwatts:
    """Return a limit in mW; a million megawatts stand for "no limit"."""
    return _whole(np.floor, np.minimum(limit_kw, LARGEST_KW))

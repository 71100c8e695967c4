"""What pooled batteries do, shared out among them: where that works, the aggregate is exact.

Charging goes first to whom it takes longest to be full at full power, and discharging to who lasts longest at full
power [Evans2019]; with equal power for each kWh, and equal levels, that is everybody's share of the capacity.
"""

from __future__ import annotations

import time
from typing import NamedTuple

import numpy as np

from autonomy.dispatch.aggregate import Aggregate
from autonomy.dispatch.checked import checked_dispatch
from autonomy.dispatch.errors import DispatchError
from autonomy.dispatch.optimum import OVERLAP_KW, Dispatch
from autonomy.dispatch.point import ROUNDING_KW, SetPoints, net_export_kw
from autonomy.dispatch.window import Problem
from autonomy.layers import physics
from autonomy.layers.arrays import Vector
from autonomy.layers.community import Community
from autonomy.solvers.linear_solution import FEASIBILITY_LIMIT

SHARED = "aggregate, shared out"
LEAST_KW = 1e-9
"""kW, full power below which a battery gets no share."""


class Sharing(NamedTuple):
    """What became of a plan.

    Attributes:
        asked: Everybody's set-points; None where they cannot be had.
        message: Which limit of a single prosumer the plan does not know; empty where it was shared out.
    """

    asked: SetPoints | None
    message: str


class _Unshared(Exception):  # noqa: N818 - never leaves this file
    """Which limit is in the way."""


def shared_dispatch(problem: Problem, plan: Aggregate, *, relative_gap: float = 1e-6) -> Dispatch:
    """Return a plan shared out, checked in fractions: it costs what the plan does, so both are the optimum.

    Raises:
        DispatchError: it cannot be shared out; the plan is a bound only.
    """
    start = time.perf_counter()
    asked, message = shared_out(problem, plan)
    if asked is None:
        raise DispatchError(f"the aggregate is a bound only: {message}.")
    return checked_dispatch(problem, asked, bound=plan.bound, method=SHARED, relative_gap=relative_gap, start=start)


def shared_out(problem: Problem, plan: Aggregate) -> Sharing:
    """Return everybody's share of a plan, or what is in the way."""
    try:
        power = _batteries_kw(problem, plan)
        asked = _with_cuts(problem, plan, power)
        _require_lines(problem, asked)
    except _Unshared as limit:
        return Sharing(None, str(limit))
    return Sharing(asked, "")


def levelled(total: float, steps: Vector, power_kw: Vector, least_kw: Vector, most_kw: Vector) -> Vector:
    """Return (n,) kW = clip((steps − λ)·power, least, most), with the λ at which they add up to the total.

    Args:
        total: kW; where it is outside Σ least..Σ most, the nearest that there is.
        steps: (n,) how long everybody could go on at full power.
        power_kw: (n,) kW, full power.
        least_kw: (n,) kW.
        most_kw: (n,) kW >= least.
    """
    moves = (power_kw > LEAST_KW) & (most_kw > least_kw)
    steps_, power = steps[moves], power_kw[moves]
    edges = np.concatenate([steps_ - least_kw[moves] / power, steps_ - most_kw[moves] / power])
    if not edges.size:
        return least_kw
    order = np.argsort(-edges, kind="stable")
    edges = edges[order]
    rate = np.cumsum(np.concatenate([power, -power])[order])[:-1]
    sums = least_kw.sum() + np.concatenate([[0.0], np.cumsum(np.maximum(rate, 0.0) * -np.diff(edges))])
    level = float(np.interp(total, sums, edges))
    return np.where(moves, np.clip((steps - level) * power_kw, least_kw, most_kw), least_kw)


def _batteries_kw(problem: Problem, plan: Aggregate) -> Vector:
    """Return (T, N) kW of everybody's battery."""
    overlap = np.minimum(plan.charge_kw, plan.discharge_kw)
    if not (overlap <= OVERLAP_KW).all():
        where = np.unravel_index(int(np.argmax(overlap)), overlap.shape)
        raise _Unshared(f"pool {where[1]} charges and discharges in step {where[0]}")
    surplus, limit = problem.pv_kw - problem.demand_kw, problem.community.connection_limit_kw
    power = np.zeros(problem.shape)
    members = [np.flatnonzero(plan.pools.pool == pool) for pool in range(plan.pools.shape[1])]
    energy, previous = problem.initial_kwh, problem.previous_kw
    for step, held in enumerate(problem.held):
        energy = problem.arrived_kwh(step, energy)
        box = physics.rated_box(held, energy, previous)
        # Without curtailing or shedding a node can do with −K <= surplus − b <= K only.
        lower, upper = _within(box.lower_kw, box.upper_kw, surplus[step] - limit, surplus[step] + limit)
        for pool, inside in enumerate(members):
            total = _wanted_kw(plan, step, pool, float((held.retention * energy)[inside].sum()))
            sign = 1.0 if total >= 0 else -1.0
            ends = (lower[inside], upper[inside]) if sign > 0 else (-upper[inside], -lower[inside])
            steps, full = _endurance(held, energy, sign)
            share = levelled(abs(total), steps[inside], full[inside], np.maximum(ends[0], 0.0), ends[1])
            if not (ends[1] >= 0).all():
                raise _Unshared(f"batteries of pool {pool} have to charge while others discharge in step {step}")
            missing = abs(abs(total) - share.sum())
            if not missing <= FEASIBILITY_LIMIT:
                raise _Unshared(f"the batteries of pool {pool} are {missing:.3g} kW off it in step {step}")
            power[step, inside] = sign * share
        energy = physics.rated_energy_after_kwh(problem.community, energy, power[step])
        previous = power[step]
    return power


def _wanted_kw(plan: Aggregate, step: int, pool: int, kept_kwh: float) -> float:
    """Return kW with which a pool stores what the plan says; the solver's rounding does not add up over the steps.

    Args:
        plan: What is shared out.
        step: Which step.
        pool: Which pool.
        kept_kwh: kWh that its batteries hold, after self-discharge.
    """
    planned = float(plan.charge_kw[step, pool] - plan.discharge_kw[step, pool])
    if not plan.pools.is_alike[pool]:
        return planned
    change = float(plan.stored_kwh[step, pool]) - kept_kwh
    per_kw = plan.pools.stored_per_kw if change > 0 else plan.pools.drawn_per_kw
    wanted = change / float(per_kw[0, pool])
    if not abs(wanted - planned) <= ROUNDING_KW:
        raise _Unshared(f"the cars of pool {pool} come back {abs(change):.3g} kWh off it in step {step}")
    return wanted


def _endurance(held: Community, energy_kwh: Vector, sign: float) -> tuple[Vector, Vector]:
    """Return (N,) how many steps everybody can charge (sign > 0) or discharge at full power, (N,) kW."""
    kept, dt = held.retention * energy_kwh, held.timestep_h
    if sign > 0:
        full, reach = held.charge_limit_kw, (held.energy_max_kwh - kept) / (dt * held.charge_efficiency)
    else:
        full, reach = held.discharge_limit_kw, (kept - held.energy_min_kwh) * held.discharge_efficiency / dt
    return np.divide(np.maximum(reach, 0.0), full, out=np.zeros(full.size), where=full > 0), full


def _within(lower: Vector, upper: Vector, least: Vector, most: Vector) -> tuple[Vector, Vector]:
    """Return the part of lower..upper that is nearest to least..most."""
    return np.clip(least, lower, upper), np.clip(most, lower, upper)


def _with_cuts(problem: Problem, plan: Aggregate, power: Vector) -> SetPoints:
    """Return set-points that curtail and shed as much as the plan, first where a connection limit asks for it."""
    limit = problem.community.connection_limit_kw
    net = problem.pv_kw - problem.demand_kw - power
    found = []
    for total, out, available, name in (
        (plan.curtail_kw, net, problem.pv_kw, "curtailed"),
        (plan.shed_kw, -net, problem.demand_kw, "shed"),
    ):
        least = np.clip(out - limit, 0.0, available)
        room = np.minimum(available, np.maximum(out + limit, least)) - least
        rest, space = total - least.sum(axis=1), room.sum(axis=1)
        off = np.maximum(-rest, rest - space)
        if not (off <= FEASIBILITY_LIMIT).all():
            step = int(np.argmax(off))
            raise _Unshared(f"nodes need {off[step]:.3g} kW more to be {name} than the community in step {step}")
        share = np.divide(np.clip(rest, 0.0, space), space, out=np.zeros(space.size), where=space > 0)
        found.append(least + share[:, None] * room)
    return SetPoints(battery_kw=power, curtail_kw=found[0], shed_kw=found[1])


def _require_lines(problem: Problem, asked: SetPoints) -> None:
    flow = physics.line_flows(problem.community.network, net_export_kw(problem, asked))
    over = np.maximum(flow - problem.export_limit_kw, -problem.import_limit_kw - flow)
    if not (over <= FEASIBILITY_LIMIT).all():
        step, line = np.unravel_index(int(np.argmax(over)), over.shape)
        raise _Unshared(f"line {line} would carry {over[step, line]:.3g} kW too much in step {step}")

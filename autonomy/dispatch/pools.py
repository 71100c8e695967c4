"""Batteries taken together: who is pooled with whom, and sums that are rounded so that nothing is cut off.

Batteries of equal efficiencies and self-discharge are one pool; cars are pooled apart, because they drive. Where there
are more kinds than `MOST_POOLS`, neighbours in the order of the round trip share a pool.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autonomy.assets import wear
from autonomy.dispatch.slices import first_slices_kwh
from autonomy.dispatch.storage import reachable_kwh
from autonomy.dispatch.window import Problem
from autonomy.layers.arrays import Index, Mask, Vector

MOST_POOLS = 8
ALONE = -1
"""The pool of a prosumer without a battery."""
EPSILON = np.finfo(np.longdouble).eps


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Pools:
    """K pools over T steps; every bound is the sum of the members' bounds, rounded outwards.

    Attributes:
        pool: (N,) which pool a battery is in; `ALONE` for prosumers without one.
        charge_limit_kw: (T, K) kW, Σ P⁺.
        discharge_limit_kw: (T, K) kW, Σ P⁻.
        least_kwh: (T, K) kWh, the least that can be stored at the end of a step.
        most_kwh: (T, K) kWh, the most.
        start_kwh: (2, K) kWh at most and at least that the first step begins with, after self-discharge.
        drive_kwh: (2, T, K) kWh at least and at most that cars used on the road before a step.
        missing_kwh: (T, K) kWh, Σ of what leaving cars require and of what the others hold at least; -inf where nobody
            leaves.
        required_kwh: (T, K) kWh, Σ of what leaving cars require.
        slice_kwh: (K,) kWh, the most that a slice of all members holds that can be discharged, see
            `autonomy.assets.wear`.
        slices_kwh: (K, J) kWh, the most that those begin with, after self-discharge.
        kept: (2, K) a, the smallest and the largest share that a step leaves.
        stored_per_kw: (2, K) kWh stored by a kW of charging for a step, dt·ec, the smallest and the largest.
        drawn_per_kw: (2, K) kWh drawn by a kW of discharging, dt/ed, the largest and the smallest: first what is worst.
    """

    pool: Index
    charge_limit_kw: Vector
    discharge_limit_kw: Vector
    least_kwh: Vector
    most_kwh: Vector
    start_kwh: Vector
    drive_kwh: Vector
    missing_kwh: Vector
    required_kwh: Vector
    slice_kwh: Vector
    slices_kwh: Vector
    kept: Vector
    stored_per_kw: Vector
    drawn_per_kw: Vector

    @property
    def shape(self) -> tuple[int, int]:
        """(T, K)."""
        return self.least_kwh.shape[0], self.least_kwh.shape[1]

    @property
    def is_alike(self) -> Mask:
        """(K,) whether all members have the same efficiencies and self-discharge."""
        pairs = (self.kept, self.stored_per_kw, self.drawn_per_kw)
        alike: Mask = np.logical_and.reduce([worst == best for worst, best in pairs])
        return alike


def pools_of(problem: Problem) -> Pools:
    """Return the pools of a problem."""
    community, dt = problem.community, problem.community.timestep_h
    pool = _assigned(problem)
    member = pool[:, None] == np.arange(int(pool.max(initial=ALONE)) + 1)
    low, high = reachable_kwh(problem)
    leaves = np.isfinite(problem.required_kwh)
    lacking = np.where(leaves, problem.required_kwh, np.minimum(low, high))
    somebody = (leaves @ member) > 0
    start = community.retention * problem.arrived_kwh(0, problem.initial_kwh)
    stores = problem.can_store
    slices = np.where(stores[:, None], community.retention[:, None] * first_slices_kwh(problem), 0.0)
    ends = [_ends(values, member) for values in (community.retention, dt * community.charge_efficiency)]
    return Pools(
        pool=pool,
        charge_limit_kw=outward(problem.charge_limit_kw, member)[1],
        discharge_limit_kw=outward(problem.discharge_limit_kw, member)[1],
        least_kwh=outward(low, member)[0],
        most_kwh=outward(high, member)[1],
        start_kwh=np.array(outward(start, member)),
        drive_kwh=np.array([outward(x, member)[k] for k, x in enumerate((_sure_kwh(problem, low), problem.drive_kwh))]),
        missing_kwh=np.where(somebody, outward(lacking, member)[0], -np.inf),
        required_kwh=outward(np.where(leaves, np.maximum(problem.required_kwh, 0.0), 0.0), member)[1],
        slice_kwh=outward(np.where(stores, community.battery_capacity_kwh / wear.SEGMENTS, 0.0), member)[1],
        slices_kwh=outward(slices.T, member)[1].T,
        kept=ends[0],
        stored_per_kw=ends[1],
        drawn_per_kw=_ends(dt / community.discharge_efficiency, member)[::-1],
    )


def outward(values: Vector, member: Mask) -> tuple[Vector, Vector]:
    """Return (..., K) Σ values over members, rounded down and rounded up, for finite (..., N) values.

    In whatever order n numbers are added, the sum is off by less than n·ε·Σ |values|; ε is that of the longest floats.
    """
    ends = np.empty((2, *values.shape[:-1], member.shape[-1]))
    for pool, inside in enumerate(member.T):
        mine = values[..., inside]
        total = mine.sum(axis=-1, dtype=np.longdouble)
        slack = (inside.sum() + 2) * EPSILON * np.abs(mine).sum(axis=-1, dtype=np.longdouble)
        ends[0, ..., pool] = np.nextafter((total - slack).astype(np.float64), -np.inf)
        ends[1, ..., pool] = np.nextafter((total + slack).astype(np.float64), np.inf)
        ends[..., pool][:, slack == 0] = 0.0  # nothing but zeros
    return ends[0], ends[1]


def _assigned(problem: Problem) -> Index:
    community = problem.community
    has = community.has_battery
    is_car = (problem.drive_kwh > 0).any(axis=0) | np.isfinite(problem.required_kwh).any(axis=0)
    traits = np.column_stack(
        [is_car, community.charge_efficiency * community.discharge_efficiency, community.charge_efficiency,
         community.retention]
    )[has]  # fmt: skip
    pool = np.full(problem.shape[1], ALONE, dtype=np.int64)
    kinds, kind = np.unique(traits, axis=0, return_inverse=True)
    shared = np.arange(len(kinds))
    if len(kinds) > MOST_POOLS:
        cars = int(kinds[:, 0].sum())
        shared = np.concatenate([_quantiles(len(kinds) - cars, 0), _quantiles(cars, MOST_POOLS // 2)])
        shared = np.unique(shared, return_inverse=True)[1].reshape(-1)
    pool[has] = shared[kind.reshape(-1)]
    return pool


def _quantiles(count: int, first: int) -> Index:
    """Return (count,) half of the pools, from `first` on, for kinds in order."""
    half = MOST_POOLS // 2
    places: Index = first + np.arange(count, dtype=np.int64) * half // max(count, half)
    return places


def _sure_kwh(problem: Problem, low: Vector) -> Vector:
    """Return (T, N) kWh that cars are sure to have used on the road: all of a drive that there is always enough for."""
    before = np.roll(low, 1, axis=0)
    is_sure = before >= problem.community.energy_min_kwh + problem.drive_kwh
    is_sure[0] = False
    return np.where(is_sure, problem.drive_kwh, 0.0)


def _ends(values: Vector, member: Mask) -> Vector:
    """Return (2, K) the smallest and the largest value of each pool's members."""
    inside = np.where(member, values[:, None], np.nan)
    return np.array([np.nanmin(inside, axis=0), np.nanmax(inside, axis=0)])

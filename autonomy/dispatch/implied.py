"""What the pairs imply: rows that every dispatch keeps, and that a program which does both at once may break.

With w = a·(e − used) what a step begins with, l <= w <= h what that can be, [emin, emax] the band, and u and v the most
that can be charged and discharged from anywhere in [l, h]: nobody does both at once, so w is what is left where only
one is undone,

    charging alone:       w + dt·ec·ch <= emax               as a chord, where h > emax (derated, or began fuller):
                          e' + dt·dis/ed + (H − emax)/u·ch <= H        H = max(h, emax)
    discharging alone:    e' − dt·ec·ch − (emin − L)/v·dis >= L        L = min(l, emin)

and ch <= u, dis <= v. A battery whose power changes by at most R a step needs at least as many steps from charging to
discharging as that takes. With t the later and s the earlier of two steps, R what k steps allow, P >= R the most that
is charged in either and Q >= R the most that is discharged:

    ±(ch_t − ch_s)/R + dis_x/Q <= 1      ±(dis_t − dis_s)/R + ch_x/P <= 1      x = s, t
    ch_t/P + dis_s/Q <= 1                ch_s/P + dis_t/Q <= 1                 |ch_t + dis_t − ch_s − dis_s| <= R

Each holds for each of the four ways in which one side of both pairs is 0. All right sides are rounded outward.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from autonomy.dispatch.model import NONE
from autonomy.dispatch.program import DispatchProgram
from autonomy.dispatch.storage import ramp_to_rest, reachable_kwh
from autonomy.dispatch.window import Problem
from autonomy.layers.arrays import Index, Mask, Vector
from autonomy.solvers.linear import LinearBuilder, LinearProgram

OUTWARD = 1e-12
"""Relative width by which bounds and right sides are rounded outward."""
LEAST_KW = 1e-3
"""kW, most power below which a chord is not worth its steepness."""
RAMP_STEPS = 2
"""Steps between which ramp rows are stated."""


def tightened(problem: Problem, model: DispatchProgram) -> LinearProgram:
    """Return a model's program with what its pairs imply of batteries; their dispatches are the same."""
    program, builder = model.program, LinearBuilder()
    charge, discharge, stored = (model.blocks[name] for name in ("charge", "discharge", "stored"))
    community, dt = problem.community, problem.community.timestep_h
    begin_low, begin_high = _begins_kwh(problem)
    per_kw_in = dt * community.charge_efficiency
    per_kw_out = dt / community.discharge_efficiency
    most, least = problem.energy_max_kwh, problem.energy_min_kwh
    upper = program.upper.copy()
    fits_in = np.maximum(most - begin_low, 0.0) / per_kw_in
    fits_out = np.maximum(begin_high - least, 0.0) / per_kw_out
    ramped_in, ramped_out, fixed = _ramped_kw(problem)
    for columns, limits in ((charge, (fits_in, ramped_in)), (discharge, (fits_out, ramped_out))):
        limit = np.minimum(*limits) * (1.0 + OUTWARD)
        upper[columns] = np.where(fixed, upper[columns], np.minimum(upper[columns], limit))
    there = ~fixed & (upper[charge] > LEAST_KW) & (upper[discharge] > LEAST_KW)
    most_in, most_out = (np.where(there, upper[columns], 1.0) for columns in (charge, discharge))
    roof, floor = np.maximum(begin_high, most), np.minimum(begin_low, least)
    for side, end, other, own, steep in (
        (1.0, roof, (discharge, per_kw_out), charge, (roof - most) / most_in),
        (-1.0, floor, (charge, per_kw_in), discharge, (least - floor) / most_out),
    ):
        row = _rows(builder, there, side * end)
        _terms(builder, row, there, stored, side)
        _terms(builder, row, there, other[0], other[1])
        _terms(builder, row, there, own, steep)
    for steps in range(1, RAMP_STEPS + 1):
        _add_ramps(builder, problem, upper, (charge, discharge), fixed, steps)
    return builder.added_to(replace(program, upper=upper))


def _begins_kwh(problem: Problem) -> tuple[Vector, Vector]:
    """Return (T, N) the least and the most that is left of what each step finds."""
    reach = reachable_kwh(problem)
    retention = problem.community.retention
    begins = []
    for end in reach:
        before = np.vstack([problem.initial_kwh[None], end[:-1]])
        begins.append(np.array([retention * problem.arrived_kwh(step, e) for step, e in enumerate(before)]))
    return begins[0], begins[1]


def _ramped_kw(problem: Problem) -> tuple[Vector, Vector, Mask]:
    """Return (T, N) the most that can be charged, and discharged, by ramps; and where the power is fixed."""
    _, fixed = ramp_to_rest(problem)
    limit = np.where(fixed.any(axis=0), np.inf, problem.community.ramp_limit_kw)
    change = np.arange(1, problem.shape[0] + 1)[:, None] * limit
    previous = problem.previous_kw
    return np.maximum(change + previous, 0.0), np.maximum(change - previous, 0.0), fixed


def _add_ramps(
    builder: LinearBuilder, problem: Problem, upper: Vector, columns: tuple[Index, Index], fixed: Mask, steps: int
) -> None:
    """Add the rows of the ramp between steps that are so many apart."""
    change = np.broadcast_to(steps * problem.community.ramp_limit_kw, problem.shape)[steps:]
    later, earlier = tuple(c[steps:] for c in columns), tuple(c[:-steps] for c in columns)
    if not change.size:
        return
    most = [np.maximum(upper[a], upper[b]) for a, b in zip(later, earlier, strict=True)]
    some_fixed = np.logical_or.reduce([fixed[k : len(fixed) - steps + k] for k in range(steps + 1)])
    there = np.isfinite(change) & (change > 0) & (change < most[0] + most[1]) & ~some_fixed
    there &= (most[0] > LEAST_KW) & (most[1] > LEAST_KW)
    scale = np.where(there, change, 1.0)
    share = [1.0 / np.maximum(scale, np.where(there, m, 1.0)) for m in most]
    for own in (0, 1):
        other = 1 - own
        for rise in (1.0, -1.0):
            for against in (later[other], earlier[other]):
                row = _rows(builder, there, 1.0)
                _terms(builder, row, there, later[own], rise / scale)
                _terms(builder, row, there, earlier[own], -rise / scale)
                _terms(builder, row, there, against, share[other])
        row = _rows(builder, there, 1.0)
        _terms(builder, row, there, later[own], share[own])
        _terms(builder, row, there, earlier[other], share[other])
    for rise in (1.0, -1.0):
        row = _rows(builder, there, 1.0)
        for side in (0, 1):
            _terms(builder, row, there, later[side], rise / scale)
            _terms(builder, row, there, earlier[side], -rise / scale)


def _rows(builder: LinearBuilder, where: Mask, upper: Vector | float) -> Index:
    """Add a row where `where` is true, at most `upper` and a little."""
    row = np.full(where.shape, NONE, dtype=np.int64)
    limit = np.broadcast_to(upper, where.shape)[where]
    row[where] = builder.rows(limit.shape, upper=limit + OUTWARD * np.maximum(np.abs(limit), 1.0))
    return row


def _terms(builder: LinearBuilder, row: Index, where: Mask, column: Index, value: Vector | float) -> None:
    builder.terms(row[where], column[where], np.broadcast_to(value, where.shape)[where])

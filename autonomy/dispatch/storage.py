"""Batteries in the program: what is stored from step to step, the band, what EVs drove, the ramp.

    e'_t = a·e_t + dt·(ec·ch_t − dis_t/ed)           e_{t+1} = e'_t − used_{t+1}
    emin − below <= e' <= emax + above               a battery outside its band may return only:
    not below and dis, not above and ch              below the band nothing is drawn, above it nothing is stored

An EV that comes back has used drive kWh, but not more than lay above emin: e = max(e' − drive, min(e', emin)). With
used + spared = drive and e' − used = emin + up − down that is: not spared and up, not used and down.

Columns `below`, `above`, `used` and so on exist only where a battery can get there: where it starts outside its band,
leaks below it, is derated while full, or comes back with less than it drove. What the pairs imply is written out as
rows so that the linear program without binaries is close to the program with them (each is the concave hull of what the
pair allows, or what a battery below its band can have leaked since the step before).
"""

from __future__ import annotations

import numpy as np

from autonomy.dispatch.model import NONE, Model
from autonomy.dispatch.window import Problem
from autonomy.layers import physics
from autonomy.layers.arrays import Index, Mask, Vector


def reachable_kwh(problem: Problem) -> tuple[Vector, Vector]:
    """Return (T, N) the least and the most that can be stored at the end of each step, power limits aside."""
    low, high = np.empty(problem.shape), np.empty(problem.shape)
    least = most = problem.initial_kwh
    retention = problem.community.retention
    for step in range(len(low)):
        least = np.minimum(problem.energy_min_kwh[step], retention * problem.arrived_kwh(step, least))
        most = np.maximum(problem.energy_max_kwh[step], retention * problem.arrived_kwh(step, most))
        low[step], high[step] = least, most
    return low, high


def add_storage(model: Model, problem: Problem, charge: Index, discharge: Index) -> Index:
    """Add what is stored at the end of every step, with −terminal price·e'_T in the objective; return its columns."""
    community, shape = problem.community, problem.shape
    dt, retention = community.timestep_h, np.broadcast_to(community.retention, shape)
    cost = np.zeros(shape)
    cost[-1] = -problem.terminal_price
    low, high = reachable_kwh(problem)
    stored = model.columns("stored", shape, cost=cost, lower=low, upper=high)
    used, driven = _add_arrivals(model, problem, stored, low, high)
    begin = -retention * driven
    begin[0] = retention[0] * problem.arrived_kwh(0, problem.initial_kwh)
    balance = model.rows(shape, lower=begin, upper=begin)
    model.terms(balance, stored, 1.0)
    model.terms(balance[1:], stored[:-1], -retention[1:])
    model.terms(balance, used, retention)
    model.terms(balance, charge, -dt * community.charge_efficiency)
    model.terms(balance, discharge, dt / community.discharge_efficiency)
    _add_below(model, problem, stored, discharge, low, high)
    _add_above(model, problem, stored, charge, low, high)
    return stored


def _add_arrivals(model: Model, problem: Problem, stored: Index, low: Vector, high: Vector) -> tuple[Index, Vector]:
    """Add what EVs used on the road; return its columns, and (T, N) kWh where it is sure to be the whole drive."""
    shape, least = problem.shape, np.broadcast_to(problem.community.energy_min_kwh, problem.shape)
    drive = problem.drive_kwh.copy()
    drive[0] = 0.0  # what was driven before the window is known
    before, lowest, highest = np.roll(stored, 1, axis=0), np.roll(low, 1, axis=0), np.roll(high, 1, axis=0)
    some = (drive > 0) & (lowest < least + drive)
    used = model.columns("used", shape, where=some, upper=drive)
    spared = model.columns("spared", shape, where=some, upper=drive)
    up = model.columns("up", shape, where=some & (highest > least), upper=np.maximum(highest - least, 0.0))
    down = model.columns("down", shape, where=some & (lowest < least), upper=np.maximum(least - lowest, 0.0))
    split = model.rows(shape, where=some, lower=drive, upper=drive)
    model.terms(split, used, 1.0)
    model.terms(split, spared, 1.0)
    left = model.rows(shape, where=some, lower=least, upper=least)
    for column, sign in ((before, 1.0), (used, -1.0), (up, -1.0), (down, 1.0)):
        model.terms(left, column, sign)
    model.exclusive(spared, up)
    model.exclusive(used, down)
    # From emin on spared = max(drive − (e' − emin), 0) is convex, so it is below its chord; below emin it is drive.
    begin = np.maximum(lowest, least)
    at_begin = np.maximum(drive - (begin - least), 0.0)
    slope = _ratio(np.maximum(drive - (highest - least), 0.0) - at_begin, highest - begin)
    hull = model.rows(shape, where=some & (highest > begin), upper=at_begin - slope * begin)
    model.terms(hull, spared, 1.0)
    model.terms(hull, before, -slope)
    return used, np.where(some, 0.0, drive)


def _add_below(model: Model, problem: Problem, stored: Index, discharge: Index, low: Vector, high: Vector) -> None:
    """Let a battery be below its band while nothing is drawn from it."""
    least, retention = problem.energy_min_kwh, problem.community.retention
    some = (low < least) & (problem.discharge_limit_kw > 0)
    if not some.any():
        return
    below = model.columns("below", problem.shape, where=some, upper=np.maximum(least - low, 0.0))
    floor = model.rows(problem.shape, where=some, lower=least)
    model.terms(floor, stored, 1.0)
    model.terms(floor, below, 1.0)
    model.exclusive(discharge, below)
    later = some[1:] & (problem.drive_kwh[1:] == 0)
    leaked = np.maximum(least[1:] - retention * least[:-1], 0.0)
    _no_more_than_before(model, below, later, retention, leaked)
    steep = _ratio(np.maximum(least[1:] - retention * low[:-1], 0.0), high[:-1] - low[:-1])
    hull = model.rows(later.shape, where=later & (high > low)[:-1], upper=steep * high[:-1])
    model.terms(hull, below[1:], 1.0)
    model.terms(hull, stored[:-1], steep)


def _add_above(model: Model, problem: Problem, stored: Index, charge: Index, low: Vector, high: Vector) -> None:
    """Let a battery be above its band while nothing is stored in it."""
    most, retention = problem.energy_max_kwh, problem.community.retention
    some = (high > most) & (problem.charge_limit_kw > 0)
    if not some.any():
        return
    above = model.columns("above", problem.shape, where=some, upper=np.maximum(high - most, 0.0))
    roof = model.rows(problem.shape, where=some, upper=most)
    model.terms(roof, stored, 1.0)
    model.terms(roof, above, -1.0)
    model.exclusive(charge, above)
    later, lowered = some[1:], np.maximum(retention * most[:-1] - most[1:], 0.0)
    _no_more_than_before(model, above, later, retention, lowered)
    steep = _ratio(np.maximum(retention * high[:-1] - most[1:], 0.0), high[:-1] - low[:-1])
    hull = model.rows(later.shape, where=later & (high > low)[:-1], upper=-steep * low[:-1])
    model.terms(hull, above[1:], 1.0)
    model.terms(hull, stored[:-1], -steep)


def _no_more_than_before(model: Model, outside: Index, later: Mask, retention: Vector, most: Vector) -> None:
    """Add outside_t <= a·outside_{t−1} + most, where both have a column."""
    both = later & (outside[:-1] != NONE)
    kept = model.rows(later.shape, where=both, upper=most)
    model.terms(kept, outside[1:], 1.0)
    model.terms(kept, outside[:-1], -retention)


def _ratio(rise: Vector, run: Vector) -> Vector:
    return np.divide(rise, run, out=np.zeros(np.shape(rise)), where=run > 0)


def add_ramp(model: Model, problem: Problem, charge: Index, discharge: Index, fixed: Vector) -> None:
    """Add −R <= b_t − b_{t−1} <= R for batteries with a ramp limit; b_t = fixed_t where that is a number."""
    limits = problem.community.ramp_limit_kw
    ramped = np.flatnonzero(np.isfinite(limits))
    charge, discharge, fixed = charge[:, ramped], discharge[:, ramped], fixed[:, ramped]
    free, limit = np.isnan(fixed), limits[ramped]
    start = np.zeros(charge.shape)
    start[0] = problem.previous_kw[ramped]
    lower, upper = np.where(free, start - limit, fixed), np.where(free, start + limit, fixed)
    change = model.rows(charge.shape, lower=lower, upper=upper)
    for column, sign in ((charge, 1.0), (discharge, -1.0)):
        model.terms(change, column, sign)
        model.terms(change[1:][free[1:]], column[:-1][free[1:]], -sign)


def ramp_to_rest(problem: Problem) -> tuple[Vector, Mask]:
    """Return the quickest way to b = 0 that the ramp allows, (T, N) kW, and where the ramp has to give way on it.

    The quickest way is the one that meets the SoC limits last. Where `physics.battery_box` relaxes the ramp even so,
    (T, N) True, a battery has no other power, and it cannot have had another one on the way there.
    """
    power = np.zeros(problem.shape)
    relaxed = np.zeros(power.shape, dtype=np.bool_)
    energy, previous = problem.initial_kwh, problem.previous_kw
    for step, held in enumerate(problem.held):
        if not previous.any():
            break
        energy = problem.arrived_kwh(step, energy)
        box = physics.rated_box(held, energy, previous)
        power[step], relaxed[step] = np.clip(0.0, box.lower_kw, box.upper_kw), box.ramp_relaxed
        energy, previous = physics.rated_energy_after_kwh(problem.community, energy, power[step]), power[step]
    return power, relaxed

"""Wear by depth of discharge in the program: every battery as J slices, each with a price for what is drawn from it.

    slice' = a·(slice − road) + filling − drawing        0 <= slice <= capacity/J         j = 1..J
    Σ filling = dt·ec·ch        Σ drawing = dt·dis/ed        cost = price·Σ life_j·drawing_j

The simulator fills the shallowest slice with room and draws from the shallowest with energy (`autonomy.assets.wear`).
The program may choose, and chooses nothing cheaper, so no binary is needed. Proof, for one battery and a given path of
what is stored: with y_k what lies deeper than slice k, and because life_j rises with j,

    Σ_j life_j·drawing_j = life_1·(all that is drawn) + Σ_k (life_{k+1} − life_k)·(what is drawn from deeper than k)

so it is enough that the simulator's rule draws the least from deeper than k, for every k at once. Let V_t(y) be the
least that has to be drawn from there after step t. V_T = 0; V is nondecreasing and rises by at most as much as y. If
that holds for V_{t+1}, then in step t

    V_t(y) = min over y' of max(a·y − y', 0) + V_{t+1}(y'),      max(e' − k·size, 0) <= y' <= min(e', (J − k)·size)

is least where y' stays as near to a·y as these ends allow: moving y' down costs 1 and saves at most 1, moving it up
saves nothing. That is the simulator's rule: deep energy is touched only when the shallow slices are empty, and deep
slices are filled only when the shallow ones are full. V_t(y) = max(a·y − end, 0) + V_{t+1}(...) then rises by 0 to a <=
1. What leaks takes the same share of every slice in both.

What EVs use on the road is the exception: the simulator takes the same share of every slice, the program what it likes
(`road`). For batteries that can be discharged and go away the program is therefore a relaxation: its bound holds, and
the gap of the dispatch says how much that matters.
"""

from __future__ import annotations

import numpy as np

from autonomy.assets import wear
from autonomy.dispatch.model import NONE, Model
from autonomy.dispatch.window import Problem, path_kwh
from autonomy.layers.arrays import Index, Vector


def add_slices(model: Model, problem: Problem, charge: Index, discharge: Index) -> None:
    """Add the slices of every battery that can be discharged; none where cycles cost nothing."""
    price, community = problem.economics.cycle_price_per_kwh, problem.community
    if price == 0:
        return
    shape, dt, some = (*problem.shape, wear.SEGMENTS), community.timestep_h, problem.can_store[:, None]
    size = np.broadcast_to(community.battery_capacity_kwh[:, None] / wear.SEGMENTS, shape)
    begin = np.zeros(shape)
    begin[0] = community.retention[:, None] * first_slices_kwh(problem)
    life = price * wear.life_by_slice(problem.economics)
    drives = problem.drive_kwh.copy()
    drives[0] = 0.0
    slices = model.columns("slices", shape, where=some, upper=size)
    filling = model.columns("filling", shape, where=some, upper=size)
    drawing = model.columns("drawing", shape, where=some, cost=life, upper=size)
    road = model.columns("road", shape, where=some & (drives > 0)[..., None], upper=size)
    kept = model.rows(shape, where=some, lower=begin, upper=begin)
    retention = np.broadcast_to(community.retention[:, None], shape)
    for column, value in ((slices, 1.0), (filling, -1.0), (drawing, 1.0), (road, retention)):
        model.terms(kept, column, value)
    model.terms(kept[1:], slices[:-1], -retention[1:])
    per_kw = dt * community.charge_efficiency, dt / community.discharge_efficiency
    for parts, whole, share in ((filling, charge, per_kw[0]), (drawing, discharge, per_kw[1])):
        total = model.rows(problem.shape, where=problem.can_store, lower=0.0, upper=0.0)
        model.terms(total[..., None], parts, 1.0)
        model.terms(total, whole, -share)
    used = model.blocks["used"]
    taken = np.where(used == NONE, drives, 0.0)
    away = model.rows(problem.shape, where=problem.can_store & (drives > 0), lower=taken, upper=taken)
    model.terms(away[..., None], road, 1.0)
    model.terms(away, used, -1.0)
    _add_shares(model, problem, slices, road, drives)


def first_slices_kwh(problem: Problem) -> Vector:
    """Return (N, J) kWh in each slice when the first step begins, after what EVs drove."""
    arrived = problem.arrived_kwh(0, problem.initial_kwh)
    if problem.initial_slices_kwh is None:
        return wear.filled(arrived, problem.community.battery_capacity_kwh)
    return wear.lost(problem.initial_slices_kwh, arrived)


def _add_shares(model: Model, problem: Problem, slices: Index, road: Index, drives: Vector) -> None:
    """Add between which shares of a slice the road can have taken.

    The share used/e' is at most drive/(emin + drive), which it is at e' = emin + drive, and at least drive/e'_max less
    what was spared.
    """
    # A battery may be fuller than its band, where it was derated or began so.
    least = problem.community.energy_min_kwh
    most = np.maximum(problem.community.energy_max_kwh, problem.initial_kwh)
    before, spared = np.roll(slices, 1, axis=0), model.blocks["spared"][..., None]
    there = road != NONE
    upper = np.divide(drives, least + drives, out=np.zeros(drives.shape), where=drives > 0)[..., None]
    lower = np.divide(drives, most, out=np.zeros(drives.shape), where=drives > 0)[..., None]
    for share, sign, slack in ((upper, 1.0, 0.0), (np.minimum(lower, upper), -1.0, -1.0)):
        bound = model.rows(there.shape, where=there, upper=0.0)
        model.terms(bound, road, sign)
        model.terms(bound, before, -sign * share)
        if slack:
            model.terms(bound, spared, slack)


def cycled_slices(problem: Problem, battery_kw: Vector) -> tuple[dict[str, Vector], Vector]:
    """Return what the simulator does with the slices, by block (T, N, J), and (T, N) kWh of capacity used up."""
    community, used = problem.community, wear.life_by_slice(problem.economics)
    capacity, retention = community.battery_capacity_kwh, community.retention
    before, after = path_kwh(problem, battery_kw)
    shape = (*problem.shape, wear.SEGMENTS)
    found = {name: np.zeros(shape) for name in ("slices", "filling", "drawing", "road")}
    life = np.zeros(problem.shape)
    slices = first_slices_kwh(problem)
    for step in range(len(battery_kw)):
        arrived = wear.lost(slices, before[step])
        found["road"][step] = slices - arrived
        kept = wear.lost(arrived, retention * before[step])
        worn = wear.cycled(kept, capacity, after[step] - retention * before[step], used)
        found["filling"][step] = np.maximum(worn.slices_kwh - kept, 0.0)
        found["drawing"][step] = np.maximum(kept - worn.slices_kwh, 0.0)
        found["slices"][step] = slices = worn.slices_kwh
        life[step] = worn.life_kwh
    return found, life

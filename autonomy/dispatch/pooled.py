"""The program of the pools: one battery a pool behind one node, with all that is said of everybody's sum.

Sums of feasible set-points are feasible here, and cost no more than they do (docs/dispatch.md has the proof):

    a⁻·(E − used) + dt·(ec⁻·CH − DIS/ed⁻)  <=  E'  <=  a⁺·(E − used) + dt·(ec⁺·CH − DIS/ed⁺)      = where all are alike
    0 <= CH <= Σ P⁺    0 <= DIS <= Σ P⁻    Σ least <= E' <= Σ most    0 <= C <= Σ g    0 <= S <= Σ d
    net = Σ (g − d) − C + S − Σ (CH − DIS), within the feeder's limits and the sum of the nodes'
    C + Σ CH >= Σ max(g − d − K, 0)    C >= Σ max(g − d − K − P⁺, 0)    and likewise S with d − g and P⁻
    outwards >= max(net, 0)    outwards >= Σ max(g − d, 0) − C − Σ CH    outwards − net >= Σ max(d − g, 0) − S − Σ DIS

a, ec and ed are those of the worst (−) and of the best (+) member of a pool. What holds for one prosumer only is left
out: which lines are above it, what its own connection leaves to it alone, its ramp, that it does not charge and
discharge at once.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from autonomy.assets import wear
from autonomy.dispatch.costs import add_grid, add_peaks
from autonomy.dispatch.model import Model
from autonomy.dispatch.network import Feeder
from autonomy.dispatch.pools import Pools, outward
from autonomy.dispatch.program import DispatchProgram
from autonomy.dispatch.window import Problem
from autonomy.layers.arrays import Index, Vector


def aggregate_program(problem: Problem, pools: Pools) -> DispatchProgram:
    """Return the program of the pools; of its pairs only import and export are left."""
    model, shape = Model(), pools.shape
    throughput = problem.community.timestep_h * problem.economics.wear_per_kwh
    charge = model.columns("charge", shape, cost=throughput, upper=pools.charge_limit_kw)
    discharge = model.columns("discharge", shape, cost=throughput, upper=pools.discharge_limit_kw)
    stored = _add_stored(model, problem, pools, charge, discharge)
    feeder = _add_node(model, problem, charge, discharge)
    add_grid(model, _one_node(problem), feeder, feeder.flow[:, None])
    _add_trades(model, problem, charge, discharge)
    add_peaks(model, problem, feeder)
    _add_departures(model, problem, pools, stored)
    _add_slices(model, problem, pools, charge, discharge)
    first, second = model.pairs()
    return DispatchProgram(
        program=model.builder.build(),
        blocks=model.blocks,
        first=first,
        second=second,
        constant=problem.terminal_price * float(problem.initial_kwh.sum()),
    )


def _add_stored(model: Model, problem: Problem, pools: Pools, charge: Index, discharge: Index) -> Index:
    """Add what each pool stores, between what its worst and what its best members make of the same power."""
    shape, drive = pools.shape, pools.drive_kwh
    cost = np.zeros(shape)
    cost[-1] = -problem.terminal_price
    stored = model.columns("stored", shape, cost=cost, lower=pools.least_kwh, upper=pools.most_kwh)
    drives = drive[1] > 0
    drives[0] = False
    used = model.columns("used", shape, where=drives, lower=np.maximum(drive[0], 0.0), upper=drive[1])
    begin = np.zeros((2, *shape))
    begin[:, 0] = pools.start_kwh
    alike = pools.is_alike
    lowest = np.where(alike, begin[0], -np.inf)
    for side, where, lower, upper in ((1, True, lowest, begin[1]), (0, ~alike, begin[0], np.inf)):
        row = model.rows(shape, where=where, lower=lower, upper=upper)
        model.terms(row, stored, 1.0)
        model.terms(row[1:], stored[:-1], -pools.kept[side])
        model.terms(row, used, pools.kept[side])
        model.terms(row, charge, -pools.stored_per_kw[side])
        model.terms(row, discharge, pools.drawn_per_kw[side])
    return stored


def _add_node(model: Model, problem: Problem, charge: Index, discharge: Index) -> Feeder:
    """Add the one node, with all demand and generation; its net export is the flow of the feeder."""
    demand, pv, limit = problem.demand_kw, problem.pv_kw, problem.community.connection_limit_kw
    dt, root = problem.community.timestep_h, int(np.argmin(problem.community.network.parent))
    everybody, shape = np.ones((problem.shape[1], 1), dtype=np.bool_), (problem.shape[0], 1)
    curtail = model.columns("curtail", shape, upper=outward(pv, everybody)[1])
    lost_load = dt * problem.economics.value_of_lost_load_per_kwh
    shed = model.columns("shed", shape, cost=lost_load, upper=outward(demand, everybody)[1])
    lower = outward(np.maximum(-limit, -(demand + problem.charge_limit_kw)), everybody)[0]
    upper = outward(np.minimum(limit, pv + problem.discharge_limit_kw), everybody)[1]
    lower = np.maximum(lower, -problem.import_limit_kw[:, [root]])
    upper = np.minimum(upper, problem.export_limit_kw[:, [root]])
    net = model.columns("net", shape, lower=lower, upper=upper)
    surplus = outward(pv - demand, everybody)
    node = model.rows(shape, lower=surplus[0], upper=surplus[1])
    for column, sign in ((net, 1.0), (curtail, 1.0), (shed, -1.0), (charge, 1.0), (discharge, -1.0)):
        model.terms(node, column, sign)
    has = problem.community.has_battery
    _add_connections(model, pv - demand - limit, np.where(has, problem.charge_limit_kw, 0.0), curtail, charge)
    _add_connections(model, demand - pv - limit, np.where(has, problem.discharge_limit_kw, 0.0), shed, discharge)
    return Feeder(net[:, 0], lower[:, 0], upper[:, 0])


def _add_connections(model: Model, excess: Vector, power: Vector, cut: Index, battery: Index) -> None:
    """Add what the nodes have to take themselves of what their connections do not: cut + battery >= Σ max(excess, 0).

    Where excess is more than a battery's power, the rest can only be cut: cut >= Σ max(excess − power, 0).
    """
    everybody = np.ones((excess.shape[1], 1), dtype=np.bool_)
    for surplus, columns in ((excess, (cut, battery)), (excess - power, (cut,))):
        rounded_down = np.nextafter(np.nextafter(np.maximum(surplus, 0.0), 0.0), 0.0)
        least = outward(rounded_down, everybody)[0]
        row = model.rows(least.shape, where=least > 0, lower=least)
        for column in columns:
            model.terms(row, column, 1.0)


def _one_node(problem: Problem) -> Problem:
    """Return the problem with all that could be exported at one node."""
    most = (problem.pv_kw + problem.discharge_limit_kw, np.ones((problem.shape[1], 1), dtype=np.bool_))
    return replace(problem, pv_kw=outward(*most)[1], discharge_limit_kw=np.zeros((problem.shape[0], 1)))


def _add_departures(model: Model, problem: Problem, pools: Pools, stored: Index) -> None:
    """Add what the cars of a pool lack at least: what they require less all that the pool's others may not hold."""
    leaves = np.isfinite(pools.missing_kwh)
    price = problem.economics.missing_charge_price_per_kwh
    missing = model.columns("missing", pools.shape, where=leaves, cost=price, upper=pools.required_kwh)
    left = model.rows(pools.shape, where=leaves, lower=pools.missing_kwh)
    model.terms(left, missing, 1.0)
    model.terms(left, stored, 1.0)


def _add_trades(model: Model, problem: Problem, charge: Index, discharge: Index) -> None:
    """Add that a node gives away what of its surplus it neither curtails nor stores; only fees on trades need it."""
    outwards, net = model.blocks["outwards"], model.blocks["net"]
    everybody = np.ones((problem.shape[1], 1), dtype=np.bool_)
    for sign, cut, battery in ((1.0, "curtail", charge), (-1.0, "shed", discharge)):
        surplus = np.maximum(sign * (problem.pv_kw - problem.demand_kw), 0.0)
        row = model.rows(outwards.shape, where=outwards >= 0, lower=outward(surplus, everybody)[0])
        model.terms(row, outwards, 1.0)
        model.terms(row, model.blocks[cut], 1.0)
        model.terms(row, battery, 1.0)
        if sign < 0:
            model.terms(row, net, -1.0)


def _add_slices(model: Model, problem: Problem, pools: Pools, charge: Index, discharge: Index) -> None:
    """Add the slices of every pool without cars, each as large as those of its members together.

        slices' <= a⁺·slices + filling − drawing    Σ filling <= dt·ec⁺·CH    Σ drawing >= dt·DIS/ed⁺

    More in a slice, and more filled into it, only make cheaper what is drawn, so the other sides would change nothing.
    """
    price = problem.economics.cycle_price_per_kwh
    if price == 0:
        return
    shape = (*pools.shape, wear.SEGMENTS)
    stays = ~(pools.drive_kwh[1] > 0).any(axis=0)[:, None]
    upper = np.broadcast_to(pools.slice_kwh[:, None], shape)
    life = price * wear.life_by_slice(problem.economics)
    slices = model.columns("slices", shape, where=stays, upper=upper)
    filling = model.columns("filling", shape, where=stays, upper=upper)
    drawing = model.columns("drawing", shape, where=stays, cost=life, upper=upper)
    begin = np.zeros(shape)
    begin[0] = pools.slices_kwh
    after = model.rows(shape, where=stays, upper=begin)
    for column, value in ((slices, 1.0), (filling, -1.0), (drawing, 1.0)):
        model.terms(after, column, value)
    model.terms(after[1:], slices[:-1], -pools.kept[1][:, None])
    stored = model.rows(pools.shape, where=stays[:, 0], upper=0.0)
    model.terms(stored[..., None], filling, 1.0)
    model.terms(stored, charge, -pools.stored_per_kw[1])
    drawn = model.rows(pools.shape, where=stays[:, 0], lower=0.0)
    model.terms(drawn[..., None], drawing, 1.0)
    model.terms(drawn, discharge, -pools.drawn_per_kw[1])

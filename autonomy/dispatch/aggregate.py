"""The community as one battery a pool behind one node: a small linear program that bounds what any dispatch costs.

Sums of feasible set-points are feasible here, and cost no more than they do (docs/dispatch.md has the proof):

    a⁻·(E − used) + dt·(ec⁻·CH − DIS/ed⁻)  <=  E'  <=  a⁺·(E − used) + dt·(ec⁺·CH − DIS/ed⁺)      = where all are alike
    0 <= CH <= Σ P⁺    0 <= DIS <= Σ P⁻    Σ least <= E' <= Σ most    0 <= C <= Σ g    0 <= S <= Σ d
    net = Σ (g − d) − C + S − Σ (CH − DIS), within the feeder's limits and the sum of the nodes'
    C + Σ CH >= Σ max(g − d − K, 0)    C >= Σ max(g − d − K − P⁺, 0)    and likewise S with d − g and P⁻

a, ec and ed are those of the worst (−) and of the best (+) member of a pool. What holds for one prosumer only is left
out: which lines are above it, what its own connection leaves to it alone, its ramp, that it does not charge and
discharge at once, and the depth of its cycles.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np

from autonomy.dispatch.certificate import Certificate, Claim, Verdict, certify, round_down
from autonomy.dispatch.costs import add_grid, add_peaks
from autonomy.dispatch.errors import DispatchError
from autonomy.dispatch.model import Model
from autonomy.dispatch.network import Feeder
from autonomy.dispatch.pools import Pools, outward, pools_of
from autonomy.dispatch.program import DispatchProgram
from autonomy.dispatch.window import Problem
from autonomy.layers.arrays import Index, Vector, frozen
from autonomy.solvers.exclusive import solve_exclusive


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Aggregate:
    """The cheapest plan of the pooled batteries. It is a bound, and a dispatch only if it can be shared out.

    Attributes:
        bound: Currency, no dispatch of the community costs less; proved in fractions.
        objective: Currency, what the plan costs.
        certificate: What was checked of it without the solver.
        pools: Who is pooled with whom.
        charge_kw: (T, K) kW.
        discharge_kw: (T, K) kW.
        stored_kwh: (T, K) kWh at the end of each step.
        curtail_kw: (T,) kW.
        shed_kw: (T,) kW.
        feeder_kw: (T,) kW, + = export.
        seconds: Wall-clock time to build, solve and check.
    """

    bound: float
    objective: float
    certificate: Certificate
    pools: Pools
    charge_kw: Vector
    discharge_kw: Vector
    stored_kwh: Vector
    curtail_kw: Vector
    shed_kw: Vector
    feeder_kw: Vector
    seconds: float


def aggregate_bound(problem: Problem, *, time_limit_s: float | None = None) -> Aggregate:
    """Return a bound on what any dispatch of a problem costs, from one battery a pool behind the feeder.

    Args:
        problem: The window, see `known_problem`.
        time_limit_s: Seconds for the solver; None for no limit.

    Raises:
        DispatchError: the time ran out, or the solver's answer failed the checks.
    """
    start = time.perf_counter()
    pools = pools_of(problem)
    model = aggregate_program(problem, pools)
    answer = solve_exclusive(model.program, model.first, model.second, time_limit_s=time_limit_s)
    if not answer.solution.found:
        raise DispatchError(f"no bound was found for {problem.shape[0]} steps: {answer.solution.message}")
    x = answer.solution.x
    objective = float(model.program.cost @ x) + model.constant
    certificate = certify(
        model.program,
        x=x,
        dual=answer.dual,
        pairs=(model.first, model.second),
        claim=Claim(objective=objective),
        relative_gap=1e-6,
        constant=model.constant,
        proved=answer.proved,
    )
    if certificate.verdict is Verdict.REFUTED or certificate.bound is None:
        raise DispatchError(f"the solver's answer failed the checks: {certificate.message}")
    places = model.blocks
    return Aggregate(
        bound=round_down(certificate.bound),
        objective=objective,
        certificate=certificate,
        pools=pools,
        charge_kw=frozen(x[places["charge"]]),
        discharge_kw=frozen(x[places["discharge"]]),
        stored_kwh=frozen(x[places["stored"]]),
        curtail_kw=frozen(x[places["curtail"][:, 0]]),
        shed_kw=frozen(x[places["shed"][:, 0]]),
        feeder_kw=frozen(x[places["net"][:, 0]]),
        seconds=time.perf_counter() - start,
    )


def aggregate_program(problem: Problem, pools: Pools) -> DispatchProgram:
    """Return the program of the pools; of its pairs only import and export are left."""
    model, shape = Model(), pools.shape
    wear = problem.community.timestep_h * problem.economics.wear_per_kwh
    charge = model.columns("charge", shape, cost=wear, upper=pools.charge_limit_kw)
    discharge = model.columns("discharge", shape, cost=wear, upper=pools.discharge_limit_kw)
    stored = _add_stored(model, problem, pools, charge, discharge)
    feeder = _add_node(model, problem, charge, discharge)
    add_grid(model, _one_node(problem), feeder, feeder.flow[:, None])
    add_peaks(model, problem, feeder)
    _add_departures(model, problem, pools, stored)
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

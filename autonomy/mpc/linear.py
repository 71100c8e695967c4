"""The same plans as linear programs in HiGHS: of one store, and of every battery for itself.

    minimise  Σ_t dt·(retail·import − feed-in·export + wear·Σ (ch + dis) + lost load·Σ s) − price·Σ e_H
    e_{t+1} = a·e_t + dt·(ec·ch − dis/ed)                    emin <= e <= emax
    n = (g − c) − (d − s) − (ch − dis)                       |n| <= K
    import − export = −Σ n,   −Limp_l <= Σ n below l <= Lexp_l

With one store there is one n, and no connection nor inner line. Step 0 is the present.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from autonomy.layers.arrays import Index, Vector
from autonomy.layers.community import Community
from autonomy.mpc.persistent import PersistentProgram
from autonomy.mpc.receding import Moment
from autonomy.solvers.linear import LinearBuilder, LinearProgram

NOT_LIMITED = 1e6
"""KW; what stands for no limit."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Columns:
    """Which column is what.

    Attributes:
        charge: (T, S) kW.
        discharge: (T, S) kW.
        curtail: (T, S) kW.
        shed: (T, S) kW.
        energy: (T, S) kWh after the step.
        imports: (T,) kW.
        exports: (T,) kW.
        flow: (T, S) kW net exports.
        balance: (T, S) rows e_{t+1} − a·e_t − …
        node: (T, S) rows n + c − s + ch − dis = g − d.
    """

    charge: Index
    discharge: Index
    curtail: Index
    shed: Index
    energy: Index
    imports: Index
    exports: Index
    flow: Index
    balance: Index
    node: Index


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Day:
    """The numbers of one plan, for S stores over T steps.

    Attributes:
        demand_kw: (T, S) kW.
        pv_kw: (T, S) kW.
        retail: (T,) currency/kWh.
        feed_in: (T,) currency/kWh.
        charge_kw: (T, S) kW.
        discharge_kw: (T, S) kW.
        import_kw: (T,) kW.
        export_kw: (T,) kW.
        connection_kw: (S,) kW.
        energy_kwh: (S,) kWh stored now.
        least_kwh: (S,) kWh.
        most_kwh: (S,) kWh.
        terminal: Currency/kWh.
    """

    demand_kw: Vector
    pv_kw: Vector
    retail: Vector
    feed_in: Vector
    charge_kw: Vector
    discharge_kw: Vector
    import_kw: Vector
    export_kw: Vector
    connection_kw: Vector
    energy_kwh: Vector
    least_kwh: Vector
    most_kwh: Vector
    terminal: float


class LinearPlan:
    """Plans by linear program.

    Attributes:
        by_battery: Whether every battery is one of its own, with connections and every line; else one store.
        objective: Currency, what the last plan costs, without a constant.
    """

    def __init__(self, *, by_battery: bool = False) -> None:
        self.by_battery = by_battery
        self.objective = float("nan")
        self._programs: dict[tuple[Community, int], tuple[PersistentProgram, LinearProgram, Columns]] = {}

    def __call__(self, moment: Moment) -> float | Vector:
        """Return kW, + = charge, of all batteries together, or (N,) of each.

        Raises:
            SolveError: HiGHS found no optimum.
        """
        day = _each(moment) if self.by_battery else _as_one(moment)
        steps = len(day.retail)
        key = (moment.community, steps)
        if key not in self._programs:
            self._programs = {key: _prepared(moment, steps, by_battery=self.by_battery)}
        solver, program, at = self._programs[key]
        numbers = _numbers(moment, day, program, at)
        x = solver.solve(**numbers)
        self.objective = float(numbers["cost"] @ x)
        power: Vector = x[at.charge[0]] - x[at.discharge[0]]
        return power if self.by_battery else float(power[0])


def _prepared(moment: Moment, steps: int, *, by_battery: bool) -> tuple[PersistentProgram, LinearProgram, Columns]:
    """Return the program with its matrix, and zeros for what changes."""
    community = moment.community
    size = community.n_prosumers if by_battery else 1
    ec, ed, kept, dt, _, _ = moment.battery
    efficiency = (community.charge_efficiency, community.discharge_efficiency) if by_battery else (ec, ed)
    left = community.retention if by_battery else kept
    build, shape = LinearBuilder(), (steps, size)
    charge, discharge, curtail, shed, energy, flow = (build.columns(shape) for _ in range(6))
    imports, exports = build.columns((steps,)), build.columns((steps,))
    balance, node = build.rows(shape, lower=0.0, upper=0.0), build.rows(shape, lower=0.0, upper=0.0)
    build.terms(balance, energy, 1.0)
    build.terms(balance[1:], energy[:-1], -np.broadcast_to(left, (size,)))
    build.terms(balance, charge, -dt * np.broadcast_to(efficiency[0], (size,)))
    build.terms(balance, discharge, dt / np.broadcast_to(efficiency[1], (size,)))
    for column, sign in ((flow, 1.0), (curtail, 1.0), (shed, -1.0), (charge, 1.0), (discharge, -1.0)):
        build.terms(node, column, sign)
    border = build.rows((steps,), lower=0.0, upper=0.0)
    build.terms(border[:, None], flow, 1.0)
    build.terms(border, imports, 1.0)
    build.terms(border, exports, -1.0)
    if by_battery:
        _add_lines(build, community, flow)
    at = Columns(
        charge=charge,
        discharge=discharge,
        curtail=curtail,
        shed=shed,
        energy=energy,
        imports=imports,
        exports=exports,
        flow=flow,
        balance=balance,
        node=node,
    )
    program = build.build()
    return PersistentProgram(program), program, at


def _add_lines(build: LinearBuilder, community: Community, flow: Index) -> None:
    """Add a row for every line but the feeder, which imports and exports stand for."""
    network = community.network
    for line in np.flatnonzero(network.parent >= 0):
        below = np.flatnonzero(network.incidence[line])
        limit = max(float(network.import_limit_kw[line] - network.worst_case_loss_kw[line]), 0.0)
        row = build.rows((len(flow),), lower=-limit, upper=float(network.export_limit_kw[line]))
        build.terms(row[:, None], flow[:, below], 1.0)


def _numbers(moment: Moment, day: Day, program: LinearProgram, at: Columns) -> dict[str, Vector]:
    """Return costs, bounds and row bounds of a plan."""
    _, _, kept, dt, wear, lost_load = moment.battery
    left = moment.community.retention if len(day.energy_kwh) > 1 else kept
    cost, lower, upper = np.zeros(program.cost.size), np.zeros(program.cost.size), np.zeros(program.cost.size)
    row_lower, row_upper = program.row_lower.copy(), program.row_upper.copy()
    cost[at.charge] = cost[at.discharge] = dt * wear
    cost[at.shed] = dt * lost_load
    cost[at.imports], cost[at.exports] = dt * day.retail, -dt * day.feed_in
    cost[at.energy[-1]] = -day.terminal
    upper[at.charge], upper[at.discharge] = day.charge_kw, day.discharge_kw
    upper[at.curtail], upper[at.shed] = day.pv_kw, day.demand_kw
    lower[at.energy], upper[at.energy] = day.least_kwh, day.most_kwh
    lower[at.flow], upper[at.flow] = -day.connection_kw, day.connection_kw
    upper[at.imports] = np.minimum(day.import_kw, NOT_LIMITED)
    upper[at.exports] = np.minimum(day.export_kw, NOT_LIMITED)
    row_lower[at.balance[0]] = row_upper[at.balance[0]] = left * day.energy_kwh
    row_lower[at.node] = row_upper[at.node] = day.pv_kw - day.demand_kw
    return {"cost": cost, "lower": lower, "upper": upper, "row_lower": row_lower, "row_upper": row_upper}


def _as_one(moment: Moment) -> Day:
    """Return the plan's numbers for one store, whose demand and PV are those of all."""
    later = len(moment.outlook.load_kw)
    charge, discharge, imports, exports = zip(moment.present_limits_kw, *[moment.later_limits_kw] * later, strict=True)
    load = np.concatenate(([moment.load_kw], moment.outlook.load_kw))
    band = moment.together
    return Day(
        # Whatever is needed may be shed, and whatever is left curtailed: one store does not know whose it is.
        demand_kw=np.maximum(load, 0.0)[:, None] + NOT_LIMITED,
        pv_kw=np.maximum(-load, 0.0)[:, None] + NOT_LIMITED,
        retail=np.concatenate(([moment.retail], moment.outlook.retail)),
        feed_in=np.concatenate(([moment.feed_in], moment.outlook.feed_in)),
        charge_kw=np.array(charge)[:, None],
        discharge_kw=np.array(discharge)[:, None],
        import_kw=np.array(imports),
        export_kw=np.array(exports),
        connection_kw=np.full(1, 10 * NOT_LIMITED),
        energy_kwh=np.full(1, band.energy_kwh),
        least_kwh=np.full(1, band.band_kwh[0]),
        most_kwh=np.full(1, band.band_kwh[1]),
        terminal=moment.terminal,
    )


def _each(moment: Moment) -> Day:
    """Return the plan's numbers for every battery."""
    one, observation, store, community = _as_one(moment), moment.observation, moment.store, moment.community
    forecast: Any = observation.forecast
    steps = len(moment.outlook.load_kw)
    energy = moment.soc * store.capacity_kwh
    here = store.capacity_kwh > 0
    present = moment.reach_kw
    later = store.storage.power_limit_kw
    return Day(
        demand_kw=np.vstack([observation.demand_kw, np.asarray(forecast.demand_kw)[:steps]]),
        pv_kw=np.vstack([observation.pv_kw, np.asarray(forecast.pv_kw)[:steps]]),
        retail=one.retail,
        feed_in=one.feed_in,
        charge_kw=np.vstack([present[:1], np.repeat(later[:1], steps, axis=0)]),
        discharge_kw=np.vstack([present[1:], np.repeat(later[1:], steps, axis=0)]),
        import_kw=one.import_kw,
        export_kw=one.export_kw,
        connection_kw=np.minimum(community.connection_limit_kw, NOT_LIMITED),
        energy_kwh=energy,
        least_kwh=np.minimum(np.where(here, community.energy_min_kwh, 0.0), energy),
        most_kwh=np.maximum(np.where(here, community.energy_max_kwh, 0.0), energy),
        terminal=moment.terminal,
    )

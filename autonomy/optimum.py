"""The perfect-foresight optimum of one window: what the best dispatch would have cost, had everything been known.

A linear program with charge and discharge apart, solved to a vertex; where the vertex runs both at once, binaries are
added there and nowhere else. If no binary was needed, the linear optimum is the optimum of the mixed-integer program.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from autonomy.economics import Economics
from autonomy.layers import physics
from autonomy.layers.arrays import Index, Vector, frozen
from autonomy.layers.community import Community
from autonomy.layers.errors import AutonomyError, ModelError
from autonomy.solvers.exclusive import solve_exclusive
from autonomy.solvers.linear import LinearBuilder, LinearProgram, Status

OVERLAP_KW = 1e-7
"""kW, largest smaller-of-the-two at which charge and discharge (or import and export) still count as exclusive."""

ROUNDING_KW = 1e-5
"""kW, largest correction of a battery power that is rounding of the solver and not a fault."""


ADVICE = {
    Status.TIME_LIMIT: "Allow more time or take a shorter window.",
    Status.INFEASIBLE: "Look for a limit that the ramp limit and the power before the window leave no way to keep.",
}
OTHER_ADVICE = "Please report this window."


class DispatchError(AutonomyError):
    """No optimum was found; the sentence says what the solver said and what to look at."""


class Window(Protocol):
    """T known steps of N prosumers; `autonomy.scenario.Scenario` is one.

    `demand_kw` and `pv_kw` are (T, N) kW, `retail_price` and `feed_in_price` (T,) currency/kWh, `carbon_kg_per_kwh`
    (T,) kg/kWh, `timestep_h` hours.
    """

    @property
    def demand_kw(self) -> Vector: ...  # noqa: D102  # described above
    @property
    def pv_kw(self) -> Vector: ...  # noqa: D102
    @property
    def retail_price(self) -> Vector: ...  # noqa: D102
    @property
    def feed_in_price(self) -> Vector: ...  # noqa: D102
    @property
    def carbon_kg_per_kwh(self) -> Vector: ...  # noqa: D102
    @property
    def timestep_h(self) -> float: ...  # noqa: D102


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Dispatch:
    """The cheapest dispatch of a window.

    Attributes:
        battery_kw: (T, N) kW, + = charge.
        curtail_kw: (T, N) kW >= 0.
        shed_kw: (T, N) kW >= 0.
        objective: Currency, the cost of the window as `Economics` defines it, line losses left out.
        method: "LP (exclusive)" when the linear optimum passed the exclusivity check, else "MILP".
        binaries: Number of binary variables that were needed.
        gap: (objective − bound) / max(|objective|, 1): rounding for the LP, what the search proved for the MILP. A
            search that ran out of time returns its best dispatch, with a gap above the one asked for.
        seconds: Wall-clock time to build and solve.
        bound: Currency, no dispatch costs less. For the LP recomputed from the multipliers, without trust in the
            solver; for the MILP the solver's claim.
    """

    battery_kw: Vector
    curtail_kw: Vector
    shed_kw: Vector
    objective: float
    method: str
    binaries: int
    gap: float
    seconds: float
    bound: float


def optimal_dispatch(
    community: Community,
    window: Window,
    *,
    economics: Economics,
    energy_kwh: Vector,
    previous_battery_kw: Vector | None = None,
    time_limit_s: float | None = None,
    relative_gap: float = 1e-6,
) -> Dispatch:
    """Return the cheapest dispatch of the window, everything in it being known. `dispatch_program` is the model.

    A battery that starts outside its SoC band may stay as far outside as it started but not go further; the rule of
    the simulator, which lets it return only, is stricter, so for such a battery the objective is a lower bound and its
    set-points may not be executable as they are.

    Args:
        community: Batteries, network and limits.
        window: What is known.
        economics: Prices that are not tariffs.
        energy_kwh: (N,) kWh stored at the start.
        previous_battery_kw: (N,) kW of the step before, for the ramp limit; None for 0.
        time_limit_s: Seconds for all solves together; None for no limit.
        relative_gap: Largest relative gap at which the search over binaries may stop; the result states what it proved.

    Raises:
        ModelError: an input has the wrong shape or is out of its range.
        DispatchError: the community or the economics have what the program does not know (`unknown_to_optimum`), no
            dispatch keeps all limits, the time ran out before one was found, or the solver's answer
            failed the checks.
    """
    start = time.perf_counter()
    energy = _measured("energy_kwh", energy_kwh, (community.n_prosumers,), 0.0)
    previous = np.zeros(community.n_prosumers) if previous_battery_kw is None else previous_battery_kw
    previous = _measured("previous_battery_kw", previous, (community.n_prosumers,), -np.inf)
    model = dispatch_program(community, window, economics=economics, energy_kwh=energy, previous_battery_kw=previous)
    answer = solve_exclusive(
        model.program,
        np.concatenate([model.charge.ravel(), model.imports]),
        np.concatenate([model.discharge.ravel(), model.exports]),
        tolerance=OVERLAP_KW,
        time_limit_s=time_limit_s,
        relative_gap=relative_gap,
    )
    solution = answer.solution
    if not solution.found:
        advice = ADVICE.get(solution.status, OTHER_ADVICE)
        raise DispatchError(
            f"no dispatch was found for a window of {len(model.imports)} steps: {solution.message} {advice}"
        )
    battery = solution.x[model.charge] - solution.x[model.discharge]
    objective, bound = solution.objective + model.constant, solution.bound + model.constant
    return Dispatch(
        battery_kw=frozen(_executable(community, battery, energy, previous)),
        curtail_kw=frozen(solution.x[model.curtail]),
        shed_kw=frozen(solution.x[model.shed]),
        objective=objective,
        method="MILP" if answer.binaries else "LP (exclusive)",
        binaries=answer.binaries,
        gap=max(objective - bound, 0.0) / max(abs(objective), 1.0),
        seconds=time.perf_counter() - start,
        bound=bound,
    )


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class DispatchProgram:
    """The linear program of a window, and which column is what.

    Attributes:
        program: The program.
        charge: (T, N) columns, kW.
        discharge: (T, N) columns, kW.
        curtail: (T, N) columns, kW.
        shed: (T, N) columns, kW.
        imports: (T,) columns, kW from the grid to the community.
        exports: (T,) columns, kW to the grid.
        constant: Currency to add to the program's objective.
    """

    program: LinearProgram
    charge: Index
    discharge: Index
    curtail: Index
    shed: Index
    imports: Index
    exports: Index
    constant: float


def dispatch_program(
    community: Community, window: Window, *, economics: Economics, energy_kwh: Vector, previous_battery_kw: Vector
) -> DispatchProgram:
    """Return the linear program of a window, unsolved. Limits are bounds (but for the ramp), rows are definitions.

        minimise  Σ_t dt·(retail + carbon price·carbon)·import − dt·feed-in·export
                  + dt·wear·Σ (ch + dis) + dt·voll·Σ s − terminal price·Σ (e_T − e_0)
        e_{t+1} = e_t + dt·(ec·ch − dis/ed)          min(emin, e_0) <= e <= max(emax, e_0)
        n = (g − c) − (d − s) − (ch − dis)           |n| <= K
        0 <= ch <= P⁺    0 <= dis <= P⁻              0 <= c <= g    0 <= s <= d
        f_l = Σ n at the bus + Σ f of lines below    −(Limp_l − worst-case loss_l) <= f_l <= Lexp_l
        f of the feeder = export − import            |(ch − dis)_t − (ch − dis)_{t−1}| <= R

    Imports and exports are those of the whole community: a trade inside it moves money, not cost, and costs nothing
    itself, so the community's cost is that of one customer as long as retail >= feed-in (where a tariff breaks that,
    import and export are kept exclusive like charge and discharge). Line losses are not in the program; only the import
    limits are tightened by their worst case, so that the dispatch is feasible with losses.
    The terminal price is the economics' or else the lowest retail price of the window.

    Where the previous power and the ramp limit leave no way to stay inside the SoC band (`ramp_to_rest`), SoC wins, as
    everywhere: those first steps are fixed to the power the physics allows nearest to the ramp window.
    """
    unknown = unknown_to_optimum(community, economics)
    if unknown:
        raise DispatchError(f"there is no optimum for this community: {unknown}.")
    demand, pv, retail, feed_in, carbon = _checked_window(community, window)
    shape, dt, model = demand.shape, community.timestep_h, LinearBuilder()
    terminal = economics.terminal_price_per_kwh
    terminal = float(retail.min()) if terminal is None else terminal
    resting, fixed = ramp_to_rest(community, energy_kwh, previous_battery_kw, len(demand))

    wear = dt * economics.wear_per_kwh
    charge_limit = np.where(fixed, np.maximum(resting, 0.0), community.charge_limit_kw)
    discharge_limit = np.where(fixed, np.maximum(-resting, 0.0), community.discharge_limit_kw)
    charge = model.columns(shape, cost=wear, upper=charge_limit)
    discharge = model.columns(shape, cost=wear, upper=discharge_limit)
    curtail = model.columns(shape, upper=pv)
    shed = model.columns(shape, cost=dt * economics.value_of_lost_load_per_kwh, upper=demand)
    _add_storage(model, community, energy_kwh, charge, discharge, terminal)
    _add_ramp(model, community, previous_battery_kw, charge, discharge, np.where(fixed, resting, np.nan))

    limit = community.connection_limit_kw
    net_lower = np.maximum(-limit, -(demand + charge_limit))
    net_upper = np.minimum(limit, pv + discharge_limit)
    net = model.columns(shape, lower=net_lower, upper=net_upper)
    node = model.rows(shape, lower=pv - demand, upper=pv - demand)
    for column, sign in ((net, 1.0), (curtail, 1.0), (shed, -1.0), (charge, 1.0), (discharge, -1.0)):
        model.terms(node, column, sign)

    feeder_lower, feeder_upper, feeder = _add_lines(model, community, net, net_lower, net_upper)
    import_price = retail + economics.carbon_price_per_kg * carbon
    imports = model.columns(retail.shape, cost=dt * import_price, upper=-feeder_lower)
    exports = model.columns(retail.shape, cost=-dt * feed_in, upper=feeder_upper)
    border = model.rows(retail.shape, lower=0.0, upper=0.0)
    for column, sign in ((feeder, 1.0), (imports, 1.0), (exports, -1.0)):
        model.terms(border, column, sign)
    return DispatchProgram(
        program=model.build(),
        charge=charge,
        discharge=discharge,
        curtail=curtail,
        shed=shed,
        imports=imports,
        exports=exports,
        constant=terminal * float(energy_kwh.sum()),
    )


def unknown_to_optimum(community: Community, economics: Economics) -> str:
    """Return why the program would be wrong for a community, or nothing: it lacks some of what a simulator may have."""
    if community.has_self_discharge:
        return "the program does not know self_discharge_per_h yet"
    for name in ("cycle_price_per_kwh", "capacity_price_per_kw", "trade_fee_per_kwh"):
        if getattr(economics, name) > 0:
            return f"the program does not know {name} yet"
    return ""


def ramp_to_rest(
    community: Community, energy_kwh: Vector, previous_kw: Vector, steps: int
) -> tuple[Vector, NDArray[np.bool_]]:
    """Return the quickest way to b = 0 that the ramp allows, (T, N) kW, and where the ramp has to give way on it.

    The quickest way is the one that meets the SoC limits last. Where `physics.battery_box` relaxes the ramp even so,
    (T, N) True, a battery has no other power, and it cannot have had another one on the way there.
    """
    power = np.zeros((steps, community.n_prosumers))
    relaxed = np.zeros(power.shape, dtype=np.bool_)
    for step in range(steps):
        if not previous_kw.any():
            break
        box = physics.rated_box(community, energy_kwh, previous_kw)
        power[step], relaxed[step] = np.clip(0.0, box.lower_kw, box.upper_kw), box.ramp_relaxed
        energy_kwh, previous_kw = physics.rated_energy_after_kwh(community, energy_kwh, power[step]), power[step]
    return power, relaxed


def _add_storage(
    model: LinearBuilder, community: Community, energy: Vector, charge: Index, discharge: Index, terminal: float
) -> None:
    """Add e_{t+1} − e_t − dt·ec·ch + dt/ed·dis = 0, with −terminal·e_T in the objective."""
    dt, cost = community.timestep_h, np.zeros(charge.shape)
    cost[-1] = -terminal
    lower = np.minimum(community.energy_min_kwh, energy)
    upper = np.maximum(community.energy_max_kwh, energy)
    stored = model.columns(charge.shape, cost=cost, lower=lower, upper=upper)
    begin = np.zeros(charge.shape)
    begin[0] = energy
    balance = model.rows(charge.shape, lower=begin, upper=begin)
    model.terms(balance, stored, 1.0)
    model.terms(balance[1:], stored[:-1], -1.0)
    model.terms(balance, charge, -dt * community.charge_efficiency)
    model.terms(balance, discharge, dt / community.discharge_efficiency)


def _add_ramp(
    model: LinearBuilder, community: Community, previous: Vector, charge: Index, discharge: Index, fixed: Vector
) -> None:
    """Add −R <= b_t − b_{t−1} <= R for batteries with a ramp limit; b_t = fixed_t where that is a number."""
    ramped = np.flatnonzero(np.isfinite(community.ramp_limit_kw))
    charge, discharge, fixed = charge[:, ramped], discharge[:, ramped], fixed[:, ramped]
    free, limit = np.isnan(fixed), community.ramp_limit_kw[ramped]
    start = np.zeros(charge.shape)
    start[0] = previous[ramped]
    lower, upper = np.where(free, start - limit, fixed), np.where(free, start + limit, fixed)
    change = model.rows(charge.shape, lower=lower, upper=upper)
    for column, sign in ((charge, 1.0), (discharge, -1.0)):
        model.terms(change, column, sign)
        model.terms(change[1:][free[1:]], column[:-1][free[1:]], -sign)


def _add_lines(
    model: LinearBuilder, community: Community, net: Index, net_lower: Vector, net_upper: Vector
) -> tuple[Vector, Vector, Index]:
    """Add a flow for every line; return the feeder's (T,) smallest flow, largest flow and columns.

    Bounds that the nodes below imply are written out, so that every column is bounded: `LinearProgram.dual_bound` and
    the binaries need that.
    """
    network, steps = community.network, len(net)
    lower = np.maximum(-(network.import_limit_kw - network.worst_case_loss_kw), net_lower @ network.incidence.T)
    upper = np.minimum(network.export_limit_kw, net_upper @ network.incidence.T)
    flow = model.columns((steps, network.n_lines), lower=lower, upper=upper)
    junction = model.rows(flow.shape, lower=0.0, upper=0.0)
    model.terms(junction, flow, 1.0)
    model.terms(junction[:, network.bus_of_prosumer], net, -1.0)
    below = np.flatnonzero(network.parent >= 0)
    model.terms(junction[:, network.parent[below]], flow[:, below], -1.0)
    root = int(np.flatnonzero(network.parent < 0)[0])
    return lower[:, root], upper[:, root], flow[:, root]


def _executable(community: Community, battery: Vector, energy: Vector, previous: Vector) -> Vector:
    """Return the powers with the solver's rounding clipped off, so that the simulator executes them as they are.

    Batteries that start outside their SoC band are left alone; see `optimal_dispatch`.
    """
    tolerance = 1e-9
    inside = (community.energy_min_kwh - tolerance <= energy) & (energy <= community.energy_max_kwh + tolerance)
    executed = battery.copy()
    for step, wanted in enumerate(battery):
        box = physics.rated_box(community, energy, previous)
        executed[step] = np.where(inside, np.clip(wanted, box.lower_kw, box.upper_kw), wanted)
        correction = np.abs(executed[step] - wanted)
        if not (correction <= ROUNDING_KW).all():
            worst = int(np.argmax(correction))
            raise DispatchError(
                f"the solver's power of {community.names[worst]} in step {step} is {correction[worst]:.3g} kW outside "
                f"what the battery can do (allowed {ROUNDING_KW:g} kW of rounding); please report this window."
            )
        energy, previous = physics.rated_energy_after_kwh(community, energy, executed[step]), executed[step]
    return executed


def _checked_window(community: Community, window: Window) -> tuple[Vector, Vector, Vector, Vector, Vector]:
    """Return demand, PV, retail, feed-in and carbon of the window as checked float64 arrays."""
    if not abs(window.timestep_h - community.timestep_h) <= 1e-9 * community.timestep_h:
        raise ModelError("timestep_h", window.timestep_h, f"the community's {community.timestep_h} h")
    steps = len(window.demand_kw)
    if steps == 0:
        raise ModelError("demand_kw", "an empty window", "at least one step")
    wide, long = (steps, community.n_prosumers), (steps,)
    return (
        _measured("demand_kw", window.demand_kw, wide, 0.0),
        _measured("pv_kw", window.pv_kw, wide, 0.0),
        _measured("retail_price", window.retail_price, long, -np.inf),
        _measured("feed_in_price", window.feed_in_price, long, -np.inf),
        _measured("carbon_kg_per_kwh", window.carbon_kg_per_kwh, long, 0.0),
    )


def _measured(field: str, values: Vector, shape: tuple[int, ...], least: float) -> Vector:
    """Return the values as float64, all finite and at least `least`."""
    array = np.asarray(values, dtype=np.float64)
    if array.shape != shape:
        raise ModelError(field, f"an array of shape {array.shape}", f"an array of shape {shape}")
    passed = np.isfinite(array) & (array >= least)
    if not passed.all():
        worst = tuple(int(axis) for axis in np.argwhere(~passed)[0])
        expected = "a finite number" + (f" >= {least:g}" if np.isfinite(least) else "")
        raise ModelError(f"{field}[{', '.join(map(str, worst))}]", float(array[worst]), expected)
    return array

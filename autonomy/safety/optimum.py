"""The perfect-foresight dispatch of recorded windows, as a certificate: multipliers that bound it, and a point.

The program is stated here once more, in the layout of docs/safety-certificates.md, so that the checker can build it
from the journal alone and needs no matrix. `autonomy.dispatch` has the program with everything in it (assets, peaks,
fees, ramps); this one leaves ramps, peaks and fees out, which only cost more, so its bound is one for those, too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autonomy.economics import Economics
from autonomy.layers.arrays import Vector
from autonomy.layers.community import Community
from autonomy.scenario import Scenario
from autonomy.simulator import Simulator
from autonomy.solvers.linear import LinearBuilder, LinearProgram
from autonomy.solvers.linear_solution import solve

OVERLAP_KW = 1e-7
"""kW, largest smaller-of-the-two at which charging and discharging still exclude each other."""
DIGITS = 12
"""Significant digits of a multiplier; any multipliers prove a bound, good ones a good one."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class WindowOptimum:
    """What was found of one window.

    Attributes:
        first: Number of its first decision in the journal.
        steps: Steps.
        multipliers: (row, amount) of those that are not 0.
        point: (column, value) likewise, kW and kWh.
        overlap_kw: kW by which a battery charges and discharges at once at most.
    """

    first: int
    steps: int
    multipliers: tuple[tuple[int, float], ...]
    point: tuple[tuple[int, float], ...]
    overlap_kw: float

    def document(self) -> dict[str, Any]:
        """Return it as the certificate has it."""
        pairs = {"multipliers": [list(x) for x in self.multipliers], "point": [list(x) for x in self.point]}
        return {"first": self.first, "steps": self.steps, **pairs}


def optimum_of(
    community: Community,
    windows: Sequence[Scenario],
    economics: Economics,
    *,
    on_window: Callable[[int], None] = lambda _steps: None,
) -> tuple[WindowOptimum, ...]:
    """Return the optimum of each window; batteries begin as in the simulator."""
    found, first = [], 0
    for window in windows:
        simulator = Simulator(community, window, economics=economics)
        program = program_of(community, window, economics, simulator.energy_kwh, simulator.terminal_price)
        solution = solve(program)
        if not solution.found:
            raise ArithmeticError(f"no optimum of {window.label}: {solution.message}")
        found.append(
            WindowOptimum(
                first=first,
                steps=window.n_steps,
                multipliers=_sparse([float(f"{y:.{DIGITS}g}") for y in solution.dual.tolist()]),
                point=_sparse(solution.x.tolist()),
                overlap_kw=_overlap_kw(solution.x, community.n_prosumers),
            )
        )
        first += window.n_steps
        on_window(window.n_steps)
    return tuple(found)


def program_of(
    community: Community, window: Scenario, economics: Economics, energy_kwh: Vector, terminal_price: float
) -> LinearProgram:
    """Return the program of a window: columns and rows in the order of docs/safety-certificates.md, step after step.

    columns: start_i; then charge_i, discharge_i, energy_i, curtail_i, shed_i, import, export of each step
    rows of each step: balance_i; node_i of limited connections; flow_l of limited lines; grid
    """
    size, network, dt = community.n_prosumers, community.network, community.timestep_h
    program = LinearBuilder()
    before = program.columns((size,), cost=terminal_price, lower=energy_kwh, upper=energy_kwh)
    tied = np.flatnonzero(np.isfinite(community.connection_limit_kw))
    limited = np.flatnonzero(np.isfinite(network.import_limit_kw) | np.isfinite(network.export_limit_kw))
    below = network.incidence[limited]
    for k, (d, g) in enumerate(zip(window.demand_kw, window.pv_kw, strict=True)):
        base, last = g - d, k == window.n_steps - 1
        buy = dt * (window.retail_price[k] + economics.carbon_price_per_kg * window.carbon_kg_per_kwh[k])
        wear, lost = dt * economics.wear_per_kwh, dt * economics.value_of_lost_load_per_kwh
        charge = program.columns((size,), cost=wear, upper=community.charge_limit_kw)
        discharge = program.columns((size,), cost=wear, upper=community.discharge_limit_kw)
        stored = program.columns(
            (size,),
            cost=-terminal_price if last else 0.0,
            lower=community.energy_min_kwh,
            upper=community.energy_max_kwh,
        )
        curtail = program.columns((size,), upper=g)
        shed = program.columns((size,), cost=lost, upper=d)
        bought = program.columns((1,), cost=buy, upper=d.sum() + community.charge_limit_kw.sum())
        sold = program.columns(
            (1,), cost=-dt * window.feed_in_price[k], upper=g.sum() + community.discharge_limit_kw.sum()
        )
        balance = program.rows((size,), lower=0.0, upper=0.0)
        for column, value in (
            (stored, 1.0),
            (before, -community.retention),
            (charge, -dt * community.charge_efficiency),
            (discharge, dt / community.discharge_efficiency),
        ):
            program.terms(balance, column, value)
        moves = ((charge, -1.0), (discharge, 1.0), (curtail, -1.0), (shed, 1.0))
        if tied.size:
            own = community.connection_limit_kw[tied]
            node = program.rows((tied.size,), lower=-own - base[tied], upper=own - base[tied])
            for column, sign in moves:
                program.terms(node, column[tied], sign)
        if limited.size:
            flow = program.rows(
                (limited.size,),
                lower=-network.import_limit_kw[limited] - below @ base,
                upper=network.export_limit_kw[limited] - below @ base,
            )
            line, prosumer = np.nonzero(below)
            for column, sign in moves:
                program.terms(flow[line], column[prosumer], sign)
        grid = program.rows((1,), lower=-base.sum(), upper=-base.sum())
        for column, sign in (*moves, (bought, 1.0), (sold, -1.0)):
            program.terms(np.broadcast_to(grid, column.shape), column, sign)
        before = stored
    return program.build()


def _overlap_kw(x: Vector, size: int) -> float:
    steps = x[size:].reshape(-1, 5 * size + 2)
    return float(np.minimum(steps[:, :size], steps[:, size : 2 * size]).max(initial=0.0))


def _sparse(values: Sequence[float]) -> tuple[tuple[int, float], ...]:
    return tuple((place, value) for place, value in enumerate(values) if value)

"""The program of a window: the blocks put together, unsolved.

    minimise  grid + toll of trades + peaks + departures                                    autonomy.dispatch.costs
              + dt·wear·Σ (ch + dis) + price of cycles + dt·voll·Σ s − terminal price·Σ (e_T − e_0)
    0 <= ch <= P⁺    0 <= dis <= P⁻    not ch and dis
    storage, band, road, ramp                                                               autonomy.dispatch.storage
    nodes and lines                                                                         autonomy.dispatch.network

Imports and exports are those of the whole community: without a fee, a trade inside it moves money and not cost. Line
losses are not in the program; only the import limits are tightened by their worst case, so that the dispatch is
feasible with losses.

Where the previous power and the ramp limit leave no way to stay inside the SoC band (`ramp_to_rest`), SoC wins, as
everywhere: those first steps are fixed to the power the physics allows nearest to the ramp window.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from autonomy.dispatch.costs import add_departures, add_grid, add_peaks
from autonomy.dispatch.model import Model
from autonomy.dispatch.network import add_lines, add_nodes
from autonomy.dispatch.slices import add_slices
from autonomy.dispatch.storage import add_ramp, add_storage, ramp_to_rest
from autonomy.dispatch.window import Problem
from autonomy.layers.arrays import Index
from autonomy.solvers.linear import LinearProgram


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class DispatchProgram:
    """The linear program of a window, which column is what, and which two may not both be positive.

    Attributes:
        program: The program.
        blocks: Columns by name: (T, N) "charge", "discharge", "curtail", "shed", "stored", "net", (T, M) "flow", (T,)
            "imports" and "exports", all kW or kWh, and those of assets and prices that the community has. -1 where a
            block has no column.
        first: (p,) columns.
        second: (p,) columns; of each pair only one may be positive.
        constant: Currency to add to the program's objective.
    """

    program: LinearProgram
    blocks: dict[str, Index]
    first: Index
    second: Index
    constant: float


def dispatch_program(problem: Problem) -> DispatchProgram:
    """Return the program of a window."""
    model, shape = Model(), problem.shape
    resting, fixed = ramp_to_rest(problem)
    most_in = np.where(fixed, np.maximum(resting, 0.0), problem.charge_limit_kw)
    most_out = np.where(fixed, np.maximum(-resting, 0.0), problem.discharge_limit_kw)
    wear = problem.community.timestep_h * problem.economics.wear_per_kwh
    charge = model.columns("charge", shape, cost=wear, upper=most_in)
    discharge = model.columns("discharge", shape, cost=wear, upper=most_out)
    model.exclusive(charge, discharge)
    stored = add_storage(model, problem, charge, discharge)
    add_ramp(model, problem, charge, discharge, np.where(fixed, resting, np.nan))
    net = add_nodes(model, problem, charge, discharge)
    feeder = add_lines(model, problem, net)
    add_grid(model, problem, feeder, net)
    add_peaks(model, problem, feeder)
    add_departures(model, problem, stored)
    add_slices(model, problem, charge, discharge)
    first, second = model.pairs()
    return DispatchProgram(
        program=model.builder.build(),
        blocks=model.blocks,
        first=first,
        second=second,
        constant=problem.terminal_price * float(problem.initial_kwh.sum()),
    )

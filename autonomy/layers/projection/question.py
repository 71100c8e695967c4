"""What looking ahead asks a solver: one program over a horizon, stated for one community."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from autonomy.layers.arrays import Index, Vector
from autonomy.layers.community import Community
from autonomy.layers.projection.ahead import Ahead
from autonomy.layers.projection.program import SMOOTHING, shed_price
from autonomy.layers.situation import Situation
from autonomy.solvers.allocation import LIFT, Allocation, Hierarchy, Solution, V
from autonomy.solvers.general import GENERAL
from autonomy.solvers.horizon.program import HorizonProgram, HorizonSolver, HorizonStructure
from autonomy.solvers.horizon.sparse import SparseHorizon, state
from autonomy.solvers.quadratic import QuadraticStructure

STRUCTURED = "structured"
SOLVERS = (STRUCTURED, *GENERAL)
LATER_PRICE = 10.0
"""Price of a kW shed later, over ρs and over the worst round trip: well above what saving it can cost now."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Prepared:
    """What is kept for one number of later steps.

    Attributes:
        structure: What never changes.
        statement: The same as a sparse program, for the proof of an answer.
        solver: Set up for it.
    """

    structure: HorizonStructure
    statement: QuadraticStructure
    solver: HorizonSolver


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Question:
    """One program that has to be solved before it is known what to ask of the one-step projection.

    Attributes:
        situation: The present.
        prepared: The solver that is to answer, and what it was set up for.
        program: The program.
        present: The answer of the one-step projection alone.
    """

    situation: Situation
    prepared: Prepared
    program: HorizonProgram
    present: Solution


def prepare(community: Community, hierarchy: Hierarchy, stores: Index, *, steps: int, solver: str) -> Prepared:
    """Set a solver up for so many later steps."""
    structure = HorizonStructure(
        hierarchy=hierarchy,
        steps=steps,
        cell=stores,
        fill=community.timestep_h * community.charge_efficiency[stores],
        drain=community.timestep_h / community.discharge_efficiency[stores],
        ramp=community.ramp_limit_kw[stores],
        weight=np.ones(community.n_prosumers),
        smoothing=SMOOTHING,
    )
    return Prepared(structure=structure, statement=state(structure), solver=_setup(solver)(structure))


def instance(
    structure: HorizonStructure, ahead: Ahead, situation: Situation, energy_kwh: Vector, first: Allocation
) -> HorizonProgram:
    """Return the program for a situation; `energy_kwh` (N,) is not finite where unknown, which counts as empty."""
    community, mine, steps = situation.community, structure.cell, structure.steps
    lowest, highest = community.energy_min_kwh[mine], community.energy_max_kwh[mine]
    energy = np.where(np.isfinite(energy_kwh[mine]), energy_kwh[mine], lowest)
    return HorizonProgram(
        first=first,
        level=np.minimum(energy, highest),
        floor=np.minimum(lowest, energy),
        ceiling=highest,
        lower=-ahead.charge_kw[:steps],
        upper=np.broadcast_to(ahead.discharge_kw, (steps, mine.size)),
        need=ahead.need_kw[:steps],
        price=LATER_PRICE * shed_price(situation) * float(np.max(structure.drain / structure.fill)),
    )


def no_more_shed(first: Allocation, present: Solution) -> Allocation:
    """Return the first step in which nobody may be shed more than the one-step answer sheds."""
    cells = first.cells.copy()
    cells[LIFT] = np.minimum(present.point[V], cells[LIFT])
    return Allocation(hierarchy=first.hierarchy, cells=cells, bounds=first.bounds, relief=first.relief)


def _setup(name: str) -> Callable[[HorizonStructure], HorizonSolver]:
    if name != STRUCTURED:
        return lambda structure: SparseHorizon(structure, GENERAL[name])
    from autonomy.solvers.horizon.structured import StructuredHorizon  # noqa: PLC0415 - loads Numba

    return StructuredHorizon

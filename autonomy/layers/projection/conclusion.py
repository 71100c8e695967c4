"""From an answer over the horizon to what is asked now, with the plan that proves it carried out."""

from __future__ import annotations

import numpy as np

from autonomy.layers.arrays import Matrix, Vector
from autonomy.layers.decision import Cause, Reason
from autonomy.layers.projection.ahead import ROOM_KW
from autonomy.layers.projection.foresight import Foresight, Route
from autonomy.layers.projection.question import Question
from autonomy.solvers.allocation import X
from autonomy.solvers.horizon.certificate import Measure
from autonomy.solvers.horizon.program import HorizonProgram, HorizonSolution, HorizonStructure

NOTICEABLE_KWH = 1e-3
"""kWh of later shedding, and kW of a changed action, that are worth a reason."""


def conclude(question: Question, solution: HorizonSolution, held: Measure) -> Foresight:
    """Return the bounds, and the plan as it can be carried out; `held` is what was proved of the answer."""
    from autonomy.solvers.horizon.plan import carry_out  # noqa: PLC0415 - loads Numba

    structure, program, situation = question.prepared.structure, question.program, question.situation
    plan = np.vstack([solution.point[X][structure.cell], solution.given])
    carry_out(plan, program.level, program.floor, program.ceiling, structure.fill, structure.drain)
    missing = program.need - _totals(structure, plan[1:])
    shed = float(np.maximum(missing, 0.0).max(axis=1).sum()) * situation.community.timestep_h
    lower, upper = situation.battery_lower_kw, situation.battery_upper_kw
    wanted = 0.0 - solution.point[X]
    moved = float(np.abs(solution.point[X] - question.present.point[X]).max())
    return Foresight(
        battery_lower_kw=np.clip(wanted - ROOM_KW, lower, upper),
        battery_upper_kw=np.clip(wanted + ROOM_KW, lower, upper) if structure.has_ramps else upper,
        plan_kw=as_plan(structure, plan[1:]),
        shed_later_kwh=shed if shed > NOTICEABLE_KWH else 0.0,
        route=Route.PROGRAM,
        evidence=held,
        reasons=tuple(_reasons(structure.steps, moved, shed)),
    )


def greedy_plan(structure: HorizonStructure, program: HorizonProgram, x: Vector) -> Matrix | None:
    """Return (H, S) a plan made greedily after the first step's `x` (N,) that misses nothing, or None."""
    if structure.has_ramps or structure.hierarchy.n_groups > 1:
        return None
    from autonomy.solvers.horizon.plan import greedy  # noqa: PLC0415 - loads Numba

    given = x[structure.cell]
    level = program.level - np.maximum(structure.fill * given, structure.drain * given)
    plan, missing = greedy(
        np.ascontiguousarray(program.need[:, 0]),
        np.clip(level, program.floor, program.ceiling),
        program.floor,
        program.ceiling,
        np.ascontiguousarray(program.lower),
        np.ascontiguousarray(program.upper),
        structure.fill,
        structure.drain,
    )
    return plan if missing <= ROOM_KW else None


def as_plan(structure: HorizonStructure, given: Matrix) -> Matrix:
    """Return (H, N) battery power, + = charge, of what the stores give."""
    plan = np.zeros((given.shape[0], structure.hierarchy.n_cells))
    plan[:, structure.cell] = 0.0 - given
    return plan


def _reasons(steps: int, moved: float, shed: float) -> list[Reason]:
    found = []
    if moved > NOTICEABLE_KWH:
        text = f"looking ahead: up to {moved:.2f} kW more is kept or charged for a peak within {steps} steps"
        found.append(Reason(cause=Cause.LOOK_AHEAD, text=text, amount_kw=moved))
    if shed > NOTICEABLE_KWH:
        text = f"looking ahead: by the forecast {shed:.2f} kWh cannot be served within {steps} steps"
        found.append(Reason(cause=Cause.LOOK_AHEAD, text=text))
    return found


def _totals(structure: HorizonStructure, given: Matrix) -> Matrix:
    """Return (H, G) Σ of what the stores below each group give."""
    spread = np.zeros((given.shape[0], structure.hierarchy.n_cells))
    spread[:, structure.cell] = given
    return np.array([structure.hierarchy.totals(row) for row in spread])

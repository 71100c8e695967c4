"""Some steps of a long window, solved by themselves, and set-points of parts put together."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from autonomy.dispatch.errors import DispatchError
from autonomy.dispatch.optimum import OVERLAP_KW
from autonomy.dispatch.point import SetPoints, set_points
from autonomy.dispatch.program import dispatch_program
from autonomy.dispatch.window import Problem
from autonomy.layers.arrays import Vector
from autonomy.layers.errors import ModelError
from autonomy.solvers.exclusive import solve_exclusive
from autonomy.solvers.linear import LinearProgram
from autonomy.solvers.linear_solution import Status


class Part(NamedTuple):
    """Set-points of some steps.

    Attributes:
        asked: What is asked of everybody.
        binaries: How many binary columns the search needed.
    """

    asked: SetPoints
    binaries: int

    def first_steps(self, steps: int) -> Part:
        """Return the part that comes first."""
        asked = self.asked
        kept = (values[:steps] for values in (asked.battery_kw, asked.curtail_kw, asked.shed_kw))
        battery, curtail, shed = kept
        return Part(SetPoints(battery_kw=battery, curtail_kw=curtail, shed_kw=shed), self.binaries)


def joined(parts: Sequence[Part]) -> Part:
    """Return parts one after the other."""
    asked = SetPoints(
        battery_kw=np.concatenate([part.asked.battery_kw for part in parts]),
        curtail_kw=np.concatenate([part.asked.curtail_kw for part in parts]),
        shed_kw=np.concatenate([part.asked.shed_kw for part in parts]),
    )
    return Part(asked, sum(part.binaries for part in parts))


def solved_part(
    problem: Problem, *, end_kwh: Vector | None = None, deadline: float = np.inf, relative_gap: float = 1e-6
) -> Part | None:
    """Return the best set-points that were found; None where the solver says that no dispatch keeps all limits.

    Args:
        problem: The steps, as a problem of their own.
        end_kwh: (N,) kWh that are to be stored at the end; None for what the terminal price makes best.
        deadline: `time.perf_counter` at which the search ends.
        relative_gap: Largest relative gap at which a search over binaries may stop.

    Raises:
        DispatchError: the time ran out, or the solver failed.
    """
    model = dispatch_program(problem)
    program = model.program if end_kwh is None else _held(model.program, model.blocks["stored"][-1], end_kwh)
    left = None if deadline == np.inf else max(deadline - time.perf_counter(), 0.0)
    answer = solve_exclusive(
        program, model.first, model.second, tolerance=OVERLAP_KW, time_limit_s=left, relative_gap=relative_gap
    )
    if answer.solution.status is Status.INFEASIBLE:
        return None
    if not answer.solution.found:
        raise DispatchError(f"no dispatch was found for {problem.shape[0]} steps: {answer.solution.message}")
    return Part(set_points(problem, model, answer.solution.x), answer.binaries)


def whole_steps(problem: Problem, field: str, hours: float) -> int:
    """Return how many steps so many hours are.

    Raises:
        ModelError: they are no whole number of steps, or none.
    """
    steps = hours / problem.community.timestep_h
    if not (1 - 1e-9 <= steps < np.inf and abs(steps - round(steps)) <= 1e-9 * steps):
        raise ModelError(field, hours, f"hours > 0, a multiple of the step of {problem.community.timestep_h:g} h")
    return round(steps)


def _held(program: LinearProgram, columns: Vector, values: Vector) -> LinearProgram:
    """Return the program with columns held at values, or at what of their bounds is nearest."""
    lower, upper = program.lower.copy(), program.upper.copy()
    lower[columns] = upper[columns] = np.clip(values, lower[columns], upper[columns])
    return replace(program, lower=lower, upper=upper)

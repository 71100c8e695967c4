"""The project's own ways to the optimum: arrays straight into HiGHS, as a linear program first or with every binary."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from autonomy.benchmark.optimum.method import Answer, UnsolvedError
from autonomy.benchmark.optimum.window import Window
from autonomy.dispatch import OVERLAP_KW, DispatchProgram, Problem, dispatch_program, known_problem, set_points
from autonomy.dispatch.reference import TOLERANCE
from autonomy.layers.arrays import Vector
from autonomy.solvers.exclusive import solve_exclusive, with_switches
from autonomy.solvers.linear import LinearProgram
from autonomy.solvers.linear_solution import Status, solve


class Stated(NamedTuple):
    """A window as arrays.

    Attributes:
        problem: What is known.
        model: The linear program, and which columns exclude each other.
        program: What is solved first.
        constant: Currency to add to its objective.
    """

    problem: Problem
    model: DispatchProgram
    program: LinearProgram
    constant: float


class Arrays:
    """The linear program first, and binaries only where its optimum needs them: what `optimal_dispatch` does."""

    name = "arrays"

    def state(self, window: Window) -> Stated:
        """Return the arrays of a window."""
        problem = known_problem(
            window.community,
            window.scenario,
            economics=window.economics,
            energy_kwh=window.energy_kwh,
            timeline=window.timeline,
        )
        model = dispatch_program(problem)
        cost = model.program.cost.copy()
        cost[model.blocks["curtail"]] += window.community.timestep_h * window.curtail_price_per_kwh
        return Stated(problem, model, replace(model.program, cost=cost), model.constant)

    def solve(self, stated: Stated, limit_s: float) -> Answer:
        """Solve them."""
        found = solve_exclusive(
            stated.program,
            stated.model.first,
            stated.model.second,
            tolerance=OVERLAP_KW,
            time_limit_s=limit_s,
            relative_gap=TOLERANCE,
        )
        solution = found.solution
        if not solution.found or solution.status is not Status.OPTIMAL:
            raise UnsolvedError(solution.message)
        return _answer(stated, solution.x, solution.objective, found.binaries)


class ArraysWithBinaries(Arrays):
    """The same arrays with a binary for every battery and for the feeder in every step: a search from cold."""

    name = "arrays, MILP"

    def state(self, window: Window) -> Stated:
        """Return the arrays of a window, with binaries."""
        stated = super().state(window)
        blocks = stated.model.blocks
        first = np.concatenate([stated.model.first, blocks["imports"]])
        second = np.concatenate([stated.model.second, blocks["exports"]])
        return stated._replace(program=with_switches(stated.program, first, second))

    def solve(self, stated: Stated, limit_s: float) -> Answer:
        """Solve them."""
        solution = solve(stated.program, time_limit_s=limit_s, relative_gap=TOLERANCE)
        if solution.status is not Status.OPTIMAL:
            raise UnsolvedError(solution.message)
        return _answer(stated, solution.x, solution.objective, int(stated.program.integer.sum()))


def _answer(stated: Stated, x: Vector, objective: float, binaries: int) -> Answer:
    asked = set_points(stated.problem, stated.model, x[: stated.model.program.cost.size])
    return Answer(
        objective=objective + stated.constant,
        battery_kw=asked.battery_kw,
        curtail_kw=asked.curtail_kw,
        shed_kw=asked.shed_kw,
        binaries=binaries,
    )

"""Looking ahead: keep so much energy that, by the forecast, no load need be shed later.

The one-step projection sees one step. A battery that is emptied at noon for profit is not there when the feeder is
overloaded in the evening, and then load is shed. Looking ahead finds the action nearest to the intent from which a
trajectory without shedding exists over the horizon, under the forecast or the far end of its interval (`caution`).

What later steps need. Generation can be curtailed at no price that counts, so a later step is only in danger where
too much is imported: energy that is in the way can be disposed of. In detail, let a plan keep every line's import limit
with nothing curtailed. Where a line exports too much, follow the exports down: below a line that exports there is a
branch that exports, down to a prosumer whose net export is positive; curtail it, or let it discharge less, until the
line holds or that prosumer exports nothing. No line on the way turns to import, no import limit is touched, and no
battery ends with less. So export limits do not restrict the later steps, and what remains for step k is

    Σ b below a line <= Limp + Σ (g − d) below it,   −P⁻ <= b <= min(P⁺, K + g − d),   e' = e + dt·min(ec·b, b/ed)

in one number b per battery: charging and discharging at once cannot be expressed. Being fuller is never worse, so the
levels from which the rest is possible form an up-closed convex set (`autonomy.solvers.horizon.program` has the proof);
the first step's b enters it through e', which is concave in b. Hence one convex program, and hence its answer can be
given as lower bounds on b to the one-step projection, whose own answer is then the same point: no other point of
{b >= b*} is nearer, and every one of them is admissible.

Three ways to an answer, tried in this order: no later step needs a discharge; a greedy plan proves the one-step answer
admissible; the program is solved. If no trajectory without shedding exists, what is shed later is minimised, and a
reason says so. Load is never shed now to save load later: the first step may shed what the one-step answer sheds.

Not covered: a connection that a prosumer's own demand overloads later (its battery is not asked to save it), and
curtailment that a host cannot do. Batteries that cannot move now count as absent. With ramp limits the ramps are rows
of the program, a general solver is needed, the greedy plan is not tried, and the action is fixed from both sides.
"""

from __future__ import annotations

import time

import numpy as np

from autonomy.layers.arrays import Vector
from autonomy.layers.community import Community
from autonomy.layers.errors import ModelError, did_you_mean
from autonomy.layers.observation import Forecast
from autonomy.layers.projection.ahead import ahead_of, fault_in
from autonomy.layers.projection.conclusion import as_plan, conclude, greedy_plan
from autonomy.layers.projection.departure import raised
from autonomy.layers.projection.foresight import Foresight, Route, one_step_alone, untouched
from autonomy.layers.projection.program import ProjectionProgram
from autonomy.layers.projection.question import (
    SOLVERS,
    STRUCTURED,
    Prepared,
    Question,
    instance,
    no_more_shed,
    prepare,
)
from autonomy.layers.situation import Situation
from autonomy.solvers.allocation import Setup, Status, X
from autonomy.solvers.backends import BACKENDS
from autonomy.solvers.horizon.certificate import measure

BLOCK = 8
"""Horizons are cut after the last step that needs a discharge, and rounded up to so many steps."""


class Lookahead:
    """Looks ahead for one community.

    Args:
        community: What is controlled.
        solver: "structured" (one limited line a step, no ramps) or a general solver's name; None takes what fits.
        horizon: Steps to look ahead, at most; None for the forecast's own.
        caution: 0 plans for the forecast, 1 for the far end of its interval (high demand, low generation).
        deadline_s: Seconds an answer may take; None for no deadline. A general solver is not stopped, but its late
            answer is not used.
        one_step: Setup of the one-step solver.

    Raises:
        ModelError: an argument is out of its range, or no solver has this name.
    """

    def __init__(
        self,
        community: Community,
        *,
        solver: str | None = None,
        horizon: int | None = None,
        caution: float = 0.0,
        deadline_s: float | None = None,
        one_step: Setup = BACKENDS["exact"],
    ) -> None:
        if solver is not None and solver not in SOLVERS:
            raise ModelError("solver", solver, f"one of {', '.join(SOLVERS)}{did_you_mean(solver, SOLVERS)}")
        if horizon is not None and horizon < 1:
            raise ModelError("horizon", horizon, "a whole number >= 1")
        if not 0 <= caution <= 1:
            raise ModelError("caution", caution, "a number in 0..1")
        if deadline_s is not None and not deadline_s > 0:
            raise ModelError("deadline_s", deadline_s, "seconds > 0, or None")
        self._community, self._horizon, self._caution, self._deadline_s = community, horizon, caution, deadline_s
        self._has_ramps = bool(np.isfinite(community.ramp_limit_kw).any())
        one_line = np.count_nonzero(np.isfinite(community.network.import_limit_kw)) <= 1
        fits = one_line and community.network.n_lines == 1 and not self._has_ramps
        self._solver = solver or (STRUCTURED if fits else "piqp")
        self._program = ProjectionProgram(community)
        self._one_step = one_step(self._program.hierarchy)
        moves = (community.charge_limit_kw > 0) | (community.discharge_limit_kw > 0)
        self._stores = np.flatnonzero(moves & (community.energy_max_kwh > community.energy_min_kwh))
        self._solvers: dict[int, Prepared] = {}
        if self._stores.size:
            self._prepared(BLOCK)  # compiled, or found missing, before the first step

    def look(self, situation: Situation, forecast: Forecast | None, energy_kwh: Vector, intent_kw: Vector) -> Foresight:
        """Return what the one-step projection should keep to; never raises on data.

        Args:
            situation: The screened situation.
            forecast: What is expected; None, or one that makes no sense, means that nothing is asked.
            energy_kwh: (N,) kWh stored now; not finite where unknown.
            intent_kw: (N,) kW, the battery intent, finite, + = charge.
        """
        started = time.perf_counter()
        posed = self.pose(situation, forecast, energy_kwh, intent_kw)
        return posed if isinstance(posed, Foresight) else self._answer(posed, started)

    def pose(
        self, situation: Situation, forecast: Forecast | None, energy_kwh: Vector, intent_kw: Vector
    ) -> Question | Foresight:
        """Return the program that has to be solved, or what is asked where none has to be; arguments as for `look`."""
        fault = fault_in(forecast, self._community.n_prosumers)
        if forecast is None or fault:
            return one_step_alone(situation, f"no looking ahead: {fault or 'there is no forecast'}")
        ahead = ahead_of(situation, forecast, stores=self._stores, horizon=self._horizon, caution=self._caution)
        needy = np.flatnonzero((ahead.need_kw > 0).any(axis=1))
        if not needy.size or not self._stores.size:
            return untouched(situation, Route.NOTHING_NEEDED if not needy.size else Route.NO_BATTERY)
        first = self._program.build(situation, raised(situation, intent_kw))
        present = self._one_step.solve(first)
        if present.status is not Status.SOLVED:
            return one_step_alone(situation, "no looking ahead: already this step's limits cannot all be held")
        steps = min(-(-(int(needy[-1]) + 1) // BLOCK) * BLOCK, ahead.need_kw.shape[0])
        prepared = self._prepared(steps)
        program = instance(prepared.structure, ahead, situation, energy_kwh, no_more_shed(first, present))
        proof = greedy_plan(prepared.structure, program, present.point[X])
        if proof is not None:
            return untouched(situation, Route.GREEDY_PLAN, plan_kw=as_plan(prepared.structure, proof))
        return Question(situation=situation, prepared=prepared, program=program, present=present)

    def _answer(self, question: Question, started: float) -> Foresight:
        """Return what the program's answer asks, or nothing and why."""
        situation, prepared = question.situation, question.prepared
        ends = np.inf if self._deadline_s is None else started + self._deadline_s
        left = None if self._deadline_s is None else max(ends - time.perf_counter(), 0.0)
        solution = prepared.solver.solve(question.program, deadline_s=left)
        held = measure(prepared.structure, prepared.statement, question.program, solution)
        if time.perf_counter() > ends:
            return one_step_alone(situation, f"no looking ahead: there was no answer within {self._deadline_s} s")
        if solution.status is not Status.SOLVED or not held.is_solved:
            said = solution.message or f"violation {held.violation:.1e} kW, relative gap {held.relative_gap:.1e}"
            return one_step_alone(situation, f"no looking ahead: the solver {self._solver!r} failed ({said})")
        return conclude(question, solution, held)

    def _prepared(self, steps: int) -> Prepared:
        """Return the solver for so many later steps, set up the first time."""
        if steps not in self._solvers:
            hierarchy, name = self._program.hierarchy, self._solver
            self._solvers[steps] = prepare(self._community, hierarchy, self._stores, steps=steps, solver=name)
        return self._solvers[steps]

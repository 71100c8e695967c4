"""What looking ahead asks of the one-step projection, and how it came to it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from autonomy.layers.arrays import Vector, frozen
from autonomy.layers.decision import Cause, Reason
from autonomy.layers.situation import Situation
from autonomy.solvers.horizon.certificate import Measure


class Route(StrEnum):
    """How an answer was found."""

    NOTHING_NEEDED = "nothing-needed"
    GREEDY_PLAN = "greedy-plan"
    PROGRAM = "program"
    NO_BATTERY = "no-battery"
    ONE_STEP = "one-step"
    """No answer; the one-step projection goes on alone, and a reason says why."""


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class Foresight:
    """What looking ahead asks of the one-step projection.

    Attributes:
        battery_lower_kw: (N,) kW, bounds to project into; the situation's own where nothing is asked.
        battery_upper_kw: (N,) kW, likewise; differs from the situation's only where there are ramp limits.
        plan_kw: (H, N) kW, battery power of the later steps that was carried out as a proof, + = charge; None without.
        shed_later_kwh: kWh that no plan can save by this forecast.
        route: How it was found.
        evidence: Violation and gap of the program's answer, recomputed; None where no program was solved.
        reasons: Why, for the decision.
    """

    battery_lower_kw: Vector
    battery_upper_kw: Vector
    plan_kw: Vector | None
    shed_later_kwh: float
    route: Route
    evidence: Measure | None = None
    reasons: tuple[Reason, ...] = ()

    def confine(self, situation: Situation) -> Situation:
        """Return the situation with these bounds, for the projection alone."""
        lower, upper = self.battery_lower_kw, self.battery_upper_kw
        return situation._replace(
            battery_lower_kw=lower, battery_upper_kw=upper, reach_kw=frozen(np.array((upper, -lower)))
        )


def untouched(situation: Situation, route: Route, plan_kw: Vector | None = None) -> Foresight:
    """Return that nothing is asked, because the one-step answer endangers nothing."""
    return Foresight(
        battery_lower_kw=situation.battery_lower_kw,
        battery_upper_kw=situation.battery_upper_kw,
        plan_kw=plan_kw,
        shed_later_kwh=0.0,
        route=route,
    )


def one_step_alone(situation: Situation, text: str) -> Foresight:
    """Return that nothing is asked, because looking ahead has no answer, and why."""
    return Foresight(
        battery_lower_kw=situation.battery_lower_kw,
        battery_upper_kw=situation.battery_upper_kw,
        plan_kw=None,
        shed_later_kwh=0.0,
        route=Route.ONE_STEP,
        reasons=(Reason(cause=Cause.SOLVER_FAILED, text=text),),
    )

"""What is measured: each solves, or bounds, the same window."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from autonomy.benchmark.year.places import problem_of
from autonomy.controller import Controller
from autonomy.dispatch import (
    Dispatch,
    aggregate_bound,
    cost_of,
    daily_dispatch,
    optimal_dispatch,
    rolling_optimum,
    shared_dispatch,
    shared_out,
)
from autonomy.economics import Economics
from autonomy.layers.community import Community
from autonomy.rollout import OPTIMUM, roll_out
from autonomy.run import BASELINE
from autonomy.scenario import Scenario
from autonomy.simulator import Simulator


class Given(NamedTuple):
    """What a method is given.

    Attributes:
        community: Batteries and limits.
        scenario: The window.
        workers: Processes that it may use.
    """

    community: Community
    scenario: Scenario
    workers: int


class Answer(NamedTuple):
    """What it found.

    Attributes:
        cost: Currency, of a dispatch; NaN for none.
        bound: Currency, nothing costs less; -inf for none.
        verdict: What the checker says; empty where it was not asked.
    """

    cost: float
    bound: float
    verdict: str


def _grid_only(given: Given) -> Answer:
    simulator = Simulator(given.community, given.scenario)
    run = roll_out(simulator, Controller(given.community, policy=BASELINE), name=BASELINE)
    return Answer(run.cost, -math.inf, "")


def _optimum(given: Given) -> Answer:
    energy_kwh = 0.5 * given.community.battery_capacity_kwh
    return _found(optimal_dispatch(given.community, given.scenario, economics=Economics(), energy_kwh=energy_kwh))


def _aggregate(given: Given) -> Answer:
    plan = aggregate_bound(problem_of(given.community, given.scenario))
    return Answer(math.nan, plan.bound, str(plan.certificate.verdict))


def _shared(given: Given) -> Answer:
    problem = problem_of(given.community, given.scenario)
    return _found(shared_dispatch(problem, aggregate_bound(problem)))


def _shared_unchecked(given: Given) -> Answer:
    problem = problem_of(given.community, given.scenario)
    plan = aggregate_bound(problem)
    asked = shared_out(problem, plan).asked
    return Answer(math.nan if asked is None else cost_of(problem, asked), plan.bound, "")


def _apart(given: Given) -> Answer:
    return _found(daily_dispatch(problem_of(given.community, given.scenario), workers=given.workers))


def _rolling(horizon_h: float, commit_h: float) -> Callable[[Given], Answer]:
    def roll(given: Given) -> Answer:
        problem = problem_of(given.community, given.scenario)
        return _found(rolling_optimum(problem, horizon_h=horizon_h, commit_h=commit_h))

    return roll


def _found(dispatch: Dispatch) -> Answer:
    proof = dispatch.certificate
    return Answer(dispatch.objective, dispatch.bound, "" if proof is None else str(proof.verdict))


METHODS: dict[str, Callable[[Given], Answer]] = {
    BASELINE: _grid_only,
    OPTIMUM: _optimum,
    "aggregate": _aggregate,
    "shared": _shared,
    "shared-unchecked": _shared_unchecked,
    "apart-24": _apart,
    "rolling-24/24": _rolling(24.0, 24.0),
    "rolling-48/24": _rolling(48.0, 24.0),
    "rolling-72/24": _rolling(72.0, 24.0),
}
"""By name."""

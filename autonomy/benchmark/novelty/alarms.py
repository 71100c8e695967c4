"""What alarms cost: the demo year without any fault, with the watch in a controller."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from autonomy.controller import Controller
from autonomy.layers.arrays import Mask, Vector
from autonomy.layers.community import Community
from autonomy.layers.decision import Cause, Decision
from autonomy.layers.supervision.novelty import Calibration, NoveltyWatch, RepeatWatch
from autonomy.layers.supervision.watch import Loss, Watch
from autonomy.scenario import Scenario
from autonomy.simulator import Outcome, Simulator

POLICY = "time-of-use"
SETTINGS: dict[str, Callable[[Calibration], Watch] | None] = {
    "no watch": None,
    "novelty: MARKET, POLICY (default)": NoveltyWatch,
    "novelty: METER, POLICY": partial(NoveltyWatch, prosumer_loss=Loss.METER),
    "novelty: NOTE, NOTE": partial(NoveltyWatch, prosumer_loss=Loss.NOTE, community_loss=Loss.NOTE),
    "repeats: METER (default)": RepeatWatch,
}
"""Which watch, and what it takes: novelty from a prosumer and from the community, repeats from a prosumer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """What happened in the steps that were counted.

    Attributes:
        setting: Name of the watch and its losses.
        cost: Currency.
        shed_kwh: kWh of load shed.
        traded_kwh: kWh traded between prosumers.
        doubted: Steps in which a doubt of the watch was raised or held.
        violations: Rules that were broken.
    """

    setting: str
    cost: float
    shed_kwh: float
    traded_kwh: float
    doubted: int
    violations: int


def played(scenario: Scenario, watch: Watch | None, pv_kw: Vector | None = None) -> Iterator[tuple[Decision, Outcome]]:
    """Yield the steps of a scenario under a controller; `pv_kw` is what the PV meters say instead of the truth."""
    community = Community.demo()
    simulator = Simulator(community, scenario)
    controller = Controller(community, policy=POLICY, monitors=() if watch is None else (watch,))
    while not simulator.is_done:
        observation = simulator.observe()
        if pv_kw is not None:
            observation = replace(observation, pv_kw=pv_kw[simulator.step_number])
        decision = controller.step(observation)
        yield decision, simulator.execute(decision)


def costs(scenario: Scenario, calibration: Calibration, counted: Mask) -> Iterator[Cost]:
    """Yield what each setting costs over the counted steps of a scenario without any fault."""
    for setting, make in SETTINGS.items():
        watch = None if make is None else make(calibration)
        steps = [pair for pair, is_counted in zip(played(scenario, watch), counted, strict=False) if is_counted]
        hours = scenario.timestep_h
        yield Cost(
            setting=setting,
            cost=sum(outcome.cost for _, outcome in steps),
            shed_kwh=hours * sum(float(outcome.execution.shed_kw.sum()) for _, outcome in steps),
            traded_kwh=hours * sum(float(np.maximum(o.execution.trade_kw, 0.0).sum()) for _, o in steps),
            doubted=sum(is_doubted(decision) for decision, _ in steps),
            violations=sum(len(outcome.violations) for _, outcome in steps),
        )


def is_doubted(decision: Decision, prosumer: int | None = None) -> bool:
    """Whether novelty or a stuck meter is doubted or still held: of this prosumer, or of anybody."""
    said = [reason for reason in decision.reasons if reason.cause in (Cause.NOVELTY, Cause.METER_STUCK)]
    return any(prosumer is None or prosumer in reason.prosumers for reason in said)

"""What alarms cost: the demo year without any fault, with the watch in a controller."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from autonomy.controller import Controller
from autonomy.layers.arrays import Mask, Vector
from autonomy.layers.community import Community
from autonomy.layers.decision import Cause, Decision
from autonomy.layers.supervision.novelty import Calibration, NoveltyWatch
from autonomy.layers.supervision.watch import Loss, Watch
from autonomy.scenario import Scenario
from autonomy.simulator import Outcome, Simulator

POLICY = "time-of-use"
SETTINGS: dict[str, tuple[Loss, Loss] | None] = {
    "no watch": None,
    "MARKET, POLICY (default)": (Loss.MARKET, Loss.POLICY),
    "METER, POLICY": (Loss.METER, Loss.POLICY),
    "NOTE, NOTE": (Loss.NOTE, Loss.NOTE),
}
"""What a prosumer and the community lose."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """What happened in the steps that were counted.

    Attributes:
        setting: Name of the losses.
        cost: Currency.
        shed_kwh: kWh of load shed.
        traded_kwh: kWh traded between prosumers.
        doubted: Steps in which a doubt of novelty was raised or held.
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
    for setting, losses in SETTINGS.items():
        watch = None
        if losses is not None:
            watch = NoveltyWatch(calibration, prosumer_loss=losses[0], community_loss=losses[1])
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
    """Whether novelty is doubted or still held: of this prosumer, or of anybody."""
    said = [reason for reason in decision.reasons if reason.cause is Cause.NOVELTY]
    return any(prosumer is None or prosumer in reason.prosumers for reason in said)

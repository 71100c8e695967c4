"""Rolling a policy, or a known dispatch, through the simulator, and recording what happened."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Protocol, TypeAlias

import numpy as np

from autonomy.controller import Controller
from autonomy.layers.arrays import Vector, frozen
from autonomy.layers.community import Community
from autonomy.layers.decision import Decision, Mode
from autonomy.layers.intent import Policy, read_answer
from autonomy.layers.observation import Observation
from autonomy.simulator import Outcome, Simulator
from autonomy.trajectory import Trajectory

OPTIMUM = "optimum"

Tamper: TypeAlias = Callable[[Observation, int], Observation]
"""What comes between the meters and the controller: from what is true at a step (0 at the first) to what is reported.

What it gets is not to be changed."""


class Overheard:
    """A policy that remembers its last battery intent, for the overload part of the reward."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self.battery_kw: Vector | None = None

    def __call__(self, community: Community, observation: Observation) -> Any:
        """Ask the policy and keep what can be read of its answer."""
        self.battery_kw = None
        answer = self._policy(community, observation)
        intent = read_answer(answer, community.n_prosumers).intent
        self.battery_kw = None if intent is None else intent.battery_kw
        return answer


def roll_out(
    simulator: Simulator,
    controller: Controller,
    *,
    name: str,
    on_step: Callable[[], None] = lambda: None,
    tamper: Tamper | None = None,
) -> Trajectory:
    """Run the controller from the simulator's first step to its last and return the record.

    Args:
        simulator: What is played.
        controller: Who decides.
        name: What the record is called.
        on_step: Called after every step.
        tamper: Makes what the controller is told of what is true. Devices then cut no more than there is, whatever a
            decision by wrong numbers asks.
    """
    simulator.reset()
    controller.reset()
    policy = Overheard(controller.policy)
    controller.policy = policy

    def steps() -> Iterator[tuple[Decision, Outcome, float]]:
        while not simulator.is_done:
            true = simulator.observe()
            observation = true if tamper is None else tamper(true, simulator.step_number)
            policy.battery_kw = None  # a blind controller does not ask its policy
            started = time.perf_counter()
            decision = controller.step(observation)
            latency = time.perf_counter() - started
            done = decision if tamper is None else _as_far_as_there_is(decision, true)
            yield decision, simulator.execute(done, intent_kw=policy.battery_kw), latency
            on_step()

    try:
        return record(simulator, name, steps())
    finally:
        controller.policy = policy._policy


def _as_far_as_there_is(decision: Decision, true: Observation) -> Decision:
    """Return what devices do with a decision: nobody curtails what is not generated, or sheds what is not needed."""
    return replace(
        decision,
        curtail_kw=np.minimum(decision.curtail_kw, true.pv_kw),
        shed_kw=np.minimum(decision.shed_kw, true.demand_kw),
    )


class Played(Protocol):
    """Set-points of T steps: a dispatch that was planned, or a trajectory that was played; (T, N) kW each."""

    @property
    def battery_kw(self) -> Vector:
        """+ = charge."""
        ...

    @property
    def curtail_kw(self) -> Vector:
        """>= 0."""
        ...

    @property
    def shed_kw(self) -> Vector:
        """>= 0."""
        ...


def replay(simulator: Simulator, dispatch: Played, *, name: str = OPTIMUM) -> Trajectory:
    """Run known set-points through the simulator exactly as it is, and return the record.

    Everybody offers the whole net export, sells at feed-in and buys at retail, so the auction matches all it can and
    the community pays what its feeder exchanges: the matching the optimum assumes.
    """
    simulator.reset()

    def steps() -> Iterator[tuple[Decision, Outcome, float]]:
        while not simulator.is_done:
            decision = decision_of(simulator, dispatch)
            yield decision, simulator.execute(decision), float("nan")

    return record(simulator, name, steps())


def decision_of(simulator: Simulator, dispatch: Played) -> Decision:
    """Return the set-points of the simulator's current step, without caps."""
    k, scenario = simulator.step_number, simulator.scenario
    battery, curtail, shed = dispatch.battery_kw[k], dispatch.curtail_kw[k], dispatch.shed_kw[k]
    net = (scenario.pv_kw[k] - curtail) - (scenario.demand_kw[k] - shed) - battery
    no_cap = np.full(net.size, np.inf)
    return Decision(
        battery_kw=battery,
        trade_kw=net,
        price_bid=np.where(net > 0, scenario.feed_in_price[k], scenario.retail_price[k]),
        curtail_kw=curtail,
        shed_kw=shed,
        net_export_kw=net,
        generation_cap_kw=no_cap,
        load_cap_kw=no_cap,
        mode=Mode.POLICY,
    )


def record(simulator: Simulator, name: str, steps: Iterator[tuple[Decision, Outcome, float]]) -> Trajectory:
    """Drain the steps of a run into a `Trajectory`."""
    energy = [simulator.energy_kwh]
    outcomes: list[Outcome] = []
    decisions: list[Decision] = []
    latency: list[float] = []
    for decision, outcome, seconds in steps:
        decisions.append(decision)
        outcomes.append(outcome)
        latency.append(seconds)
        energy.append(outcome.execution.energy_after_kwh)
    executed = [outcome.execution for outcome in outcomes]
    scenario, community = simulator.scenario, simulator.community
    feeder = int(np.argmin(community.network.parent))
    return Trajectory(
        policy=name,
        timestep_h=community.timestep_h,
        time=scenario.time,
        demand_kw=scenario.demand_kw,
        pv_kw=scenario.pv_kw,
        battery_kw=frozen([x.battery_kw for x in executed]),
        curtail_kw=frozen([x.curtail_kw for x in executed]),
        shed_kw=frozen([x.shed_kw for x in executed]),
        net_export_kw=frozen([x.net_export_kw for x in executed]),
        trade_kw=frozen([x.trade_kw for x in executed]),
        grid_kw=frozen([outcome.grid_kw for outcome in outcomes]),
        energy_kwh=frozen(energy),
        capacity_kwh=community.battery_capacity_kwh,
        feeder_kw=frozen([x.feeder_kw for x in executed]),
        loss_kw=frozen([x.loss_kw for x in executed]),
        import_limit_kw=float(community.network.import_limit_kw[feeder]),
        export_limit_kw=float(community.network.export_limit_kw[feeder]),
        clearing_price=frozen([outcome.clearing.price for outcome in outcomes]),
        retail_price=scenario.retail_price,
        feed_in_price=scenario.feed_in_price,
        carbon_kg_per_kwh=scenario.carbon_kg_per_kwh,
        step_cost=frozen([outcome.cost for outcome in outcomes]),
        bill=frozen([outcome.bill for outcome in outcomes]),
        terminal_value=simulator.terminal_value,
        co2_kg=frozen([outcome.co2_kg for outcome in outcomes]),
        mode=np.array([decision.mode.value for decision in decisions]),
        intervention_kw=frozen([decision.intervention_kw for decision in decisions]),
        latency_s=frozen(latency),
        reward=frozen([outcome.reward.total(simulator.economics) for outcome in outcomes]),
        violations=tuple((k, broken) for k, outcome in enumerate(outcomes) for broken in outcome.violations),
    )

"""Playing a host: observe, decide, convert, execute, and observe what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from autonomy.hosts.host import Host, LineFlows, MetersLines, RatesLines, unchecked
from autonomy.layers.community import Community
from autonomy.layers.decision import Decision
from autonomy.layers.intent import Policy, read_answer
from autonomy.layers.observation import Limits, Observation

Decide: TypeAlias = Callable[[Observation], Decision]


@dataclass(frozen=True, kw_only=True, eq=False, slots=True)
class HostStep:
    """One step of a host.

    Attributes:
        observation: What was known when it was decided.
        decision: What was asked for.
        after: The next observation, with what was applied and metered in this step.
        flows: The flows on every line in this step, from a host that knows them.
        excess_kw: kW by which the host itself says that a line is over its limit, <= 0 for none; None if it does not.
        decide_s: Seconds that the decision took, conversions included.
        host_s: Seconds that the host took.
    """

    observation: Observation
    decision: Decision
    after: Observation
    flows: LineFlows | None
    excess_kw: float | None
    decide_s: float
    host_s: float


def play(host: Host, decide: Decide, *, steps: int | None = None, seed: int | None = None) -> Iterator[HostStep]:
    """Yield the steps of a host under `decide`, from its first on.

    Args:
        host: What is played.
        decide: Who decides: `Controller.step`, or `Bare(community, policy)` for a policy without a shield.
        steps: How many; None for as long as there are data.
        seed: What the host is reset with.
    """
    raw = host.reset(seed=seed)
    left = np.inf if steps is None else steps
    while left > 0 and not host.is_done:
        began = time.perf_counter()
        observation = host.to_observation(raw)
        decision = decide(observation)
        action = host.from_decision(decision)
        decided = time.perf_counter()
        raw = host.step(action)
        stepped = time.perf_counter()
        yield HostStep(
            observation=observation,
            decision=decision,
            after=host.to_observation(raw),
            flows=host.line_flows() if isinstance(host, MetersLines) else None,
            excess_kw=host.excess_kw() if isinstance(host, RatesLines) else None,
            decide_s=decided - began,
            host_s=stepped - decided,
        )
        left -= 1


class Bare:
    """Turns a policy's intent into a decision without Layers 2 and 3: what a host does when it is left alone.

    Battery powers are clipped to the power limits of the step; nothing is curtailed or shed, and no line is looked at.

    Args:
        community: Whose batteries.
        policy: Any policy; one that raises or answers nonsense moves nothing.
    """

    def __init__(self, community: Community, policy: Policy) -> None:
        self.community, self.policy = community, policy

    def __call__(self, observation: Observation) -> Decision:
        """Return the intent as a decision."""
        size, limits = self.community.n_prosumers, observation.limits or Limits()
        most = self.community.charge_limit_kw if limits.charge_limit_kw is None else limits.charge_limit_kw
        least = self.community.discharge_limit_kw if limits.discharge_limit_kw is None else limits.discharge_limit_kw
        intent = read_answer(self.policy(self.community, observation), size).intent
        battery = np.zeros(size) if intent is None else np.clip(intent.battery_kw, -least, most)
        nothing = np.zeros(size)
        return unchecked(observation, battery_kw=battery, curtail_kw=nothing, shed_kw=nothing)

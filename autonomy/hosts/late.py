"""A policy that is heard one step late, and what makes that safe: its set-points are projected where they are applied.

In a co-simulation, as in the field, who decides is not who executes. What was decided with the data of one step arrives
in the next, when demand, generation and stored energy are others: limits that the decision kept then are not kept now.
So the intent may be late, and the projection is not:

    step k      community: measures ─▶ policy
    step k + 1  community: measures, projects what was sent in step k with the data of step k + 1, executes

`Feeder` is the community's side, with a host; `Remote` is the other's. Between them go plain lists of floats.
`autonomy.hosts.cosimulated` makes a `Host` of the whole.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Protocol, TypeAlias

import numpy as np

from autonomy.controller import Controller
from autonomy.hosts.comparison import battery_intent
from autonomy.hosts.host import Host, LineFlows, MetersLines, RatesLines, unchecked
from autonomy.hosts.play import HostStep
from autonomy.layers.community import Community
from autonomy.layers.decision import Decision
from autonomy.layers.errors import ModelError
from autonomy.layers.intent import Policy, read_answer
from autonomy.layers.observation import Observation
from autonomy.supervisor import Supervisor

SetPoints: TypeAlias = Mapping[str, list[float]]
"""`battery_kw`, + = charge, and `curtail_kw` and `shed_kw` where the sender decides these too; N numbers each."""
Measured: TypeAlias = dict[str, list[float]]
MEASURED_EACH = ("demand_kw", "pv_kw", "soc", "retail_price", "feed_in_price")
CUTS = ("curtail_kw", "shed_kw")


class CommunitySide(Protocol):
    """What a co-simulation calls on the side where set-points are executed, once a step each, in this order.

    Attributes:
        community: What is controlled.
    """

    community: Community

    def measure(self) -> Measured:
        """Return what the other side is told of the step that is about to be executed."""

    def apply(self, asked: SetPoints | None) -> None:
        """Execute the step under what has arrived; None for nothing."""


class Feeder:
    """A host, and the controller that stands beside it.

    Args:
        host: What is controlled.
        is_shielded: Whether what arrives is projected with the data of the step that applies it. If not, it is executed
            as it is, as far as there is something to cut.
        supervisor: Settings of Layer 3.
        seed: What the host is reset with.
    """

    def __init__(
        self, host: Host, *, is_shielded: bool = True, supervisor: Supervisor | None = None, seed: int = 0
    ) -> None:
        self.host, self.community, self.is_shielded = host, host.community, is_shielded
        self._asked: SetPoints | None = None
        self.controller = Controller(self.community, policy=self._policy, supervisor=supervisor)
        self.steps: list[HostStep] = []
        self._seen = host.to_observation(host.reset(seed=seed))

    def measure(self) -> Measured:
        """Return what the other side is told of the step that is about to be executed."""
        return measured_of(self._seen, self.community.n_prosumers)

    def apply(self, asked: SetPoints | None) -> None:
        """Execute a step under what has arrived, which is what was decided in the step before; None for nothing."""
        self._asked = asked
        seen, began = self._seen, time.perf_counter()
        decision = self.controller.step(seen) if self.is_shielded else as_it_is(self.community, seen, asked)
        action = self.host.from_decision(decision)
        decided = time.perf_counter()
        raw = self.host.step(action)
        stepped = time.perf_counter()
        self._seen = self.host.to_observation(raw)
        flows: LineFlows | None = self.host.line_flows() if isinstance(self.host, MetersLines) else None
        self.steps.append(
            HostStep(
                observation=seen,
                decision=decision,
                after=self._seen,
                flows=flows,
                excess_kw=self.host.excess_kw() if isinstance(self.host, RatesLines) else None,
                decide_s=decided - began,
                host_s=stepped - decided,
            )
        )

    def _policy(self, community: Community, observation: Observation) -> Any:
        if self._asked is None:
            return battery_intent(np.zeros(community.n_prosumers), observation)
        return battery_intent(np.asarray(self._asked["battery_kw"], dtype=np.float64), observation)


class Remote:
    """Whoever decides elsewhere.

    Args:
        community: What is decided about.
        policy: Wants something of the batteries; or a `Controller`, which also cuts, with data that will be old.
    """

    def __init__(self, community: Community, policy: Policy | Controller) -> None:
        self.community, self.policy = community, policy

    def decide(self, measured: Mapping[str, Any]) -> dict[str, list[float]]:
        """Return the set-points for what was measured."""
        arrays: dict[str, Any] = {name: np.asarray(measured[name], dtype=np.float64) for name in MEASURED_EACH}
        clock = np.datetime64(round(1e3 * float(np.ravel(measured["second"])[0])), "ms")
        observation = Observation(**arrays, time=clock)
        if isinstance(self.policy, Controller):
            decision = self.policy.step(observation)
            return {name: getattr(decision, name).tolist() for name in ("battery_kw", *CUTS)}
        intent = read_answer(self.policy(self.community, observation), self.community.n_prosumers).intent
        nothing = [0.0] * self.community.n_prosumers
        return {"battery_kw": nothing if intent is None else intent.battery_kw.tolist()}


def measured_of(observation: Observation, n_prosumers: int) -> Measured:
    """Return what goes to the other side: (N,) lists of what everybody has, and the time in seconds since 1970.

    Raises:
        ModelError: a signal is neither one number nor N.
    """
    each = {}
    for name in MEASURED_EACH:
        value = np.asarray(getattr(observation, name), dtype=np.float64)
        if value.shape not in ((), (1,), (n_prosumers,)):
            raise ModelError(name, value.shape, f"the shape ({n_prosumers},)")
        each[name] = np.broadcast_to(value, (n_prosumers,)).tolist()
    return {**each, "second": [_second(observation)]}


def as_it_is(community: Community, observation: Observation, asked: SetPoints | None) -> Decision:
    """Return set-points as a decision that nobody has looked at; nothing is cut that is not there."""
    size = community.n_prosumers
    nothing = np.zeros(size)
    given = {} if asked is None else {name: np.asarray(value, dtype=np.float64) for name, value in asked.items()}
    battery = np.clip(given.get("battery_kw", nothing), -community.discharge_limit_kw, community.charge_limit_kw)
    curtail = np.clip(given.get("curtail_kw", nothing), 0.0, observation.pv_kw)
    shed = np.clip(given.get("shed_kw", nothing), 0.0, observation.demand_kw)
    return unchecked(observation, battery_kw=battery, curtail_kw=curtail, shed_kw=shed)


def _second(observation: Observation) -> float:
    """Return a time stamp as seconds since 1970; 0 without one."""
    stamp = observation.time
    if not isinstance(stamp, np.datetime64):
        return 0.0
    return float((stamp - np.datetime64(0, "ms")) / np.timedelta64(1, "ms")) / 1e3

"""The seam between the controller and somebody else's simulator: what a host is, and every sign and unit of it.

    raw = host.reset(seed=0)
    decision = controller.step(host.to_observation(raw))
    raw = host.step(host.from_decision(decision))

`raw` and the action are the host's own, in its own units and signs. The two conversions are all that an adapter is.
They speak the project's units and signs, which are these and no others:

| signal | shape | unit | sign | of which step |
|---|---|---|---|---|
| `demand_kw`, `pv_kw` | (N,) | kW, mean of the step | >= 0, before any cut | the step to be decided |
| `soc` | (N,) | fraction of the capacity, 0..1 | | at its start |
| `retail_price`, `feed_in_price` | (N,) or one | currency/kWh | | the step to be decided |
| `limits` | (N,) each | kW, fractions | as in `Limits` | the step to be decided |
| `applied_battery_kw` | (N,) | kW at the terminals | + = charge | the step before |
| `feeder_kw` | one | kW at the grid, after losses | + = export | the step before |
| `battery_kw` | (N,) | kW at the terminals | + = charge | the step to be decided |
| `curtail_kw`, `shed_kw` | (N,) | kW cut | >= 0 | the step to be decided |
| `generation_cap_kw`, `load_cap_kw` | (N,) | kW, inf for no cap | >= 0 | the step to be decided |
| `trade_kw` | (N,) | kW | + = sell | the step to be decided |

Energy is power times `timestep_h` everywhere. `autonomy.hosts.check_host` finds out whether an adapter keeps the table.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from autonomy.layers import physics
from autonomy.layers.arrays import Vector
from autonomy.layers.community import Community
from autonomy.layers.decision import Decision, Mode
from autonomy.layers.observation import Limits, Observation


@dataclass(frozen=True, kw_only=True, slots=True)
class Capabilities:
    """What a host can execute beside battery power.

    Attributes:
        curtail: Whether it can reduce generation. If not, its observations say `can_curtail=False`.
        shed: Whether it can reduce load. If not, its observations say `can_shed=False`.
        trade: Whether its market takes `trade_kw` and `price_bid`. If not, they are ignored.
    """

    curtail: bool
    shed: bool
    trade: bool = False


class Host(Protocol):
    """A simulator, or a plant, that a controller can be put into; see the module for signs and units.

    Attributes:
        community: What is controlled, in the project's terms.
        capabilities: What can be executed.
    """

    community: Community
    capabilities: Capabilities

    def reset(self, *, seed: int | None = None) -> Any:
        """Go back to the first step and return the host's own reading of it; the same for the same seed."""

    def to_observation(self, raw: Any) -> Observation:
        """Return a reading in the project's units and signs. Changes nothing."""

    def from_decision(self, decision: Decision) -> Any:
        """Return a decision as the host's own action. Changes nothing, and takes every decision, a dead stop too."""

    def step(self, action: Any) -> Any:
        """Let one step pass under an action and return the next reading."""

    @property
    def is_done(self) -> bool:
        """Whether the data are over; `step` may not be called then."""


@runtime_checkable
class Predicts(Protocol):
    """A host whose batteries are not quite those of the model, and which can say what it will do."""

    def predicted_energy_kwh(self, observation: Observation, decision: Decision) -> Vector:
        """Return (N,) kWh stored after a decision."""


@runtime_checkable
class Rounds(Protocol):
    """A host that writes down what its batteries did in fewer digits than it was asked in."""

    def rounded_kw(self, battery_kw: Vector) -> Vector:
        """Return (N,) kW as the host's own numbers say them: what it reports where it did exactly what was asked."""


class LineFlows(NamedTuple):
    """Flows of the last step on M lines, + = towards the grid.

    Attributes:
        downstream_kw: (M,) kW at the bus each line feeds.
        upstream_kw: (M,) kW at its other end.
    """

    downstream_kw: Vector
    upstream_kw: Vector


@runtime_checkable
class MetersLines(Protocol):
    """A host that knows the flow on every line, not only at the feeder."""

    def line_flows(self) -> LineFlows:
        """Return the flows of the last step."""


@runtime_checkable
class RatesLines(Protocol):
    """A host that says itself by how much its lines are overloaded."""

    def excess_kw(self) -> float:
        """Return kW by which the worst line passed its limit in the last step, <= 0 where none did."""


def predicted_energy_kwh(host: Host, observation: Observation, decision: Decision) -> Vector:
    """Return (N,) kWh that the batteries hold after a decision: e' of the model, or what the host itself predicts."""
    if isinstance(host, Predicts):
        return host.predicted_energy_kwh(observation, decision)
    community, limits = host.community, observation.limits or Limits()
    given = limits.charge_efficiency, limits.discharge_efficiency
    stated = community.charge_efficiency, community.discharge_efficiency
    charge, discharge = (own if value is None else value for value, own in zip(given, stated, strict=True))
    return physics.next_energy_kwh(
        np.asarray(observation.soc) * community.battery_capacity_kwh,
        decision.battery_kw,
        charge_efficiency=charge,
        discharge_efficiency=discharge,
        timestep_h=community.timestep_h,
        retention=community.retention,
    )


def asked_kw(host: Host, decision: Decision) -> Vector:
    """Return (N,) kW that the batteries were asked, in the digits of a host that has fewer; + = charge."""
    return host.rounded_kw(decision.battery_kw) if isinstance(host, Rounds) else decision.battery_kw


def predicted_net_kw(observation: Observation, decision: Decision) -> Vector:
    """Return (N,) kW of net export under a decision, + = export: n = (g − c) − (d − s) − b, caps included."""
    generation = physics.left_of(observation.pv_kw, decision.curtail_kw, decision.generation_cap_kw)
    load = physics.left_of(observation.demand_kw, decision.shed_kw, decision.load_cap_kw)
    return physics.net_export(generation, load, decision.battery_kw)


def unchecked(observation: Observation, *, battery_kw: Vector, curtail_kw: Vector, shed_kw: Vector) -> Decision:
    """Return set-points as a decision that nobody has looked at, for a host that is left alone.

    Args:
        observation: Of the step.
        battery_kw: (N,) kW, + = charge.
        curtail_kw: (N,) kW >= 0.
        shed_kw: (N,) kW >= 0.
    """
    size = battery_kw.size
    no_cap = np.full(size, np.inf)
    decision = Decision(
        battery_kw=battery_kw,
        trade_kw=np.zeros(size),
        price_bid=np.broadcast_to(observation.retail_price, (size,)),
        curtail_kw=curtail_kw,
        shed_kw=shed_kw,
        net_export_kw=np.zeros(size),
        generation_cap_kw=no_cap,
        load_cap_kw=no_cap,
        mode=Mode.POLICY,
    )
    return replace(decision, net_export_kw=predicted_net_kw(observation, decision))


def with_capabilities(limits: Limits | None, capabilities: Capabilities) -> Limits | None:
    """Return limits that also say what a host cannot cut; None where there is nothing to say."""
    missing: dict[str, Any] = {
        name: np.asarray(False)
        for name, able in (("can_curtail", capabilities.curtail), ("can_shed", capabilities.shed))
        if not able
    }
    if not missing:
        return limits
    return replace(limits or Limits(), **missing)

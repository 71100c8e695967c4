"""The plant: true demand, PV and batteries; it executes what it is told as physical devices do, and is judged.

What devices do with a decision (b, c, s and the two caps), g and d being true:

    generation = min(max(g − c, 0), generation cap)        load = min(max(d − s, 0), load cap)
    battery    = b, as far as the inverter's rating and a cell that is neither empty nor full allow

A battery management system stops at 0 and at the full capacity, and at the power limits; it knows nothing of the
reserve [soc_min, soc_max], which is the controller's to keep. What it stops is counted (`stops`), and what leaves the
reserve is a violation. A set-point that is no number is not executed (the battery stands still) and is a violation.
Without a decision batteries stand still (watchdogs of their inverters) and the caps of the last one go on holding.
There is no market here: trades move no power.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from autonomy.faults.truth import Truth, Weather
from autonomy.layers import physics
from autonomy.layers.arrays import Mask, Vector
from autonomy.layers.community import Community
from autonomy.layers.invariants import Execution, Violation, violations

NOTICEABLE_KW = 1e-6
"""kW from which a battery that does otherwise than it was told was stopped."""
UNANNOUNCED = "ramp-relaxed"
"""Cause of a decision by which a ramp excursion is announced, and so no violation."""

Actuator: TypeAlias = Callable[[Vector], tuple[Vector, Mask]]
"""From the battery powers asked for to those attempted, and whose devices ignore cuts and caps."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Deed:
    """What the plant did in one step.

    Attributes:
        execution: The step, as the invariants judge it.
        violations: Every rule that it broke.
        asked_kw: (N,) kW that was asked of the batteries; 0 where that was no number.
        stops: Batteries that a battery management system or a rating stopped.
        ignored: Whether a device ignored a cut or a cap that asked something of it.
    """

    execution: Execution
    violations: tuple[Violation, ...]
    asked_kw: Vector
    stops: int
    ignored: bool


class Plant:
    """A community with its true state.

    Args:
        community: What it is.
        energy_kwh: (N,) kWh stored at the start.
    """

    def __init__(self, community: Community, energy_kwh: Vector) -> None:
        self.community = community
        self.energy_kwh = energy_kwh
        self._cells = replace(community, soc_min=0.0, soc_max=1.0).storage  # type: ignore[arg-type]  # scalars
        self._battery_kw: Vector = np.zeros(community.n_prosumers)
        self._caps = self._no_caps = (np.full(community.n_prosumers, np.inf), np.full(community.n_prosumers, np.inf))
        self._feeder_kw = np.array([np.nan])
        self._reported_kw: Vector | None = None

    def truth(self, weather: Weather) -> Truth:
        """Return what is true at the start of a step."""
        capacity = self.community.battery_capacity_kwh
        soc = np.divide(self.energy_kwh, capacity, out=np.zeros_like(capacity), where=capacity > 0)
        return Truth(weather=weather, soc=soc, feeder_kw=self._feeder_kw, applied_kw=self._reported_kw)

    def execute(
        self, weather: Weather, decision: Any, actuator: Actuator | None = None, *, reports_asked: bool = False
    ) -> Deed:
        """Execute a decision, or none, and go to the next step.

        Args:
            weather: What is true of demand, PV and prices.
            decision: Anything with the fields of a `Decision`, or None.
            actuator: What becomes of the battery powers asked for; None for what was asked.
            reports_asked: Whether the host will report what was asked instead of what was done.
        """
        wanted, curtail, shed, self._caps = self._read(decision)
        refused = ~np.isfinite(wanted)
        asked = np.where(refused, 0.0, wanted)
        attempted, ignores = (asked, None) if actuator is None else actuator(asked)
        charge, discharge = physics.reach_kw(self._cells, self.energy_kwh)
        battery = np.clip(np.where(np.isfinite(attempted), attempted, 0.0), -discharge, charge)
        stops = int(np.count_nonzero(np.abs(battery - attempted) > NOTICEABLE_KW))
        generation = np.minimum(np.maximum(weather.pv_kw - curtail, 0.0), self._caps[0])
        load = np.minimum(np.maximum(weather.demand_kw - shed, 0.0), self._caps[1])
        ignored = False
        if ignores is not None:
            told = (generation < weather.pv_kw) | (load < weather.demand_kw)
            ignored = bool(np.any(ignores & told))
            generation = np.where(ignores, weather.pv_kw, generation)
            load = np.where(ignores, weather.demand_kw, load)
        execution = self._executed(weather, generation, load, battery)
        broken = [Violation(rule="set-point", index=int(i), amount=np.nan, unit="kW") for i in np.flatnonzero(refused)]
        announced = any(str(getattr(reason, "cause", "")) == UNANNOUNCED for reason in _reasons(decision))
        broken += [found for found in violations(execution) if not (announced and found.rule == "ramp")]
        self.energy_kwh, self._battery_kw = execution.energy_after_kwh, battery
        self._feeder_kw = np.array([execution.feeder_kw])
        self._reported_kw = asked if reports_asked else battery
        return Deed(execution=execution, violations=tuple(broken), asked_kw=asked, stops=stops, ignored=ignored)

    def _read(self, decision: Any) -> tuple[Vector, Vector, Vector, tuple[Vector, Vector]]:
        size = self.community.n_prosumers
        zero = np.zeros(size)
        if decision is None:
            return zero, zero, zero, self._caps
        cuts = [_powers(decision, name, size, 0.0) for name in ("curtail_kw", "shed_kw")]
        caps = [_powers(decision, name, size, np.inf) for name in ("generation_cap_kw", "load_cap_kw")]
        return _powers(decision, "battery_kw", size, np.nan), cuts[0], cuts[1], (caps[0], caps[1])

    def _executed(self, weather: Weather, generation: Vector, load: Vector, battery: Vector) -> Execution:
        community = self.community
        net = physics.net_export(generation, load, battery)
        flows = physics.lossy_flows(community.network, net)
        feeder = int(np.argmin(community.network.parent))
        return Execution(
            community=community,
            energy_before_kwh=self.energy_kwh,
            energy_after_kwh=physics.rated_energy_after_kwh(community, self.energy_kwh, battery),
            previous_battery_kw=self._battery_kw,
            battery_kw=battery,
            pv_kw=weather.pv_kw,
            demand_kw=weather.demand_kw,
            curtail_kw=weather.pv_kw - generation,
            shed_kw=weather.demand_kw - load,
            net_export_kw=net,
            line_downstream_kw=flows.downstream_kw,
            line_upstream_kw=flows.upstream_kw,
            trade_kw=np.zeros(net.size),
            price=float("nan"),
            feed_in_price=weather.feed_in_price,
            retail_price=weather.retail_price,
            feeder_kw=float(flows.upstream_kw[feeder]),
            loss_kw=float(flows.loss_kw.sum()),
        )


def _reasons(decision: Any) -> tuple[Any, ...]:
    return tuple(getattr(decision, "reasons", None) or ())


def _powers(decision: Any, name: str, size: int, otherwise: float) -> Vector:
    """Return (N,) kW of a field; `otherwise` where it is missing or no list of N numbers, and for NaN cuts and caps."""
    try:
        values = np.broadcast_to(np.asarray(getattr(decision, name), dtype=np.float64), (size,))
    except (AttributeError, TypeError, ValueError, OverflowError):
        return np.full(size, otherwise)
    return np.where(np.isnan(values), otherwise, values)

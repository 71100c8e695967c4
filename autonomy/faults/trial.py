"""One run: a controller, a window, a fault or none; and what comes of it beside its fault-free twin."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from autonomy.faults.actuator import faulty_actuator
from autonomy.faults.meter import observe
from autonomy.faults.phases import BEFORE, FAULTY, Week, Window
from autonomy.faults.plant import Plant
from autonomy.faults.result import Result
from autonomy.faults.rig import Rig
from autonomy.faults.strike import Strike
from autonomy.faults.truth import Truth, Weather
from autonomy.faults.words import Kind
from autonomy.layers.arrays import Vector
from autonomy.layers.community import Community
from autonomy.layers.decision import Cause, Mode
from autonomy.layers.invariants import Violation
from autonomy.scenario import Scenario

ROUTINE = frozenset(
    cause.value
    for cause in (
        Cause.LINE_LIMIT,
        Cause.CONNECTION_LIMIT,
        Cause.BATTERY_LIMIT,
        Cause.VOLTAGE_LIMIT,
        Cause.LOOK_AHEAD,
        Cause.DEPARTURE,
        Cause.DEPARTURE_SHORT,
        Cause.CURTAILED,
        Cause.SHED,
        Cause.TRADE_CUT,
        Cause.PRICE_CLIPPED,
        Cause.RAMP_RELAXED,
    )
)
"""Causes that say how a limit was kept, not that something is wrong: they come and go with any change of a number."""
FALLBACKS = frozenset(mode.value for mode in Mode if mode.is_fallback)
NO_DECISION = "none"
"""In the place of a mode, when the controller raised."""

Doubt = tuple[str, int]
"""A cause that is no routine, or a fallback, and the prosumer it concerns; −1 for the whole community."""


@dataclass(frozen=True, kw_only=True, slots=True, eq=False)
class Step:
    """One step of a run.

    Attributes:
        mode: Of the decision.
        doubts: What the decision said was wrong.
        violations: Every rule that the plant broke.
        cut_kwh: Energy curtailed, and energy shed.
        stops: Batteries that were stopped by their management or rating.
        latency_s: What the controller took.
        touched: Whether the fault changed anything.
    """

    mode: str
    doubts: frozenset[Doubt]
    violations: tuple[Violation, ...]
    cut_kwh: tuple[float, float]
    stops: int
    latency_s: float
    touched: bool


@dataclass(slots=True, eq=False)
class Run:
    """A run as it goes on: a plant, a controller, and what stands between them.

    Attributes:
        rig: The controller.
        plant: The plant.
        strike: The fault, or None.
        past: What was true, the steps before the run included.
        asked: What was asked of the batteries, likewise.
    """

    rig: Rig
    plant: Plant
    strike: Strike | None
    past: list[Truth]
    asked: list[Vector]

    def step(self, weather: Weather, k: int | None) -> Step:
        """Play one step, k steps after the onset; k is None when the fault is not there."""
        stage = self.rig.stage
        stage.enter(k)
        self.past.append(self.plant.truth(weather))
        shown, touched = observe(self.past, self.strike, k)
        started = time.perf_counter()
        decision: Any = None
        try:
            decision = self.rig.controller.step(shown)
        except Exception:  # noqa: BLE001 - a controller without an answer is one of the findings
            decision = None
        latency = time.perf_counter() - started
        if stage.intents and len(stage.intents) < len(self.past):
            stage.intents.append(stage.intents[-1])  # a policy that was not asked
        actuator = faulty_actuator(self.strike, k, self.asked)
        lies = actuator is not None and self.strike is not None and self.strike.fault.kind is Kind.LIE
        deed = self.plant.execute(weather, decision, actuator, reports_asked=lies)
        self.asked.append(deed.asked_kw)
        x, dt = deed.execution, self.plant.community.timestep_h
        if actuator is not None:
            touched = bool(np.any(x.battery_kw != deed.asked_kw)) or deed.ignored
        return Step(
            mode=NO_DECISION if decision is None else str(getattr(decision, "mode", "")),
            doubts=doubts_of(decision),
            violations=deed.violations,
            cut_kwh=(dt * float(x.curtail_kw.sum()), dt * float(x.shed_kw.sum())),
            stops=deed.stops,
            latency_s=latency,
            touched=touched or stage.touched,
        )


def play(rig: Rig, community: Community, window: Window, strike: Strike | None = None) -> tuple[Step, ...]:
    """Run a controller over a window and return its steps; without a fault this is the twin."""
    rig.reset()
    rig.stage.begin(strike, window.intents_kw)
    plant = Plant(community, window.energy_kwh)
    run = Run(rig=rig, plant=plant, strike=strike, past=list(window.history), asked=list(window.asked_kw))
    return tuple(
        run.step(weather, t - BEFORE if BEFORE <= t < BEFORE + FAULTY else None)
        for t, weather in enumerate(window.weathers)
    )


def rehearse(rig: Rig, community: Community, scenario: Scenario, energy_kwh: Vector) -> Week:
    """Return a fault-free run of a week, from whose steps windows begin."""
    rig.reset()
    rig.stage.begin(None, np.zeros((0, community.n_prosumers)))
    rig.stage.intents = [np.zeros(community.n_prosumers)]  # so that a step without an intent repeats the last one
    plant = Plant(community, energy_kwh)
    run = Run(rig=rig, plant=plant, strike=None, past=[], asked=[])
    energies = []
    for k in range(scenario.n_steps):
        energies.append(plant.energy_kwh)
        run.step(Weather.of(scenario, k), None)
    return Week(
        scenario=scenario,
        truths=run.past,
        energy_kwh=np.array(energies),
        intents_kw=np.array(rig.stage.intents[1:]),
        asked_kw=np.array(run.asked),
    )


def doubts_of(decision: Any) -> frozenset[Doubt]:
    """Return what a decision says is wrong; the lack of one says it too."""
    if decision is None:
        return frozenset({(NO_DECISION, -1)})
    found: set[Doubt] = set()
    mode = str(getattr(decision, "mode", ""))
    if mode in FALLBACKS:
        found.add((mode, -1))
    for reason in getattr(decision, "reasons", None) or ():
        cause = str(getattr(reason, "cause", reason))
        if cause not in ROUTINE:
            found |= {(cause, int(i)) for i in getattr(reason, "prosumers", ()) or (-1,)}
    return frozenset(found)


def compare(steps: Sequence[Step], twin: Sequence[Step], **names: Any) -> Result:
    """Return what a fault did: the run beside its twin, from the onset on.

    Args:
        steps: The run.
        twin: The run without the fault, from the same start.
        names: The fields of `Result` that say which run this was.
    """
    new = [bool(step.doubts - other.doubts) for step, other in zip(steps, twin, strict=True)]
    found = [t for t in range(BEFORE, len(steps)) if new[t]]
    end = BEFORE + FAULTY - 1
    after, beside = steps[BEFORE:], twin[BEFORE:]
    broken = [violation for step in steps for violation in step.violations]
    rules = sorted({violation.rule for violation in broken})
    lines = [violation.amount for violation in broken if violation.rule == "line"]
    cuts = np.array([step.cut_kwh for step in after]) - np.array([step.cut_kwh for step in beside])
    return Result(
        **names,
        effective=any(step.touched for step in steps),
        violations=len(broken),
        violations_found=sum(len(step.violations) for step in steps[found[0] :]) if found else 0,
        rules=tuple((rule, sum(violation.rule == rule for violation in broken)) for rule in rules),
        worst_line_kw=max(lines, default=0.0),
        twin_violations=sum(len(step.violations) for step in twin),
        stops=sum(step.stops for step in steps),
        no_decision=sum(step.mode == NO_DECISION for step in steps),
        delay=found[0] - BEFORE if found else None,
        recovered=not (found and found[-1] == len(steps) - 1),
        recovery=max(found[-1] - end, 0) if found else 0,
        curtailed_added_kwh=float(cuts[:, 0].sum()),
        shed_added_kwh=float(cuts[:, 1].sum()),
        modes=tuple(sum(step.mode == mode for step in after) / len(after) for mode in MODES),
        latency_s=max(step.latency_s for step in steps),
    )


MODES = (*(mode.value for mode in Mode), NO_DECISION)
"""Everything that `Result.modes` counts."""

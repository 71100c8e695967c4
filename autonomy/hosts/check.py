"""`check_host`: the conformance test of an adapter, for whoever writes one.

Two runs of the host under a controller and a policy that asks for something else everywhere and all the time. What the
host reports is then held against what was asked and against the model, number by number. Nothing is taken on trust but
the host's meters; a meter that lies in the same way as the adapter shows in another check:

    a wrong sign or scale of the action        asked ≠ applied
    the same error in the action and its echo  predicted ≠ measured SoC
    the same in the stored energy too          the feeder's balance
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from autonomy.controller import Controller, as_mapping
from autonomy.hosts.host import Host
from autonomy.hosts.judge import Verdicts
from autonomy.hosts.play import HostStep, play
from autonomy.hosts.probe import SQUEEZED_EVERY, Probe, squeezed
from autonomy.hosts.signals import differing, is_same, signal_faults, unreadable
from autonomy.hosts.tally import excess_kw
from autonomy.hosts.verdict import (
    CAPABILITIES,
    LIMITS,
    MISSING,
    RESET,
    SEED,
    SIGNALS,
    Finding,
    HostReport,
    Tolerance,
)
from autonomy.layers.decision import Decision
from autonomy.layers.observation import REQUIRED, Observation

STEPS = 48
LEAST_STEPS = 8
"""Steps that a host has to be able to play, or nothing could be said of it."""
LEFT_OUT = (*REQUIRED, "feeder_kw", "applied_battery_kw", "time", "limits")


def check_host(host: Host, *, steps: int = STEPS, seed: int = 0, tolerance: Tolerance | None = None) -> HostReport:
    """Find out whether a host does what its adapter says; plays it twice from its start.

    Args:
        host: The adapter with its simulator.
        steps: Steps of each run, at least 8; fewer where its data are over before.
        seed: What the host is reset with, and the seed of what is asked of it.
        tolerance: What its numbers may be off by; None for a watt, a watt-hour and ten watts at the feeder.

    Returns:
        A report; `print` shows it, and `report.require()` raises unless the host is conformant.
    """
    check = _Check(host, max(steps, LEAST_STEPS), seed, tolerance or Tolerance())
    try:
        check.run()
    except Exception as fault:  # noqa: BLE001 - whatever a host raises is a finding about it
        text = f"the host raised {type(fault).__name__}: {fault}"
        check.verdicts.findings.append(Finding(check=SIGNALS, text=text))
    verdicts = check.verdicts
    return HostReport(
        steps=check.played,
        findings=tuple(verdicts.findings),
        unjudged=tuple(verdicts.unjudged),
        largest=tuple(verdicts.largest),
    )


def check_steps(host: Host, steps: Sequence[HostStep], *, tolerance: Tolerance | None = None) -> HostReport:
    """Compare the numbers of a run that somebody else played: a host whose loop cannot be turned inside out.

    Args:
        host: Whose run it is.
        steps: What was observed, asked for and observed next.
        tolerance: As of `check_host`.
    """
    verdicts = Verdicts(host, tolerance or Tolerance())
    verdicts.judge(steps)
    return HostReport(
        steps=len(steps),
        findings=tuple(verdicts.findings),
        unjudged=(*verdicts.unjudged, "reset, seed, capabilities and missing signals: only one run was seen"),
        largest=tuple(verdicts.largest),
    )


class _Check:
    """The course of one check."""

    def __init__(self, host: Host, steps: int, seed: int, tolerance: Tolerance) -> None:
        self.host, self.steps, self.seed = host, steps, seed
        self.verdicts = Verdicts(host, tolerance)
        self.played = 0
        self.heard: dict[str, bool] = {}

    def run(self) -> None:
        """Play twice, and judge."""
        first = self._played()
        self.played = len(first)
        faults = [(number, text) for number, step in enumerate(first) for text in signal_faults(self.host, step)]
        for text in dict.fromkeys(text for _, text in faults):
            number = next(number for number, found in faults if found == text)
            self._find(SIGNALS, f"in step {number} {text}")
        if self.played < LEAST_STEPS:
            self._find(SIGNALS, f"the host's data are over after {self.played} steps; expected {LEAST_STEPS}")
        if faults:
            return  # numbers that are none cannot be compared
        self.verdicts.judge(first)
        self._capabilities(first)
        self._without_signals(first[-1].after)
        self._repeated(first, self._played())

    def _find(self, check: str, text: str) -> None:
        self.verdicts.findings.append(Finding(check=check, text=text))

    def _played(self) -> list[HostStep]:
        controller = Controller(self.host.community, policy=Probe(self.seed), monitors=())
        number = 0

        def decide(observation: Observation) -> Decision:
            nonlocal number
            number += 1
            is_squeezed = number % SQUEEZED_EVERY == 0
            decision = controller.step(squeezed(observation, self.host.capabilities) if is_squeezed else observation)
            if not any(unreadable(self.host, observation)):
                self._tried(observation, decision)
            return decision

        return list(play(self.host, decide, steps=self.steps, seed=self.seed))

    def _tried(self, observation: Observation, decision: Decision) -> None:
        """Note which of curtailing, shedding and trading the host's action depends on, where there is what to cut."""
        nothing, no_cap = np.zeros(self.host.community.n_prosumers), np.full(self.host.community.n_prosumers, np.inf)
        half = {"curtail_kw": observation.pv_kw / 2, "shed_kw": observation.demand_kw / 2, "trade_kw": nothing + 1.0}
        uncut: dict[str, Any] = dict.fromkeys(half, nothing)
        plain = replace(decision, **uncut, generation_cap_kw=no_cap, load_cap_kw=no_cap)
        action = self.host.from_decision(plain)
        for name, amount in half.items():
            if self.heard.get(name) is not True and np.any(amount > 0):
                cut: dict[str, Any] = {name: amount}
                self.heard[name] = not is_same(action, self.host.from_decision(replace(plain, **cut)))

    def _capabilities(self, steps: list[HostStep]) -> None:
        able = self.host.capabilities
        for name, is_able in (("curtail_kw", able.curtail), ("shed_kw", able.shed), ("trade_kw", able.trade)):
            if is_able and self.heard.get(name) is False:
                self._find(CAPABILITIES, f"the host says that it executes {name}, and its action does not depend on it")
            elif is_able and name not in self.heard:
                self.verdicts.unjudged.append(f"{name}: there was nothing to cut in {len(steps)} steps")
        for name, is_able in (("can_curtail", able.curtail), ("can_shed", able.shed)):
            given = [getattr(step.observation.limits, name, None) for step in steps]
            stated = [value is not None and not np.any(value) for value in given]
            if not is_able and not all(stated):
                number = stated.index(False)
                self._find(CAPABILITIES, f"in step {number} the limits do not say {name}=False, and the host cannot")

    def _without_signals(self, last: Observation) -> None:
        controller = Controller(self.host.community, policy=Probe(self.seed), monitors=())
        for name in LEFT_OUT:
            seen = {key: value for key, value in as_mapping(last).items() if key != name}
            self._converted(controller.step(seen), f"without {name}")
        blind = controller.step({})
        action = self._converted(blind, "without any measurement")
        able = self.host.capabilities
        if action is None or self.host.is_done or not (able.curtail and able.shed):
            return
        after = self.host.to_observation(self.host.step(action))
        step = HostStep(
            observation=last, decision=blind, after=after, flows=None, excess_kw=None, decide_s=0.0, host_s=0.0
        )
        if after.feeder_kw is not None:
            excess = excess_kw(self.host.community.network, step)
            if not excess <= self.verdicts.tolerance.feeder_kw:
                self._find(LIMITS, f"under the caps of a dead stop the feeder passed its limit by {excess:.6g} kW")

    def _converted(self, decision: Decision, when: str) -> Any:
        """Return a decision as the host's action, or None where the adapter cannot do that."""
        try:
            return self.host.from_decision(decision)
        except Exception as fault:  # noqa: BLE001 - whatever an adapter raises is a finding about it
            text = f"from_decision raised {type(fault).__name__} on the decision {when} ({decision.mode}): {fault}"
            self._find(MISSING, text)
            return None

    def _repeated(self, first: list[HostStep], second: list[HostStep]) -> None:
        differ = differing(first[0].observation, second[0].observation)
        if differ:
            text = f"after a second reset with the same seed the first reading has another {', '.join(differ)}"
            self._find(RESET, text)
            return
        if len(first) != len(second):
            self._find(RESET, f"the second run has {len(second)} steps, the first {len(first)}")
        for number, (one, other) in enumerate(zip(first, second, strict=False)):
            differ = differing(one.after, other.after)
            if differ:
                text = f"with the same seed and the same actions step {number} ends with another {', '.join(differ)}"
                self._find(SEED, text)
                return

"""Faults of a host's data, planted between the simulator and the controller, and how soon a decision names them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import numpy as np

from autonomy import Cause, Community, Controller, Decision, Observation, Scenario, Simulator, Supervisor
from autonomy.calibration import calibrate
from autonomy.layers.supervision.monitors import Accuracy, default_monitors
from autonomy.layers.supervision.novelty import Calibration, calibrated_monitors

ROUTINE = {
    Cause.LINE_LIMIT, Cause.CONNECTION_LIMIT, Cause.CURTAILED, Cause.SHED, Cause.TRADE_CUT, Cause.PRICE_CLIPPED,
    Cause.INTENT_CLIPPED, Cause.BATTERY_LIMIT, Cause.SOC_OUTSIDE_BAND,
}  # fmt: skip
"""Causes of days on which nothing is wrong."""
Fault: TypeAlias = Callable[[Observation, int, list[Observation]], Observation]
"""(what was measured, steps since the onset, what was measured before) -> what is reported."""
Said: TypeAlias = set[tuple[Cause, tuple[int, ...]]]
"""What a decision says is wrong, and with whom."""
BEFORE, LONGEST = 24, 24
"""Steps before a fault begins, and of the fault."""
LATE = 99
"""In place of the step in which a fault was found, where it was not."""


def _one(observation: Observation, name: str, home: int, value: Any) -> Observation:
    values = np.array(getattr(observation, name))
    values[home] = value
    return replace(observation, **{name: values})


def faults(home: int) -> dict[str, Fault]:
    """Return the faults by name; those of one meter are `home`'s."""
    return {
        "NaN": lambda x, k, past: _one(x, "demand_kw", home, np.nan),
        "missing": lambda x, k, past: replace(x, soc=None),
        "rail": lambda x, k, past: _one(x, "soc", home, 1.0 if past[-1].soc[home] < 0.5 else 0.0),
        "unit": lambda x, k, past: _one(x, "demand_kw", home, 1e3 * x.demand_kw[home]),
        "sign": lambda x, k, past: _one(x, "demand_kw", home, -x.demand_kw[home]),
        "wrong dt": lambda x, k, past: replace(x, time=x.time - k * np.timedelta64(45, "m")),
        "stuck": lambda x, k, past: _one(x, "demand_kw", home, past[-1 - k].demand_kw[home]),
        "stuck SoC": lambda x, k, past: _one(x, "soc", home, past[-1 - k].soc[home]),
        "replay": lambda x, k, past: past[-1 - k],
        "swap": lambda x, k, past: _swapped(x, home, (home + 1) % x.soc.size),
        "actuator sign": lambda x, k, past: _one(x, "applied_battery_kw", home, -x.applied_battery_kw[home]),
        "actuator scale": lambda x, k, past: _one(x, "applied_battery_kw", home, 10 * x.applied_battery_kw[home]),
        "feeder sign": lambda x, k, past: replace(x, feeder_kw=-x.feeder_kw),
        "feeder in W": lambda x, k, past: replace(x, feeder_kw=1e3 * x.feeder_kw),
    }


def _swapped(observation: Observation, one: int, other: int) -> Observation:
    order = np.arange(observation.soc.size)
    order[[one, other]] = order[[other, one]]
    names = ("demand_kw", "pv_kw", "soc", "applied_battery_kw")
    return replace(observation, **{name: getattr(observation, name)[order] for name in names})


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """How a community is supervised.

    Attributes:
        accuracy: What the host states about itself.
        calibration: Of the monitors beside the default ones; None for none of them.
        policy: Whose decisions.
    """

    accuracy: Accuracy
    calibration: Calibration | None = None
    policy: str = "self-consumption"

    def controller(self, community: Community) -> Controller:
        """Return a new controller."""
        settings, monitors = Supervisor(accuracy=self.accuracy), None
        if self.calibration is not None:
            monitors = (*default_monitors(community, self.accuracy), *calibrated_monitors(self.calibration))
        return Controller(community, policy=self.policy, supervisor=settings, monitors=monitors)


def said(decision: Decision) -> Said:
    """Return what a decision says is wrong."""
    return {(reason.cause, reason.prosumers) for reason in decision.reasons if reason.cause not in ROUTINE}


def played(
    setting: Setting, community: Community, scenario: Scenario, onset: int, fault: Fault | None, longest: int = LONGEST
) -> Iterator[Decision]:
    """Yield the decisions of `BEFORE` steps before a fault begins and of `longest` steps of it; None for no fault."""
    simulator = Simulator(community, scenario.window(onset - BEFORE, BEFORE + longest))
    controller = setting.controller(community)
    past: list[Observation] = []
    while not simulator.is_done:
        true, k = simulator.observe(), simulator.step_number - BEFORE
        seen = fault(true, k, past) if fault is not None and k >= 0 else true
        past.append(true)
        decision = controller.step(seen)
        simulator.execute(decision)
        yield decision


def delay(decisions: Iterator[Decision], twin: list[Said]) -> int | None:
    """Return in which step of the fault, the first being 1, a decision names anything new; None for never.

    Args:
        decisions: Of the run with the fault.
        twin: What is said without it, step by step.
    """
    for k, (decision, without) in enumerate(zip(decisions, twin, strict=True)):
        if k >= BEFORE and said(decision) - without:
            return k - BEFORE + 1
    return None


def delays(
    setting: Setting, onsets: list[int], homes: list[int], names: list[str], longest: int = LONGEST
) -> dict[str, list[int]]:
    """Return, for each fault by name, when each one was found that began at `onsets` in `homes`; `LATE` for never."""
    community, scenario = Community.demo(), Scenario.demo()
    found: dict[str, list[int]] = {name: [] for name in names}
    for onset, home in zip(onsets, homes, strict=True):
        twin = [said(decision) for decision in played(setting, community, scenario, onset, None, longest)]
        for name in names:
            faulty = played(setting, community, scenario, onset, faults(home)[name], longest)
            found[name].append(delay(faulty, twin) or LATE)
    return found


def false_alarms(setting: Setting) -> tuple[int, int, int]:
    """Return on how many held-out days of the demo year anything was doubted, in how many steps, and in all weeks'.

    Nothing is wrong in that year, and it is played from its first day to its last.
    """
    simulator = Simulator(Community.demo(), Scenario.demo())
    controller = setting.controller(simulator.community)
    alarms = []
    while not simulator.is_done:
        decision = controller.step(simulator.observe())
        alarms.append(bool(said(decision)))
        simulator.execute(decision)
    held_out = held_out_hours()
    days = {k // 24 for k in held_out if alarms[k]}
    return len(days), sum(alarms[k] for k in held_out), sum(alarms)


def held_out_hours() -> list[int]:
    """Return the hours of the demo year that are in held-out weeks."""
    return [hour for week in Scenario.demo().held_out_weeks() for hour in range(week.start, week.stop)]


def main(trials: int = 100) -> None:
    """Print the false alarms of a year, and how soon each fault was found in `trials` held-out hours and homes."""
    calibration = calibrate(Scenario.demo())
    settings = {
        "default": Setting(accuracy=Accuracy()),
        "exact": Setting(accuracy=Accuracy.exact()),
        "calibrated": Setting(accuracy=Accuracy(), calibration=calibration),
    }
    hours = held_out_hours()
    for name, setting in settings.items():
        for policy in ("grid-only", "self-consumption", "time-of-use"):
            days, steps, of_all = false_alarms(replace(setting, policy=policy))
            print(
                f"{name:10} {policy:17} in doubt without a fault on {days} of {len(hours) // 24} held-out days "
                f"({steps} of {len(hours)} steps), and in {of_all} steps of the year"
            )
    random = np.random.default_rng(0)
    onsets, homes = random.choice(hours, trials, replace=False).tolist(), random.integers(0, 17, trials).tolist()
    for name, setting in settings.items():
        for fault, found in delays(setting, onsets, homes, list(faults(0))).items():
            share = sum(steps < LATE for steps in found) / trials
            middle, late = sorted(found)[trials // 2], sorted(found)[int(0.95 * trials)]
            print(
                f"{name:10} {fault:15} found {share:4.0%}  median {middle:2}  p95 {late:2}   ({LATE}: not in 24 steps)"
            )


if __name__ == "__main__":
    main()

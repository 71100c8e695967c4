"""Faults of a host's data, planted between the simulator and the controller, and how soon a decision names them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from autonomy import Cause, Community, Controller, Observation, Scenario, Simulator, Supervisor
from autonomy.layers.supervision.monitors import Accuracy

ROUTINE = {
    Cause.LINE_LIMIT, Cause.CONNECTION_LIMIT, Cause.CURTAILED, Cause.SHED, Cause.TRADE_CUT, Cause.PRICE_CLIPPED,
    Cause.INTENT_CLIPPED, Cause.SOC_OUTSIDE_BAND,
}  # fmt: skip
"""Causes of days on which nothing is wrong."""
Fault = Callable[[Observation, int, list[Observation]], Observation]
"""(what was measured, steps since the onset, what was measured before) -> what is reported."""


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


def delay(
    community: Community, scenario: Scenario, onset: int, fault: Fault, *, accuracy: Accuracy, policy: str, longest: int
) -> int | None:
    """Return in which step of the fault, the first being 1, a decision names anything wrong; None for never."""
    simulator = Simulator(community, scenario.window(onset - 24, 24 + longest))
    controller = Controller(community, policy=policy, supervisor=Supervisor(accuracy=accuracy))
    past: list[Observation] = []
    while not simulator.is_done:
        true, k = simulator.observe(), simulator.step_number - 24
        seen = fault(true, k, past) if k >= 0 else true
        past.append(true)
        decision = controller.step(seen)
        simulator.execute(decision)
        if any(reason.cause not in ROUTINE for reason in decision.reasons):
            return k + 1
    return None


def false_alarms(policy: str, accuracy: Accuracy) -> tuple[int, int]:
    """Return the steps of the demo year in which anything was doubted although nothing was wrong, and all steps."""
    simulator = Simulator(Community.demo(), Scenario.demo())
    controller = Controller(simulator.community, policy=policy, supervisor=Supervisor(accuracy=accuracy))
    alarms = 0
    while not simulator.is_done:
        decision = controller.step(simulator.observe())
        alarms += any(reason.cause not in ROUTINE for reason in decision.reasons)
        simulator.execute(decision)
    return alarms, simulator.step_number


def main(trials: int = 100) -> None:
    """Print the false alarms of a year, and how soon each fault was found in `trials` random hours and homes."""
    stated = {"default": Accuracy(), "exact": Accuracy.exact()}
    for name, accuracy in stated.items():
        for policy in ("grid-only", "self-consumption", "time-of-use"):
            alarms, steps = false_alarms(policy, accuracy)
            print(f"{name:8} {policy:17} {alarms} false alarms in {steps} steps")
    random = np.random.default_rng(0)
    onsets, homes = random.integers(24, 8_700, trials), random.integers(0, 17, trials)
    community, scenario = Community.demo(), Scenario.demo()
    for name, accuracy in stated.items():
        for fault in faults(0):
            found = sorted(
                delay(
                    community, scenario, int(onset), faults(int(home))[fault],
                    accuracy=accuracy, policy="self-consumption", longest=24,
                )
                or 99
                for onset, home in zip(onsets, homes, strict=True)
            )  # fmt: skip
            share = sum(steps < 99 for steps in found) / trials
            middle, late = found[trials // 2], found[int(0.95 * trials)]
            print(f"{name:8} {fault:15} found {share:4.0%}  median {middle:2}  p95 {late:2}   (99: not in 24 steps)")


if __name__ == "__main__":
    main()

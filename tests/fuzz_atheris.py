"""Coverage-guided fuzzing of `Controller.step`: python -m tests.fuzz_atheris -max_total_time=300

Needs atheris (`pip install atheris`), which is no dependency of the project; options are those of libFuzzer. The bytes
that it invents become an observation, limits and an answer of the policy, of any type; every decision is judged by the
specification in exact decimals. What stops the run is an exception, an internal error, or a broken rule.
"""

from __future__ import annotations

import sys
from typing import Any

import atheris

with atheris.instrument_imports(include=["autonomy.controller", "autonomy.conclusion", "autonomy.layers"]):
    from autonomy import Controller

import numpy as np

from tests.fuzz_step import JUNK, LIMITS, MEASURED, SPECIAL, communities
from tests.specification import Decimal, broken_rules, exactly

CONTROLLERS: list[tuple[Any, list[Any], Any]] = []


def setup() -> None:
    """Make a controller with and one without monitors for every community."""
    for community in communities().values():
        for monitors in ((), None):
            answer: list[Any] = [None]
            policy = lambda community, observation, answer=answer: answer[0]  # noqa: E731 - one closure a controller
            CONTROLLERS.append((Controller(community, policy=policy, monitors=monitors), answer, community))


def value(data: Any, size: int, rows: int = 0) -> Any:
    """Return anything: mostly numbers in the right shape, some of them special, and sometimes junk."""
    kind = data.ConsumeIntInRange(0, 9)
    if kind == 0:
        return JUNK[data.ConsumeIntInRange(0, len(JUNK) - 1)]
    if kind == 1:
        return data.ConsumeFloat()
    if kind == 2:
        return data.ConsumeFloatListInRange(data.ConsumeIntInRange(0, 2 * size), -1e3, 1e3)
    if kind == 3:
        return data.ConsumeUnicodeNoSurrogates(4)
    count = size * max(rows, 1)
    numbers = np.array(
        [data.ConsumeFloatInRange(-10.0, 10.0) if kind < 6 else data.ConsumeProbability() for _ in range(count)]
    )
    if kind == 9:
        numbers[data.ConsumeIntInRange(0, count - 1)] = SPECIAL[data.ConsumeIntInRange(0, len(SPECIAL) - 1)]
    elif kind == 8:
        numbers[data.ConsumeIntInRange(0, count - 1)] = data.ConsumeFloat()
    return numbers.reshape(size, rows) if rows else np.abs(numbers) * 5.0


def fuzz_one(given: bytes) -> None:
    """Run two steps of one controller on invented values; an exception is a finding."""
    data = atheris.FuzzedDataProvider(given)
    controller, answer, community = CONTROLLERS[data.ConsumeIntInRange(0, len(CONTROLLERS) - 1)]
    controller.reset()
    before = np.zeros(community.n_prosumers)
    for _ in range(2):
        sent = {name: value(data, community.n_prosumers) for name in MEASURED if data.ConsumeProbability() < 0.95}
        if data.ConsumeBool():
            sent["limits"] = {name: value(data, community.n_prosumers) for name in LIMITS if data.ConsumeBool()}
        answer[0] = value(data, community.n_prosumers, rows=3)
        decision = controller.step(sent)
        with exactly():
            broken = broken_rules(community, sent, decision, before=before, number=Decimal)
        faults = [reason.text for reason in decision.reasons if reason.cause.value == "internal-error"]
        if broken or faults:
            raise AssertionError(f"{broken} {faults}: {sent!r} {answer[0]!r} {before!r} {decision!r}")
        before = decision.battery_kw


def main() -> None:
    """Fuzz until libFuzzer's options say stop, or something is found."""
    setup()
    atheris.Setup(sys.argv, fuzz_one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()

"""The safety rules over many communities at once say of every row what they say of it alone."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonomy.layers.decision import Cause, Decision, Mode, Reason
from autonomy.layers.invariants import INVARIANTS, Execution, Violation, are_held, unannounced, violations
from autonomy.simulation import BatchSimulator
from autonomy.simulation.execution import all_broken_rules, broken_rules, snapshot
from tests.learning import MIXES, days
from tests.test_violations import MUTATIONS, POISON, good_execution

OF_LIMITS = {"soc", "rate", "ramp", "connection", "line"}
"""Rules whose mutation is one of the limits, which rows that are judged together share."""
CHANGES = [name for name in MUTATIONS if name not in OF_LIMITS]


def poisoned(x: Execution, rule: str) -> Execution:
    field, index = POISON[rule]
    value: Any = np.nan
    if index is not None:
        value = getattr(x, field).copy()
        value[index] = np.nan
    return replace(x, **{field: value})


def stacked(steps: list[Execution]) -> Execution:
    """Return steps of one community as rows of one execution."""
    names = [item.name for item in fields(Execution) if item.name != "community"]
    return Execution(
        community=steps[0].community, **{name: np.array([getattr(x, name) for x in steps]) for name in names}
    )


@given(st.lists(st.sampled_from(["", *CHANGES, *(f"NaN in {rule}" for rule in POISON)]), min_size=1, max_size=6))
def test_rows_are_judged_together_as_each_is_alone(names: list[str]) -> None:
    good = good_execution()
    steps = [
        poisoned(good, name.removeprefix("NaN in "))
        if name.startswith("NaN")
        else MUTATIONS.get(name, lambda x: x)(good)
        for name in names
    ]
    rows = stacked(steps)
    assert are_held(rows).tolist() == [not violations(x) for x in steps] == [not name for name in names]
    for rule in INVARIANTS:
        residuals = rule.residual(rows)
        for row, x in zip(residuals, steps, strict=True):
            np.testing.assert_array_equal(row, rule.residual(x))


@pytest.mark.parametrize("rule", sorted(OF_LIMITS))
def test_rows_are_judged_by_the_limits_that_they_share(rule: str) -> None:
    broken = MUTATIONS[rule](good_execution())
    assert are_held(stacked([broken, broken])).tolist() == [False, False]
    assert are_held(stacked([good_execution()] * 2)).all()


@pytest.mark.parametrize("mix", MIXES)
def test_all_rows_of_a_batch_are_judged_at_once_as_one_by_one(mix: str) -> None:
    community = MIXES[mix]()
    scenario = days(community)
    windows = list(scenario.windows(scenario.n_steps // 4))
    simulator = BatchSimulator(community, windows, batch=4)
    start = np.tile(np.clip(0.5, community.soc_min, community.soc_max), (4, 1))
    simulator.reset(np.arange(4), start)
    random, size = np.random.default_rng(0), community.n_prosumers
    for k in range(windows[0].n_steps):
        before = snapshot(simulator)
        outcome = simulator.step(random.uniform(-6.0, 6.0, (4, size, 3)))
        assert all_broken_rules(before, outcome) == {}
        row, home = k % 4, k % size
        outcome.net_export_kw[row, home] += 2e-5
        outcome.trade_kw[(row + 1) % 4, home] = np.nan
        found = all_broken_rules(before, outcome)
        assert set(found) == {row, (row + 1) % 4}
        assert {violation.rule for violation in found[row]} >= {"node balance"}
        assert {violation.rule for violation in found[(row + 1) % 4]} >= {"trade feasibility", "trade sum"}
        for b in range(4):  # by their texts: an amount that is not a number is no amount's equal
            assert repr(found.get(b, ())) == repr(broken_rules(before, outcome, b))


def saying(*reasons: Reason) -> Decision:
    nothing: dict[str, Any] = {
        item.name: np.zeros(2) for item in fields(Decision) if item.name not in DEFAULTED and item.name != "mode"
    }
    return Decision(**nothing, mode=Mode.PROJECTED, reasons=reasons)


DEFAULTED = ("reasons", "intervention_kw", "certificate")


def test_only_ramp_excursions_of_those_who_are_named_count_as_announced() -> None:
    ramp = [Violation(rule="ramp", index=index, amount=1.0, unit="kW") for index in (0, 1)]
    rate = Violation(rule="rate", index=0, amount=1.0, unit="kW")
    found = (*ramp, rate)
    named = Reason(cause=Cause.RAMP_RELAXED, text="of one", prosumers=(1,))
    assert unannounced(found, saying(named)) == (ramp[0], rate)
    assert unannounced(found, saying(Reason(cause=Cause.RAMP_RELAXED, text="of all"))) == (rate,)
    assert unannounced(found, saying(Reason(cause=Cause.SHED, text="another"))) == found
    assert unannounced((), saying(named)) == ()

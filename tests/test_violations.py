"""Steps that break a rule: executed, counted, and reported as the one that they break."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from autonomy import Controller, Decision, Network, Reason, Simulator
from autonomy.layers.decision import Cause
from autonomy.layers.invariants import INVARIANTS, Execution, violations
from tests.homes import decision_of, homes, scenario_of

ROOT = Path(__file__).resolve().parents[1]


# Broken rules are executed and counted --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("decision", "broken"),
    [
        (decision_of([6.0, 0.0]), {"rate", "soc", "ramp"}),
        (decision_of([-3.0, 0.0], curtail=[3.0, 0.0]), {"ramp"}),
        (decision_of([0.0, 0.0], curtail=[7.0, 0.0]), {"curtailment"}),
        (decision_of([0.0, 0.0], curtail=[-0.4, 0.0]), {"curtailment"}),
        (decision_of([0.0, 0.0], shed=[0.0, 5.0]), {"shedding", "line"}),
        (decision_of([0.0, 0.0], shed=[0.0, -9.0]), {"shedding", "connection", "line"}),
        (decision_of([-2.5, -2.0]), {"connection", "line"}),
        (decision_of([np.nan, 0.0]), {"soc", "storage", "rate", "ramp", "node balance", "connection", "line",
                                      "power balance", "trade feasibility"}),
        (decision_of([0.0, 0.0], curtail=[np.nan, 0.0]), {"curtailment", "node balance", "connection", "line",
                                                          "power balance", "trade feasibility"}),
    ],
)  # fmt: skip
def test_an_unsafe_decision_is_executed_and_counted(decision: Decision, broken: set[str]) -> None:
    # At rest n = [3, 0.5]; the battery of the first home has room for 1 kWh and a ramp limit of 2.5 kW.
    network = Network.single_feeder(n_prosumers=2, import_limit_kw=4.0, export_limit_kw=4.0)
    community = homes(2, network=network, ramp_limit_kw=[2.5, 9.0], connection_limit_kw=[5.0, 8.0], soc_max=0.6)
    simulator = Simulator(community, scenario_of(community, [[1.0, 3.0]], [[4.0, 3.5]]))
    outcome = simulator.execute(decision)
    np.testing.assert_array_equal(outcome.execution.battery_kw, decision.battery_kw)
    np.testing.assert_allclose(outcome.execution.curtail_kw, decision.curtail_kw, atol=1e-15)
    np.testing.assert_allclose(outcome.execution.shed_kw, decision.shed_kw, atol=1e-15)
    assert {violation.rule for violation in outcome.violations} == broken


def test_one_not_a_number_is_counted_in_every_later_step_too() -> None:
    community = homes()
    simulator = Simulator(community, scenario_of(community, [[1.0]] * 3, 0.0))
    assert simulator.execute(decision_of(np.nan)).violations
    later = {violation.rule for violation in simulator.execute(decision_of(0.0)).violations}
    assert later == {"soc", "storage", "ramp"}
    assert Controller(community).step(simulator.observe()).battery_kw.tolist() == [0.0]


def test_an_order_that_is_not_finite_is_none_and_one_beyond_the_meter_is_filled_up_to_it() -> None:
    community = homes(2)
    scenario = scenario_of(community, [[0.0, 2.0]], [[3.0, 0.0]])
    for trade, price in (([np.nan, -2.0], 0.2), ([3.0, -2.0], [0.2, np.nan]), ([3.0, -2.0], [np.inf, 0.2])):
        outcome = Simulator(community, scenario).execute(decision_of([0.0, 0.0], trade=trade, price=price))
        assert outcome.execution.trade_kw.tolist() == [0.0, 0.0]
        assert outcome.violations == ()
    outcome = Simulator(community, scenario).execute(decision_of([0.0, 0.0], trade=[np.inf, -99.0]))
    assert outcome.execution.trade_kw.tolist() == [0.0, 0.0]
    outcome = Simulator(community, scenario).execute(decision_of([0.0, 0.0], trade=[99.0, -99.0]))
    assert outcome.execution.trade_kw.tolist() == [2.0, -2.0]


def test_only_an_announced_ramp_excursion_is_excused_and_only_for_those_it_names() -> None:
    community = homes(2, ramp_limit_kw=1.0)
    scenario = scenario_of(community, [[0.0, 0.0]], 0.0)

    def broken(*announced: Reason) -> list[tuple[str, int]]:
        outcome = Simulator(community, scenario).execute(decision_of([2.0, 2.0], reasons=announced))
        return [(violation.rule, violation.index) for violation in outcome.violations]

    assert broken() == [("ramp", 0), ("ramp", 1)]
    assert broken(Reason(cause=Cause.SHED, text="something else")) == [("ramp", 0), ("ramp", 1)]
    assert broken(Reason(cause=Cause.RAMP_RELAXED, text="one", prosumers=(0,))) == [("ramp", 1)]
    assert broken(Reason(cause=Cause.RAMP_RELAXED, text="everybody")) == []


# Every invariant is able to fail ------------------------------------------------------------------------------------


def good_execution() -> Execution:
    """Two homes, one selling 1 kW to the other, both batteries moving; every rule holds with room to spare."""
    network = Network.single_feeder(n_prosumers=2, import_limit_kw=9.0, export_limit_kw=9.0)
    community = homes(2, network=network, ramp_limit_kw=4.0, connection_limit_kw=8.0)
    simulator = Simulator(community, scenario_of(community, [[1.0, 4.0]], [[5.0, 1.0]]))
    outcome = simulator.execute(decision_of([1.0, -1.0], curtail=[0.5, 0.0], shed=[0.0, 0.5], trade=[1.0, -1.0]))
    assert outcome.violations == ()
    assert outcome.execution.trade_kw.tolist() == [1.0, -1.0]
    return outcome.execution


def with_community(x: Execution, **limits: Any) -> Execution:
    values: dict[str, Any] = {name: np.full(2, value) for name, value in limits.items()}
    return replace(x, community=replace(x.community, **values))


def moved(x: Execution, field: str, first: float, second: float = 0.0) -> Execution:
    """A field changed by some amount for each of the two homes."""
    return replace(x, **{field: getattr(x, field) + np.array([first, second])})


def less_generation(x: Execution) -> Execution:
    """Curtailment below zero: 1 kW more than available, with nodes, flows and feeder in agreement."""
    y = moved(moved(x, "curtail_kw", -1.0), "net_export_kw", 1.0)
    more = {name: getattr(x, name) + 1.0 for name in ("line_downstream_kw", "line_upstream_kw", "feeder_kw")}
    return replace(y, **more)


def more_load(x: Execution) -> Execution:
    """Shedding below zero, likewise."""
    y = moved(moved(x, "shed_kw", 0.0, -1.0), "net_export_kw", 0.0, -1.0)
    more = {name: getattr(x, name) - 1.0 for name in ("line_downstream_kw", "line_upstream_kw", "feeder_kw")}
    return replace(y, **more)


def with_limits(x: Execution, **limits: float) -> Execution:
    values: dict[str, Any] = {name: np.array([value]) for name, value in limits.items()}
    network = replace(x.community.network, **values)
    return replace(x, community=replace(x.community, network=network))


MUTATIONS: dict[str, Any] = {
    "soc": lambda x: with_community(x, soc_max=0.55),
    "storage": lambda x: moved(x, "energy_after_kwh", 0.1),
    "rate": lambda x: with_community(x, charge_limit_kw=0.5, discharge_limit_kw=5.0),
    "ramp": lambda x: with_community(x, ramp_limit_kw=0.5),
    "curtailment": less_generation,
    "shedding": more_load,
    "node balance": lambda x: moved(x, "net_export_kw", 0.1, -0.1),
    "connection": lambda x: with_community(x, connection_limit_kw=2.0),
    "line": lambda x: with_limits(x, import_limit_kw=9.0, export_limit_kw=0.4),
    "power balance": lambda x: replace(x, loss_kw=0.1),
    "trade feasibility": lambda x: moved(x, "trade_kw", 4.0, -4.0),
    "trade sum": lambda x: moved(x, "trade_kw", 0.1),
    "price": lambda x: replace(x, price=0.31),
}
POISON = {
    "soc": ("energy_after_kwh", 0),
    "storage": ("energy_before_kwh", 0),
    "rate": ("battery_kw", 0),
    "ramp": ("previous_battery_kw", 0),
    "curtailment": ("curtail_kw", 0),
    "shedding": ("shed_kw", 0),
    "node balance": ("demand_kw", 0),
    "connection": ("net_export_kw", 1),
    "line": ("line_upstream_kw", 0),
    "power balance": ("feeder_kw", None),
    "trade feasibility": ("trade_kw", 0),
    "trade sum": ("trade_kw", 1),
    "price": ("price", None),
}


def test_every_rule_has_its_mutation() -> None:
    names = [rule.name for rule in INVARIANTS]
    assert list(MUTATIONS) == list(POISON) == names
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("rule", MUTATIONS)
def test_a_step_that_breaks_exactly_one_rule_is_reported_as_that(rule: str) -> None:
    found = violations(MUTATIONS[rule](good_execution()))
    assert {violation.rule for violation in found} == {rule}
    assert all(violation.amount > 1e-5 for violation in found)
    assert {violation.unit for violation in found} == {next(item.unit for item in INVARIANTS if item.name == rule)}


@pytest.mark.parametrize("rule", POISON)
def test_not_a_number_breaks_a_rule(rule: str) -> None:
    field, index = POISON[rule]
    good = good_execution()
    value: Any = np.nan
    if index is not None:
        value = getattr(good, field).copy()
        value[index] = np.nan
    found = [violation for violation in violations(replace(good, **{field: value})) if violation.rule == rule]
    assert found
    assert all(np.isnan(violation.amount) for violation in found)


@pytest.mark.parametrize("rule", ["rate", "connection", "line", "power balance", "trade sum", "soc"])
def test_a_rule_is_broken_beyond_its_tolerance_and_not_within(rule: str) -> None:
    x = good_execution()
    bumps: dict[str, Any] = {
        "rate": lambda d: with_community(x, charge_limit_kw=1.0 - d, discharge_limit_kw=1.0),
        "connection": lambda d: with_community(x, connection_limit_kw=2.5 - d),
        "line": lambda d: with_limits(x, import_limit_kw=9.0, export_limit_kw=1.0 - d),
        "power balance": lambda d: replace(x, loss_kw=d),
        "trade sum": lambda d: moved(x, "trade_kw", d),
        "soc": lambda d: with_community(x, soc_max=(6.0 - d) / 10),
    }
    assert violations(bumps[rule](0.9e-5)) == ()
    assert [violation.rule for violation in violations(bumps[rule](1.1e-5))] == [rule]


def test_a_battery_that_starts_outside_its_band_may_come_nearer_but_not_leave_further() -> None:
    x = good_execution()
    # Home 1 charges from 5 to 6 kWh, home 2 discharges from 5 to 4 kWh; the band is 5.5 to 10 kWh.
    found = violations(with_community(x, soc_min=0.55))
    assert [(violation.rule, violation.index) for violation in found] == [("soc", 1)]


def test_violations_are_found_under_python_without_asserts() -> None:
    program = (
        "from tests.test_violations import MUTATIONS, good_execution\n"
        "from autonomy.layers.invariants import violations\n"
        "x = good_execution()\n"
        "print(len(violations(x)), all(violations(change(x)) for change in MUTATIONS.values()), __debug__)\n"
    )
    done = subprocess.run([sys.executable, "-O", "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["0", "True", "False"], done.stderr

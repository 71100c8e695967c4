"""The batched simulator: every row is what one controller and one simulator do, to the last bit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autonomy import Community, Controller, Economics, Scenario, Simulator
from autonomy.assets import Timeline
from autonomy.configuration import read_configuration
from autonomy.layers.errors import ModelError
from autonomy.simulation import BatchSimulator
from autonomy.simulation.execution import broken_rules, snapshot
from tests.strategies import ANY_FLOAT, communities, scenarios

ROOT = Path(__file__).resolve().parent.parent
PER_PROSUMER = ("curtail_kw", "shed_kw", "net_export_kw", "trade_kw")


def one_by_one(simulator: Simulator, intents: Any) -> list[tuple[Any, Any]]:
    """Return (decision, outcome) of every step of one community, its intents (steps, N, 3) given."""
    steps = []
    controller = Controller(simulator.community, policy=lambda *_: intents[simulator.step_number], monitors=())
    while not simulator.is_done:
        k = simulator.step_number
        decision = controller.step(simulator.observe())
        steps.append((decision, simulator.execute(decision, intent_kw=intents[k][:, 0])))
    return steps


def assert_equal(outcome: Any, row: int, decision: Any, expected: Any, *, gap: bool = True) -> None:
    """Compare a row with one step of one community; without `gap` not how its projection was found."""
    x = expected.execution
    assert np.array_equal(outcome.battery_kw[row], x.battery_kw)
    for name in PER_PROSUMER:
        assert np.array_equal(getattr(outcome, name)[row], getattr(x, name)), name
    assert np.array_equal(outcome.energy_kwh[row], x.energy_after_kwh)
    assert np.array_equal(outcome.line_downstream_kw[row], x.line_downstream_kw)
    assert np.array_equal(outcome.line_upstream_kw[row], x.line_upstream_kw)
    assert np.array_equal(outcome.bill[row], expected.bill)
    assert outcome.feeder_kw[row] == x.feeder_kw
    assert outcome.loss_kw[row] == x.loss_kw
    assert outcome.cost[row] == expected.cost
    assert outcome.co2_kg[row] == expected.co2_kg
    assert np.array_equal(outcome.price[row], expected.clearing.price, equal_nan=True)
    assert outcome.decided.intervention_kw[row] == pytest.approx(decision.intervention_kw, rel=1e-12, abs=1e-12)
    assert outcome.decided.gap[row] == pytest.approx(decision.certificate.gap, rel=0.0, abs=0.0 if gap else 1e-9)
    assert outcome.decided.is_fallback[row] == decision.mode.is_fallback
    multipliers = decision.certificate.line_multipliers
    assert outcome.decided.line_multipliers[row] == pytest.approx(multipliers, rel=0.0, abs=0.0 if gap else 1e-9)


@settings(max_examples=60, deadline=None)
@given(st.data(), st.booleans(), st.booleans(), st.booleans())
def test_every_row_is_what_one_controller_and_one_simulator_do(data, with_ramp, lossless, is_wild):
    community = data.draw(communities(max_prosumers=4, lossless=lossless, with_ramp=with_ramp))
    scenario = data.draw(scenarios(community))
    steps, batch = scenario.n_steps // 3, 3
    windows = list(scenario.windows(steps))
    random = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    size = community.n_prosumers
    low, high = community.soc_min, community.soc_max
    soc = low + (high - low) * random.uniform(size=(batch, size))
    window = random.integers(0, len(windows), batch)
    intents = random.uniform(-8.0, 8.0, (batch, steps, size, 3))
    if is_wild:
        intents[0, 0, 0, data.draw(st.integers(0, 2))] = data.draw(ANY_FLOAT)
    simulator = BatchSimulator(community, windows, batch=batch)
    simulator.reset(window, soc)
    runs = [one_by_one(Simulator(community, windows[window[b]], initial_soc=soc[b]), intents[b]) for b in range(batch)]
    for k in range(steps):
        outcome = simulator.step(intents[:, k])
        for b in range(batch):
            assert_equal(outcome, b, *runs[b][k])
            expected = runs[b][k][1].reward
            assert outcome.reward.total(simulator.economics)[b] == expected.total(simulator.economics)
        assert bool(outcome.is_done.all()) == (k == steps - 1)
        parts = outcome.reward.by_prosumer(simulator.economics).sum(axis=1)
        assert parts == pytest.approx(outcome.reward.total(simulator.economics), abs=1e-9)


@pytest.fixture(scope="module")
def weeks() -> list[Scenario]:
    return list(Scenario.demo().training_weeks())


def run_days(weeks: list[Scenario], batch: int, *, seed: int = 0, steps: int = 30) -> Any:
    """Return what every step of a batch cost and left in the batteries, (steps, B) and (steps, B, N)."""
    community = Community.demo()
    random = np.random.default_rng(seed)
    window = random.integers(0, len(weeks), 64)
    soc, intents = random.uniform(0.1, 1.0, (64, 17)), random.uniform(-6.0, 6.0, (steps, 64, 17, 3))
    simulator = BatchSimulator(community, weeks, batch=batch)
    simulator.reset(window[:batch], soc[:batch])
    outcomes = [simulator.step(intents[k, :batch]) for k in range(steps)]
    return np.array([x.cost for x in outcomes]), np.array([x.energy_kwh for x in outcomes])


def test_one_community_and_sixty_four_agree_to_the_last_bit(weeks):
    cost, energy = run_days(weeks, 64)
    again, energy_again = run_days(weeks, 64)
    assert np.array_equal(cost, again)
    assert np.array_equal(energy, energy_again)
    alone, energy_alone = run_days(weeks, 1)
    assert np.array_equal(cost[:, :1], alone)
    assert np.array_equal(energy[:, :1], energy_alone)
    assert np.unique(cost[-1]).size > 50  # the rows are really different


def test_explained_decisions_are_the_same_and_have_reasons(weeks):
    community = Community.demo()
    random = np.random.default_rng(1)
    quick, slow = (BatchSimulator(community, weeks, batch=2, explained=explained) for explained in (False, True))
    reasons = 0
    for _ in range(24):
        intent = random.uniform(-6.0, 6.0, (2, 17, 3))
        first, second = quick.step(intent), slow.step(intent)
        assert np.array_equal(first.decided.block, second.decided.block)
        assert not first.decided.one_by_one
        assert set(second.decided.one_by_one) == {0, 1}
        reasons += sum(len(decision.reasons) for decision in second.decided.one_by_one.values())
    assert reasons > 24


def test_rows_begin_anew_on_their_own(weeks):
    simulator = BatchSimulator(Community.demo(), weeks, batch=3)
    idle = np.zeros((3, 17, 3))
    for _ in range(5):
        simulator.step(idle)
    kept = simulator.energy_kwh[[0, 2]].copy()
    simulator.reset(np.array([7]), np.full((1, 17), 0.9), rows=np.array([1]))
    assert simulator.step_number.tolist() == [5, 0, 5]
    assert simulator.window.tolist() == [0, 7, 0]
    assert np.array_equal(simulator.energy_kwh[[0, 2]], kept)
    assert simulator.see()[1, 1].tolist() == weeks[7].demand_kw[0].tolist()
    assert simulator.terminal_value[1] == 0.0


def test_terminal_value_is_that_of_the_simulator(weeks):
    community, steps = Community.demo(), 24
    day = [weeks[0].window(0, steps)]
    intents = np.random.default_rng(3).uniform(-5.0, 5.0, (steps, 17, 3))
    alone = Simulator(community, day[0], initial_soc=0.5)
    one_by_one(alone, intents)
    simulator = BatchSimulator(community, day)
    for k in range(steps):
        simulator.step(intents[k][None])
    assert simulator.terminal_value[0] == alone.terminal_value
    with pytest.raises(ModelError, match="call reset"):
        simulator.step(intents[0][None])


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"batch": 0}, "batch"),
        ({"windows": []}, "windows"),
        ({"windows": "other length"}, r"windows\[1\]"),
    ],
)
def test_bad_arguments_are_named(weeks, change, field):
    arguments: dict[str, Any] = {"windows": weeks[:2], "batch": 1, **change}
    if arguments["windows"] == "other length":
        arguments["windows"] = [weeks[0], weeks[1].window(0, 24)]
    with pytest.raises(ModelError, match=field):
        BatchSimulator(Community.demo(), arguments["windows"], batch=arguments["batch"])


def test_an_intent_of_another_shape_is_named(weeks):
    simulator = BatchSimulator(Community.demo(), weeks, batch=2)
    with pytest.raises(ModelError, match=r"intent.*\(2, 3, 17\).*\(2, 17, 3\)"):
        simulator.step(np.zeros((2, 3, 17)))


def village(steps: int = 96) -> tuple[Community, list[Scenario], Timeline, Economics]:
    """The example with every asset, and prices for everything that can cost something, in two windows."""
    setting = read_configuration(ROOT / "examples" / "assets.toml")
    data = Scenario.from_file(ROOT / "examples" / "data.csv", community=setting.community)
    whole = Scenario.whole(setting.assets.supply(data.series))
    windows = list(whole.windows(steps))[:2]
    economics = replace(setting.economics, cycle_price_per_kwh=200.0, capacity_price_per_kw=3.0, trade_fee_per_kwh=0.02)
    timeline = setting.assets.timeline(setting.community, whole.series)
    assert timeline is not None
    return setting.community, windows, timeline, economics


@pytest.mark.parametrize("explained", [False, True])
def test_with_every_asset_a_row_is_what_one_simulator_does(explained):
    community, windows, timeline, economics = village()
    steps, batch, size = windows[0].n_steps, 3, community.n_prosumers
    random = np.random.default_rng(5)
    window, soc = np.array([0, 1, 1]), random.uniform(0.3, 0.9, (batch, size))
    soc = np.clip(soc, community.soc_min, community.soc_max)
    intents = random.uniform(-8.0, 8.0, (batch, steps, size, 3))
    simulator = BatchSimulator(
        community, windows, batch=batch, economics=economics, timeline=timeline, explained=explained
    )
    simulator.reset(window, soc)
    runs = []
    for b in range(batch):
        part = windows[window[b]]
        alone = Simulator(
            community, part, economics=economics, initial_soc=soc[b], timeline=timeline.window(part.start, part.stop)
        )
        runs.append(one_by_one(alone, intents[b]))
    by_hand = quick = missing = 0.0
    for k in range(steps):
        before = snapshot(simulator)
        outcome = simulator.step(intents[:, k])
        by_hand += len(outcome.decided.one_by_one)
        quick += batch - len(outcome.decided.one_by_one)
        missing += outcome.missing_kwh.sum()
        for b in range(batch):
            decision, expected = runs[b][k]
            assert_equal(outcome, b, decision, expected, gap=explained)
            assert np.array_equal(outcome.missing_kwh[b], expected.missing_kwh)
            total = expected.reward.total(economics)
            assert outcome.reward.total(economics)[b] == pytest.approx(total, rel=1e-12)
            assert broken_rules(before, outcome, b) == expected.violations == ()
    assert explained or quick > by_hand / 4  # the machine takes most steps, floors and all
    assert by_hand > 0

"""Wear by depth, capacity tariff, grid fee, negative prices, self-discharge: against rainflow counting, and by hand."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autonomy import Community, Controller, Economics, Scenario, Simulator
from autonomy.assets import wear
from autonomy.assets.peak import raise_peak
from autonomy.layers import physics
from autonomy.layers.decision import Cause
from autonomy.layers.errors import ModelError
from autonomy.layers.intent import POLICIES
from autonomy.rollout import roll_out
from tests.homes import decision_of, homes, scenario_of
from tests.oracle import next_energy
from tests.strategies import communities, intents, observations, scenarios

# Wear by depth ------------------------------------------------------------------------------------------------------


def stress(depth: float, economics: Economics) -> float:
    return economics.cycle_coefficient * depth**economics.cycle_exponent


def rainflow(path: list[float], economics: Economics) -> float:
    """The share of a battery's life that a path of states of charge takes, by rainflow counting (four points).

    Full cycles are taken out from the inside; of what remains, each discharge is a cycle of its depth, as a charge is
    paid for when it is discharged.
    """
    turns: list[float] = []
    total = 0.0
    for level in path:
        if turns and level == turns[-1]:
            continue
        if len(turns) >= 2 and (turns[-1] - turns[-2]) * (level - turns[-1]) > 0:
            turns[-1] = level
        else:
            turns.append(level)
        while len(turns) >= 4:
            a, b, c, d = turns[-4:]
            if not (min(a, d) <= min(b, c) and max(b, c) <= max(a, d)):
                break
            total += stress(abs(b - c), economics)
            del turns[-3:-1]
            if len(turns) >= 3 and (turns[-2] - turns[-3]) * (turns[-1] - turns[-2]) > 0:
                del turns[-2]
    return total + sum(stress(a - b, economics) for a, b in pairwise(turns) if b < a)


@given(
    st.lists(st.integers(0, wear.SEGMENTS), min_size=1, max_size=25), st.sampled_from([1.0, 2.03, 3.0]),
    st.sampled_from([1.0, 6.4]),
)  # fmt: skip
@settings(max_examples=300)
def test_wear_summed_over_steps_is_what_rainflow_counting_finds_at_the_end(
    levels: list[int], exponent: float, capacity: float
) -> None:
    economics = Economics(cycle_exponent=exponent)
    used, size = wear.life_by_slice(economics), np.array([capacity])
    path = [0.0, *(level / wear.SEGMENTS for level in levels)]
    slices, total = wear.filled(np.zeros(1), size), 0.0
    for before, after in pairwise(path):
        worn = wear.cycled(slices, size, capacity * np.array([after - before]), used)
        slices, total = worn.slices_kwh, total + float(worn.life_kwh[0])
        assert slices.sum() == pytest.approx(capacity * after, abs=1e-9)
    assert total == pytest.approx(capacity * rainflow(path, economics), rel=1e-9, abs=1e-12)


def test_rainflow_by_hand() -> None:
    economics = Economics(cycle_coefficient=1.0, cycle_exponent=2.0)
    assert rainflow([0.0, 1.0, 0.0], economics) == 1.0
    # A small cycle on the way down is a cycle of its own, and the deep one goes on.
    assert rainflow([0.0, 1.0, 0.5, 0.75, 0.0], economics) == 1.0 + 0.25**2
    assert rainflow([0.0, 0.5, 0.0, 0.5, 0.0], economics) == 0.5
    assert rainflow([0.5, 0.25], economics) == 0.25**2


def test_many_batteries_and_communities_at_once_wear_as_one_by_one() -> None:
    random = np.random.default_rng(3)
    capacity = np.array([1.0, 10.0, 0.0])
    energy = random.uniform(0, 1, (4, 3)) * capacity
    change = np.clip(random.normal(0, 3, (4, 3)), -energy, capacity - energy)
    used = wear.life_by_slice(Economics())
    many = wear.cycled(wear.filled(energy, capacity), capacity, change, used)
    for b in range(4):
        one = wear.cycled(wear.filled(energy[b], capacity), capacity, change[b], used)
        assert one.life_kwh.tobytes() == many.life_kwh[b].tobytes()
        assert one.slices_kwh.tobytes() == many.slices_kwh[b].tobytes()
    np.testing.assert_allclose(
        wear.lost(many.slices_kwh, energy / 2).sum(axis=-1), np.minimum(energy / 2, energy + change)
    )


def test_a_window_costs_its_cycles_and_the_road_and_the_clock_cost_none() -> None:
    # 10 kWh, full: out in two steps, in again, half out. Full cycle Φ(1) and one of Φ(0.5), at 200 a kWh.
    economics = Economics(cycle_price_per_kwh=200.0, wear_per_kwh=0.0, carbon_price_per_kg=0.0)
    community = homes()
    scenario = scenario_of(community, [[20.0]] * 5, 0.0, retail_price=0.0, feed_in_price=0.0)
    simulator = Simulator(community, scenario, initial_soc=1.0, economics=economics)
    costs = [simulator.execute(decision_of(b)).cost for b in (-5.0, -5.0, 5.0, 5.0, -5.0)]
    expected = 200 * 10 * 5.24e-4 * np.array([0.5**2.03, 1 - 0.5**2.03, 0, 0, 0.5**2.03])
    np.testing.assert_allclose(costs, expected, rtol=1e-9, atol=1e-12)
    again = simulator.reset()
    assert again.soc.tolist() == [1.0]
    assert simulator.execute(decision_of(-5.0)).cost == pytest.approx(costs[0], rel=1e-12)
    leaky = homes(self_discharge_per_h=0.1)
    idle = Simulator(leaky, scenario, initial_soc=1.0, economics=economics)
    assert [idle.execute(decision_of(0.0)).cost for _ in range(5)] == [0.0] * 5


# Capacity tariff ----------------------------------------------------------------------------------------------------


def test_the_rises_of_a_month_sum_to_its_peak_and_a_new_month_begins_at_nothing() -> None:
    random = np.random.default_rng(0)
    feeder = random.normal(0, 5, 60)
    highest, rises = np.zeros(()), []
    for k, kw in enumerate(feeder):
        peak = raise_peak(highest, kw, k == 30)
        highest = peak.highest_kw
        rises.append(float(peak.rise_kw))
    assert sum(rises[:30]) == pytest.approx(max(-feeder[:30].min(), 0), rel=1e-12)
    assert sum(rises[30:]) == pytest.approx(max(-feeder[30:].min(), 0), rel=1e-12)
    assert min(rises) == 0.0


def test_the_capacity_tariff_by_hand_across_the_end_of_a_month() -> None:
    community, dollars = homes(), 7.0
    demand = np.full((48, 1), 2.0)
    demand[5], demand[9], demand[30], demand[40] = 4.0, 3.0, 5.0, 1.0
    scenario = scenario_of(community, demand, 0.0)
    series = replace(scenario.series, time=scenario.time + np.timedelta64(30, "D"))  # from 31 May, 0:00
    costs = []
    for price in (0.0, dollars):
        simulator = Simulator(community, Scenario.whole(series), economics=Economics(capacity_price_per_kw=price))
        costs.append([simulator.execute(decision_of(0.0)).cost for _ in range(48)])
    extra = np.subtract(costs[1], costs[0])
    rises = {int(k): round(float(extra[k]) / dollars, 9) for k in np.flatnonzero(np.abs(extra) > 1e-9)}
    assert rises == {0: 2.0, 5: 2.0, 24: 2.0, 30: 3.0}


# Grid fee -----------------------------------------------------------------------------------------------------------


def test_a_grid_fee_is_paid_by_the_buyer_and_nobody_trades_at_a_loss() -> None:
    community = homes(2)
    scenario = scenario_of(community, [[0.0, 2.0]], [[3.0, 0.0]])
    economics = Economics(trade_fee_per_kwh=0.05, carbon_price_per_kg=0.0)
    outcome = Simulator(community, scenario, economics=economics).execute(
        decision_of([0.0, 0.0], trade=[3.0, -2.0], price=[0.10, 0.30])
    )
    assert outcome.execution.trade_kw.tolist() == [2.0, -2.0]
    price = outcome.execution.price
    assert 0.10 <= price <= 0.25
    np.testing.assert_allclose(outcome.bill, [-2 * price - 0.10, 2 * (price + 0.05)], atol=2e-6)
    assert outcome.bill.sum() == pytest.approx(0.10 - 0.10, abs=2e-6)  # the fee, less what the third kWh earns
    dear = Simulator(community, scenario, economics=Economics(trade_fee_per_kwh=0.25)).execute(
        decision_of([0.0, 0.0], trade=[3.0, -2.0], price=[0.10, 0.30])
    )
    assert dear.execution.trade_kw.tolist() == [0.0, 0.0]


@given(communities(), st.data())
@settings(max_examples=25)
def test_with_a_fee_and_negative_prices_nobody_is_worse_off_for_having_traded(
    community: Community, data: st.DataObject
) -> None:
    scenario = data.draw(scenarios(community, min_steps=4, max_steps=5))
    shift = data.draw(st.sampled_from([-0.3, -0.1, 0.0]))
    series = scenario.series
    series = replace(series, retail_price=series.retail_price + shift, feed_in_price=series.feed_in_price + shift)
    economics = Economics(trade_fee_per_kwh=data.draw(st.sampled_from([0.0, 0.02])))
    simulator = Simulator(community, Scenario.whole(series), economics=economics)
    dt = community.timestep_h
    while not simulator.is_done:
        wanted = data.draw(intents(community.n_prosumers, st.floats(-9, 9)))
        x = (outcome := simulator.execute(decision_of(wanted[:, 0], trade=wanted[:, 1], price=wanted[:, 2]))).execution
        net = x.net_export_kw
        alone = dt * (x.retail_price * np.maximum(-net, 0) - x.feed_in_price * np.maximum(net, 0))
        assert np.all(outcome.bill < alone + 1e-6 + 1e-9)  # whole micro-currency
    for name in POLICIES:
        run = roll_out(
            Simulator(community, Scenario.whole(series), economics=economics),
            Controller(community, policy=name),
            name=name,
        )
        assert run.violations == ()


# Self-discharge -----------------------------------------------------------------------------------------------------


@given(communities(), st.data())
@settings(max_examples=100)
def test_a_battery_that_leaks_keeps_its_band_and_below_it_only_leaks(community: Community, data: st.DataObject) -> None:
    leaky = replace(community, self_discharge_per_h=data.draw(st.sampled_from([1e-4, 0.01, 0.3])))
    observed = data.draw(observations(leaky))
    intent = data.draw(intents(leaky.n_prosumers))
    decision = Controller(leaky, policy=lambda _c, _o: intent).step(observed)
    energy = np.where(leaky.has_battery, observed.soc, 0.0) * leaky.battery_capacity_kwh
    after = physics.rated_energy_after_kwh(leaky, energy, decision.battery_kw)
    kept = (1 - leaky.self_discharge_per_h) ** leaky.timestep_h * energy
    expected = [next_energy(leaky, i, float(kept[i]), float(decision.battery_kw[i])) for i in range(len(kept))]
    np.testing.assert_allclose(after, expected, rtol=1e-12, atol=1e-12)
    low, high = np.minimum(leaky.energy_min_kwh, kept), np.maximum(leaky.energy_max_kwh, energy)
    assert np.all((low - 1e-12 <= after) & (after <= high + 1e-12))
    below = kept < leaky.energy_min_kwh
    assert np.all(decision.battery_kw[below] >= 0)


@given(communities(with_ramp=True), st.data())
@settings(max_examples=15)
def test_no_policy_breaks_a_rule_with_leaking_batteries(community: Community, data: st.DataObject) -> None:
    leaky = replace(community, self_discharge_per_h=data.draw(st.sampled_from([1e-4, 0.02])))
    scenario = data.draw(scenarios(leaky, min_steps=6, max_steps=8))
    for name in POLICIES:
        simulator, controller = Simulator(leaky, scenario), Controller(leaky, policy=name)
        while not simulator.is_done:
            decision = controller.step(simulator.observe())
            assert simulator.execute(decision).violations == (), name
            # What the battery loses by itself is no reason to doubt its meter.
            assert not any(reason.cause is Cause.SOC_BALANCE for reason in decision.reasons)


def test_self_discharge_by_hand_and_a_full_battery_can_be_kept_full() -> None:
    community = homes(self_discharge_per_h=0.19, timestep_h=0.5)  # a half hour leaves √0.81 = 0.9
    scenario = scenario_of(community, [[0.0]] * 3, 0.0)
    run = roll_out(Simulator(community, scenario, initial_soc=1.0), Controller(community, policy="grid-only"), name="x")
    np.testing.assert_allclose(run.energy_kwh[:, 0], [10.0, 9.0, 8.1, 7.29], rtol=1e-12)

    def full(_community: Community, _observed: Any) -> Any:
        return np.array([[5.0, 0.0, 0.0]])

    run = roll_out(Simulator(community, scenario, initial_soc=1.0), Controller(community, policy=full), name="x")
    np.testing.assert_allclose(run.energy_kwh[:, 0], 10.0, atol=1e-5)
    np.testing.assert_allclose(run.battery_kw[:, 0], 2.0, atol=1e-5)


@pytest.mark.parametrize("wrong", [-0.1, 1.0, np.nan])
def test_a_self_discharge_that_cannot_be_is_refused(wrong: float) -> None:
    with pytest.raises(ModelError, match="self_discharge_per_h"):
        homes(self_discharge_per_h=wrong)
    with pytest.raises(ModelError, match="self_discharge_per_h"):
        homes(self_discharge_per_h=0.5, timestep_h=100.0)

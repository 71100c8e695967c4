"""Long windows in parts: never below the aggregate, never called optimal, replayed to the cent, and by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from autonomy import Community, Economics, Network, Scenario, Simulator
from autonomy.assets import Timeline
from autonomy.dispatch import (
    Dispatch,
    DispatchError,
    Problem,
    Verdict,
    cost_of,
    daily_dispatch,
    known_problem,
    optimal_dispatch,
    rolling_optimum,
)
from autonomy.dispatch.part import joined, solved_part
from autonomy.dispatch.point import SetPoints
from autonomy.dispatch.section import section, state_after, state_before
from autonomy.layers.errors import ModelError
from autonomy.rollout import replay
from autonomy.trajectory import Trajectory
from tests.homes import homes, scenario_of
from tests.strategies import communities, scenarios
from tests.test_ev import garages

PLAIN = Economics(carbon_price_per_kg=0.0, wear_per_kwh=0.0, terminal_price_per_kwh=0.0)
PRICES = [{}, {"capacity_price_per_kw": 2.0}, {"trade_fee_per_kwh": 0.03}, {"cycle_price_per_kwh": 200.0}]


def problem_of(simulator: Simulator) -> Problem:
    return known_problem(
        simulator.community,
        simulator.scenario,
        economics=simulator.economics,
        energy_kwh=simulator.initial_soc * simulator.community.battery_capacity_kwh,
        timeline=simulator.timeline,
    )


def optimum_of(simulator: Simulator) -> Dispatch:
    return optimal_dispatch(
        simulator.community,
        simulator.scenario,
        economics=simulator.economics,
        energy_kwh=simulator.initial_soc * simulator.community.battery_capacity_kwh,
        timeline=simulator.timeline,
    )


def assert_replayed(simulator: Simulator, dispatch: Dispatch) -> Trajectory:
    run = replay(simulator, dispatch)
    assert run.violations == ()
    assert run.cost == pytest.approx(dispatch.objective, rel=1e-9, abs=1e-9)
    assert dispatch.certificate is not None
    assert dispatch.certificate.verdict is not Verdict.REFUTED
    assert dispatch.certificate.repair <= 1e-7
    assert dispatch.bound <= dispatch.objective + 1e-9
    return run


def hours(problem: Problem, steps: int) -> float:
    return steps * problem.community.timestep_h


# Rolling --------------------------------------------------------------------------------------------------------------


@given(
    communities(max_prosumers=3),
    st.sampled_from(PRICES),
    st.sampled_from([0.0, 0.0, 0.002]),
    st.sampled_from([(1, 1), (4, 2), (7, 3), (6, 6)]),
    st.data(),
)
@settings(max_examples=25, deadline=None)
def test_a_rolling_dispatch_lies_between_the_optimum_and_nothing_and_is_replayed(
    community: Community, prices: dict[str, float], leak: float, steps: tuple[int, int], data: st.DataObject
) -> None:
    community = replace(community, self_discharge_per_h=leak)
    scenario = data.draw(scenarios(community, max_steps=12))
    simulator = Simulator(community, scenario, economics=Economics(**prices))
    problem = problem_of(simulator)
    found = rolling_optimum(problem, horizon_h=hours(problem, steps[0]), commit_h=hours(problem, steps[1]))
    assert_replayed(simulator, found)
    assert found.method.startswith("rolling")
    best = optimum_of(simulator)
    assert found.bound <= best.objective + 1e-9
    assert found.objective >= best.bound - 1e-9


@given(garages(limited=True), st.sampled_from([(12, 6), (20, 4)]))
@settings(max_examples=10, deadline=None)
def test_cars_are_away_over_the_end_of_a_horizon(garage: tuple[Any, ...], steps: tuple[int, int]) -> None:
    community, scenario, assets, soc = garage
    scenario = scenario.window(0, min(scenario.n_steps, 30))
    timeline = assets.timeline(community, scenario.series)
    assume(timeline is not None)
    simulator = Simulator(
        community, scenario, economics=Economics(), initial_soc=soc, timeline=timeline.window(0, scenario.n_steps)
    )
    problem = problem_of(simulator)
    found = rolling_optimum(
        problem, horizon_h=hours(problem, steps[0]), commit_h=hours(problem, steps[1]), relative_gap=1e-3
    )
    assert_replayed(simulator, found)


@given(communities(max_prosumers=3, with_ramp=True), st.data())
@settings(max_examples=15, deadline=None)
def test_the_ramp_goes_on_from_the_power_of_the_step_before(community: Community, data: st.DataObject) -> None:
    community = replace(
        community,
        network=Network.single_feeder(n_prosumers=community.n_prosumers),
        connection_limit_kw=np.inf,
    )
    scenario = data.draw(scenarios(community, max_steps=12))
    simulator = Simulator(community, scenario)
    problem = problem_of(simulator)
    found = rolling_optimum(problem, horizon_h=hours(problem, 6), commit_h=hours(problem, 2))
    assert_replayed(simulator, found)


@given(communities(max_prosumers=3), st.sampled_from(PRICES), st.data())
@settings(max_examples=20, deadline=None)
def test_a_horizon_as_long_as_the_window_finds_the_optimum(
    community: Community, prices: dict[str, float], data: st.DataObject
) -> None:
    scenario = data.draw(scenarios(community, max_steps=12))
    simulator = Simulator(community, scenario, economics=Economics(**prices))
    problem = problem_of(simulator)
    found = rolling_optimum(problem, horizon_h=hours(problem, scenario.n_steps), commit_h=hours(problem, 1))
    assert found.objective == pytest.approx(optimum_of(simulator).objective, rel=1e-6, abs=1e-6)


def test_who_sees_an_hour_ahead_sells_too_early_by_hand() -> None:
    # 4 kWh are stored and worth nothing at the end. 0.2 are paid for 4 kWh in the first hour and 0.5 in the third: two
    # hours ahead the battery gives them in the first, three hours ahead in the third.
    community = homes()
    scenario = scenario_of(community, [[4.0], [0.0], [4.0]], 0.0, retail_price=[0.2, 0.5, 0.5], feed_in_price=0.0)
    simulator = Simulator(community, scenario, economics=PLAIN, initial_soc=0.4)
    for horizon, cost in ((2.0, 0.5 * 4), (3.0, 0.2 * 4)):
        found = rolling_optimum(problem_of(simulator), horizon_h=horizon, commit_h=1.0)
        assert found.objective == pytest.approx(cost, abs=1e-9)
        assert found.bound == pytest.approx(0.8, abs=1e-9)
        assert_replayed(simulator, found)
    assert found.certificate.verdict is Verdict.EXACT


def test_the_peak_so_far_costs_nothing_more_by_hand() -> None:
    # The first hour's 6 kW cannot be helped: the battery is empty. Filling it with 5 kW in the second raises no peak,
    # and 5 kW less are imported in the third, when a kWh costs 0.5.
    community = homes()
    scenario = scenario_of(community, [[6.0], [0.0], [5.0]], 0.0, retail_price=[0.1, 0.1, 0.5], feed_in_price=0.0)
    simulator = Simulator(community, scenario, economics=replace(PLAIN, capacity_price_per_kw=2.0), initial_soc=0.0)
    found = rolling_optimum(problem_of(simulator), horizon_h=2.0, commit_h=1.0)
    np.testing.assert_allclose(found.battery_kw[:, 0], [0.0, 5.0, -5.0], atol=1e-9)
    assert found.objective == pytest.approx(2.0 * 6 + 0.1 * 11, abs=1e-9)
    assert_replayed(simulator, found)


def test_each_month_has_a_peak_of_its_own() -> None:
    community = homes(charge_limit_kw=0.0, discharge_limit_kw=0.0)
    scenario = scenario_of(community, [[3.0], [1.0], [2.0], [2.0]], 0.0, retail_price=0.1, feed_in_price=0.0)
    clock = np.datetime64("2024-05-31T22:00", "m") + np.arange(4) * np.timedelta64(60, "m")
    simulator = Simulator(
        community,
        Scenario.whole(replace(scenario.series, time=clock)),
        economics=replace(PLAIN, capacity_price_per_kw=2.0),
    )
    problem = problem_of(simulator)
    for found in (
        rolling_optimum(problem, horizon_h=2.0, commit_h=1.0),
        rolling_optimum(problem, horizon_h=3.0, commit_h=3.0),
        daily_dispatch(problem, period_h=1.0),
    ):
        assert found.objective == pytest.approx(2.0 * (3 + 2) + 0.1 * 8, rel=1e-12)
        assert_replayed(simulator, found)


@given(communities(max_prosumers=3), st.sampled_from(PRICES), st.integers(1, 11), st.data())
@settings(max_examples=25, deadline=None)
def test_what_two_parts_cost_is_what_the_whole_costs(
    community: Community, prices: dict[str, float], cut: int, data: st.DataObject
) -> None:
    """Slices, peaks and energy are handed on without loss: parts add up, but for what is stored in between."""
    community = replace(community, self_discharge_per_h=0.002)
    scenario = data.draw(scenarios(community, min_steps=12, max_steps=12))
    problem = problem_of(Simulator(community, scenario, economics=Economics(**prices)))
    whole = solved_part(problem)
    assert whole is not None
    first = section(problem, 0, cut, state_before(problem))
    state = state_after(problem, whole.asked, cut)
    second = section(problem, cut, 12, state)
    rest = SetPoints(
        battery_kw=whole.asked.battery_kw[cut:],
        curtail_kw=whole.asked.curtail_kw[cut:],
        shed_kw=whole.asked.shed_kw[cut:],
    )
    total = cost_of(first, whole.first_steps(cut).asked) + cost_of(second, rest)
    assert total == pytest.approx(cost_of(problem, whole.asked), rel=1e-9, abs=1e-9)


def test_a_horizon_that_leads_nowhere_says_so() -> None:
    # Nothing can be exported from the second hour on, and a battery that gives 4 kW in the first cannot stop before the
    # third. Who sees the second gives 2 kW in the first, for 0.4.
    community = homes(ramp_limit_kw=2.0)
    scenario = scenario_of(community, [[0.0], [0.0], [0.0]], 0.0, retail_price=0.5, feed_in_price=0.4)
    timeline = Timeline(n_steps=3, n_prosumers=1, grid_export_limit_kw=np.array([np.inf, 0.0, 0.0]))
    problem = known_problem(
        community, scenario, economics=PLAIN, energy_kwh=np.array([10.0]), timeline=timeline,
        previous_battery_kw=np.array([-2.0]),
    )  # fmt: skip
    with pytest.raises(DispatchError, match=r"steps 1 to 1 keeps all limits .* Plan further ahead"):
        rolling_optimum(problem, horizon_h=1.0, commit_h=1.0)
    assert rolling_optimum(problem, horizon_h=2.0, commit_h=1.0).objective == pytest.approx(-0.8, abs=1e-9)


def test_horizons_that_are_none_are_named() -> None:
    problem = problem_of(Simulator(homes(timestep_h=0.5), scenario_of(homes(timestep_h=0.5), [[1.0]] * 4, 0.0)))
    for horizon, commit, field in ((1.3, 1.0, "horizon_h"), (0.0, 1.0, "horizon_h"), (1.0, np.nan, "commit_h")):
        with pytest.raises(ModelError, match=field):
            rolling_optimum(problem, horizon_h=horizon, commit_h=commit)
    with pytest.raises(ModelError, match="hours <= horizon_h = 1"):
        rolling_optimum(problem, horizon_h=1.0, commit_h=1.5)
    with pytest.raises(DispatchError, match="time limit"):
        rolling_optimum(problem, horizon_h=1.0, commit_h=0.5, time_limit_s=0.0)


# Days apart -----------------------------------------------------------------------------------------------------------


@given(
    communities(max_prosumers=3),
    st.sampled_from([{}, {"capacity_price_per_kw": 2.0}, {"trade_fee_per_kwh": 0.03}]),
    st.sampled_from([0.0, 0.0, 0.002]),
    st.sampled_from([1, 3, 5]),
    st.data(),
)
@settings(max_examples=25, deadline=None)
def test_days_apart_are_one_dispatch_of_the_whole(
    community: Community, prices: dict[str, float], leak: float, steps: int, data: st.DataObject
) -> None:
    community = replace(community, self_discharge_per_h=leak)
    scenario = data.draw(scenarios(community, max_steps=12))
    simulator = Simulator(community, scenario, economics=Economics(**prices))
    problem = problem_of(simulator)
    found = daily_dispatch(problem, period_h=hours(problem, steps))
    assert_replayed(simulator, found)
    assert found.objective >= optimum_of(simulator).bound - 1e-9


def test_midnights_of_the_aggregate_are_enough_by_hand() -> None:
    # Two days of two hours: 8 kWh are bought in the first for 0.1 and used in the last, when they cost 0.5. Day by day
    # nobody would buy them; the aggregate says that 8 kWh are stored at midnight.
    community = homes(2)
    demand = [[0.0, 0.0], [0.0, 0.0], [0.0, 0.0], [8.0, 0.0]]
    scenario = scenario_of(community, demand, 0.0, retail_price=[0.1, 0.5, 0.5, 0.5], feed_in_price=0.0)
    simulator = Simulator(community, scenario, economics=PLAIN, initial_soc=0.0)
    problem = problem_of(simulator)
    found = daily_dispatch(problem, period_h=2.0)
    assert found.objective == pytest.approx(0.8, abs=1e-9)
    assert found.certificate.verdict is Verdict.EXACT
    np.testing.assert_allclose(assert_replayed(simulator, found).energy_kwh[2], [4.0, 4.0], atol=1e-9)
    assert rolling_optimum(problem, horizon_h=2.0, commit_h=2.0).objective == pytest.approx(4.0, abs=1e-9)


def test_days_that_cannot_be_met_are_taken_together() -> None:
    # The pool of a battery with and one without power fills up in an hour; its members cannot be filled alike.
    community = homes(2, charge_limit_kw=[10.0, 0.0], discharge_limit_kw=[10.0, 0.0])
    scenario = scenario_of(
        community, [[0.0, 0.0]] * 3 + [[10.0, 0.0]], 0.0, retail_price=[0.1, 0.2, 0.3, 0.5], feed_in_price=0.0
    )
    simulator = Simulator(community, scenario, economics=PLAIN, initial_soc=0.0)
    problem = problem_of(simulator)
    found = daily_dispatch(problem, period_h=1.0)
    assert found.objective == pytest.approx(1.0, abs=1e-9)
    assert_replayed(simulator, found)


def test_processes_find_what_one_finds() -> None:
    community = homes(2, charge_efficiency=0.9)
    random = np.random.default_rng(5)
    scenario = scenario_of(
        community, random.uniform(0, 4, (12, 2)), random.uniform(0, 6, (12, 2)),
        retail_price=random.uniform(0.2, 0.5, 12), feed_in_price=0.1,
    )  # fmt: skip
    problem = problem_of(Simulator(community, scenario))
    alone, together = (daily_dispatch(problem, period_h=4.0, workers=workers) for workers in (1, 2))
    np.testing.assert_array_equal(alone.battery_kw, together.battery_kw)
    assert alone.objective == together.objective


@pytest.mark.parametrize(
    ("changed", "prices", "timeline", "said"),
    [
        ({"ramp_limit_kw": 1.0}, {}, {}, "ramp limits"),
        ({}, {"cycle_price_per_kwh": 10.0}, {}, "a price of cycles"),
        ({}, {}, {"drive_kwh": np.array([[0.0], [0.0], [1.0]])}, "cars"),
    ],
)
def test_days_that_hang_together_are_refused(
    changed: dict[str, Any], prices: dict[str, float], timeline: dict[str, Any], said: str
) -> None:
    community = homes(**changed)
    scenario = scenario_of(community, [[1.0]] * 3, 0.0)
    given_timeline = Timeline(n_steps=3, n_prosumers=1, **timeline) if timeline else None
    simulator = Simulator(community, scenario, economics=Economics(**prices), timeline=given_timeline)
    with pytest.raises(DispatchError, match=f"{said} hang together; use rolling_optimum"):
        daily_dispatch(problem_of(simulator))


def test_a_part_without_a_dispatch_is_none() -> None:
    # A battery that discharges with 3 kW and may change by 1 kW a step, where nothing can go.
    community = homes(ramp_limit_kw=1.0)
    timeline = Timeline(n_steps=1, n_prosumers=1, grid_export_limit_kw=np.zeros(1))
    problem = known_problem(
        community, scenario_of(community, [[0.0]], 0.0), economics=PLAIN, energy_kwh=np.array([5.0]),
        timeline=timeline, previous_battery_kw=np.array([-3.0]),
    )  # fmt: skip
    assert solved_part(problem) is None


def test_parts_are_put_together_in_their_order() -> None:
    problem = problem_of(Simulator(homes(), scenario_of(homes(), [[1.0], [2.0]], 0.0)))
    whole = solved_part(problem)
    assert whole is not None
    twice = joined([whole.first_steps(1), whole])
    assert twice.asked.battery_kw.shape == (3, 1)
    np.testing.assert_array_equal(twice.asked.battery_kw[1:], whole.asked.battery_kw)

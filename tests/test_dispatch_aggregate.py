"""The aggregated battery: a bound for all that can be drawn, exact where it can be shared out, by hand where not."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from autonomy import Community, Economics, Network, Scenario, Simulator
from autonomy.dispatch import (
    DispatchError,
    Problem,
    Verdict,
    aggregate_bound,
    cost_of,
    dispatch_program,
    known_problem,
    optimal_dispatch,
    point_of,
    shared_dispatch,
    shared_out,
)
from autonomy.dispatch.point import SetPoints
from autonomy.dispatch.pooled import aggregate_program
from autonomy.dispatch.pools import MOST_POOLS, outward, pools_of
from autonomy.dispatch.sharing import LEAST_KW, SHARED, levelled
from autonomy.layers import physics
from autonomy.rollout import replay
from autonomy.solvers.exact import exact_point
from tests.homes import homes, scenario_of
from tests.strategies import communities, scenarios
from tests.test_ev import garages

PLAIN = Economics(carbon_price_per_kg=0.0, wear_per_kwh=0.0, terminal_price_per_kwh=0.0)
PRICES = [
    {},
    {"capacity_price_per_kw": 2.0},
    {"trade_fee_per_kwh": 0.03},
    {"cycle_price_per_kwh": 200.0},
    {"wear_per_kwh": 0.0, "terminal_price_per_kwh": 0.0},
]


def problem_of(community: Community, scenario: Scenario, economics: Economics = PLAIN, **options: Any) -> Problem:
    given = {"energy_kwh": 0.5 * community.battery_capacity_kwh} | options
    return known_problem(community, scenario, economics=economics, **given)


def optimum_of(problem: Problem, scenario: Scenario, relative_gap: float = 1e-6) -> Any:
    return optimal_dispatch(
        problem.community,
        scenario,
        economics=problem.economics,
        energy_kwh=problem.initial_kwh,
        previous_battery_kw=problem.previous_kw,
        timeline=problem.timeline,
        relative_gap=relative_gap,
    )


# Always a bound -------------------------------------------------------------------------------------------------------


@given(communities(max_prosumers=3), st.sampled_from(PRICES), st.sampled_from([0.0, 0.0, 0.02]), st.data())
@settings(max_examples=20, deadline=None)
def test_no_optimum_costs_less_than_the_aggregate(
    community: Community, prices: dict[str, float], leak: float, data: st.DataObject
) -> None:
    community = replace(community, self_discharge_per_h=leak)
    scenario = data.draw(scenarios(community, max_steps=12))
    energy = data.draw(st.sampled_from([0.0, 0.5, 1.0])) * community.battery_capacity_kwh
    problem = problem_of(community, scenario, Economics(**prices), energy_kwh=energy)
    plan = aggregate_bound(problem)
    assert plan.certificate.verdict is Verdict.EXACT
    assert plan.bound <= plan.objective + 1e-9
    assert plan.bound <= optimum_of(problem, scenario, relative_gap=1e-2).objective + 1e-9


@given(garages(limited=True))
@settings(max_examples=15, deadline=None)
def test_with_cars_it_is_a_bound_as_well(garage: tuple[Any, ...]) -> None:
    community, scenario, assets, soc = garage
    scenario = scenario.window(0, min(scenario.n_steps, 24))
    timeline = assets.timeline(community, scenario.series)
    assume(timeline is not None)
    economics = Economics(missing_charge_price_per_kwh=0.5)
    problem = problem_of(
        community,
        scenario,
        economics,
        energy_kwh=soc * community.battery_capacity_kwh,
        timeline=timeline.window(0, scenario.n_steps),
    )
    assert aggregate_bound(problem).bound <= optimum_of(problem, scenario, relative_gap=1e-2).objective + 1e-9


@given(communities(max_prosumers=5, with_ramp=True), st.integers(0, 2**32 - 1), st.data())
@settings(max_examples=30, deadline=None)
def test_sums_of_whatever_prosumers_do_are_a_point_of_the_aggregate(
    community: Community, seed: int, data: st.DataObject
) -> None:
    """In fractions, and for the same cost or less: this is the proof, run."""
    community = replace(community, network=Network.single_feeder(n_prosumers=community.n_prosumers))
    scenario = data.draw(scenarios(community, max_steps=12))
    problem = problem_of(community, scenario, Economics(capacity_price_per_kw=1.0, cycle_price_per_kwh=99.0))
    random, limit = np.random.default_rng(seed), community.connection_limit_kw
    power = clipped(problem, random.choice([0.0, 1.0, 5.0]) * random.uniform(-1, 1, problem.shape))
    net = problem.pv_kw - problem.demand_kw - power
    curtail = np.clip(np.maximum(net - limit, random.uniform(0, 1, problem.shape) * problem.pv_kw), 0.0, problem.pv_kw)
    shed = np.clip(curtail - net - limit, 0.0, problem.demand_kw)
    asked = SetPoints(battery_kw=power, curtail_kw=curtail, shed_kw=shed)
    pools = pools_of(problem)
    small, whole = aggregate_program(problem, pools), dispatch_program(problem)
    everybody = point_of(problem, whole, asked)
    assume(exact_point(whole.program, everybody, whole.first, whole.second).residual <= Fraction(1, 10**9))
    found = exact_point(small.program, pooled(everybody, whole, small, pools), small.first, small.second)
    # `pooled` adds floats as NumPy does, so its sums are off by rounding.
    assert found.residual <= Fraction(2, 10**9)
    assert float(found.objective) + small.constant <= cost_of(problem, asked) + 1e-9


def clipped(problem: Problem, wished: np.ndarray) -> np.ndarray:
    """What batteries do when they are asked for what they may not be able to."""
    power, energy, previous = np.zeros(problem.shape), problem.initial_kwh, problem.previous_kw
    for step, held in enumerate(problem.held):
        box = physics.rated_box(held, energy, previous)
        power[step] = previous = np.clip(wished[step], box.lower_kw, box.upper_kw)
        energy = physics.rated_energy_after_kwh(problem.community, energy, power[step])
    return power


def pooled(x: np.ndarray, whole: Any, small: Any, pools: Any) -> np.ndarray:
    """Sum the columns of everybody into those of the pools and of the one node."""
    found = np.zeros(small.program.cost.size)
    member = pools.pool[:, None] == np.arange(pools.shape[1])
    for name in ("charge", "discharge", "stored"):
        found[small.blocks[name]] = x[whole.blocks[name]] @ member
    for name in ("slices", "filling", "drawing"):
        for pool, inside in enumerate(member.T):
            columns = whole.blocks[name][:, inside]
            found[small.blocks[name][:, pool]] = np.where(columns >= 0, x[columns], 0.0).sum(axis=1)
    for name in ("curtail", "shed", "net"):
        found[small.blocks[name][:, 0]] = x[whole.blocks[name]].sum(axis=1)
    for name in ("imports", "exports", "peak"):
        found[small.blocks[name]] = x[whole.blocks[name]]
    return found


@given(communities(max_prosumers=4), st.data())
@settings(max_examples=20, deadline=None)
def test_unlike_batteries_in_one_pool_are_still_a_bound(community: Community, data: st.DataObject) -> None:
    scenario = data.draw(scenarios(community, max_steps=12))
    problem = problem_of(community, scenario, Economics())
    apart = aggregate_bound(problem)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("autonomy.dispatch.pools.MOST_POOLS", 1)
        together = aggregate_bound(problem)
    assert together.pools.shape[1] <= 1
    assert together.bound <= apart.bound + 1e-7 * max(abs(apart.bound), 1.0)


@given(st.lists(st.lists(st.floats(-1e9, 1e9), min_size=3, max_size=3), min_size=1, max_size=5))
def test_sums_are_rounded_outwards(rows: list[list[float]]) -> None:
    member = np.array([[True, False], [True, False], [False, True]])
    low, high = outward(np.array(rows), member)
    for row, least, most in zip(rows, low, high, strict=True):
        for pool, inside in enumerate(member.T):
            exact = sum(Fraction(value) for value, counts in zip(row, inside, strict=True) if counts)
            assert Fraction(float(least[pool])) <= exact <= Fraction(float(most[pool]))
            assert most[pool] - least[pool] <= 1e-14 * sum(map(abs, row)) + 1e-300


# Exact where it can be shared out -------------------------------------------------------------------------------------


@st.composite
def alike(draw: st.DrawFn) -> Community:
    """Batteries of one make in several sizes behind one feeder."""
    size = draw(st.integers(1, 4))
    packs = np.array([draw(st.integers(0, 3)) for _ in range(size)])
    limit = draw(st.sampled_from([3.0, 8.0, np.inf]))
    leak = draw(st.sampled_from([0.0, 0.002]))
    return Community(
        battery_capacity_kwh=5.0 * packs,
        charge_limit_kw=2.0 * packs,
        discharge_limit_kw=3.0 * packs,
        charge_efficiency=draw(st.floats(0.8, 1.0)),
        discharge_efficiency=draw(st.floats(0.8, 1.0)),
        soc_min=0.0 if leak else draw(st.sampled_from([0.0, 0.1])),
        self_discharge_per_h=leak,
        network=Network.single_feeder(n_prosumers=size, import_limit_kw=limit, export_limit_kw=limit),
        timestep_h=draw(st.sampled_from([0.5, 1.0])),
    )


@given(alike(), st.sampled_from([{}, {"capacity_price_per_kw": 2.0}, {"cycle_price_per_kwh": 100.0}]), st.data())
@settings(max_examples=40, deadline=None)
def test_batteries_of_one_make_behind_a_feeder_share_the_plan_and_it_is_the_optimum(
    community: Community, prices: dict[str, float], data: st.DataObject
) -> None:
    scenario = data.draw(scenarios(community, max_steps=16))
    simulator = Simulator(community, scenario, economics=Economics(**prices), initial_soc=0.5)
    problem = problem_of(community, scenario, simulator.economics)
    dispatch = shared_dispatch(problem, aggregate_bound(problem))
    assert dispatch.method == SHARED
    assert dispatch.certificate.verdict is Verdict.EXACT
    assert dispatch.objective == pytest.approx(optimum_of(problem, scenario).objective, rel=1e-9, abs=1e-9)
    run = replay(simulator, dispatch)
    assert run.violations == ()
    assert run.cost == pytest.approx(dispatch.objective, rel=1e-9, abs=1e-9)


def test_two_batteries_share_by_their_size_by_hand() -> None:
    # 9 kWh are bought for 0.1 and used an hour later, when they cost 0.5: 3 of them by the smaller battery.
    community = homes(2, battery_capacity_kwh=[10.0, 20.0], charge_limit_kw=[5.0, 10.0], discharge_limit_kw=[5.0, 10.0])
    scenario = scenario_of(community, [[0.0, 0.0], [9.0, 0.0]], 0.0, retail_price=[0.1, 0.5], feed_in_price=0.0)
    problem = problem_of(community, scenario, energy_kwh=np.zeros(2))
    plan = aggregate_bound(problem)
    assert plan.bound == pytest.approx(0.9, abs=1e-12)
    np.testing.assert_allclose(plan.charge_kw[:, 0] - plan.discharge_kw[:, 0], [9.0, -9.0], atol=1e-9)
    dispatch = shared_dispatch(problem, plan)
    np.testing.assert_allclose(dispatch.battery_kw, [[3.0, 6.0], [-3.0, -6.0]], atol=1e-9)
    assert dispatch.certificate.verdict is Verdict.EXACT


def test_who_lasts_longest_discharges_first_by_hand() -> None:
    # At 2 kW each, 4 and 2 kWh last 2 and 1 hours: the first gives 1 kW more than its half of 2 kW, then both are even.
    full, most = np.array([2.0, 2.0]), np.array([2.0, 2.0])
    np.testing.assert_allclose(levelled(2.0, np.array([2.0, 1.0]), full, np.zeros(2), most), [2.0, 0.0])
    np.testing.assert_allclose(levelled(3.0, np.array([2.0, 1.0]), full, np.zeros(2), most), [2.0, 1.0])
    np.testing.assert_allclose(levelled(2.0, np.array([1.5, 1.0]), full, np.zeros(2), most), [1.5, 0.5])


@given(st.lists(st.tuples(st.floats(0, 9), st.floats(0, 5), st.floats(0, 2), st.floats(0, 3)), max_size=6), st.floats())
def test_levels_keep_their_ends_and_their_sum(rows: list[tuple[float, ...]], share: float) -> None:
    steps, power, least, more = np.array(rows).reshape(-1, 4).T
    most = least + np.where(power > LEAST_KW, more, 0.0)
    share = float(np.clip(np.nan_to_num(share), 0, 1))
    total = least.sum() + share * (most - least).sum()
    found = levelled(float(total), steps, power, least, most)
    assert (found >= least).all()
    assert (found <= most).all()
    assert found.sum() == pytest.approx(total, abs=1e-7)


# Where the limits of single prosumers break it ------------------------------------------------------------------------


def by_hand(capacity: list[float], power: list[float], **limits: Any) -> tuple[Problem, Scenario]:
    """6 kW of sun at the first home and then 6 kW of demand at the second, which costs 0.5 a kWh; all is empty."""
    community = homes(2, battery_capacity_kwh=capacity, charge_limit_kw=power, discharge_limit_kw=power, **limits)
    scenario = scenario_of(
        community, [[0.0, 0.0], [0.0, 6.0]], [[6.0, 0.0], [0.0, 0.0]], retail_price=0.5, feed_in_price=0.0
    )
    return problem_of(community, scenario, energy_kwh=np.zeros(2)), scenario


def test_a_connection_that_binds_makes_it_a_bound_only_by_hand() -> None:
    # Of 6 kW 2 may be exported, and 4 are to be stored or curtailed where they are: the pool stores all 6. In truth the
    # battery there takes 1, so 3 kW are curtailed and 3 kWh bought.
    problem, scenario = by_hand([1.0, 9.0], [6.0, 6.0], connection_limit_kw=[2.0, np.inf])
    plan = aggregate_bound(problem)
    assert plan.bound == pytest.approx(0.0, abs=1e-9)
    assert optimum_of(problem, scenario).objective == pytest.approx(1.5, abs=1e-9)
    asked, message = shared_out(problem, plan)
    assert asked is None
    assert message == "nodes need 3 kW more to be curtailed than the community in step 0"
    with pytest.raises(DispatchError, match="a bound only: nodes need 3 kW"):
        shared_dispatch(problem, plan)


def test_what_no_battery_can_take_is_known_to_be_curtailed_by_hand() -> None:
    # The same without a battery at the first home: 4 kW are curtailed whatever the pool does, and it is exact.
    problem, scenario = by_hand([0.0, 10.0], [0.0, 6.0], connection_limit_kw=[2.0, np.inf])
    plan = aggregate_bound(problem)
    assert plan.bound == pytest.approx(2.0, abs=1e-9)
    assert optimum_of(problem, scenario).objective == pytest.approx(2.0, abs=1e-9)
    np.testing.assert_allclose(shared_dispatch(problem, plan).curtail_kw, [[4.0, 0.0], [0.0, 0.0]], atol=1e-9)


def test_a_line_that_binds_makes_it_a_bound_only_by_hand() -> None:
    # The same with a line of 2 kW above the first home: of lines the aggregate knows nothing.
    network = Network(
        parent=[-1, 0], bus_of_prosumer=[1, 0], import_limit_kw=[np.inf, 2.0], export_limit_kw=[np.inf, 2.0]
    )
    problem, scenario = by_hand([0.0, 10.0], [0.0, 6.0], network=network)
    plan = aggregate_bound(problem)
    assert plan.bound == pytest.approx(0.0, abs=1e-9)
    assert optimum_of(problem, scenario).objective == pytest.approx(2.0, abs=1e-9)
    assert shared_out(problem, plan).message == "line 1 would carry 4 kW too much in step 0"


def test_a_ramp_limit_makes_it_a_bound_only_by_hand() -> None:
    # A full battery that may change by 1 kW a step gives 1 of the 5 kW; the pool gives them all.
    community = homes(ramp_limit_kw=1.0)
    scenario = scenario_of(community, [[5.0]], 0.0, retail_price=0.5, feed_in_price=0.0)
    problem = problem_of(community, scenario, energy_kwh=np.array([10.0]))
    plan = aggregate_bound(problem)
    assert plan.bound == pytest.approx(0.0, abs=1e-9)
    assert optimum_of(problem, scenario).objective == pytest.approx(2.0, abs=1e-9)
    assert "4 kW off" in shared_out(problem, plan).message


def test_who_is_full_while_others_are_empty_makes_it_a_bound_only_by_hand() -> None:
    # One battery of two is full. The pool gives 10 kW, and in truth 5 kW are the most.
    community = homes(2)
    scenario = scenario_of(community, [[10.0, 0.0]], 0.0, retail_price=0.5, feed_in_price=0.0)
    problem = problem_of(community, scenario, energy_kwh=np.array([10.0, 0.0]))
    assert aggregate_bound(problem).bound == pytest.approx(0.0, abs=1e-9)
    assert optimum_of(problem, scenario).objective == pytest.approx(2.5, abs=1e-9)


# Unlike batteries -----------------------------------------------------------------------------------------------------


def unlike(prices: dict[str, Any], demand: Any, **others: Any) -> Problem:
    """Two empty batteries in one pool, of which the second loses half of what it charges."""
    community = homes(2, charge_efficiency=[1.0, 0.5], **others)
    scenario = scenario_of(community, demand, 0.0, **prices)
    return problem_of(community, scenario, energy_kwh=np.zeros(2))


def test_the_best_of_unlike_batteries_bounds_the_others_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    # 10 kW are charged for 0.1. The pool has 10 kWh then, in truth 5 + 2.5, and 2.5 kWh more are bought at 0.5.
    problem = unlike({"retail_price": [0.1, 0.5], "feed_in_price": 0.0}, [[0.0, 0.0], [10.0, 0.0]])
    assert aggregate_bound(problem).bound == pytest.approx(1.0 + 1.25, abs=1e-9)
    monkeypatch.setattr("autonomy.dispatch.pools.MOST_POOLS", 1)
    assert aggregate_bound(problem).bound == pytest.approx(1.0, abs=1e-9)


def test_paid_to_burn_the_worst_counts_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    # Importing earns 0.1. 5 kWh of room take 5 and 10 kW: 1.5 in truth. With the best efficiency alone the pool would
    # take 10 kW, and 1.0 is no bound; between the two efficiencies it takes up to 20 kW.
    problem = unlike(
        {"retail_price": -0.1, "feed_in_price": -0.2}, [[0.0, 0.0]], battery_capacity_kwh=5.0, charge_limit_kw=10.0
    )
    assert aggregate_bound(problem).bound == pytest.approx(-1.5, abs=1e-9)
    monkeypatch.setattr("autonomy.dispatch.pools.MOST_POOLS", 1)
    assert aggregate_bound(problem).bound == pytest.approx(-2.0, abs=1e-9)


def test_many_kinds_of_batteries_are_few_pools() -> None:
    random = np.random.default_rng(1)
    community = homes(40, charge_efficiency=random.uniform(0.8, 1.0, 40), discharge_efficiency=0.9)
    scenario = scenario_of(community, random.uniform(0, 3, (6, 40)), random.uniform(0, 5, (6, 40)))
    problem = problem_of(community, scenario)
    plan = aggregate_bound(problem)
    assert 1 < plan.pools.shape[1] <= MOST_POOLS
    assert plan.bound <= optimum_of(problem, scenario).objective + 1e-9


def test_what_neighbours_trade_costs_its_fee_by_hand() -> None:
    # Of 5 kW 3 come from next door for a fee of 0.05, and 2 from the grid. The pool alone would see no trade. The
    # market may round the step's fee down by a micro-currency.
    community = homes(2, battery_capacity_kwh=0.0, charge_limit_kw=0.0, discharge_limit_kw=0.0)
    scenario = scenario_of(community, [[0.0, 5.0]], [[3.0, 0.0]], retail_price=0.5, feed_in_price=0.1)
    problem = problem_of(community, scenario, replace(PLAIN, trade_fee_per_kwh=0.05))
    assert aggregate_bound(problem).bound == pytest.approx(0.5 * 2 + 0.05 * 3 - 1e-6, abs=1e-9)


def test_fees_that_the_market_rounds_down_do_not_carry_the_bound_above_a_dispatch() -> None:
    # Nothing crosses the feeder, so all that is generated is traded, in each step for a fee of whole micro-currency.
    shut = Network.single_feeder(n_prosumers=2, import_limit_kw=0.0, export_limit_kw=0.0)
    community = homes(2, battery_capacity_kwh=0.0, charge_limit_kw=0.0, discharge_limit_kw=0.0, network=shut)
    random = np.random.default_rng(0)
    demand, pv = random.uniform(0, 2, (12, 2)), random.uniform(0, 3, (12, 2))
    scenario = scenario_of(community, demand, pv, retail_price=0.5, feed_in_price=0.1)
    problem = problem_of(community, scenario, replace(PLAIN, trade_fee_per_kwh=0.03))
    assert aggregate_bound(problem).bound <= optimum_of(problem, scenario).objective


def test_deep_cycles_of_a_pool_cost_what_they_cost_everybody() -> None:
    community = homes(3, battery_capacity_kwh=[10.0, 5.0, 5.0], charge_limit_kw=[4.0, 2.0, 2.0],
                      discharge_limit_kw=[4.0, 2.0, 2.0], charge_efficiency=0.95)  # fmt: skip
    random = np.random.default_rng(2)
    scenario = scenario_of(
        community, random.uniform(0, 3, (24, 3)), 0.0, retail_price=random.uniform(0.1, 0.6, 24), feed_in_price=0.0
    )
    problem = problem_of(community, scenario, replace(PLAIN, cycle_price_per_kwh=150.0))
    plan = aggregate_bound(problem)
    assert plan.bound > aggregate_bound(problem_of(community, scenario)).bound + 0.1
    assert shared_dispatch(problem, plan).objective == pytest.approx(optimum_of(problem, scenario).objective, rel=1e-9)


def test_without_batteries_everything_is_known() -> None:
    community = homes(2, battery_capacity_kwh=0.0, charge_limit_kw=0.0, discharge_limit_kw=0.0)
    scenario = scenario_of(community, [[1.0, 2.0]], 0.0, retail_price=0.5, feed_in_price=0.0)
    problem = problem_of(community, scenario)
    plan = aggregate_bound(problem)
    assert plan.bound == pytest.approx(1.5, abs=1e-12)
    assert shared_dispatch(problem, plan).objective == pytest.approx(1.5, abs=1e-12)

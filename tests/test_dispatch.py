"""The optimum with every asset: each worked by hand, replayed, and cheaper than any policy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from autonomy import Community, Controller, Economics, Scenario, Simulator
from autonomy.assets import Timeline, wear
from autonomy.dispatch import (
    Dispatch,
    DispatchError,
    Verdict,
    cost_of,
    dispatch_program,
    known_problem,
    optimal_dispatch,
    point_of,
)
from autonomy.dispatch.implied import tightened
from autonomy.dispatch.point import SetPoints
from autonomy.dispatch.slices import cycled_slices
from autonomy.dispatch.toll import toll_per_kwh
from autonomy.layers import physics
from autonomy.layers.errors import ModelError
from autonomy.layers.intent import POLICIES
from autonomy.rollout import roll_out
from autonomy.solvers.exclusive import with_hulls
from tests.dispatches import PLAIN, assert_replayed, solved
from tests.homes import homes, scenario_of
from tests.strategies import communities, scenarios
from tests.test_ev import garages


def assert_nothing_costs_less(simulator: Simulator, dispatch: Dispatch) -> None:
    for name in POLICIES:
        run = roll_out(simulator, Controller(simulator.community, policy=name), name=name)
        # Layer 2 keeps limits to the milliwatt; what that is worth is not a better policy.
        assert run.cost >= dispatch.bound - 1e-4, name


# Replayed, whatever the assets --------------------------------------------------------------------------------------


@given(garages(limited=True), st.sampled_from([0.0, 0.2, 1.0]))
@settings(max_examples=25, deadline=None)
def test_with_cars_the_replay_costs_the_objective_and_no_policy_less_than_the_bound(
    garage: tuple[Any, ...], price: float
) -> None:
    community, scenario, assets, soc = garage
    scenario = scenario.window(0, min(scenario.n_steps, 30))
    timeline = assets.timeline(community, scenario.series)
    assume(timeline is not None)
    window = timeline.window(0, scenario.n_steps)
    economics = Economics(missing_charge_price_per_kwh=price)
    simulator = Simulator(community, scenario, economics=economics, initial_soc=soc, timeline=window)
    dispatch, run = solved(simulator, relative_gap=1e-4)
    assert_replayed(dispatch, run)
    assert dispatch.gap <= 2e-4
    assert_nothing_costs_less(simulator, dispatch)


@given(
    communities(max_prosumers=3),
    st.sampled_from([{"capacity_price_per_kw": 2.0}, {"trade_fee_per_kwh": 0.03}, {"cycle_price_per_kwh": 200.0}]),
    st.sampled_from([0.0, 0.002]),
    st.data(),
)
@settings(max_examples=30, deadline=None)
def test_with_every_price_the_replay_costs_the_objective_and_the_linear_program_says_so(
    community: Community, prices: dict[str, float], leak: float, data: st.DataObject
) -> None:
    community = replace(community, self_discharge_per_h=leak)
    scenario = data.draw(scenarios(community, max_steps=12))
    simulator = Simulator(community, scenario, economics=Economics(**prices))
    dispatch, run = solved(simulator, relative_gap=1e-5)
    assert_replayed(dispatch, run)
    # Fees of a step are rounded down to a micro-currency, so with a fee the bound is that much lower.
    assert dispatch.gap <= 2e-5 + 2e-6 * scenario.n_steps * ("trade_fee_per_kwh" in prices)
    assert_nothing_costs_less(simulator, dispatch)


@given(communities(max_prosumers=3), st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_derating_and_outages_are_kept(community: Community, seed: int) -> None:
    random = np.random.default_rng(seed)
    shape = 10, community.n_prosumers
    scenario = scenario_of(community, random.uniform(0, 4, shape), random.uniform(0, 6, shape))
    timeline = Timeline(
        n_steps=10,
        n_prosumers=shape[1],
        charge_limit_kw=random.choice([0.5, 9.0], shape),
        discharge_limit_kw=random.choice([0.5, 9.0], shape),
        soc_max=random.choice([0.4, 1.0], shape),
        grid_import_limit_kw=random.choice([0.0, np.inf], 10),
        grid_export_limit_kw=random.choice([0.0, np.inf], 10),
    )
    simulator = Simulator(community, scenario, initial_soc=community.soc_max, timeline=timeline)
    dispatch, run = solved(simulator, relative_gap=1e-5)
    assert_replayed(dispatch, run)
    assert dispatch.gap <= 2e-5
    assert_nothing_costs_less(simulator, dispatch)


# By hand --------------------------------------------------------------------------------------------------------------


def test_a_leak_is_counted_by_hand() -> None:
    # A half of what is stored is lost each hour: 4 kWh in the last of two hours need 8 kWh after the first, so the
    # battery, empty at first, is charged with 5 kW at most and gives 2.5 kWh. 5·0.1 + (4 − 2.5)·0.5.
    community = homes(self_discharge_per_h=0.5)
    scenario = scenario_of(community, [[0.0], [4.0]], 0.0, retail_price=[0.1, 0.5], feed_in_price=0.0)
    dispatch, run = solved(Simulator(community, scenario, economics=PLAIN, initial_soc=0.0))
    np.testing.assert_allclose(dispatch.battery_kw[:, 0], [5.0, -2.5], atol=1e-9)
    assert dispatch.objective == pytest.approx(0.5 + 0.75, rel=1e-9)
    assert_replayed(dispatch, run)


def test_a_battery_that_leaked_below_its_band_gives_nothing_until_it_is_charged() -> None:
    # 1 kWh is emin. It leaks to 0.9 and 0.81 kWh, which nobody may use although a kWh costs 0.5.
    community = homes(self_discharge_per_h=0.1, soc_min=0.1)
    scenario = scenario_of(community, [[1.0], [1.0]], 0.0, retail_price=0.5, feed_in_price=0.0)
    dispatch, run = solved(Simulator(community, scenario, economics=PLAIN, initial_soc=0.1))
    np.testing.assert_allclose(run.energy_kwh[:, 0], [1.0, 0.9, 0.81], atol=1e-7)
    assert dispatch.objective == pytest.approx(1.0, abs=1e-6)


def test_a_derated_battery_that_is_fuller_may_only_get_emptier() -> None:
    # Free PV cannot be stored while 9 kWh are above the derated 6 kWh.
    community = homes()
    scenario = scenario_of(community, [[0.0], [0.0]], [[3.0], [3.0]], feed_in_price=0.0, retail_price=0.3)
    timeline = Timeline(n_steps=2, n_prosumers=1, soc_max=np.array([[0.6], [1.0]]))
    economics = replace(PLAIN, terminal_price_per_kwh=0.2)
    dispatch, run = solved(Simulator(community, scenario, economics=economics, initial_soc=0.9, timeline=timeline))
    np.testing.assert_allclose(run.energy_kwh[:, 0], [9.0, 9.0, 10.0], atol=1e-6)
    assert dispatch.objective == pytest.approx(-0.2, abs=1e-6)
    assert dispatch.certificate.verdict is Verdict.EXACT
    assert_replayed(dispatch, run)


def test_the_peak_of_each_month_is_paid_once_by_hand() -> None:
    # Two steps before and two after midnight of 1 June: 3 and 1 kW, then 2 and 2 kW; the empty battery has no power.
    community = homes(charge_limit_kw=0.0, discharge_limit_kw=0.0)
    scenario = scenario_of(community, [[3.0], [1.0], [2.0], [2.0]], 0.0, retail_price=0.1, feed_in_price=0.0)
    series = replace(
        scenario.series, time=np.datetime64("2024-05-31T22:00", "m") + np.arange(4) * np.timedelta64(60, "m")
    )
    economics = replace(PLAIN, capacity_price_per_kw=2.0)
    dispatch, run = solved(Simulator(community, Scenario.whole(series), economics=economics))
    assert dispatch.objective == pytest.approx(2.0 * (3 + 2) + 0.1 * 8, rel=1e-12)
    assert_replayed(dispatch, run)


def test_a_battery_shaves_the_peak_by_hand() -> None:
    # 6 and 0 kW with a full battery of 3 kWh: 3 + 0 kW of imports.
    community = homes(battery_capacity_kwh=3.0)
    scenario = scenario_of(community, [[6.0], [0.0]], 0.0, retail_price=0.1, feed_in_price=0.0)
    simulator = Simulator(community, scenario, economics=replace(PLAIN, capacity_price_per_kw=2.0), initial_soc=1.0)
    dispatch, _ = solved(simulator)
    assert dispatch.objective == pytest.approx(2.0 * 3 + 0.1 * 3, rel=1e-9)


def test_a_fee_is_paid_for_what_neighbours_trade_up_to_what_not_trading_costs() -> None:
    community = homes(2, charge_limit_kw=0.0, discharge_limit_kw=0.0)
    scenario = scenario_of(community, [[0.0, 3.0]], [[2.0, 0.0]], retail_price=0.3, feed_in_price=0.1)
    for fee, toll in ((0.0, 0.0), (0.05, 0.05), (0.2, 0.2), (0.25, 0.2)):
        simulator = Simulator(community, scenario, economics=replace(PLAIN, trade_fee_per_kwh=fee))
        dispatch, run = solved(simulator)
        assert dispatch.objective == pytest.approx(0.3 * 1 + toll * 2, abs=1e-9), fee
        assert_replayed(dispatch, run)
    np.testing.assert_allclose(toll_per_kwh(np.array([0.3, 0.1]), np.array([0.1, 0.5]), 0.05), [0.05, 0.0])
    # No whole micro-currency lies between the two, so nobody trades.
    assert toll_per_kwh(np.array([0.1000006]), np.array([0.1000002]), 0.0)[0] == pytest.approx(4e-7, rel=1e-6)


def test_a_fee_without_a_market_is_refused() -> None:
    community = homes()
    scenario = scenario_of(community, [[1.0]], 0.0)
    odd = replace(scenario.series, feed_in_price=np.array([0.1]))
    window = Scenario.whole(odd)
    object.__setattr__(odd, "feed_in_price", np.array([0.9]))
    with pytest.raises(DispatchError, match="feed-in price is above"):
        optimal_dispatch(community, window, economics=replace(PLAIN, trade_fee_per_kwh=0.1), energy_kwh=np.array([5.0]))


def car(steps: int, *, required: float = 0.0, drive: float = 0.0, leaves: int = 0, returns: int = 1) -> Timeline:
    """A car that leaves at the end of one step and is back at the start of another."""
    active = np.ones((steps, 1), dtype=bool)
    active[leaves + 1 : returns] = False
    departing = np.zeros((steps, 1), dtype=bool)
    departing[leaves] = True
    drives = np.zeros((steps, 1))
    drives[returns] = drive
    return Timeline(
        n_steps=steps,
        n_prosumers=1,
        active=active,
        departing=departing,
        required_kwh=np.where(departing, required, -np.inf),
        drive_kwh=drives,
    )


def test_what_a_car_lacks_is_paid_for_where_that_is_cheaper_by_hand() -> None:
    # 8 kWh are required, 2 are there; a kWh costs 0.3, a missing one 1.0 or 0.2. At most 5 kW can be charged.
    community = homes()
    scenario = scenario_of(community, [[0.0]] * 3, 0.0, retail_price=0.3, feed_in_price=0.0)
    timeline = car(3, required=8.0, returns=2)
    for price, cost in ((1.0, 0.3 * 5 + 1.0 * 1), (0.2, 0.2 * 6)):
        economics = replace(PLAIN, missing_charge_price_per_kwh=price)
        dispatch, run = solved(Simulator(community, scenario, economics=economics, initial_soc=0.2, timeline=timeline))
        assert dispatch.objective == pytest.approx(cost, rel=1e-9)
        assert not dispatch.battery_kw[1].any()
        assert_replayed(dispatch, run)


def test_what_a_drive_takes_below_the_band_was_charged_on_the_way() -> None:
    # 6 kWh of a drive of 10 are in the battery, so 4 come from elsewhere: leaving empty costs nothing, and the optimum
    # sells all 6 kWh for 0.1 first. The linear program without binaries would come back with some of them.
    community = homes()
    scenario = scenario_of(community, [[0.0]] * 3, 0.0, retail_price=0.3, feed_in_price=[0.1, 0.0, 0.2])
    timeline = car(3, drive=10.0, returns=2)
    dispatch, run = solved(Simulator(community, scenario, economics=PLAIN, initial_soc=0.6, timeline=timeline))
    np.testing.assert_allclose(run.battery_kw[:, 0], [-5.0, 0.0, 0.0], atol=1e-6)
    assert dispatch.objective == pytest.approx(-0.5, abs=1e-6)
    assert_replayed(dispatch, run)


def test_a_drive_before_the_window_is_taken_from_what_was_stored() -> None:
    community = homes()
    scenario = scenario_of(community, [[4.0]], 0.0, retail_price=0.3, feed_in_price=0.0)
    timeline = Timeline(n_steps=1, n_prosumers=1, drive_kwh=np.array([[3.0]]))
    economics = replace(PLAIN, terminal_price_per_kwh=0.1)
    dispatch, run = solved(Simulator(community, scenario, economics=economics, initial_soc=0.5, timeline=timeline))
    # 2 kWh are left and used; the terminal rule counts what was there before the drive.
    assert dispatch.objective == pytest.approx(0.3 * 2 + 0.1 * 5, rel=1e-9)
    assert_replayed(dispatch, run)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=40, deadline=None)
def test_what_rows_say_that_pairs_imply_cuts_off_no_plan(seed: int) -> None:
    """Leaks, drives, derating, batteries outside their band: what the physics executes is a point of the program."""
    random = np.random.default_rng(seed)
    ramps = float(random.choice([0.5, 2.0, 7.0, np.inf]))
    community = homes(2, self_discharge_per_h=random.choice([0.0, 0.05]), soc_min=0.2, soc_max=0.8, ramp_limit_kw=ramps)
    shape, previous = (10, 2), random.uniform(-1, 1, 2) * min(ramps, 5.0)
    scenario = scenario_of(community, np.full(shape, 9.0), 9.0)
    leaves = random.random(shape) < 0.2
    timeline = Timeline(
        n_steps=10, n_prosumers=2, soc_max=random.choice([0.4, 1.0], shape), departing=leaves,
        required_kwh=np.where(leaves, 5.0, -np.inf),
        drive_kwh=random.uniform(0, 8, shape) * random.integers(0, 2, shape),
    )  # fmt: skip
    energy = random.uniform(0, 10, 2)
    economics = Economics(cycle_price_per_kwh=float(random.choice([0.0, 200.0])))
    problem = known_problem(
        community,
        scenario,
        economics=economics,
        energy_kwh=energy,
        timeline=timeline,
        previous_battery_kw=previous if np.isfinite(ramps) else None,
    )
    model, power = dispatch_program(problem), np.zeros(shape)
    before, relaxed = problem.previous_kw, False
    for step, held in enumerate(problem.held):
        energy = problem.arrived_kwh(step, energy)
        box = physics.rated_box(held, energy, before)
        relaxed |= bool(box.ramp_relaxed.any())
        power[step] = before = np.clip(random.uniform(-8, 8, 2), box.lower_kw, box.upper_kw)
        energy = physics.rated_energy_after_kwh(community, energy, power[step])
    assume(not relaxed)  # the program does not run a battery into a limit that its ramp cannot keep
    x = point_of(problem, model, SetPoints(battery_kw=power, curtail_kw=np.zeros(shape), shed_kw=np.zeros(shape)))
    assert model.program.feasibility_error(x) <= 1e-9
    tight = with_hulls(tightened(problem, model), model.first, model.second)
    assert tight.row_lower.size > model.program.row_lower.size
    assert tight.feasibility_error(x) <= 1e-9
    assert np.minimum(x[model.first], x[model.second]).max(initial=0.0) <= 1e-9
    assert float(model.program.cost @ x) + model.constant == pytest.approx(
        cost_of(problem, SetPoints(battery_kw=power, curtail_kw=np.zeros(shape), shed_kw=np.zeros(shape))), rel=1e-9
    )


# Cycles by slices -----------------------------------------------------------------------------------------------------


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.0, 0.01]))
@settings(max_examples=30, deadline=None)
def test_no_choice_of_slices_is_cheaper_than_the_simulator_s(seed: int, leak: float) -> None:
    """Whatever the battery does is given; the program may choose the slices freely."""
    random = np.random.default_rng(seed)
    community = homes(self_discharge_per_h=leak, charge_efficiency=0.9, discharge_efficiency=0.8)
    scenario = scenario_of(community, [[3.0]] * 12, 3.0)
    economics = Economics(cycle_price_per_kwh=300.0, cycle_exponent=float(random.choice([1.0, 1.3, 2.03])))
    problem = known_problem(community, scenario, economics=economics, energy_kwh=np.array([6.0]))
    model = dispatch_program(problem)
    power, energy = np.zeros((12, 1)), 6.0
    for step in range(12):
        b = random.uniform(-4, 4)
        kept = community.retention[0] * energy
        power[step] = b = np.clip(b, -max(kept * 0.8 - 1e-9, 0), max((10 - kept) / 0.9 - 1e-9, 0))
        energy = kept + (0.9 * b if b > 0 else b / 0.8)
    asked = SetPoints(battery_kw=power, curtail_kw=np.zeros((12, 1)), shed_kw=np.zeros((12, 1)))
    x = point_of(problem, model, asked)
    assert model.program.feasibility_error(x) <= 1e-9
    lower, upper = model.program.lower.copy(), model.program.upper.copy()
    for name in ("charge", "discharge", "curtail", "shed"):
        columns = model.blocks[name]
        lower[columns] = upper[columns] = x[columns]
    from autonomy.solvers.linear_solution import solve  # noqa: PLC0415

    best = solve(replace(model.program, lower=lower, upper=upper))
    assert best.found
    assert best.objective + model.constant == pytest.approx(cost_of(problem, asked), rel=1e-7, abs=1e-7)
    assert cycled_slices(problem, power)[0]["slices"].shape == (12, 1, wear.SEGMENTS)


def test_cycles_that_cost_more_than_they_earn_are_not_made() -> None:
    community = homes(2, charge_efficiency=0.95)
    scenario = scenario_of(community, [[2.0, 2.0]] * 8, 0.0, retail_price=[0.1, 0.4] * 4, feed_in_price=0.0)
    for price, moves in ((0.0, True), (1e5, False)):
        economics = replace(PLAIN, cycle_price_per_kwh=price, terminal_price_per_kwh=None)
        dispatch, run = solved(Simulator(community, scenario, economics=economics))
        assert bool((dispatch.battery_kw < -1e-6).any()) == moves
        assert_replayed(dispatch, run)


# The price under which binaries can matter ----------------------------------------------------------------------------


@pytest.mark.parametrize("wear_price", [0.0, 0.01, 0.2])
@pytest.mark.parametrize("round_trip", [0.5, 0.81])
@pytest.mark.parametrize("side", [-1, 1])
def test_below_the_price_bound_a_battery_would_burn_energy_and_above_it_never(
    wear_price: float, round_trip: float, side: int
) -> None:
    """-wear·(1 + η)/(1 − η), docs/dispatch.md."""
    bound = -wear_price * (1 + round_trip) / (1 - round_trip)
    price = bound + side * 0.003
    efficiency = round_trip**0.5
    community = homes(charge_efficiency=efficiency, discharge_efficiency=efficiency)
    scenario = scenario_of(community, [[1.0]] * 4, 0.0, retail_price=price, feed_in_price=price - 0.001)
    simulator = Simulator(community, scenario, economics=replace(PLAIN, wear_per_kwh=wear_price), initial_soc=0.9)
    dispatch, run = solved(simulator)
    assert_replayed(dispatch, run)
    if side > 0:
        assert (dispatch.method, dispatch.binaries) == ("LP (exclusive)", 0)
    else:
        assert dispatch.method == "MILP"
        assert dispatch.binaries > 0


# Inputs ---------------------------------------------------------------------------------------------------------------


def test_a_timeline_of_other_steps_and_a_tariff_without_months_are_named() -> None:
    community = homes()
    scenario = scenario_of(community, [[1.0]] * 3, 0.0)
    with pytest.raises(ModelError, match="timeline"):
        optimal_dispatch(
            community, scenario, economics=PLAIN, energy_kwh=np.array([5.0]), timeline=car(4, drive=1.0, returns=2)
        )

    class Timeless:
        demand_kw, pv_kw, timestep_h = scenario.demand_kw, scenario.pv_kw, 1.0
        retail_price, feed_in_price = scenario.retail_price, scenario.feed_in_price
        carbon_kg_per_kwh = scenario.carbon_kg_per_kwh

    economics = replace(PLAIN, capacity_price_per_kw=1.0)
    with pytest.raises(ModelError, match="time"):
        optimal_dispatch(community, Timeless(), economics=economics, energy_kwh=np.array([5.0]))
    assert optimal_dispatch(community, Timeless(), economics=PLAIN, energy_kwh=np.array([5.0])).gap <= 1e-9

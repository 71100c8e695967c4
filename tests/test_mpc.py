"""Receding-horizon policies: their plans against linear programs made here, odd forecasts, limits, names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autonomy import Community, Controller, Forecast, Limits, Network, Observation, Scenario, Simulator
from autonomy.cli import parser
from autonomy.economics import Economics
from autonomy.errors import ConfigError
from autonomy.layers.intent import named_policy
from autonomy.layers.intent.rules import self_consumption
from autonomy.mpc import PLANNERS, RecedingHorizon, ScenarioPlan, plan_exactly
from autonomy.mpc.kernel import CELLS, expected_worth, worth
from autonomy.mpc.linear import LinearPlan
from autonomy.mpc.receding import Moment
from autonomy.policies import NAMES, load_policy, with_economics
from autonomy.rollout import replay, roll_out
from autonomy.solvers.linear import LinearBuilder
from autonomy.solvers.linear_solution import solve
from tests.strategies import communities, scenarios

ECONOMICS = Economics()
PRICES = st.sampled_from([0.06, 0.2, 0.22, 0.3, 0.54])


@dataclass(frozen=True, kw_only=True)
class Case:
    """Numbers of one store over H + 1 steps, the first of which is the present; kW, kWh, currency/kWh."""

    load: np.ndarray
    retail: np.ndarray
    feed_in: np.ndarray
    energy: float
    capacity: float
    power: float
    efficiency: tuple[float, float]
    grid: tuple[float, float]
    hours: float
    leak: float

    @property
    def community(self) -> Community:
        ec, ed = self.efficiency
        return Community(
            battery_capacity_kwh=self.capacity,
            charge_limit_kw=self.power,
            discharge_limit_kw=self.power,
            charge_efficiency=ec,
            discharge_efficiency=ed,
            soc_min=0.1,
            network=Network.single_feeder(n_prosumers=1, import_limit_kw=self.grid[0], export_limit_kw=self.grid[1]),
            self_discharge_per_h=self.leak,
            timestep_h=self.hours,
        )

    @property
    def observation(self) -> Observation:
        demand, pv = np.maximum(self.load, 0.0)[:, None], np.maximum(-self.load, 0.0)[:, None]
        return Observation(
            demand_kw=demand[0],
            pv_kw=pv[0],
            soc=np.array([self.energy / self.capacity]),
            retail_price=self.retail[:1],
            feed_in_price=self.feed_in[:1],
            forecast=forecast_of(demand[1:], pv[1:], self.retail[1:], self.feed_in[1:]),
        )

    @property
    def moment(self) -> Moment:
        return Moment(self.community, self.observation, ECONOMICS)


def forecast_of(demand: Any, pv: Any, retail: Any, feed_in: Any, half_width: float = 0.0) -> Forecast:
    return Forecast(
        demand_kw=demand,
        pv_kw=pv,
        demand_low_kw=np.maximum(demand - half_width, 0.0),
        demand_high_kw=demand + half_width,
        pv_low_kw=pv,
        pv_high_kw=pv,
        coverage=0.8 if half_width else 1.0,
        retail_price=retail,
        feed_in_price=feed_in,
    )


@st.composite
def cases(draw: st.DrawFn, max_steps: int = 24) -> Case:
    """Days of one store: surplus and deficit, limits that bind, prices in every order, SoC outside its band."""
    steps = draw(st.integers(1, max_steps)) + 1
    random = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    retail = random.choice([0.06, 0.2, 0.22, 0.3, 0.54], steps)
    capacity = draw(st.sampled_from([1.0, 6.4, 20.0]))
    return Case(
        load=random.uniform(-6.0, 8.0, steps).round(draw(st.sampled_from([0, 3, 12]))),
        retail=retail,
        feed_in=retail * draw(st.sampled_from([0.0, 0.3, 1.0])),
        energy=capacity * draw(st.one_of(st.sampled_from([0.0, 0.05, 0.1, 0.5, 1.0]), st.floats(0.0, 1.0))),
        capacity=capacity,
        power=draw(st.sampled_from([0.5, 3.0, 5.0])),
        efficiency=(draw(st.floats(0.5, 1.0)), draw(st.floats(0.5, 1.0))),
        grid=(draw(st.sampled_from([2.0, 5.0, np.inf])), draw(st.sampled_from([0.0, 3.0, np.inf]))),
        hours=draw(st.sampled_from([0.25, 1.0])),
        leak=draw(st.sampled_from([0.0, 0.01, 0.05])),
    )


@dataclass
class Node:
    """A step of a tree: its number, load and probability, and the node before it."""

    step: int
    load: float
    probability: float
    before: int


def least_cost(
    case: Case,
    nodes: Sequence[Node],
    *,
    steps: int,
    terminal: float,
    fixed: float | None = None,
    energy: float | None = None,
) -> float:
    """Return what a tree of steps costs at least, in currency: the oracle, written anew.

    Charge and discharge are apart, everything may be shed and curtailed. `fixed` is the first step's kW.
    """
    ec, ed = case.efficiency
    e0 = case.energy if energy is None else energy
    low, high = min(0.1 * case.capacity, e0), max(case.capacity, e0)
    kept = (1.0 - case.leak) ** case.hours
    build = LinearBuilder()
    stored: list[Any] = []
    for node in nodes:
        weight, t = node.probability * case.hours, node.step
        limit = [case.power, case.power]
        if t == 0 and fixed is not None:
            limit = [max(fixed, 0.0), max(-fixed, 0.0)]
        floor = limit if t == 0 and fixed is not None else [0.0, 0.0]
        charge = build.columns((), cost=weight * ECONOMICS.wear_per_kwh, lower=floor[0], upper=limit[0])
        discharge = build.columns((), cost=weight * ECONOMICS.wear_per_kwh, lower=floor[1], upper=limit[1])
        imports = build.columns((), cost=weight * case.retail[t], upper=case.grid[0])
        exports = build.columns((), cost=-weight * case.feed_in[t], upper=case.grid[1])
        shed = build.columns((), cost=weight * ECONOMICS.value_of_lost_load_per_kwh)
        cut = build.columns(())
        last = t == steps - 1
        after = build.columns((), cost=-node.probability * terminal if last else 0.0, lower=low, upper=high)
        border = build.rows((), lower=node.load, upper=node.load)
        for column, sign in ((imports, 1), (exports, -1), (shed, 1), (cut, -1), (charge, -1), (discharge, 1)):
            build.terms(border, column, float(sign))
        begin = kept * e0 if t == 0 else 0.0
        balance = build.rows((), lower=begin, upper=begin)
        for column, factor in ((after, 1.0), (charge, -case.hours * ec), (discharge, case.hours / ed)):
            build.terms(balance, column, factor)
        if t > 0:
            build.terms(balance, stored[node.before], -kept)
        stored.append(after)
    answer = solve(build.build())
    assert answer.found, answer.message
    return answer.objective


def path_of(case: Case, first: int = 0) -> list[Node]:
    """Return the steps of a day that is known, from a step on."""
    return [Node(t, load, 1.0, t - 1) for t, load in enumerate(case.load[first:])]


def later(case: Case) -> Case:
    return replace(case, load=case.load[1:], retail=case.retail[1:], feed_in=case.feed_in[1:])


# Against the oracle ---------------------------------------------------------------------------------------------------


@settings(max_examples=60)
@given(cases())
def test_the_first_power_of_the_exact_plan_is_that_of_a_cheapest_plan(case: Case) -> None:
    moment = case.moment
    asked = plan_exactly(moment)
    steps, terminal = len(case.load), moment.terminal
    best = least_cost(case, path_of(case), steps=steps, terminal=terminal)
    with_it = least_cost(case, path_of(case), steps=steps, terminal=terminal, fixed=asked)
    assert with_it == pytest.approx(best, abs=1e-6, rel=1e-7)
    assert -moment.together.discharge_kw - 1e-9 <= asked <= moment.together.charge_kw + 1e-9


@settings(max_examples=30)
@given(cases(max_steps=12), st.floats(0.1, 1.0), st.floats(0.1, 1.0))
def test_what_stored_energy_is_worth_is_what_the_program_says(case: Case, one: float, two: float) -> None:
    moment, after = replace(case, energy=0.5 * case.capacity).moment, later(case)
    low = 0.1 * case.capacity
    slopes, lengths = worth(
        moment.outlook.load_kw,
        moment.outlook.retail,
        moment.outlook.feed_in,
        moment.later_limits_kw,
        moment.battery,
        (low, case.capacity),
        moment.terminal,
    )
    assert (np.diff(slopes) >= -1e-12).all()
    assert lengths.sum() == pytest.approx(0.9 * case.capacity)
    corners = np.concatenate(([0.0], lengths.cumsum()))
    heights = np.concatenate(([0.0], (slopes * lengths).cumsum()))
    energies = np.array([one, two]) * case.capacity
    said = np.interp(energies - low, corners, heights)
    found = [
        least_cost(after, path_of(after), steps=len(after.load), terminal=moment.terminal, energy=energy)
        for energy in energies
    ]
    assert said[1] - said[0] == pytest.approx(found[1] - found[0], abs=1e-6)


@settings(max_examples=15)
@given(cases(max_steps=3), st.sampled_from([0.0, 0.4, 1.0]))
def test_the_expected_worth_is_that_of_the_whole_tree_but_for_the_grid(case: Case, lasting_share: float) -> None:
    case = replace(case, grid=(np.inf, np.inf), energy=0.5 * case.capacity)
    moment, after = case.moment, later(case)
    plan = ScenarioPlan(lasting_share=lasting_share, lasting_nodes=2, passing_nodes=2)
    spread = np.full(len(after.load), 1.5)
    band = (0.1 * case.capacity, case.capacity)
    slopes, lengths = expected_worth(
        moment.outlook.load_kw,
        spread,
        plan._lasting,
        plan._passing,
        moment.outlook.retail,
        moment.outlook.feed_in,
        moment.later_limits_kw,
        moment.battery,
        band,
        moment.terminal,
    )
    assert len(slopes) == CELLS
    heights = np.concatenate(([0.0], (slopes * lengths).cumsum()))
    ends = []
    for energy in band:
        total = 0.0
        for value, share in plan._lasting.T:
            total += share * least_cost(
                after,
                tree_of(after, 1.5, value, plan._passing),
                steps=len(after.load),
                terminal=moment.terminal,
                energy=energy,
            )
        ends.append(total)
    # Chords of a convex function lie above it, by at most a change of slope over a quarter of a cell, in every step.
    slack = len(after.load) * 0.6 / min(case.efficiency) * lengths[0] / 4 + 1e-6
    assert heights[-1] == pytest.approx(ends[1] - ends[0], abs=slack)


def tree_of(case: Case, spread: float, lasting: float, passing: np.ndarray) -> list[Node]:
    """Return the nodes of all steps, a new error in each; what is drawn in the first step is averaged outside it."""
    nodes: list[Node] = [Node(-1, 0.0, 1.0, -1)]
    layer = [0]
    for t, load in enumerate(case.load):
        grown = []
        for before in layer:
            for value, share in passing.T:
                grown.append(len(nodes))
                probability = nodes[before].probability * share
                nodes.append(Node(t, load + spread * (lasting + value), probability, before - 1))
        layer = grown
    return nodes[1:]


def test_a_steady_program_gives_what_a_new_one_gives() -> None:
    community, week = Community.demo(), Scenario.demo().window(168, 48).with_forecast("intraday")
    simulator, controller = Simulator(community, week), Controller(community, policy="time-of-use")
    steady, each = LinearPlan(), LinearPlan(by_battery=True)
    for _ in range(30):
        observation = simulator.observe()
        moment = Moment(community, observation, ECONOMICS)
        fresh = LinearPlan()
        fresh(moment)
        steady(moment)
        assert steady.objective == pytest.approx(fresh.objective, abs=1e-7)
        powers = each(moment)
        assert isinstance(powers, np.ndarray)
        assert powers.shape == (17,)
        # One store knows fewer limits, so it cannot cost more.
        assert steady.objective <= each.objective + 1e-7
        simulator.execute(controller.step(observation))


def test_equal_batteries_at_equal_levels_are_one_store() -> None:
    community, scenario = Community.demo(), Scenario.demo().with_forecast("7-day-mean")
    for start in (200, 2000, 5000):
        moment = Moment(community, Simulator(community, scenario.window(start, 1)).observe(), ECONOMICS)
        one, each = LinearPlan(), LinearPlan(by_battery=True)
        one(moment)
        each(moment)
        assert one.objective == pytest.approx(each.objective, rel=1e-7)


# What the policies are worth ------------------------------------------------------------------------------------------


def test_with_a_perfect_forecast_a_training_week_costs_nearly_the_optimum() -> None:
    from autonomy.dispatch import optimal_dispatch  # noqa: PLC0415 - loads HiGHS

    community, week = Community.demo(), next(iter(Scenario.demo().training_weeks())).with_forecast("perfect")
    simulator = Simulator(community, week)
    simulator.reset()
    dispatch = optimal_dispatch(community, week, economics=simulator.economics, energy_kwh=simulator.energy_kwh)
    best = replay(simulator, dispatch).cost
    cost = {
        name: roll_out(simulator, Controller(community, policy=name), name=name).cost for name in ("grid-only", "mpc")
    }
    assert 0.98 < (cost["grid-only"] - cost["mpc"]) / (cost["grid-only"] - best) <= 1.0 + 1e-9


def test_without_uncertainty_scenarios_change_nothing() -> None:
    community, week = Community.demo(), Scenario.demo().window(300, 24).with_forecast("perfect")
    observation = Simulator(community, week).observe()
    one, two = (load_policy(name)(community, observation) for name in ("mpc", "mpc-stochastic"))
    np.testing.assert_array_equal(one.battery_kw, two.battery_kw)


def test_wear_that_costs_more_than_it_earns_keeps_batteries_still() -> None:
    community, week = Community.demo(), Scenario.demo().window(300, 24).with_forecast("perfect")
    dear = with_economics(load_policy("mpc"), Economics(wear_per_kwh=5.0))
    assert isinstance(dear, RecedingHorizon)
    assert dear.economics.wear_per_kwh == 5.0
    simulator = Simulator(community, week)
    for step in range(24):
        simulator.step_number = step
        assert not dear(community, simulator.observe()).battery_kw.any()
        assert dear.fault == ""
    assert with_economics(self_consumption, ECONOMICS) is self_consumption


# Limits ---------------------------------------------------------------------------------------------------------------


@settings(max_examples=10)
@given(st.data())
def test_no_plan_breaks_a_rule_on_any_network(data: st.DataObject) -> None:
    community = data.draw(communities(max_prosumers=5, with_ramp=data.draw(st.booleans())))
    scenario = data.draw(scenarios(community, min_steps=6, max_steps=8))
    for name in PLANNERS:
        policy = load_policy(name)
        run = roll_out(Simulator(community, scenario), Controller(community, policy=policy), name=name)
        assert run.violations == ()
        assert not set(run.mode) & {"grid-only", "dead-stop"}
        assert isinstance(policy, RecedingHorizon)


@pytest.mark.parametrize("name", PLANNERS)
def test_a_battery_that_may_not_be_used_is_left_alone_and_derated_ones_ask_for_less(name: str) -> None:
    community = Community.demo()
    observation = Simulator(community, Scenario.demo().window(17, 1)).observe()
    active = np.arange(17) % 2 == 0
    limits = Limits(active=active, discharge_limit_kw=np.full(17, 0.1), charge_limit_kw=np.full(17, 0.1))
    policy = load_policy(name)
    asked = policy(community, replace(observation, limits=limits)).battery_kw
    assert getattr(policy, "fault") == ""  # noqa: B009 - the protocol of a policy has none
    assert not asked[~active].any()
    assert np.abs(asked).max() <= 0.1 + 1e-12


def test_in_an_outage_the_present_load_is_served_from_the_batteries() -> None:
    community = Community.demo()
    observation = Simulator(community, Scenario.demo().window(17, 1)).observe()
    limits = Limits(grid_import_limit_kw=0.0, grid_export_limit_kw=0.0)
    surplus = float((observation.pv_kw - observation.demand_kw).sum())
    assert surplus < 0
    for name in ("mpc", "mpc-lp"):
        asked = load_policy(name)(community, replace(observation, limits=limits)).battery_kw
        assert asked.sum() == pytest.approx(surplus)


# Odd forecasts --------------------------------------------------------------------------------------------------------


def odd_forecasts(good: Forecast) -> dict[str, Any]:
    nan = np.where(np.arange(good.horizon)[:, None] == 3, np.nan, good.demand_kw)
    return {
        "no forecast": None,
        "nan": replace(good, demand_kw=nan),
        "negative": replace(good, pv_kw=-1.0 - good.pv_kw),
        "infinite": replace(good, pv_kw=np.full(good.pv_kw.shape, np.inf)),
        "huge": replace(good, demand_kw=np.full(good.demand_kw.shape, 1e308)),
        "other homes": replace(good, demand_kw=good.demand_kw[:, :3]),
        "empty": replace(good, demand_kw=good.demand_kw[:0], pv_kw=good.pv_kw[:0]),
        "words": replace(good, demand_kw="much"),
        "few prices": replace(good, retail_price=good.retail_price[:2]),
        "price nan": replace(good, feed_in_price=good.feed_in_price * np.nan),
        "a dict": {"demand_kw": good.demand_kw},
    }


@pytest.mark.parametrize("name", PLANNERS)
def test_a_forecast_that_makes_no_sense_leaves_self_consumption_and_says_why(name: str) -> None:
    community = Community.demo()
    observation = Simulator(community, Scenario.demo().window(500, 1)).observe()
    assert observation.forecast is not None
    wanted = self_consumption(community, observation)
    policy: Any = load_policy(name)
    for kind, forecast in odd_forecasts(observation.forecast).items():
        answer = policy(community, replace(observation, forecast=forecast))
        np.testing.assert_array_equal(answer.battery_kw, wanted.battery_kw, err_msg=kind)
        assert policy.fault, kind
        decision = Controller(community, policy=policy).step(replace(observation, forecast=forecast))
        assert np.isfinite(decision.battery_kw).all()
    policy(community, observation)
    assert policy.fault == ""


def test_scenarios_need_low_and_high_that_make_sense() -> None:
    community = Community.demo()
    observation = Simulator(community, Scenario.demo().window(500, 1)).observe()
    good = observation.forecast
    assert good is not None
    policy: Any = load_policy("mpc-stochastic")
    for odd in (replace(good, demand_high_kw=good.demand_kw * np.nan), replace(good, pv_low_kw=good.pv_kw[:2])):
        policy(community, replace(observation, forecast=odd))
        assert "low" in policy.fault or "high" in policy.fault
    for coverage in (0.0, 1.0, float("nan")):  # an interval that says nothing
        policy(community, replace(observation, forecast=replace(good, coverage=coverage)))
        assert policy.fault == ""


@pytest.mark.parametrize("name", PLANNERS)
@pytest.mark.parametrize("steps", [1, 3, 48])
def test_any_horizon_will_do(name: str, steps: int) -> None:
    community = Community.demo()
    observation = Simulator(community, Scenario.demo().window(500, 1)).observe()
    wide = np.full((steps, 17), 1.0)
    forecast = forecast_of(wide, 0.5 * wide, np.full(steps, 0.3), np.full(steps, 0.06), half_width=0.5)
    policy: Any = load_policy(name)
    answer = policy(community, replace(observation, forecast=forecast))
    assert policy.fault == ""
    assert np.isfinite(answer.battery_kw).all()


@pytest.mark.parametrize("name", PLANNERS)
def test_a_community_without_batteries_has_nothing_to_plan(name: str) -> None:
    network = Network.single_feeder(n_prosumers=17, import_limit_kw=60.0, export_limit_kw=60.0)
    names = Community.demo().names
    bare = Community(
        battery_capacity_kwh=0.0, charge_limit_kw=0.0, discharge_limit_kw=0.0, network=network, names=names
    )
    observation = Simulator(bare, Scenario.demo().window(500, 1)).observe()
    assert not load_policy(name)(bare, observation).battery_kw.any()


# Names, determinism, the individual rule ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", PLANNERS)
def test_the_same_observation_gets_the_same_answer(name: str) -> None:
    community = Community.demo()
    week = Scenario.demo().window(700, 6).with_forecast("intraday")
    runs = [roll_out(Simulator(community, week), Controller(community, policy=name), name=name) for _ in range(2)]
    np.testing.assert_array_equal(runs[0].battery_kw, runs[1].battery_kw)
    assert load_policy(name) is not load_policy(name)


def test_every_name_is_in_the_help_and_a_wrong_one_is_corrected() -> None:
    assert set(PLANNERS) < set(NAMES)
    assert {"mpc", "mpc-stochastic", "self-consumption-individual"} <= set(NAMES)
    listed = next(action for action in parser()._actions if action.dest == "command" or action.choices).choices
    assert listed is not None
    run = dict(listed)["run"]
    text = " ".join(run.format_help().replace("-\n", "-").split()).replace("- ", "-")
    assert all(name in text for name in NAMES)
    with pytest.raises(ConfigError, match="did you mean 'mpc-stochastic'"):
        load_policy("mpc-stochastik")


def test_every_home_alone_stores_its_own_surplus_and_trades_nothing() -> None:
    network = Network.single_feeder(n_prosumers=3, import_limit_kw=60.0, export_limit_kw=60.0)
    community = Community(
        battery_capacity_kwh=np.array([10.0, 10.0, 0.0]),
        charge_limit_kw=np.array([2.0, 2.0, 0.0]),
        discharge_limit_kw=np.array([2.0, 2.0, 0.0]),
        soc_min=0.1,
        network=network,
    )
    observation = Observation(
        demand_kw=[1.0, 3.0, 1.0], pv_kw=[6.0, 2.0, 5.0], soc=[0.5, 0.15, 0.0], retail_price=0.3, feed_in_price=0.1
    )
    intent = named_policy("self-consumption-individual")(
        community, replace(observation, retail_price=np.full(3, 0.3), feed_in_price=np.full(3, 0.1))
    )
    np.testing.assert_allclose(intent.battery_kw, [2.0, -0.5, 0.0], atol=1e-12)
    assert not intent.trade_kw.any()

"""Roll-outs: the optimum replayed costs its objective, and no policy costs less."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autonomy import Community, Controller, Economics, Mode, Network, Scenario, Simulator
from autonomy.dispatch import optimal_dispatch
from autonomy.entry import Entry
from autonomy.layers.intent import POLICIES
from autonomy.rollout import OPTIMUM, Overheard, replay, roll_out
from autonomy.trajectory import Trajectory
from tests.homes import homes, scenario_of
from tests.strategies import communities, scenarios


def solve_and_replay(simulator: Simulator) -> tuple[float, Trajectory]:
    simulator.reset()
    dispatch = optimal_dispatch(
        simulator.community, simulator.scenario, economics=simulator.economics, energy_kwh=simulator.energy_kwh
    )
    return dispatch.objective, replay(simulator, dispatch)


def closeness(cost: float) -> float:
    """Currency that is 1e-9 of a cost, or of 1 where the cost is small."""
    return 1e-9 * max(1.0, abs(cost))


# The optimum --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("week", [3, 40])
def test_two_weeks_of_the_demo_cost_what_the_optimum_says_and_no_policy_costs_less(week: int) -> None:
    community = Community.demo()
    simulator = Simulator(community, list(Scenario.demo().weeks())[week])
    objective, best = solve_and_replay(simulator)
    assert best.cost == pytest.approx(objective, rel=1e-9)
    assert best.violations == ()
    assert best.policy == OPTIMUM
    assert np.isnan(best.latency_s).all()
    run = roll_out(simulator, Controller(community, policy="time-of-use"), name="time-of-use")
    assert run.cost >= best.cost - closeness(best.cost)
    assert run.violations == ()


@pytest.mark.parametrize("with_ramp", [False, True])
def test_on_random_communities_the_replay_costs_the_objective_and_nothing_costs_less(with_ramp: bool) -> None:
    @given(communities(max_prosumers=4, with_ramp=with_ramp), st.data())
    @settings(max_examples=15)
    def check(community: Community, data: st.DataObject) -> None:
        simulator = Simulator(community, data.draw(scenarios(community, max_steps=16)))
        objective, best = solve_and_replay(simulator)
        assert best.violations == ()
        assert abs(best.cost - objective) <= closeness(objective)
        for name in POLICIES:
            run = roll_out(simulator, Controller(community, policy=name), name=name)
            assert run.violations == ()
            assert run.cost >= best.cost - closeness(best.cost), name

    check()


@given(communities(max_prosumers=4, lossless=False), st.data())
@settings(max_examples=15)
def test_on_a_lossy_tree_the_replay_keeps_every_limit_and_costs_at_least_the_objective(
    community: Community, data: st.DataObject
) -> None:
    objective, best = solve_and_replay(Simulator(community, data.draw(scenarios(community))))
    assert best.violations == ()
    assert best.cost >= objective - closeness(objective)


def test_a_binding_feeder_and_a_ramp_limit_are_paid_for_by_hand() -> None:
    # 6 kW of demand in the last of three hours behind a feeder of 4 kW: 2 kW are missing. The battery starts empty and
    # may change by 1 kW from hour to hour: -2 kW in the last hour would need -1 kW in the second, which would use up
    # the 1 kWh charged in the first. So it is +1, 0, -1 kW, and 1 kW is shed: 5 kWh at 0.30 and 1 kWh at 3.
    network = Network.single_feeder(n_prosumers=1, import_limit_kw=4.0)
    community = homes(network=network, ramp_limit_kw=1.0)
    economics = Economics(carbon_price_per_kg=0.0, wear_per_kwh=0.0)
    scenario = scenario_of(community, [[0.0], [0.0], [6.0]], 0.0)
    simulator = Simulator(community, scenario, economics=economics, initial_soc=0.0)
    objective, best = solve_and_replay(simulator)
    np.testing.assert_allclose(best.battery_kw[:, 0], [1.0, 0.0, -1.0], atol=1e-9)
    np.testing.assert_allclose(best.shed_kw[:, 0], [0.0, 0.0, 1.0], atol=1e-9)
    assert objective == pytest.approx(0.3 * 5 + 3.0, rel=1e-12)
    assert best.cost == pytest.approx(objective, rel=1e-12)


def test_a_community_whose_band_excludes_half_full_still_has_an_executable_optimum() -> None:
    community = homes(soc_min=0.6, soc_max=0.9)
    scenario = scenario_of(community, [[2.0]] * 6, 0.0, retail_price=[0.1, 0.5, 0.1, 0.5, 0.1, 0.5])
    objective, best = solve_and_replay(Simulator(community, scenario))
    assert best.violations == ()
    assert best.cost == pytest.approx(objective, rel=1e-9)
    assert best.battery_kw.any()


# The record ---------------------------------------------------------------------------------------------------------


def test_a_roll_out_records_every_step_as_it_was_executed() -> None:
    community = homes(2, discharge_efficiency=0.9)
    scenario = scenario_of(community, [[1.0, 2.0], [2.0, 1.0], [0.0, 0.0]], [[3.0, 0.0], [0.0, 0.0], [0.0, 5.0]])
    simulator, steps = Simulator(community, scenario), []
    run = roll_out(simulator, Controller(community), name="a name", on_step=lambda: steps.append(simulator.step_number))
    assert steps == [1, 2, 3]
    assert (run.policy, run.timestep_h, run.energy_kwh.shape) == ("a name", 1.0, (4, 2))
    np.testing.assert_array_equal(run.demand_kw, scenario.demand_kw)
    np.testing.assert_array_equal(run.time, scenario.time)
    np.testing.assert_allclose(run.grid_kw, run.net_export_kw - run.trade_kw, atol=1e-12)
    assert np.all(run.latency_s > 0)
    assert set(run.mode) <= {mode.value for mode in Mode}
    assert run.terminal_value == pytest.approx(0.3 * (run.energy_kwh[-1] - run.energy_kwh[0]).sum(), abs=1e-12)
    assert run.cost == pytest.approx(run.step_cost.sum() - run.terminal_value, rel=1e-12)
    # The batteries take the community's net load: 3 - 1 - 2 = 0, then 0 - 3, then 5 kW of PV.
    np.testing.assert_allclose(run.battery_kw.sum(axis=1), [0.0, -3.0, 5.0], atol=1e-4)


def test_a_decision_of_the_controller_offers_no_more_than_the_node_then_has() -> None:
    """The simulator's market clears what is metered, so the offers themselves are judged here."""
    community = Community.demo()
    simulator = Simulator(community, Scenario.demo().window(0, 48))
    controller = Controller(community, policy="random")
    while not simulator.is_done:
        decision = controller.step(simulator.observe())
        net = simulator.execute(decision).execution.net_export_kw
        assert np.all(np.minimum(net, 0) - 1e-9 <= decision.trade_kw)
        assert np.all(decision.trade_kw <= np.maximum(net, 0) + 1e-9)


def test_the_same_seed_gives_the_same_run_and_the_controller_gets_its_policy_back() -> None:
    community = Community.demo()
    scenario = Scenario.demo().window(0, 24)
    runs = []
    for _ in range(2):
        controller = Controller(community, policy="random")
        before = controller.policy
        runs.append(roll_out(Simulator(community, scenario), controller, name="random"))
        assert controller.policy is before
    np.testing.assert_array_equal(runs[0].battery_kw, runs[1].battery_kw)
    np.testing.assert_array_equal(runs[0].reward, runs[1].reward)


def test_the_overload_penalty_uses_the_intent_of_the_step_and_none_that_could_not_be_read() -> None:
    # Wanting to charge 5 kW behind a feeder of 3 kW is 2 kW too much; a NaN or an exception is no intent.
    community = homes(network=Network.single_feeder(n_prosumers=1, import_limit_kw=3.0))
    scenario = scenario_of(community, [[0.0]] * 3, 0.0)
    answers = iter([np.array([[5.0, 0.0, 0.2]]), np.full((1, 3), np.nan), None])

    def policy(_community: Community, _observation: Any) -> Any:
        answer = next(answers)
        if answer is None:
            raise RuntimeError("no answer")
        return answer

    economics = Economics(energy_weight=0.0, carbon_weight=0.0, wear_weight=0.0)
    run = roll_out(Simulator(community, scenario, economics=economics), Controller(community, policy=policy), name="x")
    np.testing.assert_allclose(run.reward, [-0.2, 0.0, 0.0], atol=1e-12)


def test_an_intent_is_not_carried_over_to_a_step_in_which_nobody_asked() -> None:
    community = homes(network=Network.single_feeder(n_prosumers=1, import_limit_kw=3.0))
    # 1e6 kW of demand is no measurement: the controller goes blind in the second step and does not ask its policy.
    scenario = scenario_of(community, [[0.0], [1e6]], 0.0)
    economics = Economics(energy_weight=0.0, carbon_weight=0.0, wear_weight=0.0, shed_weight=0.0)
    controller = Controller(community, policy=lambda _, __: np.array([[5.0, 0.0, 0.2]]))
    run = roll_out(Simulator(community, scenario, economics=economics), controller, name="x")
    assert run.mode.tolist() == ["projected", "dead-stop"]
    np.testing.assert_allclose(run.reward, [-0.2, 0.0], atol=1e-12)


def test_overhearing_changes_no_answer() -> None:
    answer = np.array([[1.0, 2.0, 3.0]])
    heard = Overheard(lambda _, __: answer)
    community = homes()
    observation = Simulator(community, scenario_of(community, [0.0], 0.0)).observe()
    assert heard(community, observation) is answer
    assert heard.battery_kw is not None
    assert heard.battery_kw.tolist() == [1.0]


def test_a_run_that_fails_gives_the_policy_back_too() -> None:
    community = homes()

    class Failing:
        def record(self, entry: Entry) -> None:
            raise KeyboardInterrupt

    controller = Controller(community, journal=Failing())
    before = controller.policy
    with pytest.raises(KeyboardInterrupt):
        roll_out(Simulator(community, scenario_of(community, [1.0], 0.0)), controller, name="x")
    assert controller.policy is before

"""The simulator: worked by hand, balanced to 1e-9 kWh, and under every policy that has a name."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autonomy import Community, Controller, Economics, Network, Scenario, Simulator
from autonomy.layers.errors import ModelError
from autonomy.layers.intent import POLICIES
from autonomy.rollout import roll_out
from autonomy.trajectory import Trajectory
from tests.homes import decision_of, homes, scenario_of
from tests.strategies import communities, intents, scenarios

# Worked by hand -----------------------------------------------------------------------------------------------------


def test_one_home_one_half_hour_by_hand() -> None:
    # 4 kW demand, 1 kW PV; charge 2 kW, curtail 0.5 kW, shed 1 kW. n = (1 - 0.5) - (4 - 1) - 2 = -4.5 kW.
    # e' = 5 + 0.5·0.9·2 = 5.9 kWh. Bill 0.5·0.30·4.5 = 0.675; CO2 0.40·0.5·4.5 = 0.9 kg at 0.05 = 0.045;
    # wear 0.01·0.5·2 = 0.01; lost load 3·0.5·1 = 1.5. The raw intent would have made 1 - 4 - 2 = -5 kW of a feeder
    # of 3 kW: 2 kW over, 0.1·0.5·2 = 0.1. The feeder is over by 1.5 kW, which is executed and counted.
    network = Network.single_feeder(n_prosumers=1, import_limit_kw=3.0)
    community = homes(timestep_h=0.5, network=network, charge_efficiency=0.9, discharge_efficiency=0.8)
    simulator = Simulator(community, scenario_of(community, [4.0], [1.0]))
    outcome = simulator.execute(decision_of(2.0, curtail=0.5, shed=1.0), intent_kw=np.array([2.0]))
    assert outcome.execution.net_export_kw[0] == pytest.approx(-4.5, rel=1e-15)
    assert simulator.energy_kwh[0] == pytest.approx(5.9, rel=1e-15)
    assert outcome.execution.feeder_kw == pytest.approx(-4.5, rel=1e-15)
    assert outcome.bill[0] == pytest.approx(0.675, rel=1e-12)
    assert outcome.co2_kg == pytest.approx(0.9, rel=1e-12)
    assert outcome.cost == pytest.approx(0.675 + 0.045 + 0.01 + 1.5, rel=1e-12)
    assert [(v.rule, v.index) for v in outcome.violations] == [("line", 0)]
    assert outcome.violations[0].amount == pytest.approx(1.5, rel=1e-12)
    reward = outcome.reward
    assert reward.energy_profit[0] == pytest.approx(-0.675, rel=1e-12)
    assert reward.trade_revenue[0] == 0.0
    assert reward.carbon_cost == pytest.approx(-0.045, rel=1e-12)
    assert reward.wear_cost[0] == pytest.approx(-0.01, rel=1e-12)
    assert reward.shed_cost[0] == pytest.approx(-1.5, rel=1e-12)
    assert reward.overload_penalty == pytest.approx(-0.1, rel=1e-12)
    assert reward.total(Economics()) == pytest.approx(-2.33, rel=1e-12)
    weighted = Economics(
        energy_weight=2, trade_weight=3, carbon_weight=4, overload_weight=5, wear_weight=6, shed_weight=7
    )
    assert reward.total(weighted) == pytest.approx(-(2 * 0.675 + 4 * 0.045 + 5 * 0.1 + 6 * 0.01 + 7 * 1.5), rel=1e-12)


def test_the_overload_penalty_sees_the_rated_power_and_no_penalty_without_an_intent() -> None:
    # An intent of 1e308 kW can only ever mean the rated 5 kW: |0 - 0 - 5| - 3 = 2 kW over for one hour at 0.1.
    community = homes(network=Network.single_feeder(n_prosumers=1, import_limit_kw=3.0, export_limit_kw=4.0))
    scenario = scenario_of(community, [[0.0]] * 4, 0.0)
    for intent, penalty in ((1e308, -0.2), (-np.inf, -0.1), (np.nan, 0.0), (3.0, 0.0)):
        outcome = Simulator(community, scenario).execute(decision_of(0.0), intent_kw=np.array([intent]))
        assert outcome.reward.overload_penalty == pytest.approx(penalty, rel=1e-12)
    assert Simulator(community, scenario).execute(decision_of(0.0)).reward.overload_penalty == 0.0


def test_losses_are_paid_at_the_feeder_by_hand() -> None:
    # r·1000/V² = 0.16·1000/400² = 0.001 per kW: 4 kW of imports lose 0.016 kW, 6 kW of exports 0.036 kW.
    network = Network.single_feeder(n_prosumers=1, import_limit_kw=20.0, export_limit_kw=20.0, resistance_ohm=0.16)
    community = homes(network=network)
    simulator = Simulator(community, scenario_of(community, [[4.0], [0.0]], [[0.0], [6.0]]))
    buying = simulator.execute(decision_of(0.0))
    assert buying.execution.feeder_kw == pytest.approx(-4.016, rel=1e-12)
    assert buying.cost == pytest.approx(0.30 * 4.016 + 0.05 * 0.40 * 4.016, rel=1e-12)
    selling = simulator.execute(decision_of(0.0))
    assert selling.execution.feeder_kw == pytest.approx(6.0 - 0.036, rel=1e-12)
    assert selling.cost == pytest.approx(-0.10 * (6.0 - 0.036), rel=1e-12)
    assert selling.co2_kg == 0.0
    assert buying.violations == selling.violations == ()


def test_a_seller_and_a_buyer_settle_by_hand() -> None:
    # n = +3 and -2 kW; both bid 0.2: 2 kWh change hands at 0.2, 1 kWh is fed in at 0.1.
    community = homes(2)
    simulator = Simulator(community, scenario_of(community, [[0.0, 2.0]], [[3.0, 0.0]]))
    outcome = simulator.execute(decision_of([0.0, 0.0], trade=[3.0, -2.0], price=0.2))
    np.testing.assert_allclose(outcome.execution.trade_kw, [2.0, -2.0], rtol=1e-12)
    np.testing.assert_allclose(outcome.grid_kw, [1.0, 0.0], atol=1e-12)
    np.testing.assert_allclose(outcome.bill, [-(0.1 + 2 * 0.2), 2 * 0.2], rtol=1e-12)
    np.testing.assert_allclose(outcome.reward.trade_revenue, [2 * 0.2, -2 * 0.2], rtol=1e-12)
    assert outcome.violations == ()


def test_observe_shows_the_step_that_execute_then_carries_out() -> None:
    community = homes()
    simulator = Simulator(community, scenario_of(community, [[1.0], [2.0], [3.0]], [[0.5], [0.6], [0.7]]))
    for step in range(3):
        assert not simulator.is_done
        seen = simulator.observe()
        assert seen.demand_kw.tolist() == [step + 1.0]
        assert seen.soc.tolist() == [simulator.energy_kwh[0] / 10.0]
        assert (seen.applied_battery_kw is None) == (step == 0)
        assert simulator.observe().time == seen.time  # looking changes nothing
        outcome = simulator.execute(decision_of(1.0))
        assert outcome.execution.demand_kw.tolist() == seen.demand_kw.tolist()
        assert outcome.execution.pv_kw.tolist() == seen.pv_kw.tolist()
        assert outcome.execution.energy_before_kwh[0] == pytest.approx(seen.soc[0] * 10.0, rel=1e-15)
    assert simulator.is_done
    applied = simulator.observe().applied_battery_kw
    assert applied is not None
    assert applied.tolist() == [1.0]
    with pytest.raises(ModelError, match="call reset"):
        simulator.execute(decision_of(0.0))
    assert simulator.reset().demand_kw.tolist() == [1.0]
    assert simulator.energy_kwh.tolist() == [5.0]


def test_caps_bind_whatever_the_set_points_say() -> None:
    community = homes()
    simulator = Simulator(community, scenario_of(community, [4.0], [6.0]))
    outcome = simulator.execute(decision_of(0.0, curtail=1.0, shed=0.5, generation_cap=2.0, load_cap=3.0))
    np.testing.assert_allclose(outcome.execution.curtail_kw, 4.0)
    np.testing.assert_allclose(outcome.execution.shed_kw, 1.0)
    np.testing.assert_allclose(outcome.execution.net_export_kw, -1.0)
    assert outcome.violations == ()


def test_the_terminal_value_prices_what_was_gained() -> None:
    community = homes(charge_efficiency=0.9)
    scenario = scenario_of(community, [[0.0], [0.0]], 0.0, retail_price=[0.3, 0.2])
    simulator = Simulator(community, scenario)
    simulator.execute(decision_of(2.0))
    assert simulator.terminal_value == pytest.approx(1.8 * 0.2, rel=1e-12)
    assert Simulator(community, scenario, economics=Economics(terminal_price_per_kwh=0.7)).terminal_price == 0.7


def test_batteries_start_half_full_or_at_the_nearest_end_of_their_band() -> None:
    community = homes(3, soc_min=[0.0, 0.6, 0.0], soc_max=[1.0, 1.0, 0.3])
    scenario = scenario_of(community, [[0.0] * 3], 0.0)
    np.testing.assert_allclose(Simulator(community, scenario).energy_kwh, [5.0, 6.0, 3.0], rtol=1e-15)
    np.testing.assert_allclose(Simulator(community, scenario, initial_soc=0.2).energy_kwh, 2.0, rtol=1e-15)


def test_what_does_not_belong_together_is_refused_by_name() -> None:
    community = homes()
    scenario = scenario_of(community, [1.0], [0.0])
    with pytest.raises(ModelError, match=r"scenario\.names"):
        Simulator(homes(names=("somebody else",)), scenario)
    with pytest.raises(ModelError, match=r"scenario\.timestep_h"):
        Simulator(homes(timestep_h=0.5), scenario)
    for wrong in (1.5, np.nan, -0.1):
        with pytest.raises(ModelError, match="initial_soc"):
            Simulator(community, scenario, initial_soc=wrong)


# Properties ---------------------------------------------------------------------------------------------------------


@given(communities(), st.data())
@settings(max_examples=60)
def test_whatever_is_decided_energy_is_conserved_and_trades_are_fair(community: Community, data: st.DataObject) -> None:
    """Any finite decision, unsafe ones too: nothing is created, nobody is worse off for having traded."""
    scenario = data.draw(scenarios(community, min_steps=3, max_steps=5))
    simulator = Simulator(community, scenario)
    dt = community.timestep_h
    while not simulator.is_done:
        before = simulator.energy_kwh.copy()
        wanted = data.draw(intents(community.n_prosumers, st.floats(-9, 9)))
        cuts = data.draw(intents(community.n_prosumers, st.floats(0, 3)))
        decision = decision_of(
            wanted[:, 0], trade=wanted[:, 1], price=wanted[:, 2], curtail=cuts[:, 0], shed=cuts[:, 1]
        )
        outcome = simulator.execute(decision)
        x = outcome.execution
        charge, discharge = np.maximum(x.battery_kw, 0), np.maximum(-x.battery_kw, 0)
        generated, served = (x.pv_kw - x.curtail_kw).sum() * dt, (x.demand_kw - x.shed_kw).sum() * dt
        in_batteries = (simulator.energy_kwh - before).sum()
        battery_losses = dt * float(
            ((1 - community.charge_efficiency) * charge + (1 / community.discharge_efficiency - 1) * discharge).sum()
        )
        line_losses = x.loss_kw * dt
        exported = x.feeder_kw * dt
        assert generated == pytest.approx(served + exported + in_batteries + battery_losses + line_losses, abs=1e-9)
        assert abs(outcome.reward.trade_revenue.sum()) <= 1e-9
        alone = dt * (
            x.retail_price * np.maximum(-x.net_export_kw, 0) - x.feed_in_price * np.maximum(x.net_export_kw, 0)
        )
        # Money is whole micro-currency; a trade that is worth about one each may leave somebody short of one.
        assert np.all(outcome.bill < alone + 1e-6 + 1e-9)
        found = {violation.rule for violation in outcome.violations}
        assert found <= {"soc", "rate", "ramp", "curtailment", "shedding", "connection", "line"}, found


@pytest.mark.parametrize("lossless", [True, False])
def test_no_named_policy_breaks_a_rule_on_any_network(lossless: bool) -> None:
    @given(communities(lossless=lossless, with_ramp=not lossless), st.data())
    @settings(max_examples=25)
    def check(community: Community, data: st.DataObject) -> None:
        scenario = data.draw(scenarios(community, min_steps=4, max_steps=8))
        for name in POLICIES:
            run = roll_out(Simulator(community, scenario), Controller(community, policy=name), name=name)
            assert run.violations == (), (name, run.violations)
            assert_limits_and_balance(community, run)

    check()


def assert_limits_and_balance(community: Community, run: Trajectory) -> None:
    """Check a run again with nothing but its numbers: balance, SoC, cuts, feeder, connections."""
    lost = run.net_export_kw.sum(axis=1) - run.feeder_kw
    np.testing.assert_allclose(lost, run.loss_kw, atol=1e-9)
    assert np.all(run.loss_kw >= 0)
    net = run.pv_kw - run.curtail_kw - run.demand_kw + run.shed_kw - run.battery_kw
    np.testing.assert_allclose(run.net_export_kw, net, atol=1e-9)
    assert np.all(run.energy_kwh >= community.energy_min_kwh - 1e-6)
    assert np.all(run.energy_kwh <= community.energy_max_kwh + 1e-6)
    assert np.all((run.curtail_kw >= 0) & (run.curtail_kw <= run.pv_kw))
    assert np.all((run.shed_kw >= 0) & (run.shed_kw <= run.demand_kw))
    assert np.all(np.abs(run.net_export_kw) <= community.connection_limit_kw + 1e-5)
    assert np.all((run.feeder_kw >= -run.import_limit_kw - 1e-5) & (run.feeder_kw <= run.export_limit_kw + 1e-5))
    np.testing.assert_allclose(run.trade_kw.sum(axis=1), 0.0, atol=1e-9)


def test_a_week_of_the_demo_conserves_energy_to_a_billionth_of_a_kilowatt_hour() -> None:
    community = Community.demo()
    scenario = next(Scenario.demo().weeks())
    run = roll_out(Simulator(community, scenario), Controller(community), name="self-consumption")
    charge, discharge = np.maximum(run.battery_kw, 0), np.maximum(-run.battery_kw, 0)
    generated = (run.pv_kw - run.curtail_kw).sum()
    served = (run.demand_kw - run.shed_kw).sum()
    stored = (0.9487 * charge - discharge / 0.9487).sum()
    in_batteries_and_lost = charge.sum() - discharge.sum()
    assert generated - served - in_batteries_and_lost == pytest.approx(run.feeder_kw.sum(), abs=1e-9)
    assert (run.energy_kwh[-1] - run.energy_kwh[0]).sum() == pytest.approx(stored, abs=1e-9)
    assert run.battery_kw.any()


def test_consumers_without_pv_or_battery_are_ordinary_prosumers() -> None:
    # The middle home has nothing: it pays 2 kWh at 0.30, or less for what the neighbour sells it.
    community = homes(3, battery_capacity_kwh=[10, 0, 0], charge_limit_kw=[5, 0, 0], discharge_limit_kw=[5, 0, 0])
    scenario = scenario_of(community, [[0.0, 2.0, 1.0]] * 3, [[0.0, 0.0, 4.0]] * 3)
    for name in POLICIES:
        simulator = Simulator(community, scenario)
        run = roll_out(simulator, Controller(community, policy=name), name=name)
        assert run.violations == ()
        assert np.all(run.battery_kw[:, 1:] == 0.0)
        assert np.all(run.energy_kwh[:, 1:] == 0.0)
        assert simulator.observe().soc[1:].tolist() == [0.0, 0.0]
        np.testing.assert_allclose(run.net_export_kw[:, 1], -2.0 + run.shed_kw[:, 1], atol=1e-9)
        assert np.all(run.bill[:, 1] <= 0.6 + 1e-9)


def test_an_import_limit_below_demand_loses_load_once_the_batteries_are_empty() -> None:
    # 6 kW of demand, 4 kW of import: 2 kW are missing; 1 kWh in the battery serves half of the first hour's gap.
    network = Network.single_feeder(n_prosumers=1, import_limit_kw=4.0)
    community = homes(network=network)
    scenario = scenario_of(community, [[6.0], [6.0]], 0.0)
    run = roll_out(Simulator(community, scenario, initial_soc=0.1), Controller(community), name="x")
    np.testing.assert_allclose(run.shed_kw[:, 0], [1.0, 2.0], atol=1e-4)
    np.testing.assert_allclose(run.feeder_kw, -4.0, atol=1e-4)
    assert run.violations == ()
    empty = roll_out(Simulator(community, scenario, initial_soc=0.0), Controller(community), name="x")
    np.testing.assert_allclose(empty.shed_kw[:, 0], [2.0, 2.0], atol=1e-4)
    assert empty.step_cost[0] == pytest.approx(4 * 0.30 + 2 * 3.0 + 0.05 * 0.4 * 4, abs=1e-3)

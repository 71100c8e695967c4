"""Monitors: no alarm for any host that keeps what it states, and a fault is named soon."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autonomy import Community, Controller, Decision, Limits, Network, Scenario, Simulator, Supervisor
from autonomy.layers.supervision.monitors import Accuracy, Actuator, FeederBalance, StorageBalance, default_monitors
from tests.bench import EXACT, PAIR, START, Bench, decision_of
from tests.healthy_host import HealthyHost
from tests.planted_faults import ROUTINE, Setting, delays
from tests.strategies import communities


def _fields(accuracy: Accuracy) -> dict[str, Any]:
    return {name: getattr(accuracy, name) for name in Accuracy.__dataclass_fields__}


# No alarm, by construction ----------------------------------------------------------------------------------------


LOOSE = {
    "power_error": (0.01, 0.05),
    "power_resolution_kw": (0.01, 0.1),
    "soc_resolution": (0.001, 0.01, 0.05),
    "efficiency_error": (0.05, 0.2),
    "self_discharge_per_h": (0.001, 0.01),
    "clock_jitter": (0.05, 0.2),
}


@st.composite
def accuracies(draw: st.DrawFn) -> Accuracy:
    """Exact but for some errors: where many are loose, each hides what another does wrong."""
    loose = draw(st.one_of(st.sampled_from([[name] for name in LOOSE]), st.lists(st.sampled_from(list(LOOSE)))))
    stated = {name: draw(st.sampled_from(LOOSE[name])) for name in loose}
    return Accuracy(**{**_fields(EXACT), **stated, "obeys": draw(st.booleans())})


@given(communities(), accuracies(), st.integers(0, 2**32 - 1), st.sampled_from([True, True, False]))
@settings(max_examples=100, deadline=None)
def test_a_host_that_keeps_what_it_states_is_never_doubted(community, accuracy, seed, reports):
    random = np.random.default_rng(seed)
    host = HealthyHost(community, accuracy, random, reports=reports)

    def wild(community, observation):
        return random.uniform(-6.0, 6.0, (community.n_prosumers, 3))

    controller = Controller(community, policy=wild, supervisor=Supervisor(accuracy=accuracy))
    for _ in range(12):
        decision = controller.step(host.observe())
        assert {reason.cause for reason in decision.reasons} <= ROUTINE, [str(reason) for reason in decision.reasons]
        host.execute(decision)


@given(communities(lossless=False, max_prosumers=4), st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_line_losses_are_no_reason_to_doubt_the_feeder(community, seed):
    random = np.random.default_rng(seed)
    host = HealthyHost(community, Accuracy(), random, reports=True)
    controller = Controller(community, policy=lambda c, o: random.uniform(-6, 6, (c.n_prosumers, 3)))
    for _ in range(8):
        decision = controller.step(host.observe())
        assert {reason.cause for reason in decision.reasons} <= ROUTINE, [str(reason) for reason in decision.reasons]
        host.execute(decision)


@pytest.mark.parametrize("policy", ["grid-only", "self-consumption", "time-of-use"])
@pytest.mark.parametrize("accuracy", [Accuracy(), EXACT], ids=["default", "exact"])
def test_three_weeks_of_the_demo_community_raise_no_alarm(policy, accuracy):
    # The whole year raises none either; docs/monitors.md has the command.
    simulator = Simulator(Community.demo(), Scenario.demo().window(24 * 200, 24 * 21))
    controller = Controller(simulator.community, policy=policy, supervisor=Supervisor(accuracy=accuracy))
    while not simulator.is_done:
        decision = controller.step(simulator.observe())
        assert {reason.cause for reason in decision.reasons} <= ROUTINE, [str(reason) for reason in decision.reasons]
        simulator.execute(decision)


@pytest.mark.parametrize("name", ["NaN", "missing", "rail", "unit", "sign", "wrong dt", "stuck", "replay"])
def test_a_planted_fault_is_named_within_two_steps_at_the_median(name):
    random = np.random.default_rng(7)
    onsets, homes = random.integers(24, 8_700, 9).tolist(), random.integers(0, 17, 9).tolist()
    found = delays(Setting(accuracy=EXACT), onsets, homes, [name], longest=6)[name]
    assert min(found) >= 1
    assert sorted(found)[4] <= 2, found


ABSURD = st.sampled_from([0.0, 1e-300, 1e-12, 1.0, 6.4, 1e12, 1e200, 1e300, 1.7e308])


@given(
    st.tuples(ABSURD, ABSURD), st.tuples(ABSURD, ABSURD), st.sampled_from([1e-300, 1e-12, 0.5, 1.0]),
    st.sampled_from([1e-300, 1e-6, 1.0, 1e6, 1e300]), st.sampled_from([Accuracy(), EXACT]),
)  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_no_community_is_too_absurd_for_the_monitors_and_one_at_rest_is_never_doubted(
    capacity, power, efficiency, hours, accuracy
):
    community = Community(
        battery_capacity_kwh=capacity,
        charge_limit_kw=power,
        discharge_limit_kw=power[::-1],
        charge_efficiency=efficiency,
        discharge_efficiency=efficiency,
        network=Network.single_feeder(n_prosumers=2),
        timestep_h=hours,
    )
    with np.errstate(all="raise", under="ignore"), warnings.catch_warnings():
        warnings.simplefilter("error")
        monitors = default_monitors(community, accuracy)
    with np.errstate(all="ignore"):  # as the controller steps
        for monitor in monitors:
            bench = Bench(monitor, community)
            for _ in range(4):
                assert bench.show(applied_battery_kw=[0.0, 0.0], feeder_kw=-2.0) == []


# Asked against applied --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "applied", "found"),
    [
        (2.0, 2.0, None),
        (2.0, 2.03, None),  # 0.01 + 1 % of 2 kW = 0.03 kW
        (2.0, 2.031, "battery"),
        (2.0, -2.0, "battery"),
        (-2.0, 2.0, "battery"),
        (2.0, 2000.0, "battery"),
        (0.0, 3.0, "battery"),
        (0.0, 0.01, None),
        (2.0, 1.0, "note"),
        (2.0, 0.002, "note"),
        (2.0, np.nan, "note"),
        (2.0, np.inf, "note"),
        (2.0, 1e308, "battery"),
    ],
)
def test_a_battery_does_between_nothing_and_what_it_is_asked(asked, applied, found):
    bench = Bench(Actuator(PAIR, Accuracy()))
    bench.show(asked)
    doubts = bench.show(applied_battery_kw=[applied, asked])
    assert [(loss, who) for _, loss, who in doubts] == ([] if found is None else [(found, (0,))])


def test_a_full_battery_and_a_lower_limit_explain_what_was_not_done():
    for given_now in (
        {"soc": [1.0, 0.5]},
        {"limits": Limits(charge_limit_kw=[1.0, 5.0])},
        {"limits": Limits(active=[False, True])},
    ):
        bench = Bench(Actuator(PAIR, Accuracy()))
        bench.show([2.0, 0.0])
        assert bench.show(applied_battery_kw=[1.0, 0.0], **given_now) == []


def test_nobody_counts_on_a_battery_that_falls_short_three_times_in_a_row():
    bench = Bench(Actuator(PAIR, Accuracy()))
    bench.show([2.0, 0.0])
    found = [bench.show([2.0, 0.0], applied_battery_kw=[0.0, 0.0]) for _ in range(4)]
    assert [step[0][1] for step in found] == ["note", "note", "battery", "battery"]
    assert bench.show([2.0, 0.0], applied_battery_kw=[2.0, 0.0]) == []
    assert bench.show([2.0, 0.0], applied_battery_kw=[0.0, 0.0])[0][1] == "note"


def test_what_looks_like_a_sign_or_a_unit_is_said():
    for applied, name in ((-2.0, "sign reversed"), (2000.0, "W instead of kW"), (0.002, "kW instead of W")):
        bench = Bench(Actuator(PAIR, EXACT))
        bench.show([2.0, 0.0])
        bench.show(applied_battery_kw=[applied, 0.0])
        assert name in bench.texts[0]


# The state of charge ----------------------------------------------------------------------------------------------


def test_the_balance_of_a_battery_by_hand():
    # 10 kWh, half full. Charging with 2 kW for half an hour at 0.9 adds 0.9 kWh; discharging at 0.8 takes 1.25 kWh.
    for asked, good, bad in ((2.0, 0.59, 0.591), (-2.0, 0.375, 0.374), (0.0, 0.5, 0.501)):
        bench = Bench(StorageBalance(PAIR, EXACT))
        bench.show([asked, 0.0])
        assert bench.show([0.0, 0.0], soc=[good, 0.5], applied_battery_kw=[asked, 0.0]) == []
        bench = Bench(StorageBalance(PAIR, EXACT))
        bench.show([asked, 0.0])
        found = bench.show([0.0, 0.0], soc=[bad, 0.5], applied_battery_kw=[asked, 0.0])
        assert found == [("soc-balance", "battery", (0,))]


def test_the_tolerance_of_the_balance_by_hand():
    # ±5 % of 0.9 is 0.855..0.945, a meter at 1 % and 10 W, a SoC in whole per cent twice, 0.1 % an hour gone:
    # 2 kW for half an hour add at least 0.855·0.99 − 0.5·0.01/0.76/0.99 − 0.005 and at most 0.945/0.99 + 0.0066 kWh.
    # Two readings of ±0.05 kWh allow 0.1 kWh more on both sides: soc 0.5735.. to 0.6061...
    for soc, fits in ((0.5737, True), (0.5733, False), (0.6060, True), (0.6064, False)):
        bench = Bench(StorageBalance(PAIR, Accuracy()))
        bench.show([2.0, 0.0])
        found = bench.show(soc=[soc, 0.5], applied_battery_kw=[2.0, 0.0])
        assert (found == []) is fits, soc


def test_a_host_that_reports_nothing_may_have_done_anything_between_nothing_and_what_was_asked():
    for soc, fits in ((0.5, True), (0.55, True), (0.59, True), (0.6, False), (0.49, False)):
        bench = Bench(StorageBalance(PAIR, Accuracy(**{**_fields(EXACT), "obeys": False})))
        bench.show([2.0, 0.0])
        assert (bench.show(soc=[soc, 0.5]) == []) is fits, soc
    bench = Bench(StorageBalance(PAIR, EXACT))
    bench.show([2.0, 0.0])
    assert bench.show(soc=[0.5, 0.5]) == [("soc-balance", "battery", (0,))]


def test_a_bias_stays_found_until_the_reading_has_agreed_with_itself_for_four_steps():
    bench = Bench(StorageBalance(PAIR, EXACT))
    bench.show()
    found = [bench.show(soc=[0.7, 0.5], applied_battery_kw=[0.0, 0.0]) for _ in range(6)]
    assert [len(step) for step in found] == [1, 1, 1, 1, 0, 0]


def test_a_reading_that_creeps_is_found_when_the_sum_of_its_steps_shows():
    # Whole per cent: the interval is ±0.05 kWh wide, plus 0.0116 kWh a step upwards.
    bench = Bench(StorageBalance(PAIR, Accuracy()))
    steps = next(k for k in range(1, 50) if bench.show(soc=[0.5 + 0.004 * (k - 1), 0.5], applied_battery_kw=[0.0, 0.0]))
    assert 3 <= steps <= 6


def test_exchanged_rows_are_told_from_two_bad_gauges():
    bench = Bench(StorageBalance(PAIR, EXACT))
    bench.show(soc=[0.3, 0.8])
    assert bench.show(soc=[0.8, 0.3], applied_battery_kw=[0.0, 0.0]) == [("identifiers-swapped", "meter", (0, 1))]
    # They stay exchanged until they are put right, and then nothing is wrong.
    for _ in range(6):
        assert bench.show(soc=[0.8, 0.3], applied_battery_kw=[0.0, 0.0]) == [("identifiers-swapped", "meter", (0, 1))]
    assert bench.show(soc=[0.3, 0.8], applied_battery_kw=[0.0, 0.0]) == []
    bench = Bench(StorageBalance(PAIR, EXACT))
    bench.show(soc=[0.3, 0.8])
    assert bench.show(soc=[0.8, 0.4], applied_battery_kw=[0.0, 0.0]) == [("soc-balance", "battery", (0, 1))]


def test_a_car_that_comes_and_goes_and_a_gap_in_time_are_no_imbalance():
    bench = Bench(StorageBalance(PAIR, EXACT))
    bench.show(limits=Limits(active=[False, True]))
    bench.show(limits=Limits(active=[False, True]), soc=[0.9, 0.5], applied_battery_kw=[0.0, 0.0])
    assert bench.show(soc=[0.1, 0.5], applied_battery_kw=[0.0, 0.0]) == []
    assert bench.show(soc=[0.2, 0.5], applied_battery_kw=[0.0, 0.0]) == [("soc-balance", "battery", (0,))]
    bench = Bench(StorageBalance(PAIR, EXACT))
    bench.show(time=START)
    assert bench.show(time=START + np.timedelta64(2, "h"), soc=[0.9, 0.1], applied_battery_kw=[0.0, 0.0]) == []


def test_an_unreadable_state_of_charge_is_nobodys_imbalance_and_the_next_one_has_to_fit():
    bench = Bench(StorageBalance(PAIR, EXACT))
    bench.show()
    assert bench.show(soc=[np.nan, 0.5], applied_battery_kw=[0.0, 0.0]) == []
    assert bench.show(soc=[7.0, 0.5], applied_battery_kw=[0.0, 0.0]) == []
    assert bench.show(soc=[0.6, 0.5], applied_battery_kw=[0.0, 0.0]) == [("soc-balance", "battery", (0,))]


# The feeder -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("feeder", "applied", "cause", "loss"),
    [
        (-5.0, [3.0, 0.0], None, None),  # 2 kW of load, 3 kW of charging
        (-4.0, [2.0, 0.0], None, None),  # the battery did less, and so does the feeder
        (-5.0, None, None, None),
        (-2.0, None, None, None),  # it may have done nothing
        (-5.2, [3.0, 0.0], "feeder-balance", "policy"),  # tolerance 0.07 + 1.01·(2 + 3 + 5.2)/99 kW = 0.174 kW
        (-5.1, [3.0, 0.0], None, None),
        (-3.0, [3.0, 0.0], "feeder-balance", "policy"),
        (5.0, [3.0, 0.0], "feeder-meter", "note"),
        (-5000.0, [3.0, 0.0], "feeder-meter", "note"),
        (np.nan, [3.0, 0.0], "feeder-meter", "note"),
        ("far", [3.0, 0.0], "feeder-meter", "note"),
        (1e308, [3.0, 0.0], "feeder-balance", "policy"),
        (None, [3.0, 0.0], None, None),
    ],
)
def test_the_feeder_carries_what_the_nodes_say(feeder, applied, cause, loss):
    bench = Bench(FeederBalance(PAIR, Accuracy()))
    bench.show([3.0, 0.0])
    found = bench.show(feeder_kw=feeder, applied_battery_kw=applied)
    assert found == ([] if cause is None else [(cause, loss, ())])


def test_an_isolated_prosumer_is_somewhere_inside_its_caps():
    bench = Bench(FeederBalance(PAIR, EXACT))
    caps = {"generation_cap_kw": np.array([10.0, 0.0]), "load_cap_kw": np.array([10.0, 9.0])}
    situation = bench.screen({"demand_kw": [np.nan, 1.0], "pv_kw": [0.0, 0.0], "soc": [0.5, 0.5]}, np.zeros(2))
    plain = decision_of(situation, 0.0)
    decided = Decision(**{**{n: getattr(plain, n) for n in Decision.__dataclass_fields__}, **caps})
    for feeder, fits in ((-11.0, True), (9.0, True), (0.0, True), (-11.1, False), (9.1, False)):
        bench = Bench(FeederBalance(PAIR, EXACT))
        bench.show(demand_kw=[np.nan, 1.0], decided=decided)
        assert (bench.show(feeder_kw=feeder, applied_battery_kw=[0.0, 0.0]) == []) is fits, feeder


def test_losses_leave_room_below_and_none_above():
    network = Network.single_feeder(n_prosumers=2, import_limit_kw=20.0, export_limit_kw=20.0, resistance_ohm=0.4)
    community = Community(battery_capacity_kwh=0, charge_limit_kw=0, discharge_limit_kw=0, network=network)
    # r = 0.4·1000/400² = 0.0025 per kW: at most 0.0025·20² = 1 kW is lost, and 1.21 kW a little above the limits.
    for feeder, fits in ((-2.0, True), (-2.01, True), (-3.2, True), (-3.3, False), (-1.9, False)):
        bench = Bench(FeederBalance(community, EXACT), community)
        bench.show()
        assert (bench.show(feeder_kw=feeder, applied_battery_kw=[0.0, 0.0]) == []) is fits, feeder

"""`Controller.step` is total: any input gets a decision that keeps every limit."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from autonomy import Community, Controller, Intent, Mode, Network, Observation, Supervisor
from autonomy.errors import ConfigError
from autonomy.layers.intent import POLICIES
from tests.oracle import broken_limits, next_energy
from tests.strategies import ANY_FLOAT, communities, intents, observations

PAIR = Community(
    battery_capacity_kwh=10.0,
    charge_limit_kw=5.0,
    discharge_limit_kw=5.0,
    soc_min=0.1,
    soc_max=0.9,
    connection_limit_kw=12.0,
    network=Network.single_feeder(n_prosumers=2, import_limit_kw=6.0, export_limit_kw=6.0),
)
CALM = Observation(demand_kw=[1.0, 2.0], pv_kw=[3.0, 0.0], soc=[0.5, 0.5], retail_price=0.3, feed_in_price=0.1)


def answering(answer):
    return lambda community, observation: answer


@given(communities(), st.data())
@settings(max_examples=200)
def test_any_intent_gets_a_decision_that_keeps_every_limit(community, data):
    observation = data.draw(observations(community))
    wanted = data.draw(intents(community.n_prosumers, ANY_FLOAT))
    decision = Controller(community, policy=answering(wanted)).step(observation)
    assert broken_limits(community, observation, decision) == []
    assert np.all(decision.price_bid >= 0)
    assert np.all(decision.curtail_kw >= 0)
    assert decision.certificate.gap >= -1e-6


@given(communities(with_ramp=True), st.data())
def test_limits_hold_with_ramps_and_a_left_ramp_window_is_announced(community, data):
    # The states of charge are drawn, not what the batteries did, which monitors would notice.
    controller = Controller(community, policy=answering(data.draw(intents(community.n_prosumers))), monitors=())
    previous = np.zeros(community.n_prosumers)
    for _ in range(4):
        observation = data.draw(observations(community))
        decision = controller.step(observation)
        assert broken_limits(community, observation, decision) == []
        jump = np.abs(decision.battery_kw - previous) > community.ramp_limit_kw + 1e-5
        if jump.any():
            assert any(reason.cause == "ramp-relaxed" for reason in decision.reasons)
        previous = decision.battery_kw


JUNK = st.recursive(
    st.one_of(st.none(), st.booleans(), ANY_FLOAT, st.text(max_size=5), st.binary(max_size=3), st.integers()),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=2)),
    max_leaves=6,
)
KEYS = st.sampled_from(
    ["demand_kw", "pv_kw", "soc", "retail_price", "feed_in_price", "limits", "forecast", "applied_battery_kw",
     "carbon_kg_per_kwh", "time", "feeder_kw", "something_else"]
)  # fmt: skip


@given(st.one_of(JUNK, st.dictionaries(KEYS, st.one_of(JUNK, st.lists(ANY_FLOAT, min_size=2, max_size=2)))), st.data())
@settings(max_examples=400)
def test_any_observation_gets_a_decision(observation, data):
    name = data.draw(st.sampled_from(list(POLICIES)))
    decision = Controller(PAIR, policy=name).step(observation)
    assert isinstance(decision.mode, Mode)
    for field in ("battery_kw", "trade_kw", "price_bid", "curtail_kw", "shed_kw", "net_export_kw"):
        values = getattr(decision, field)
        assert values.shape == (2,)
        assert np.all(np.isfinite(values)), field
        assert not values.flags.writeable
    assert not any(reason.cause == "internal-error" for reason in decision.reasons), decision.reasons
    if decision.mode is not Mode.POLICY:
        assert decision.reasons


ODD_TIMES = st.one_of(
    st.none(), st.datetimes(), st.datetimes(timezones=st.timezones()), st.dates(), st.text(max_size=6), ANY_FLOAT,
    st.integers(), st.datetimes().map(str), st.integers(-(2**62), 2**62).map(lambda x: np.datetime64(x, "ns")),
    st.integers(-(2**40), 2**40).map(lambda x: np.datetime64(x, "Y")), st.just(np.datetime64("NaT")),
    st.binary(max_size=3),
)  # fmt: skip
ODD_NUMBERS = st.one_of(ANY_FLOAT, JUNK, st.lists(ANY_FLOAT, min_size=1, max_size=3), st.integers(), st.just(10**400))


@given(st.lists(st.tuples(ODD_TIMES, ODD_NUMBERS, ODD_NUMBERS, st.floats(0, 1)), min_size=1, max_size=5), st.booleans())
@settings(max_examples=300, deadline=None)
def test_whatever_time_feeder_and_applied_powers_are_the_limits_hold(steps, wrapped):
    controller = Controller(PAIR, policy=answering(np.array([[3.0, 0, 0.2], [-2.0, 0, 0.2]])))
    for time_, feeder, applied, soc in steps:
        given_now = {
            "demand_kw": [1.0, 2.0], "pv_kw": [3.0, 0.0], "soc": [soc, 0.5], "retail_price": [0.3, 0.3],
            "feed_in_price": [0.1, 0.1], "time": time_, "feeder_kw": feeder, "applied_battery_kw": applied,
        }  # fmt: skip
        decision = controller.step(Observation(**given_now) if wrapped else given_now)
        assert not {"internal-error", "monitor-failed"} & {reason.cause for reason in decision.reasons}, (
            decision.reasons
        )
        if decision.mode is not Mode.DEAD_STOP and not any("isolated" in str(reason) for reason in decision.reasons):
            numbers = {name: given_now[name] for name in ("demand_kw", "pv_kw", "soc", "retail_price", "feed_in_price")}
            assert broken_limits(PAIR, Observation(**numbers), decision) == []


def test_a_host_may_reuse_its_arrays():
    # What a host says later must not change what it said before: only then does a stuck gauge show.
    soc, applied = np.array([0.5, 0.5]), np.zeros(2)
    numbers = {"demand_kw": np.ones(2), "pv_kw": np.zeros(2), "soc": soc, "applied_battery_kw": applied}
    numbers |= {"retail_price": np.full(2, 0.3), "feed_in_price": np.full(2, 0.1)}
    controller = Controller(PAIR, policy=answering(np.array([[1.0, 0, 0.2], [0.0, 0, 0.2]])))
    assert controller.step(numbers).reasons == ()
    applied[:] = [1.0, 0.0]
    soc[:] = [0.6, 0.5]
    assert controller.step(numbers).reasons == ()
    decision = controller.step(numbers)  # another kWh went in, and the gauge stands still
    assert [reason.cause.value for reason in decision.reasons][:1] == ["soc-balance"]


def test_one_wrong_gauge_costs_its_battery_and_nobody_else_anything_and_comes_back():
    truth = {"demand_kw": [1.0, 2.0], "pv_kw": [3.0, 0.0], "retail_price": 0.3, "feed_in_price": 0.1}
    answer = np.array([[0.0, 1.0, 0.2], [0.0, -1.0, 0.2]])
    controller = Controller(PAIR, policy=answering(answer))
    modes, trades = [], []
    for k in range(12):
        soc = [0.2 if k in (3, 4) else 0.5, 0.5]
        decision = controller.step({**truth, "soc": soc, "applied_battery_kw": [0.0, 0.0]})
        modes.append([reason.cause.value for reason in decision.reasons])
        trades.append(decision.trade_kw.tolist())
    assert trades == [[1.0, -1.0]] * 12
    assert modes == [[]] * 3 + [["soc-balance"]] * 5 + [["trust-restored"]] + [[]] * 3


def test_a_journal_that_cannot_be_written_costs_a_reason_and_no_decision():
    class FullDisk:
        def record(self, entry):
            raise OSError(28, "No space left on device")

    decision = Controller(PAIR, journal=FullDisk()).step(CALM)
    assert decision.reasons[-1].cause == "journal-failed"
    assert "No space left" in str(decision.reasons[-1])


@pytest.mark.parametrize(
    ("answer", "mode", "cause"),
    [
        (np.full((2, 3), np.nan), Mode.SUPPORT, "intent-not-finite"),
        (np.full((2, 3), 1e308), Mode.PROJECTED, "intent-clipped"),
        (np.zeros((3, 3)), Mode.SUPPORT, "policy-shape"),
        ("charge", Mode.SUPPORT, "policy-shape"),
        (None, Mode.SUPPORT, "policy-shape"),
        (Intent(battery_kw=np.zeros(1), trade_kw=np.zeros(2), price_bid=np.zeros(2)), Mode.SUPPORT, "policy-shape"),
        (np.array([[np.nan, 0, 0.2], [1.0, 0, 0.2]]), Mode.PROJECTED, "intent-not-finite"),
        (np.array([[1.0, 0, 0.2], [1.0, 0, 0.2]]), Mode.POLICY, None),
        (np.array([[1.0, 9, 0.2], [1.0, 0, 0.2]]), Mode.PROJECTED, "trade-cut"),
        (np.array([[1.0, 1, 0.9], [1.0, 0, 0.2]]), Mode.PROJECTED, "price-clipped"),
    ],
)
def test_mode_and_reason_say_what_happened_to_the_intent(answer, mode, cause):
    decision = Controller(PAIR, policy=answering(answer)).step(CALM)
    assert decision.mode is mode
    assert (cause is None and decision.reasons == ()) or cause in [reason.cause for reason in decision.reasons]


def test_a_policy_that_raises_is_overruled_with_its_message():
    def policy(community, observation):
        raise ZeroDivisionError("oh no")

    decision = Controller(PAIR, policy=policy).step(CALM)
    assert decision.mode is Mode.SUPPORT
    assert "ZeroDivisionError: oh no" in str(decision.reasons[0])


def test_a_late_answer_is_discarded():
    def slow(community, observation):
        time.sleep(0.02)
        return np.ones((2, 3))

    decision = Controller(PAIR, policy=slow, supervisor=Supervisor(policy_deadline_s=0.001)).step(CALM)
    assert decision.mode is Mode.SUPPORT
    assert decision.reasons[0].cause == "policy-late"


@pytest.mark.parametrize("kind", ["observation", "mapping"])
def test_a_policy_that_writes_into_its_observation_does_not_change_what_is_checked(kind):
    def forger(community, observation):
        for name in ("demand_kw", "pv_kw"):
            values = getattr(observation, name)
            values.setflags(write=True)
            values[:] = 0.0
        return np.full((2, 3), 5.0)

    numbers = {"demand_kw": [4.0, 5.0], "pv_kw": [0.0, 0.0], "soc": [0.5, 0.5], "retail_price": [0.3, 0.3]}
    numbers["feed_in_price"] = [0.1, 0.1]
    truth, given = Observation(**numbers), Observation(**numbers)
    decision = Controller(PAIR, policy=forger).step(given if kind == "observation" else numbers)
    assert broken_limits(PAIR, truth, decision) == []
    assert decision.battery_kw.sum() < -2.9


def test_a_clean_observation_is_shown_to_the_policy_as_it_is_and_a_doubtful_one_without_the_doubt():
    shown = []
    controller = Controller(PAIR, policy=lambda community, observation: shown.append(observation))
    prices = {"retail_price": [0.3, 0.3], "feed_in_price": [0.1, 0.1]}
    clean = Observation(demand_kw=[1.0, 2.0], pv_kw=[3.0, 0.0], soc=[0.5, 0.5], time="now", **prices)
    doubtful = Observation(demand_kw=[1.0, np.nan], pv_kw=[3.0, 0.0], soc=[0.5, np.inf], time="now", **prices)
    for observation in (clean, doubtful, {**vars(clean), "retail_price": 0.3}):
        controller.step(observation)
    assert shown[0] is clean
    assert shown[1].demand_kw.tolist() == [1.0, 0.0]
    assert shown[1].soc.tolist() == [0.5, 0.0]
    assert shown[2].retail_price.tolist() == [0.3, 0.3]
    assert [observation.time for observation in shown] == ["now"] * 3


def test_support_uses_the_battery_before_it_sheds():
    # 9 kW of demand, 6 kW of import limit, NaN intent: the batteries give the missing 3 kW and nothing is shed.
    observation = Observation(demand_kw=[4.0, 5.0], pv_kw=0.0, soc=0.5, retail_price=0.3, feed_in_price=0.1)
    decision = Controller(PAIR, policy=answering(np.full((2, 3), np.nan))).step(observation)
    assert decision.mode is Mode.SUPPORT
    assert decision.battery_kw.sum() == pytest.approx(-3.0, abs=1e-4)
    assert decision.shed_kw.sum() == 0.0


def test_without_any_measurement_the_community_stops_dead_inside_its_caps():
    decision = Controller(PAIR).step({})
    assert decision.mode is Mode.DEAD_STOP
    assert decision.battery_kw.tolist() == [0.0, 0.0]
    assert decision.load_cap_kw.tolist() == [3.0, 3.0]
    assert decision.generation_cap_kw.tolist() == [3.0, 3.0]


def test_one_broken_meter_does_not_stop_the_neighbour():
    observation = {
        "demand_kw": [np.nan, 2.0], "pv_kw": [3.0, 4.0], "soc": [0.5, 0.5], "retail_price": 0.3, "feed_in_price": 0.1,
    }  # fmt: skip
    decision = Controller(PAIR, policy=answering(np.array([[2.0, 0, 0.2], [2.0, 0, 0.2]]))).step(observation)
    assert decision.battery_kw.tolist() == [0.0, 2.0]
    assert decision.load_cap_kw[0] == 3.0
    assert any(reason.prosumers == (0,) for reason in decision.reasons)


def test_a_failing_backend_leaves_the_exact_answer():
    community = PAIR
    controller = Controller(community, policy=answering(np.full((2, 3), 5.0)))

    class Broken:
        def project(self, situation, intent_kw):
            raise MemoryError("no")

    controller._projector = Broken()
    decision = controller.step(CALM)
    assert decision.mode is Mode.GRID_ONLY
    assert broken_limits(community, CALM, decision) == []
    assert any(reason.cause == "solver-failed" for reason in decision.reasons)


def test_an_error_inside_the_stack_itself_still_gets_a_decision():
    controller = Controller(PAIR)
    controller._screen = None
    decision = controller.step(CALM)
    assert decision.mode is Mode.DEAD_STOP
    assert decision.reasons[0].cause == "internal-error"


def test_the_ramp_window_follows_what_the_host_reports_it_applied():
    community = Community(
        battery_capacity_kwh=10, charge_limit_kw=5, discharge_limit_kw=5, ramp_limit_kw=1.0,
        network=Network.single_feeder(n_prosumers=1),
    )  # fmt: skip
    seen = {"demand_kw": [1.0], "pv_kw": [0.0], "soc": [0.5], "retail_price": 0.3, "feed_in_price": 0.1}
    # A host that reports −3 kW after it was asked for 2 kW is doubted by the monitors.
    controller = Controller(community, policy=answering(np.array([[5.0, 0.0, 0.0]])), monitors=())
    assert controller.step(seen).battery_kw.tolist() == [1.0]
    assert controller.step(seen).battery_kw.tolist() == [2.0]
    assert controller.step({**seen, "applied_battery_kw": [-3.0]}).battery_kw.tolist() == [-2.0]
    controller.reset()
    assert controller.step(seen).battery_kw.tolist() == [1.0]


@pytest.mark.parametrize("options", [{"policy": "self-consumtion"}, {"backend": "exct"}])
def test_a_misspelt_name_is_an_error_with_a_suggestion(options):
    with pytest.raises(ConfigError, match="did you mean"):
        Controller(PAIR, **options)


class LongRun(RuleBasedStateMachine):
    """Sequences of good and bad steps: the energy integrated in the test never leaves the band."""

    @initialize(soc=st.floats(0.0, 1.0))
    def start(self, soc):
        self.answer = np.zeros((2, 3))
        self.controller = Controller(PAIR, policy=lambda community, observation: self.answer)
        self.energy = [soc * 10.0, soc * 10.0]
        self.bounds = [(min(1.0, e), max(9.0, e)) for e in self.energy]

    @rule(data=st.data(), demand=st.floats(0, 9), pv=st.floats(0, 9), blind=st.booleans())
    def step(self, data, demand, pv, blind):
        self.answer = data.draw(intents(2, ANY_FLOAT))
        observation = Observation(
            demand_kw=[demand, 2.0],
            pv_kw=[0.0, pv],
            soc=np.array(self.energy) / 10.0,
            retail_price=0.3,
            feed_in_price=0.1,
        )
        decision = self.controller.step({} if blind else observation)
        if not blind:
            assert broken_limits(PAIR, observation, decision) == []
        before = list(self.energy)
        self.energy = [next_energy(PAIR, i, self.energy[i], float(decision.battery_kw[i])) for i in range(2)]
        for i in range(2):
            inside = 1.0 <= before[i] <= 9.0
            # Once inside the band it stays inside; outside, it only comes nearer.
            low, high = (1.0, 9.0) if inside else (min(before[i], 1.0), max(before[i], 9.0))
            assert low - 1e-9 <= self.energy[i] <= high + 1e-9

    @invariant()
    def energy_stays_between_its_start_and_the_band(self):
        if hasattr(self, "energy"):
            assert all(low - 1e-9 <= e <= high + 1e-9 for e, (low, high) in zip(self.energy, self.bounds, strict=True))


TestLongRun = LongRun.TestCase
TestLongRun.settings = settings(max_examples=30, stateful_step_count=20, deadline=None)

"""Arbiter and latch: what is doubted is taken at once, held, given back, and never comes and goes all the time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from autonomy import Cause, Community, Controller, Mode, Network, Observation, Supervisor
from autonomy.errors import ModelError
from autonomy.layers.supervision import Doubt, Latches, Loss
from autonomy.layers.supervision.latch import EVERYBODY
from tests.oracle import broken_limits
from tests.strategies import communities, intents, observations

TRIO = Community(
    battery_capacity_kwh=10.0,
    charge_limit_kw=5.0,
    discharge_limit_kw=5.0,
    soc_min=0.1,
    soc_max=0.9,
    connection_limit_kw=12.0,
    network=Network.single_feeder(n_prosumers=3, import_limit_kw=9.0, export_limit_kw=9.0),
)
DAY = {"demand_kw": [3.0, 2.0, 1.0], "pv_kw": [0.0, 4.0, 0.0], "soc": 0.5, "retail_price": 0.3, "feed_in_price": 0.1}
EAGER = np.array([[1.0, 0.0, 0.2], [0.5, 1.0, 0.2], [0.0, -1.0, 0.2]])


LOSSES = tuple(Loss)


class Planted:
    """A monitor that says what a test tells it to."""

    def __init__(self) -> None:
        self.doubts: Any = ()

    def look(self, sight: Any) -> Any:
        if isinstance(self.doubts, Exception):
            raise self.doubts
        return self.doubts

    def reset(self) -> None:
        self.doubts = ()


def doubt(loss: Loss, *prosumers: int, cause: Cause = Cause.SOC_BALANCE) -> Doubt:
    return Doubt(cause=cause, text="planted", loss=loss, prosumers=prosumers)


def controller_of(monitor: Any, community: Community = TRIO, **settings: Any) -> Controller:
    return Controller(community, policy=lambda c, o: EAGER, monitors=(monitor,), supervisor=Supervisor(**settings))


def causes(decision: Any) -> list[str]:
    return [reason.cause.value for reason in decision.reasons]


# What each loss takes ---------------------------------------------------------------------------------------------


def test_a_loss_takes_what_it_says_and_nothing_from_the_others():
    monitor = Planted()
    for loss, check in (
        (Loss.NOTE, lambda x: x.battery_kw.tolist() == [1.0, 0.5, 0.0] and x.trade_kw.tolist() == [0.0, 1.0, -1.0]),
        (Loss.MARKET, lambda x: x.battery_kw.tolist() == [1.0, 0.5, 0.0] and x.trade_kw.tolist() == [0.0, 0.0, -1.0]),
        (Loss.BATTERY, lambda x: x.battery_kw.tolist() == [1.0, 0.0, 0.0] and x.trade_kw.tolist() == [0.0, 1.0, -1.0]),
        (Loss.METER, lambda x: x.battery_kw.tolist() == [1.0, 0.0, 0.0] and x.trade_kw.tolist() == [0.0, 0.0, -1.0]),
    ):
        controller = controller_of(monitor)
        monitor.doubts = (doubt(loss, 1),)
        decision = controller.step(DAY)
        assert check(decision), loss
        assert decision.mode is Mode.PROJECTED or loss is Loss.NOTE
        assert "soc-balance" in causes(decision)
    # The fair share of three homes behind 9 kW.
    assert (decision.load_cap_kw[1], decision.generation_cap_kw[1]) == (3.0, 3.0)


def test_without_trust_in_the_policy_it_is_not_even_asked_and_without_any_everything_stops():
    asked = []
    monitor = Planted()
    controller = Controller(TRIO, policy=lambda c, o: asked.append(1), monitors=(monitor,))
    monitor.doubts = (doubt(Loss.POLICY),)
    assert controller.step(DAY).mode is Mode.SUPPORT
    monitor.doubts = (doubt(Loss.BLIND),)
    decision = controller.step(DAY)
    assert decision.mode is Mode.DEAD_STOP
    assert decision.load_cap_kw.tolist() == [3.0, 3.0, 3.0]
    assert asked == []


def test_at_a_peak_a_distrusted_policy_does_not_cost_the_batteries_that_hold_the_limit():
    # 12 kW through 9 kW: support discharges 3 kW, where standing still would shed.
    monitor = Planted()
    controller = controller_of(monitor)
    monitor.doubts = (doubt(Loss.POLICY),)
    decision = controller.step({**DAY, "demand_kw": [4.0, 4.0, 4.0], "pv_kw": 0.0})
    assert decision.battery_kw.sum() == pytest.approx(-3.0, abs=1e-4)
    assert decision.shed_kw.sum() == 0.0


def test_when_every_meter_is_doubted_the_community_is_blind():
    monitor = Planted()
    controller = controller_of(monitor)
    monitor.doubts = (doubt(Loss.METER, 0, 1, 2),)
    assert controller.step(DAY).mode is Mode.DEAD_STOP


@given(communities(with_ramp=True), st.data())
@settings(max_examples=60, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
def test_whatever_is_doubted_the_limits_hold_and_what_is_taken_stands_still(community, data):
    size = community.n_prosumers
    taken = data.draw(
        st.lists(st.tuples(st.sampled_from([Loss.MARKET, Loss.BATTERY, Loss.POLICY]), st.integers(0, size - 1)))
    )
    monitor = Planted()
    wanted = data.draw(intents(size))
    controller = Controller(community, policy=lambda c, o: wanted, monitors=(monitor,))
    monitor.doubts = tuple(doubt(loss, who) for loss, who in taken)
    observation = data.draw(observations(community))
    decision = controller.step(observation)
    assert broken_limits(community, observation, decision) == []
    for loss, who in taken:
        if loss is Loss.BATTERY:
            assert decision.battery_kw[who] == 0.0
        if loss is Loss.MARKET or loss is Loss.POLICY:
            assert decision.trade_kw[who] == 0.0


@given(communities(), st.data())
@settings(max_examples=100, deadline=None)
def test_whatever_an_isolated_prosumer_does_inside_its_caps_every_line_holds(community, data):
    size, network = community.n_prosumers, community.network
    isolated = data.draw(st.sets(st.integers(0, size - 1), min_size=1))
    monitor = Planted()
    wanted = data.draw(intents(size))
    controller = Controller(community, policy=lambda c, o: wanted, monitors=(monitor,))
    monitor.doubts = (doubt(Loss.METER, *isolated),)
    observation = data.draw(observations(community))
    decision = controller.step(observation)
    for end in (0.0, 1.0):
        net = decision.net_export_kw.copy()
        for who in isolated:
            assert decision.battery_kw[who] == decision.trade_kw[who] == 0.0
            net[who] = end * min(decision.generation_cap_kw[who], 1e6) - (1 - end) * min(decision.load_cap_kw[who], 1e6)
        flows = network.incidence @ net
        below = 1e-6 * network.prosumers_below
        assert np.all((-network.import_limit_kw - below <= flows) & (flows <= network.export_limit_kw + below))


# Held, said, given back -------------------------------------------------------------------------------------------


def test_a_doubt_is_said_at_once_and_at_every_step_while_it_is_held_and_so_is_its_end():
    monitor = Planted()
    controller = controller_of(monitor, hold_steps=3)
    monitor.doubts = (doubt(Loss.BATTERY, 0),)
    texts = [str(controller.step(DAY).reasons[0])]
    monitor.doubts = ()
    decisions = [controller.step(DAY) for _ in range(4)]
    texts += [str(decision.reasons[0]) for decision in decisions[:3]]
    assert texts == [
        "planted; batteries stand still",
        "soc-balance of prosumer 0 has been held for 1 step(s); batteries stand still",
        "soc-balance of prosumer 0 has been held for 2 step(s); batteries stand still",
        "soc-balance of prosumer 0 is over after 3 step(s); trusted again",
    ]
    assert [decision.battery_kw[0] for decision in decisions] == [0.0, 0.0, 1.0, 1.0]
    assert decisions[2].reasons[0].cause is Cause.TRUST_RESTORED
    assert decisions[3].reasons == ()
    assert decisions[3].mode is Mode.POLICY


def test_the_neighbours_of_a_bad_meter_trade_all_along():
    monitor = Planted()
    controller = controller_of(monitor)
    traded = []
    for k in range(10):
        monitor.doubts = (doubt(Loss.METER, 0),) if k < 3 else ()
        traded.append(controller.step(DAY).trade_kw.tolist())
    assert traded == [[0.0, 1.0, -1.0]] * 10


def test_a_doubt_that_comes_and_goes_is_given_back_three_times_and_then_once_a_day():
    monitor = Planted()
    controller = controller_of(monitor, hold_steps=2)
    restored = []
    for k in range(24 * 5):
        monitor.doubts = (doubt(Loss.BATTERY, 0),) if k % 4 == 0 else ()
        restored += [k] * ("trust-restored" in causes(controller.step(DAY)))
    assert restored[:3] == [2, 6, 10]
    assert len(restored) <= 3 + 5
    assert len(restored) >= 6
    assert min(np.diff(restored[3:])) >= 23


def test_a_ramp_limit_that_is_left_to_stand_still_is_said():
    community = Community(
        battery_capacity_kwh=10.0, charge_limit_kw=5.0, discharge_limit_kw=5.0, ramp_limit_kw=1.0,
        network=Network.single_feeder(n_prosumers=3),
    )  # fmt: skip
    monitor = Planted()
    controller = controller_of(monitor, community)
    controller.restore(step=1, battery_kw=np.array([4.0, 0.5, 0.0]))
    monitor.doubts = (doubt(Loss.BATTERY, 0, 1),)
    decision = controller.step(DAY)
    said = [reason for reason in decision.reasons if reason.cause is Cause.RAMP_RELAXED]
    assert [reason.prosumers for reason in said] == [(0,)]
    assert decision.battery_kw[:2].tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    "answer",
    [
        ValueError("oh"),
        None,
        7,
        ("no doubt",),
        (doubt(Loss.METER, 3),),
        (doubt(Loss.METER, -1),),
        [doubt(Loss.METER, 99)],
    ],
)
def test_a_monitor_that_fails_is_a_reason_and_the_others_are_heard(answer):
    bad, good = Planted(), Planted()
    controller = Controller(TRIO, policy=lambda c, o: EAGER, monitors=(bad, good))
    bad.doubts, good.doubts = answer, (doubt(Loss.BATTERY, 1),)
    decision = controller.step(DAY)
    assert ("monitor-failed" in causes(decision)) is (answer is not None)
    assert decision.battery_kw.tolist() == [1.0, 0.0, 0.0]
    assert "internal-error" not in causes(decision)


def test_a_reset_gives_everything_back():
    monitor = Planted()
    controller = controller_of(monitor)
    monitor.doubts = (doubt(Loss.METER, 0),)
    controller.step(DAY)
    controller.reset()
    assert controller.step(DAY).reasons == ()


@pytest.mark.parametrize(
    "setting",
    [
        {"hold_steps": 0},
        {"free_releases": 0},
        {"policy_deadline_s": 0.0},
        {"frozen_loss": Loss.BLIND},
        {"frozen_after": -1},
    ],
)
def test_a_setting_out_of_its_range_is_refused_by_name(setting):
    with pytest.raises(ModelError, match=next(iter(setting))):
        Supervisor(**setting)


class Latching(RuleBasedStateMachine):
    """Against a model that knows nothing but the history: what was raised when, and what was let go when."""

    HOLD, FREE, DAY = 3, 2, 10

    def __init__(self) -> None:
        super().__init__()
        self.latches = Latches(hold_steps=self.HOLD, free_releases=self.FREE, day_steps=self.DAY)
        self.step = 0
        self.raised: dict[Any, list[tuple[int, Loss]]] = {}
        self.released: dict[Any, list[int]] = {}

    @rule(
        found=st.lists(
            st.tuples(
                st.sampled_from(LOSSES), st.integers(-1, 1), st.sampled_from([Cause.SOC_BALANCE, Cause.METER_STUCK])
            ),
            max_size=3,
        )
    )
    def look(self, found):
        self.advance([doubt(loss, *([] if who == EVERYBODY else [who]), cause=cause) for loss, who, cause in found])

    @rule(steps=st.integers(1, 30))
    def nothing_for_a_while(self, steps):
        for _ in range(steps):
            self.advance([])
        if steps >= self.HOLD + self.DAY:
            assert self.latches.held == {}

    def advance(self, doubts):
        was_held = set(self.latches.held)
        ended = {end.key for end in self.latches.update(self.step, doubts)}
        for found in doubts:
            if found.loss is not Loss.NOTE:
                for who in found.prosumers or (EVERYBODY,):
                    self.raised.setdefault((found.cause, who), []).append((self.step, found.loss))
        assert ended <= was_held
        assert not ended & set(self.latches.held)
        for key in ended:
            # Nothing is let go before it was silent for long enough.
            assert self.step - self.raised[key][-1][0] >= self.HOLD
            self.released.setdefault(key, []).append(self.step)
        for key in was_held - ended:
            assert key in self.latches.held
        self.step += 1

    @invariant()
    def whatever_was_doubted_and_not_let_go_is_held_with_all_that_was_taken(self):
        for key, history in self.raised.items():
            since = self.released.get(key, [-1])[-1]
            taken = {loss for step, loss in history if step > since}
            assert (self.latches.held[key].losses if key in self.latches.held else set()) == taken

    @invariant()
    def nothing_is_let_go_more_often_than_the_free_times_and_once_a_day(self):
        for steps in self.released.values():
            for first in range(len(steps)):
                for last in range(first, len(steps)):
                    assert last - first + 1 <= self.FREE + (steps[last] - steps[first]) / self.DAY + 1e-9


TestLatching = Latching.TestCase
TestLatching.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


class Trust(RuleBasedStateMachine):
    """A controller and a monitor that changes its mind: every step is said for, and quiet days give everything back."""

    def __init__(self) -> None:
        super().__init__()
        self.monitor = Planted()
        self.controller = controller_of(self.monitor, hold_steps=2, free_releases=2)

    @rule(loss=st.sampled_from(LOSSES), who=st.sets(st.integers(0, 2)))
    def doubted(self, loss, who):
        self.monitor.doubts = (doubt(loss, *sorted(who)),)
        decision = self.controller.step(DAY)
        assert "soc-balance" in causes(decision)
        assert (
            broken_limits(TRIO, Observation(**{**DAY, "soc": [0.5] * 3}), decision) == []
            or loss is Loss.METER
            or self.is_isolating()
        )
        if loss is Loss.BLIND:
            assert decision.mode is Mode.DEAD_STOP

    def is_isolating(self) -> bool:
        return any(Loss.METER in hold.losses for hold in self.controller._arbiter._latches.held.values())

    @rule()
    def silent(self):
        self.monitor.doubts = ()
        decision = self.controller.step(DAY)
        held = self.controller._arbiter._latches.held
        assert bool(held) is ("soc-balance" in causes(decision))
        assert held or decision.mode is Mode.POLICY

    @rule()
    def a_quiet_day(self):
        self.monitor.doubts = ()
        for _ in range(26):
            decision = self.controller.step(DAY)
        assert decision.reasons == ()
        assert decision.battery_kw.tolist() == [1.0, 0.5, 0.0]


TestTrust = Trust.TestCase
TestTrust.settings = settings(max_examples=15, stateful_step_count=20, deadline=None)


SUNNY = DAY | {"demand_kw": [1.0, 1.0, 1.0], "pv_kw": [6.0, 6.0, 6.0], "soc": 0.9}
EVENING = DAY | {"demand_kw": [4.0, 4.0, 4.0], "pv_kw": [0.0, 0.0, 0.0], "soc": 0.1}


def unexplained(kw: float) -> Doubt:
    return Doubt(cause=Cause.FEEDER_BALANCE, text="planted", loss=Loss.POLICY, unexplained_kw=kw)


@pytest.mark.parametrize(("kw", "exported"), [(0.0, 9.0), (2.0, 7.0), (4.0, 6.0), (-4.0, 9.0)])
def test_the_feeder_keeps_free_what_no_node_explains_but_no_more_than_was_measured(kw, exported):
    # 18 kW of generation, 3 of load, batteries full: 15 kW want out through 9. Less load than measured is at most 3 kW.
    monitor = Planted()
    controller = controller_of(monitor)
    monitor.doubts = (unexplained(kw),)
    decision = controller.step(SUNNY)
    assert decision.mode is Mode.SUPPORT
    assert decision.net_export_kw.sum() == pytest.approx(exported, abs=1e-4)
    assert decision.shed_kw.sum() == 0.0


@pytest.mark.parametrize("kw", [-1e6, -5.0, 5.0, np.inf])
def test_a_feeder_meter_that_lies_has_nobody_shed_at_night(kw):
    monitor = Planted()
    controller = controller_of(monitor)
    monitor.doubts = (unexplained(kw),)
    decision = controller.step(EVENING)
    assert decision.mode is Mode.SUPPORT
    assert decision.shed_kw.sum() == pytest.approx(3.0, abs=1e-4)  # as without the lie


def test_what_was_unexplained_is_kept_free_until_the_doubt_is_over():
    monitor = Planted()
    controller = controller_of(monitor, hold_steps=2)
    exported = []
    for kw in (3.0, 1.0, 0.0, None, None, None):
        monitor.doubts = () if kw is None else (unexplained(kw),)
        exported.append(float(controller.step(SUNNY).net_export_kw.sum()))
    assert exported == pytest.approx([6.0, 6.0, 6.0, 6.0, 9.0, 9.0], abs=1e-4)


def test_an_unexplained_power_that_is_no_number_is_no_doubt():
    monitor = Planted()
    controller = controller_of(monitor)
    monitor.doubts = (unexplained(np.nan),)
    assert "monitor-failed" in causes(controller.step(SUNNY))

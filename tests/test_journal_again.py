"""Decisions made again from a journal are the same to the last bit."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autonomy import Cause, Community, Controller, Intent, Limits, Network, Observation, Scenario, Simulator, Supervisor
from autonomy.journal import JsonLinesJournal
from autonomy.journal.verify import verify
from autonomy.layers.intent import POLICIES
from autonomy.layers.projection import Lookahead
from autonomy.layers.supervision import Doubt, Loss, Sight
from autonomy.layers.voltage import VoltageLimits
from autonomy.rollout import roll_out
from tests.homes import homes
from tests.journals import ANSWERS, GOOD, TEXTS, VALUES, findings, lines
from tests.strategies import ANY_FLOAT, communities, intents, observations


@pytest.mark.parametrize("policy", POLICIES)
def test_a_week_of_the_demo_decides_the_same_again_to_the_last_bit(tmp_path: Path, policy: str) -> None:
    week = next(iter(Scenario.demo().held_out_weeks()))
    path = tmp_path / "a.jsonl"
    with JsonLinesJournal(path) as journal:
        controller = Controller(Community.demo(), policy=policy, journal=journal)
        roll_out(Simulator(Community.demo(), week), controller, name=policy)
    found = verify(path)
    assert (found.findings, found.decisions, found.replayed, found.unexplained) == ((), 168, 168, 0)
    assert found.roots == 8
    assert not found.made_elsewhere


KEYS = ("demand_kw", "pv_kw", "soc", "retail_price", "feed_in_price", "limits", "time", "feeder_kw", "forecast")
NAMES = st.one_of(st.sampled_from(KEYS), TEXTS, st.integers(), st.tuples(TEXTS))


@given(
    communities(max_prosumers=3),
    st.lists(
        st.tuples(
            st.dictionaries(NAMES, VALUES, max_size=4),
            st.booleans(),
            ANSWERS,
        ),
        min_size=1,
        max_size=4,
    ),
    st.data(),
)
@settings(max_examples=60, deadline=None)
@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
def test_whatever_is_observed_and_answered_decides_the_same_again(
    tmp_path_factory: pytest.TempPathFactory, community: Community, steps: list[Any], data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("journal") / "a.jsonl"
    answers = iter([answer for _, _, answer in steps])
    size = community.n_prosumers

    def policy(_community: Community, _observation: Observation) -> Any:
        answer = next(answers)
        if isinstance(answer, str):
            raise RuntimeError(answer)
        return data.draw(intents(size, ANY_FLOAT)) if answer is None else answer

    with JsonLinesJournal(path, lines_a_root=2) as journal:
        controller = Controller(community, policy=policy, journal=journal)
        for changes, is_good, _ in steps:
            base = vars(data.draw(observations(community))) if is_good else {}
            decision = controller.step({**base, **changes})
            assert Cause.JOURNAL_FAILED not in [reason.cause for reason in decision.reasons]
    assert findings(path) == []


@given(communities(max_prosumers=4, with_ramp=True), st.data())
@settings(max_examples=30, deadline=None)
def test_ramps_limits_and_restarts_of_a_window_decide_the_same_again(
    tmp_path_factory: pytest.TempPathFactory, community: Community, data: st.DataObject
) -> None:
    path, size = tmp_path_factory.mktemp("journal") / "a.jsonl", community.n_prosumers
    with JsonLinesJournal(path) as journal:
        backend = data.draw(st.sampled_from(["exact", "nested"]))
        controller = Controller(community, policy=lambda *_: data.draw(intents(size)), backend=backend, journal=journal)
        for _ in range(4):
            given_ = vars(data.draw(observations(community)))
            limits = data.draw(st.sampled_from([None, Limits(charge_limit_kw=1.5, can_shed=False), {"active": False}]))
            applied = data.draw(st.sampled_from([None, np.zeros(size), [1.0] * size]))
            controller.step({**given_, "limits": limits, "applied_battery_kw": applied})
            if data.draw(st.booleans()):
                controller.reset()
    assert findings(path) == []


def test_looking_ahead_and_voltage_limits_decide_the_same_again(tmp_path: Path) -> None:
    community, window = Community.demo(), Scenario.demo().window(24 * 200 + 12, 12)
    with JsonLinesJournal(tmp_path / "ahead.jsonl") as journal:
        ahead = Lookahead(community, caution=0.5)
        controller = Controller(community, policy="time-of-use", look_ahead=ahead, journal=journal)
        roll_out(Simulator(community, window), controller, name="x")
    assert findings(tmp_path / "ahead.jsonl") == []
    network = Network(
        parent=[-1, 0], bus_of_prosumer=[0, 1], import_limit_kw=30.0, export_limit_kw=30.0, resistance_ohm=0.3
    )
    pair = Community(battery_capacity_kwh=9.0, charge_limit_kw=4.0, discharge_limit_kw=4.0, network=network)
    voltage = VoltageLimits(network=network, reactance_ohm=0.1, voltage_min_pu=0.97, voltage_max_pu=1.03)
    with JsonLinesJournal(tmp_path / "volts.jsonl") as journal:
        controller = Controller(pair, policy=lambda *_: np.full((2, 3), 4.0), voltage=voltage, journal=journal)
        decision = controller.step({**GOOD, "demand_kw": [2.0, 3.0]})
    assert Cause.VOLTAGE_LIMIT in [reason.cause for reason in decision.reasons]
    assert findings(tmp_path / "volts.jsonl") == []


def test_a_policy_that_is_late_raises_or_freezes_decides_the_same_again(tmp_path: Path) -> None:
    path, calls = tmp_path / "a.jsonl", iter(range(9))

    def policy(_community: Community, _observation: Observation) -> Any:
        call = next(calls)
        if call == 1:
            time.sleep(0.3)
        if call == 2:
            raise KeyError("weights")
        return Intent(battery_kw=np.full(2, 0.5), trade_kw=np.zeros(2), price_bid=np.full(2, 0.2))

    with JsonLinesJournal(path) as journal:
        supervisor = Supervisor(policy_deadline_s=0.25, frozen_after=2)
        controller = Controller(homes(2), policy=policy, supervisor=supervisor, journal=journal)
        causes = set()
        for step in range(7):
            if step == 2:
                time.sleep(0.2)
            decision = controller.step({**GOOD, "demand_kw": [1.0 + step, 2.0]})
            causes |= {reason.cause for reason in decision.reasons}
    assert {Cause.POLICY_LATE, Cause.POLICY_RAISED, Cause.OUTPUT_FROZEN} <= causes
    assert findings(path) == []


class Gloomy:
    """A host's own monitor: it doubts, it raises, it is silent."""

    def __init__(self) -> None:
        self.step = 0

    def look(self, sight: Sight) -> tuple[Doubt, ...]:
        self.step += 1
        if self.step == 2:
            raise RuntimeError("no sensor")
        text = f"gloom at {sight.step}"
        doubt = Doubt(cause=Cause.METER_STUCK, text=text, loss=Loss.METER, prosumers=(1,))
        return (doubt,) if self.step == 1 else ()

    def reset(self) -> None:
        self.step = 0


def test_what_a_monitor_of_the_hosts_own_said_is_in_the_journal_and_heard_again(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    with JsonLinesJournal(path) as journal:
        controller = Controller(homes(2), monitors=[Gloomy()], journal=journal)
        seen = [{reason.cause for reason in controller.step(GOOD).reasons} for _ in range(8)]
    assert Cause.METER_STUCK in seen[0]
    assert Cause.MONITOR_FAILED in seen[1]
    assert Cause.TRUST_RESTORED in set().union(*seen[2:])
    assert lines(path)[1]["doubts"]["found"][0]["text"] == "gloom at 0"
    assert findings(path) == []

"""A decision that is not what the policy wanted says why."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autonomy import Cause, Community, Controller, Mode, Network
from tests.strategies import cases

PAIR = Community(
    battery_capacity_kwh=10.0,
    charge_limit_kw=5.0,
    discharge_limit_kw=5.0,
    charge_efficiency=1.0,
    discharge_efficiency=1.0,
    soc_min=0.1,
    network=Network.single_feeder(n_prosumers=2),
)
SEEN = {"demand_kw": [1.0, 1.0], "pv_kw": [0.0, 0.0], "retail_price": 0.3, "feed_in_price": 0.1}


def wanting(*battery_kw):
    """Return a policy that always wants the same of the batteries, and no trade."""
    return lambda _community, _observation: np.array([[kw, 0.0, 0.2] for kw in battery_kw])


def said(decision, cause):
    return [reason for reason in decision.reasons if reason.cause is cause]


@pytest.mark.parametrize(
    ("soc", "wanted_kw", "done_kw"),
    [
        ((0.1, 0.5), (-2.0, 1.0), (0.0, 1.0)),
        ((0.5, 0.9), (1.0, 3.0), (1.0, 1.0)),
        ((0.25, 1.0), (-4.0, 4.0), (-1.5, 0.0)),
    ],
)
def test_an_intent_that_the_state_of_charge_cuts_is_named_with_whom_it_concerns(soc, wanted_kw, done_kw):
    decision = Controller(PAIR, policy=wanting(*wanted_kw)).step({**SEEN, "soc": list(soc)})
    assert decision.mode is Mode.PROJECTED
    assert decision.battery_kw == pytest.approx(done_kw, abs=1e-5)
    (reason,) = said(decision, Cause.BATTERY_LIMIT)
    assert reason.prosumers == tuple(i for i in range(2) if wanted_kw[i] != done_kw[i])
    assert "state of charge" in reason.text
    assert "ramp" not in reason.text


def test_an_intent_inside_its_box_needs_no_reason():
    decision = Controller(PAIR, policy=wanting(1.0, -1.0)).step({**SEEN, "soc": [0.5, 0.5]})
    assert decision.mode is Mode.POLICY
    assert decision.reasons == ()


def test_a_battery_that_stands_still_for_a_doubt_has_that_reason_only():
    decision = Controller(PAIR, policy=wanting(1.0, 1.0)).step({**SEEN, "soc": [0.5, 7.0]})
    assert decision.mode is Mode.PROJECTED
    assert [reason.cause for reason in decision.reasons] == [Cause.SOC_RANGE]
    decision = Controller(PAIR, policy=wanting(-4.0, 1.0)).step({**SEEN, "soc": [0.3, 7.0]})
    assert [reason.prosumers for reason in said(decision, Cause.BATTERY_LIMIT)] == [(0,)]


@given(cases(max_prosumers=5), st.booleans())
@settings(max_examples=150, deadline=None)
def test_no_decision_is_projected_without_a_reason(case, with_trade):
    community, observation, intent = case
    wanted = np.array(intent, dtype=float)
    if not with_trade:
        wanted[:, 1] = 0.0
    decision = Controller(community, policy=lambda _community, _observation: wanted).step(observation)
    assert decision.mode is not Mode.PROJECTED or decision.reasons
    for reason in said(decision, Cause.BATTERY_LIMIT):
        changed = np.abs(decision.battery_kw - wanted[:, 0])[list(reason.prosumers)]
        assert (changed > 1e-6).all()


@pytest.mark.parametrize("applied", [2.0, np.float64(2.0), np.array(2.0), [2.0, 2.0]])
def test_one_number_for_what_all_batteries_did_begins_every_ramp_window(applied):
    ramped = Community(
        battery_capacity_kwh=10.0,
        charge_limit_kw=5.0,
        discharge_limit_kw=5.0,
        ramp_limit_kw=1.0,
        network=Network.single_feeder(n_prosumers=2),
    )
    controller = Controller(ramped, policy=wanting(5.0, 0.0), monitors=())
    decision = controller.step({**SEEN, "soc": 0.5, "applied_battery_kw": applied})
    assert decision.battery_kw == pytest.approx([3.0, 1.0])
    assert "ramp limit" in said(decision, Cause.BATTERY_LIMIT)[0].text


@pytest.mark.parametrize("applied", [np.nan, "full", [1.0, 2.0, 3.0]])
def test_what_no_battery_can_have_done_leaves_what_was_decided(applied):
    ramped = Community(
        battery_capacity_kwh=10.0,
        charge_limit_kw=5.0,
        discharge_limit_kw=5.0,
        ramp_limit_kw=1.0,
        network=Network.single_feeder(n_prosumers=2),
    )
    controller = Controller(ramped, policy=wanting(5.0, 0.0), monitors=())
    controller.step({**SEEN, "soc": 0.5})
    decision = controller.step({**SEEN, "soc": 0.5, "applied_battery_kw": applied})
    assert decision.battery_kw == pytest.approx([2.0, 0.0])

"""`Controller.step` against an independent specification in exact fractions, whatever is measured and wanted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autonomy import Community, Controller, Decision, Mode, Network, Observation
from autonomy.controller import as_mapping
from autonomy.layers.intent import read_answer
from autonomy.market import clear
from tests.fuzz_step import fuzz
from tests.specification import Decimal, broken_rules, exactly
from tests.strategies import ANY_FLOAT, ODD_VALUE, communities, intents, mappings, wild_communities

PAIR = Community(
    battery_capacity_kwh=10.0,
    charge_limit_kw=5.0,
    discharge_limit_kw=5.0,
    soc_min=0.1,
    soc_max=0.9,
    connection_limit_kw=12.0,
    network=Network.single_feeder(n_prosumers=2, import_limit_kw=6.0, export_limit_kw=6.0),
)
SENT: dict[str, Any] = {
    "demand_kw": np.array([1.0, 2.0]),
    "pv_kw": np.array([3.0, 0.0]),
    "soc": np.array([0.5, 0.5]),
    "retail_price": np.array([0.3, 0.3]),
    "feed_in_price": np.array([0.1, 0.1]),
}
TAME = st.one_of(communities(), communities(with_ramp=True), communities(lossless=False))


def answering(answer: Any) -> Any:
    return lambda community, observation: answer


def kept_by_every_step(community: Community, data: st.DataObject, monitors: Any) -> None:
    wanted = data.draw(st.one_of(intents(community.n_prosumers), intents(community.n_prosumers, ANY_FLOAT)))
    controller, before = Controller(community, policy=answering(wanted), monitors=monitors), None
    for _ in range(2):
        sent = data.draw(mappings(community))
        decision = controller.step(sent)
        previous = np.zeros(community.n_prosumers) if before is None else before
        assert broken_rules(community, sent, decision, before=previous) == []
        assert not any(reason.cause.value == "internal-error" for reason in decision.reasons)
        before = decision.battery_kw


@given(TAME, st.data())
def test_no_decision_breaks_the_specification(community: Community, data: st.DataObject) -> None:
    kept_by_every_step(community, data, ())


@given(wild_communities(), st.data())
@settings(max_examples=60)
def test_no_decision_breaks_the_specification_in_a_community_that_makes_no_sense(
    community: Community, data: st.DataObject
) -> None:
    kept_by_every_step(community, data, ())


@given(TAME, st.data())
@settings(max_examples=60)
def test_no_decision_breaks_the_specification_when_monitors_look_on(community: Community, data: st.DataObject) -> None:
    kept_by_every_step(community, data, None)


@given(st.dictionaries(st.sampled_from([*SENT, "limits", "applied_battery_kw", "else"]), ODD_VALUE), st.data())
def test_junk_gets_a_decision_whose_caps_hold_for_any_true_demand_and_generation(
    sent: dict[str, Any], data: st.DataObject
) -> None:
    decision = Controller(PAIR, monitors=()).step(sent)
    assert broken_rules(PAIR, sent, decision) == []
    if decision.mode is not Mode.DEAD_STOP:
        return
    true = [data.draw(st.tuples(*[st.floats(0, 1e308)] * 2)) for _ in range(2)]
    net = [
        min(Fraction(pv), Fraction(float(decision.generation_cap_kw[i])))
        - min(Fraction(demand), Fraction(float(decision.load_cap_kw[i])))
        for i, (pv, demand) in enumerate(true)
    ]
    assert -6 <= sum(net) <= 6


class Spiteful(Mapping[str, Any]):
    """A mapping of which every use raises."""

    def __getitem__(self, key: str) -> Any:
        raise MemoryError(key)

    def __iter__(self) -> Iterator[str]:
        raise RuntimeError("no")

    def __len__(self) -> int:
        raise OSError("none of your business")


class Eerie:
    """A value of which every use raises."""

    def __getattr__(self, name: str) -> Any:
        raise RecursionError(name)

    def __array__(self, *given: Any, **more: Any) -> Any:
        raise ZeroDivisionError

    def __float__(self) -> float:
        raise KeyError

    def __repr__(self) -> str:
        raise ValueError


@pytest.mark.parametrize(
    "sent", [Spiteful(), {"demand_kw": Eerie()}, {**SENT, "soc": Eerie()}, {**SENT, "limits": Eerie()}, 7, None, "x"]
)
def test_what_raises_when_it_is_looked_at_gets_a_decision(sent: Any) -> None:
    decision = Controller(PAIR, monitors=()).step(sent)
    assert isinstance(decision, Decision)
    assert decision.reasons
    given = sent if isinstance(sent, dict) else {}
    assert broken_rules(PAIR, given if "demand_kw" in given and len(given) > 1 else {}, decision) == []


def changed(decision: Decision, **fields: Any) -> Decision:
    values = {name: getattr(decision, name) for name in decision.__slots__}
    return Decision(**{**values, **{name: np.array(value) for name, value in fields.items()}})


@pytest.mark.parametrize(
    ("fields", "rule"),
    [
        ({"battery_kw": [5.0000000001, 0.0]}, "rate of prosumer 0"),
        ({"battery_kw": [-4.1, 0.0]}, "soc of prosumer 0"),
        ({"battery_kw": [np.nan, 0.0]}, "battery_kw is not finite"),
        ({"battery_kw": [0.0]}, "battery_kw is no array of 2 floats"),
        ({"curtail_kw": [3.0000000001, 0.0]}, "curtailment of prosumer 0"),
        ({"curtail_kw": [-1e-300, 0.0]}, "curtailment of prosumer 0"),
        ({"shed_kw": [0.0, 2.0000001]}, "shedding of prosumer 1"),
        ({"trade_kw": [0.0, 1e-9]}, "trade of prosumer 1"),
        ({"price_bid": [0.3, 0.31]}, "price of prosumer 1"),
        ({"net_export_kw": [2.0, -1.99999]}, "node balance of prosumer 1"),
        ({"load_cap_kw": [1.0, 20.0]}, "line 0 by 1.200e+01 kW"),
        ({"generation_cap_kw": [14.0, 0.0]}, "connection of prosumer 0 by 1.000e+00 kW"),
        ({"generation_cap_kw": [np.nan, 0.0]}, "generation_cap_kw is not finite"),
    ],
)
def test_the_specification_sees_what_is_wrong(fields: dict[str, Any], rule: str) -> None:
    decision = Controller(PAIR, policy=answering(np.zeros((2, 3))), monitors=()).step(SENT)
    assert broken_rules(PAIR, SENT, decision) == []
    assert rule in broken_rules(PAIR, SENT, changed(decision, **fields))


def test_the_specification_sees_a_ramp_that_is_left_without_a_word() -> None:
    community = Community(
        battery_capacity_kwh=10.0,
        charge_limit_kw=5.0,
        discharge_limit_kw=5.0,
        ramp_limit_kw=1.0,
        network=Network.single_feeder(n_prosumers=2),
    )
    decision = Controller(community, policy=answering(np.full((2, 3), 5.0)), monitors=()).step(SENT)
    assert decision.battery_kw.tolist() == [1.0, 1.0]
    assert broken_rules(community, SENT, decision, before=np.zeros(2)) == []
    assert broken_rules(community, SENT, decision, before=np.array([0.0, -1e-9])) == ["ramp of prosumer 1"]


@given(TAME, st.data())
@settings(max_examples=40)
def test_exact_decimals_say_what_fractions_say(community: Community, data: st.DataObject) -> None:
    sent, size = data.draw(mappings(community)), community.n_prosumers
    decision = Controller(community, monitors=()).step(sent)
    numbers = st.one_of(st.floats(-9, 9), st.sampled_from([0.0, 1e9, 5e-324]))
    bad = changed(
        decision,
        battery_kw=[data.draw(numbers) for _ in range(size)],
        shed_kw=[data.draw(numbers) for _ in range(size)],
        load_cap_kw=[abs(data.draw(numbers)) for _ in range(size)],
    )
    for judged in (decision, bad):
        with exactly():
            found = broken_rules(community, sent, judged, before=np.zeros(size), number=Decimal)
        assert found == broken_rules(community, sent, judged, before=np.zeros(size))


@given(communities(), st.data())
@settings(max_examples=60)
def test_what_is_traded_sums_to_exactly_nothing_and_stays_inside_the_offers(
    community: Community, data: st.DataObject
) -> None:
    sent, size = data.draw(mappings(community, with_limits=False)), community.n_prosumers
    decision = Controller(community, policy=answering(data.draw(intents(size))), monitors=()).step(sent)
    cleared = clear(decision.trade_kw, decision.price_bid, feed_in_price=-1e6, retail_price=1e6)
    traded = [Fraction(float(t)) for t in cleared.trade_kw]
    assert sum(traded) == 0
    for t, offer in zip(traded, decision.trade_kw, strict=True):
        assert min(Fraction(float(offer)), Fraction(0)) <= t <= max(Fraction(float(offer)), Fraction(0))


def test_an_observation_and_a_mapping_are_one_and_the_same() -> None:
    one, other = (Controller(PAIR, monitors=()).step(x) for x in (Observation(**SENT), SENT))
    assert one.battery_kw.tolist() == other.battery_kw.tolist()
    assert broken_rules(PAIR, as_mapping(Observation(**SENT)), one) == []


def test_an_array_of_a_policy_is_read_in_columns_of_one_piece() -> None:
    intent = read_answer(np.ones((4, 3)), 4).intent
    assert intent is not None
    assert all(row.flags.c_contiguous for row in (intent.battery_kw, intent.trade_kw, intent.price_bid))


def test_a_short_fuzz_finds_nothing() -> None:
    tally = fuzz(steps=2000, seed=7)
    assert tally.steps == 2000
    assert tally.dirty > 400
    assert tally.findings == 0, tally.first

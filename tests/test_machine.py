"""The loops of a step in machine code say what NumPy says, on good numbers and on bad ones."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autonomy import Community, Controller, Decision, Intent, Limits, Mode, Network, Observation
from autonomy.controller import as_mapping
from autonomy.layers.intent import POLICIES, rules
from autonomy.layers.situation import LARGEST_KW, SetPoints, Situation
from autonomy.layers.supervision import Candidate, QuickGate, Screen, supervise
from autonomy.layers.supervision.check import check_ledger
from autonomy.layers.supervision.milliwatt import PER_KW, ROUNDING_UP, bounds_of, ledger_of, quantise
from autonomy.solvers import machine as machine_file
from autonomy.solvers.kernel import grid
from autonomy.solvers.machine import load_machine
from tests.strategies import ANY_FLOAT, communities, intents, observations
from tests.test_supervision import assert_same

found = load_machine()
assert found is not None, "Numba is required, so its machine code must be there"
MACHINE = found
PAIR = Community(
    battery_capacity_kwh=10.0,
    charge_limit_kw=5.0,
    discharge_limit_kw=5.0,
    network=Network.single_feeder(n_prosumers=2),
)
CALM = Observation(
    demand_kw=[1.0, 2.0], pv_kw=[3.0, 0.0], soc=[0.5, 0.5], retail_price=[0.3] * 2, feed_in_price=[0.1] * 2
)
POINTS = st.one_of(st.floats(-9, 9), st.floats(0, 1e-5), ANY_FLOAT, st.just(0.0), st.sampled_from([1e9, 1.0000001e9]))


def clean(community: Community, data: st.DataObject) -> Situation:
    """Draw a situation without a doubt."""
    inside = st.floats(float(community.soc_min[0]), float(community.soc_max[0]))
    return Screen(community)(
        as_mapping(data.draw(observations(community, soc=inside))), np.zeros(community.n_prosumers)
    )


def column(data: st.DataObject, size: int, values: st.SearchStrategy[float]) -> Any:
    return np.array([data.draw(values) for _ in range(size)])


def points_of(situation: Situation, data: st.DataObject) -> SetPoints:
    """Draw set-points: anything, something small, or what keeps many limits: every home nearly by itself."""
    size = situation.pv_kw.size
    if data.draw(st.booleans()):
        return SetPoints(*(column(data, size, POINTS) for _ in range(3)))
    part = data.draw(st.sampled_from([0.0, 0.5, 1.0]))
    surplus = situation.pv_kw - situation.demand_kw
    battery = np.clip(surplus, situation.battery_lower_kw, situation.battery_upper_kw)
    rest = surplus - battery
    nudge = data.draw(st.sampled_from([0.0, 4.9e-7, -5.1e-7, 1e-6]))
    return SetPoints(battery + nudge, part * np.maximum(rest, 0.0), part * np.maximum(-rest, 0.0))


@given(communities(), st.data())
@settings(max_examples=300)
def test_the_quick_gate_passes_what_check_passes_and_nothing_else(community: Community, data: st.DataObject) -> None:
    situation = clean(community, data)
    points = points_of(situation, data)
    bounds = bounds_of(situation)
    plan = quantise(bounds, points)
    ledger = None if plan is None else ledger_of(bounds, plan)
    passes = situation.is_clean and ledger is not None and check_ledger(bounds, ledger) == ()
    passed = QuickGate(community, MACHINE.settle)(situation, points)
    assert (passed is not None) == passes
    if passed is None or ledger is None:
        return
    verdict = supervise(situation, Candidate(set_points=points), lambda: 1 / 0)
    assert verdict.rung is Mode.PROJECTED
    size = community.n_prosumers
    assert passed.is_cut == bool(ledger[size : 3 * size].any())
    battery, curtail, shed = verdict.set_points
    caps = verdict.generation_cap_kw, verdict.load_cap_kw
    for mine, theirs in zip(
        passed.block[[0, 3, 4, 5, 6, 7]], (battery, curtail, shed, verdict.net_export_kw, *caps), strict=True
    ):
        np.testing.assert_array_equal(mine, theirs)
    np.testing.assert_array_equal(np.rint(passed.block[0] * PER_KW), ledger[:size])


@given(communities(), st.data())
def test_a_limit_at_its_very_edge_is_judged_alike(community: Community, data: st.DataObject) -> None:
    """Line and connection limits are set to exactly what a plan needs, or a milliwatt less."""
    situation = clean(community, data)
    points, size = points_of(situation, data), community.n_prosumers
    plan = quantise(bounds_of(situation), points)
    if plan is None or not situation.is_clean:
        return
    ledger = ledger_of(bounds_of(situation), plan)
    node, flow = np.abs(ledger[3 * size : 4 * size]), np.abs(ledger[4 * size :])
    short, short_line = (data.draw(st.sampled_from([0, 0, 0, 1])) for _ in range(2))
    # Limits are rounded down, a milliwatt (a line: one a prosumer) and one are kept; half a one hides the last digit.
    line_kw = (flow + community.network.prosumers_below + 1.5 - short_line) / PER_KW
    capacity = type(situation.capacity)(
        connection_limit_kw=np.maximum((node + 2.5 - short) / PER_KW, 0.0),
        import_limit_kw=line_kw,
        export_limit_kw=line_kw,
        fair_import_kw=situation.fair_import_kw,
        fair_export_kw=situation.fair_export_kw,
    )
    situation = situation._replace(capacity=capacity)
    bounds = bounds_of(situation)
    safe = check_ledger(bounds, ledger_of(bounds, plan)) == ()
    assert (QuickGate(community, MACHINE.settle)(situation, points) is not None) == safe
    reached = bool(np.all(ledger[:size] >= bounds.lower[:size]) and np.all(ledger[:size] <= bounds.upper[:size]))
    if not (short or short_line) and reached:
        assert safe


def test_the_kernels_know_the_layers_constants() -> None:
    assert (grid.STEPS, grid.LARGEST, grid.ROUNDING_UP) == (PER_KW, LARGEST_KW, ROUNDING_UP)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e308, 1.0000001e9])
@pytest.mark.parametrize("row", range(3))
def test_the_quick_gate_takes_no_number_that_is_no_power(bad: float, row: int) -> None:
    situation = Screen(PAIR)(as_mapping(CALM), np.zeros(2))
    points = SetPoints(*np.zeros((3, 2)))
    gate = QuickGate(PAIR, MACHINE.settle)
    assert gate(situation, points) is not None
    points[row][1] = bad
    assert gate(situation, points) is None
    points[row][1] = 0.0
    for name in ("measured_kw", "reach_kw"):
        block = getattr(situation, name).copy()
        block[1, 1] = bad
        assert gate(situation._replace(**{name: block}), points) is None, name


@pytest.mark.parametrize(
    "changes", [{"is_clean": False}, {"curtailable_kw": np.zeros(2)}, {"sheddable_kw": np.zeros(2)}]
)
def test_the_quick_gate_leaves_the_uncommon_step_alone(changes: dict[str, Any]) -> None:
    situation = Screen(PAIR)(as_mapping(CALM), np.zeros(2))
    points, gate = SetPoints(*np.zeros((3, 2))), QuickGate(PAIR, MACHINE.settle)
    assert gate(situation._replace(**changes), points) is None
    assert gate(situation, SetPoints(np.zeros(3), np.zeros(2), np.zeros(2))) is None
    assert gate(situation, SetPoints(np.zeros(4)[::2], np.zeros(2), np.zeros(2))) is None
    assert gate(situation, SetPoints([0.0, 0.0], np.zeros(2), np.zeros(2))) is None  # type: ignore[arg-type]


WISHES = st.one_of(st.floats(-9, 9), ANY_FLOAT)


def without_machine(controller: Controller) -> Controller:
    controller._machine = controller._gate = None
    controller._screen = Screen(controller.community)
    return controller


def assert_same_decision(mine: Decision, theirs: Decision) -> None:
    for name in ("battery_kw", "trade_kw", "price_bid", "curtail_kw", "shed_kw", "net_export_kw",
                 "generation_cap_kw", "load_cap_kw"):  # fmt: skip
        np.testing.assert_array_equal(getattr(mine, name), getattr(theirs, name), err_msg=name)
        assert not getattr(mine, name).flags.writeable
    assert (mine.mode, mine.reasons) == (theirs.mode, theirs.reasons)
    assert mine.intervention_kw == pytest.approx(theirs.intervention_kw, rel=1e-12, abs=1e-12)
    assert mine.certificate.gap == theirs.certificate.gap


@given(communities(), st.data())
@settings(max_examples=200)
def test_a_controller_decides_the_same_without_machine_code(community: Community, data: st.DataObject) -> None:
    size = community.n_prosumers
    inside = st.floats(float(community.soc_min[0]), float(community.soc_max[0]))
    observation = data.draw(observations(community, soc=data.draw(st.sampled_from([None, inside]))))
    if data.draw(st.booleans()):
        prices = {name: np.full(size, float(getattr(observation, name))) for name in ("retail_price", "feed_in_price")}
        observation = Observation(**{**as_mapping(observation), **prices})
    wanted = data.draw(intents(size, data.draw(st.sampled_from([None, WISHES]))))
    if data.draw(st.booleans()):
        wanted = Intent(battery_kw=wanted[:, 0].copy(), trade_kw=wanted[:, 1].copy(), price_bid=wanted[:, 2].copy())
    limits = data.draw(st.sampled_from([None, None, Limits(charge_limit_kw=1.0), Limits(can_shed=False)]))
    seen = {**as_mapping(observation), "limits": limits}
    policy = lambda community, observation: wanted  # noqa: E731
    mine = Controller(community, policy=policy).step(seen)
    assert_same_decision(mine, without_machine(Controller(community, policy=policy)).step(seen))


@given(communities(with_ramp=False), st.data())
def test_a_glance_in_machine_code_sees_what_a_careful_look_sees(community: Community, data: st.DataObject) -> None:
    size = community.n_prosumers
    inside = st.floats(float(community.soc_min[0]), float(community.soc_max[0]))
    drawn = as_mapping(data.draw(observations(community, soc=inside)))
    rows = {name: np.array(np.broadcast_to(drawn[name], (size,))) for name in GLANCED}
    if data.draw(st.booleans()):
        rows[data.draw(st.sampled_from(GLANCED))][data.draw(st.integers(0, size - 1))] = data.draw(ANY_FLOAT)
    observation = {**drawn, **rows, "limits": data.draw(st.sampled_from([None, Limits(soc_min=0.2, can_shed=False)]))}
    previous = np.zeros(size)
    quick = Screen(community, MACHINE.glance)(observation, previous)
    slow = Screen(community)
    slow._at_a_glance = lambda observation, rating: None  # type: ignore[method-assign]
    assert_same(quick, slow(observation, previous))
    for values in quick[1:5]:
        assert not any(np.shares_memory(values, row) for row in rows.values())


GLANCED = ("demand_kw", "pv_kw", "soc", "retail_price", "feed_in_price")


@given(communities(), st.data())
@settings(max_examples=300)
def test_levels_in_machine_code_are_those_of_sorted_corners(community: Community, data: st.DataObject) -> None:
    drawn, size = data.draw(observations(community)), community.n_prosumers
    prices = {name: np.full(size, float(getattr(drawn, name))) for name in ("retail_price", "feed_in_price")}
    scale = data.draw(st.sampled_from([1.0, 1e-3, 0.1]))
    powers = {"demand_kw": drawn.demand_kw * scale, "pv_kw": drawn.pv_kw}
    observation = Observation(**{**as_mapping(drawn), **prices, **powers})
    quick, slow = rules._at_once(community, observation), rules._step_by_step(community, observation)
    assert quick is not None
    # A level is a fraction; a power is that times a capacity, so its last digits are those of a few kW.
    np.testing.assert_allclose(quick.battery_kw, slow.battery_kw, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(quick.trade_kw, slow.trade_kw, rtol=1e-9, atol=1e-9)
    np.testing.assert_array_equal(quick.price_bid, slow.price_bid)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("name", GLANCED)
def test_levels_are_left_to_numpy_when_a_number_is_none(name: str, bad: float) -> None:
    assert rules._at_once(PAIR, CALM) is not None
    assert rules._at_once(PAIR, Observation(**{**as_mapping(CALM), name: [0.2, bad]})) is None
    assert rules._at_once(PAIR, Observation(**{**as_mapping(CALM), name: 0.2})) is None


def test_without_a_compiler_everything_works(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = Controller(PAIR, policy="self-consumption").step(CALM)
    monkeypatch.setattr(machine_file, "_loaded", lambda: 1 / 0)
    load_machine.cache_clear()
    try:
        assert load_machine() is None
        for name in POLICIES:
            controller = Controller(PAIR, policy=name, backend="nested")
            assert controller._gate is None
            decision = controller.step(CALM)
            if name == "self-consumption":
                np.testing.assert_allclose(decision.battery_kw, expected.battery_kw, atol=2e-6)
    finally:
        load_machine.cache_clear()
    assert "numba" in sys.modules


@given(st.data())
def test_intervals_carried_in_machine_code_are_those_of_numpy(data):
    size = data.draw(st.integers(1, 6))
    number = st.floats(-10, 10) | st.sampled_from([0.0, np.nan, np.inf, -np.inf, 5e-324])

    def rows(count):
        values = st.lists(number, min_size=count * size, max_size=count * size)
        return np.array(data.draw(values)).reshape(count, size)

    level, moved = rows(2)
    fixed, carried = rows(10), rows(2)
    content, met = np.empty(size), np.empty((2, size))
    with np.errstate(all="ignore"):
        block = np.array((level, level, moved, moved, np.abs(moved), np.abs(moved))) * fixed[:6]
        expected = np.maximum(carried + (block[2:4] + block[4:] - fixed[8:]), block[:2] - fixed[6:8])
        fits = bool(np.maximum.reduce(expected[0] + expected[1]) <= 0.0)
        finite = bool(np.isfinite(carried).all() and np.isfinite(block).all() and np.isfinite(fixed).all())
    found = load_machine().carry(level, moved, fixed, carried, content, met)
    assert found == fits if finite else (fits or not found)
    if found:
        assert np.array_equal(met, expected)
        assert np.array_equal(content, block[0])

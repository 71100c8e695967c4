"""The trusted core by itself: bounds, CHECK, recovery and caps, without a policy, a solver or machine code.

Mutants of the core are killed with this file (`tests/mutate.py`): it has to be fast and to leave nothing open.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from fractions import Fraction
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autonomy import Community, Decision, Limits, Mode, Network
from autonomy.layers.decision import Cause, Reason
from autonomy.layers.situation import LARGEST_KW, Capacity, SetPoints, Situation
from autonomy.layers.supervision import Candidate, Screen, Verdict, dead_stop, supervise
from autonomy.layers.supervision.caps import caps, kept_limits
from autonomy.layers.supervision.check import Finding, check, check_ledger
from autonomy.layers.supervision.milliwatt import (
    LARGEST_SUM,
    Bounds,
    Plan,
    bounds_of,
    fixed_rows,
    in_kw,
    ledger_of,
    net_export_of,
    quantise,
    to_kw,
)
from autonomy.layers.supervision.recovery import grid_only, restrain, share
from tests.specification import broken_rules
from tests.strategies import ANY_FLOAT, communities, mappings, wild_communities

linprog = pytest.importorskip("scipy.optimize").linprog
ROOT = Path(__file__).resolve().parent.parent

# Line 0 is the feeder with prosumer 0; line 1 hangs on it with prosumers 1 and 2.
PAIRED = Network(
    parent=[-1, 0], bus_of_prosumer=[0, 1, 1], import_limit_kw=[9.0, 4.0], export_limit_kw=[np.inf, 3.0000005]
)
HOMES = Community(
    battery_capacity_kwh=[10.0, 8.0, 0.0],
    charge_limit_kw=[5.0, 3.0, 0.0],
    discharge_limit_kw=[4.0, 2.5, 0.0],
    soc_min=0.125,
    soc_max=0.875,
    connection_limit_kw=[6.0, 2.0000029, np.inf],
    network=PAIRED,
)
SENT: dict[str, Any] = {
    "demand_kw": [1.0, 2.0, 0.5],
    "pv_kw": [4.0, 0.0, 1.0],
    "soc": [0.5, 0.5, 0.5],
    "retail_price": 0.3,
    "feed_in_price": 0.1,
}


def screened(community: Community = HOMES, previous_kw: Any = None, **changes: Any) -> Situation:
    previous = np.zeros(community.n_prosumers) if previous_kw is None else np.array(previous_kw, dtype=np.float64)
    with np.errstate(all="ignore"):
        return Screen(community)({**SENT, **changes}, previous)


def points(battery: Any, curtail: Any = (0.0, 0.0, 0.0), shed: Any = (0.0, 0.0, 0.0)) -> SetPoints:
    return SetPoints(*(np.array(row, dtype=np.float64) for row in (battery, curtail, shed)))


def plan(battery: Any, curtail: Any = (0, 0, 0), shed: Any = (0, 0, 0)) -> Plan:
    return Plan(*(np.array(row, dtype=np.int64) for row in (battery, curtail, shed)))


def decided(situation: Situation, verdict: Verdict) -> Decision:
    """Return a verdict as a decision that offers nothing."""
    return Decision(
        battery_kw=verdict.set_points.battery_kw,
        trade_kw=np.zeros(verdict.net_export_kw.size),
        price_bid=situation.feed_in_price,
        curtail_kw=verdict.set_points.curtail_kw,
        shed_kw=verdict.set_points.shed_kw,
        net_export_kw=verdict.net_export_kw,
        generation_cap_kw=verdict.generation_cap_kw,
        load_cap_kw=verdict.load_cap_kw,
        mode=verdict.rung,
        reasons=(*situation.reasons, *verdict.reasons),
    )


def no_support() -> Candidate:
    raise RuntimeError("no support today")


# Bounds


def test_bounds_in_milliwatts_by_hand() -> None:
    bounds = bounds_of(screened())
    assert bounds.pv.tolist() == [4_000_000, 0, 1_000_000]
    assert bounds.demand.tolist() == [1_000_000, 2_000_000, 500_000]
    # 3.75 kWh of room and 3.75 kWh of content; 3 kWh each way. The last milliwatt is the guard against rounding.
    assert bounds.battery_upper.tolist() == [3_749_999, 2_999_999, 0]
    assert bounds.battery_lower.tolist() == [-3_749_999, -2_500_000, 0]
    assert bounds.curtailable.tolist() == [4_000_000, 0, 1_000_000]
    assert bounds.sheddable.tolist() == [1_000_000, 2_000_000, 500_000]
    assert bounds.lower[3:9].tolist() == [0] * 6
    # Rounded down, a milliwatt less for the floats, and one a prosumer less; no limit is 1e9 kW.
    assert bounds.connection.tolist() == [5_999_998, 2_000_000, 10**15 - 2]
    assert bounds.lower[9:12].tolist() == [-5_999_998, -2_000_000, -(10**15) + 2]
    assert bounds.import_limit.tolist() == [8_999_996, 3_999_997]
    assert bounds.export_limit.tolist() == [10**15 - 4, 2_999_997]
    assert bounds.size == 3


def test_a_power_limit_between_two_milliwatts_is_rounded_down_and_its_float_is_not_exceeded() -> None:
    # 92.816623 kW less the last bit: 92,816,623 mW as a float would be above it.
    limit = float(np.nextafter(92.816623, 0.0))
    community = Community(
        battery_capacity_kwh=1e4,
        charge_limit_kw=[limit, 1.9999999e-6],
        discharge_limit_kw=[limit, 0.9e-6],
        network=Network.single_feeder(n_prosumers=2),
    )
    sent = {"demand_kw": [0.0, 0.0], "pv_kw": [0.0, 0.0], "soc": 0.5}
    for sign in (1.0, -1.0):
        verdict = supervise(
            screened(community, **sent), Candidate(points([sign * 1e3] * 2, [0] * 2, [0] * 2)), no_support
        )
        assert verdict.rung is Mode.PROJECTED
        assert verdict.set_points.battery_kw.tolist() == [sign * limit, 1e-6 if sign > 0 else 0.0]


def test_demand_is_rounded_so_that_the_difference_is_the_nearest() -> None:
    # 1.5 mW of generation is 2; 0.5 mW of demand has to be 1 then, because their difference is 1 mW.
    bounds = bounds_of(screened(pv_kw=[1.5e-6, 0.0, 2.0], demand_kw=[0.5e-6, 0.0, 0.2500004]))
    assert bounds.pv.tolist() == [2, 0, 2_000_000]
    assert bounds.demand.tolist() == [1, 0, 250_000]
    assert bounds.curtailable.tolist() == [2, 0, 2_000_000]
    assert bounds.sheddable.tolist() == [1, 0, 250_000]


def test_what_the_host_cannot_cut_cannot_be_cut() -> None:
    limits = Limits(can_curtail=[False, True, True], can_shed=[True, False, True])
    bounds = bounds_of(screened(limits=limits))
    assert bounds.curtailable.tolist() == [0, 0, 1_000_000]
    assert bounds.sheddable.tolist() == [1_000_000, 0, 500_000]
    only_shed = bounds_of(screened(limits=Limits(can_shed=False)))
    assert only_shed.curtailable.tolist() == [4_000_000, 0, 1_000_000]
    assert only_shed.sheddable.tolist() == [0, 0, 0]
    only_curtail = bounds_of(screened(limits=Limits(can_curtail=False)))
    assert only_curtail.curtailable.tolist() == [0, 0, 0]
    assert only_curtail.sheddable.tolist() == [1_000_000, 2_000_000, 500_000]


RAMPED = Community(
    battery_capacity_kwh=[10.0, 10.0, 10.0],
    charge_limit_kw=5.0,
    discharge_limit_kw=5.0,
    ramp_limit_kw=[1.0, 0.3, np.inf],
    network=PAIRED,
)


def test_a_ramp_window_is_rounded_inward_and_can_be_left() -> None:
    situation = screened(RAMPED, previous_kw=[2.0, 0.1, 0.0])
    bounds = bounds_of(situation)
    # 0.1 + 0.3 is a little below 0.4 as fractions of floats, and 0.3 - 0.1 below 0.2.
    assert bounds.battery_upper.tolist() == [3_000_000, 399_999, 4_999_999]
    assert bounds.battery_lower.tolist() == [1_000_000, -199_999, -4_999_999]
    left = bounds_of(situation, within_ramp=False)
    assert left.battery_upper.tolist() == [4_999_999, 4_999_999, 4_999_999]
    assert left.battery_lower.tolist() == [-4_999_999, -4_999_999, -4_999_999]
    # Without ramp limits there is nothing to leave.
    assert bounds_of(screened(), within_ramp=False).upper.tolist() == bounds_of(screened()).upper.tolist()


@pytest.mark.parametrize(
    ("box", "meant"),
    [
        ((1.0000002, 1.0000004), 1_000_000),
        ((-1.0000004, -1.0000002), -1_000_000),
        ((0.2e-6, 0.4e-6), 0),
        ((1.0000004, 1.0000004), 1_000_000),
        ((1.5, 1.5), 1_500_000),
        ((0.9999996, 1.0000004), 1_000_000),
        ((-1.0000004, -0.9999996), -1_000_000),
    ],
)
def test_a_box_thinner_than_a_milliwatt_becomes_its_end_nearer_to_zero(box: tuple[float, float], meant: int) -> None:
    low, high = (np.array([end, -2.0, -2.0]) for end in box)
    situation = screened(RAMPED)._replace(reach_kw=np.array((high, -low)), battery_lower_kw=low, battery_upper_kw=high)
    bounds = bounds_of(situation)
    assert bounds.battery_lower[0] == bounds.battery_upper[0] == meant
    assert bounds.battery_lower[1:].tolist() == bounds.battery_upper[1:].tolist() == [-2_000_000, -2_000_000]


def test_a_milliwatt_whose_float_lies_above_a_ramp_window_is_not_inside_it() -> None:
    limit = float(np.nextafter(92.816623, 0.0))
    situation = screened(RAMPED)._replace(reach_kw=np.array([[limit, 1.0, 1.0], [limit, 1.0, 1.0]]))
    bounds = bounds_of(situation)
    assert bounds.battery_upper[0] == 92_816_622
    assert bounds.battery_lower[0] == -92_816_622


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1.1e9, -1.1e9])
@pytest.mark.parametrize("name", ["measured_kw", "reach_kw"])
def test_no_bound_is_made_of_a_number_that_is_none(name: str, bad: float) -> None:
    situation = screened()
    block = getattr(situation, name).copy()
    block[1, 1] = bad
    with pytest.raises(ValueError, match=r"kW; expected numbers within ±1e\+09$"):
        bounds_of(situation._replace(**{name: block}))


def test_powers_up_to_the_largest_are_whole_milliwatts() -> None:
    situation = screened()
    block = np.array([[LARGEST_KW, 0.0, 0.0], [0.0, LARGEST_KW, 0.0]])
    bounds = bounds_of(situation._replace(measured_kw=block, pv_kw=block[0], demand_kw=block[1]))
    assert bounds.pv[0] == 10**15
    assert bounds.demand[1] == 10**15


def carrying(connection: Any, imports: Any, exports: Any) -> Capacity:
    return Capacity(
        connection_limit_kw=np.array(connection, dtype=np.float64),
        import_limit_kw=np.array(imports, dtype=np.float64),
        export_limit_kw=np.array(exports, dtype=np.float64),
        fair_import_kw=np.ones(3),
        fair_export_kw=np.ones(3),
    )


def test_a_limit_smaller_than_its_margin_is_zero() -> None:
    lower, upper = fixed_rows(carrying([0.0, 1.9e-6, 3e-6], [3e-6, 3.5e-6], [5e-6, 0.0]), PAIRED)
    assert lower.tolist() == [0] * 9 + [0, 0, -1, 0, 0]
    assert upper.tolist() == [0] * 9 + [0, 0, 1, 1, 0]
    assert not lower.flags.writeable
    assert not upper.flags.writeable


def test_limits_are_worked_out_once() -> None:
    capacity = carrying([1.0] * 3, [1.0] * 2, [1.0] * 2)
    assert fixed_rows(capacity, PAIRED)[0] is fixed_rows(capacity, PAIRED)[0]
    assert kept_limits(capacity, PAIRED)[0] is kept_limits(capacity, PAIRED)[0]


def test_however_many_prosumers_there_are_no_sum_of_what_check_accepts_overflows() -> None:
    size = 10_000
    network = Network.single_feeder(n_prosumers=size, export_limit_kw=5.0)
    fair = np.ones(size)
    capacity = Capacity(
        connection_limit_kw=np.full(size, np.inf),
        import_limit_kw=np.array([np.inf]),
        export_limit_kw=np.array([5.0]),
        fair_import_kw=fair,
        fair_export_kw=fair,
    )
    connection = fixed_rows(capacity, network)[1][3 * size : 4 * size]
    assert int(connection[0]) == LARGEST_SUM // size == 2**62 // 10_000
    assert size * int(connection[0]) < 2**63
    # 18,447 of them at 1e9 kW wrap around 2^64 to about nothing; CHECK is not deceived.
    community = Community(
        battery_capacity_kwh=0, charge_limit_kw=0, discharge_limit_kw=0, connection_limit_kw=1e9,
        network=Network.single_feeder(n_prosumers=18_447, export_limit_kw=1e6),
    )  # fmt: skip
    sent = {"demand_kw": 0.0, "pv_kw": np.full(18_447, 1e9 - 3.96e3), "soc": 0.0}
    bounds = bounds_of(screened(community, **sent))
    nothing = np.zeros(18_447, dtype=np.int64)
    assert check(bounds, Plan(nothing, nothing, nothing))


# Plans


def test_set_points_are_rounded_cuts_up_and_kept_inside_their_boxes() -> None:
    bounds = bounds_of(screened())
    found = quantise(
        bounds, points([0.5000004, -9.0, 0.0], [1.0000001, 2.0, 0.0000001e-3], [2.0, 1.0000000000001, -0.1])
    )
    assert found is not None
    assert found.battery.tolist() == [500_000, -2_500_000, 0]
    # A tenth of a milliwatt makes a whole one, a thousandth none; what is not there cannot be cut.
    assert found.curtail.tolist() == [1_000_001, 0, 0]
    assert found.shed.tolist() == [1_000_000, 1_000_000, 0]
    assert quantise(bounds, points([0.0] * 3, [0.0, 0.0, 0.6e-6], [0.0] * 3)).curtail.tolist() == [0, 0, 1]  # type: ignore[union-attr]
    wide = quantise(bounds, points([9.0, 9.0, 9.0], [9.0, 9.0, 9.0], [9.0, 9.0, 9.0]))
    assert wide is not None
    assert [row.tolist() for row in wide] == [
        bounds.battery_upper.tolist(),
        bounds.curtailable.tolist(),
        bounds.sheddable.tolist(),
    ]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e308, -1e308, 1.0000001e9, -1.0000001e9])
@pytest.mark.parametrize("row", range(3))
def test_a_number_that_is_no_power_makes_no_plan(row: int, bad: float) -> None:
    bounds, given = bounds_of(screened()), points([0.0] * 3)
    assert quantise(bounds, given) is not None
    given[row][1] = LARGEST_KW
    assert quantise(bounds, given) is not None
    given[row][1] = bad
    assert quantise(bounds, given) is None


def test_the_proposal_is_not_written_to() -> None:
    given = points([0.1, 0.2, 0.3], [0.1] * 3, [0.2] * 3)
    quantise(bounds_of(screened()), given)
    assert given.battery_kw.tolist() == [0.1, 0.2, 0.3]
    assert given.curtail_kw.tolist() == [0.1] * 3


def test_a_ledger_by_hand() -> None:
    bounds = bounds_of(screened())
    found = ledger_of(bounds, plan([1, -2, 3], [10, 0, 20], [0, 30, 40]))
    net = [4_000_000 - 10 - 1_000_000 - 1, -2_000_000 + 30 + 2, 1_000_000 - 20 - 500_000 + 40 - 3]
    assert found.tolist() == [1, -2, 3, 10, 0, 20, 0, 30, 40, *net, sum(net), net[1] + net[2]]
    assert net_export_of(bounds, plan([1, -2, 3], [10, 0, 20], [0, 30, 40])).tolist() == net


def test_a_plan_in_kilowatts_cuts_everything_by_its_measurement() -> None:
    situation = screened(pv_kw=[4.0000003, 0.0, 1.0], demand_kw=[1.0, 2.0000003, 0.0])
    bounds = bounds_of(situation)
    found = to_kw(bounds, plan([1, 0, 0], [4_000_000, 0, 1], [0, 2_000_000, 0]))
    assert found.battery_kw.tolist() == [1e-6, 0.0, 0.0]
    assert found.curtail_kw.tolist() == [4.0000003, 0.0, 1e-6]
    assert found.shed_kw.tolist() == [0.0, 2.0000003, 0.0]
    uncut = to_kw(bounds, plan([1, 0, 0], [7, 7, 7], [7, 7, 7]), is_cut=False)
    assert uncut.battery_kw.tolist() == [1e-6, 0.0, 0.0]
    assert uncut.curtail_kw.tolist() == uncut.shed_kw.tolist() == [0.0, 0.0, 0.0]
    assert in_kw(np.array([1, -2_500_000])).tolist() == [1e-6, -2.5]


def test_nothing_is_cut_where_there_is_less_than_half_a_milliwatt() -> None:
    bounds = bounds_of(screened(pv_kw=[4e-7, 0.0, 0.0], demand_kw=[3e-7, 0.0, 0.0]))
    found = to_kw(bounds, plan([0, 0, 0]))
    assert found.curtail_kw.tolist() == found.shed_kw.tolist() == [0.0, 0.0, 0.0]


# CHECK


def row_of(bounds: Bounds) -> Any:
    """Return a ledger in the middle of its bounds."""
    return bounds.lower + (bounds.upper - bounds.lower) // 2


PLACES = [("battery", range(3)), ("curtailment", range(3, 6)), ("shedding", range(6, 9)), ("connection", range(9, 12)),
          ("line", range(12, 14))]  # fmt: skip


@pytest.mark.parametrize(("rule", "index", "place"), [(rule, k, p) for rule, ps in PLACES for k, p in enumerate(ps)])
def test_check_names_what_is_broken_and_by_how_much(rule: str, index: int, place: int) -> None:
    bounds = bounds_of(screened())
    for end, step in ((bounds.lower, -1), (bounds.upper, 1)):
        ledger = row_of(bounds)
        ledger[place] = end[place]
        assert check_ledger(bounds, ledger) == ()
        ledger[place] = end[place] + 7 * step
        assert check_ledger(bounds, ledger) == (Finding(rule=rule, index=index, excess_mw=7),)


def test_lines_are_counted_however_many_there_are() -> None:
    network = Network(parent=[-1, 0, 1, 2], bus_of_prosumer=[3], export_limit_kw=[1.0, 2.0, 3.0, 0.5])
    community = Community(battery_capacity_kwh=0, charge_limit_kw=0, discharge_limit_kw=0, network=network)
    bounds = bounds_of(screened(community, pv_kw=[2.5], demand_kw=[0.0], soc=0.0))
    nothing = Plan(*(np.zeros(1, dtype=np.int64) for _ in range(3)))
    assert [(x.rule, x.index) for x in check(bounds, nothing)] == [("line", 0), ("line", 1), ("line", 3)]


def test_check_finds_everything_in_order() -> None:
    bounds = bounds_of(screened())
    assert [(x.rule, x.index) for x in check(bounds, plan([10**7] * 3, [-1, 0, 0], [0, 10**7, 0]))] == [
        ("battery", 0), ("battery", 1), ("battery", 2), ("curtailment", 0), ("shedding", 1), ("connection", 0),
        ("line", 0), ("line", 1),
    ]  # fmt: skip
    assert check(bounds, plan([0, 0, 0])) == ()


@given(st.lists(st.integers(-3, 3), min_size=9, max_size=9), st.data())
def test_check_equals_its_statement(numbers: list[int], data: st.DataObject) -> None:
    situation = screened(pv_kw=[2e-6, 1e-6, 3e-6], demand_kw=[1e-6, 3e-6, 0.0])
    limit = st.sampled_from([0.0, 1e-6, 2e-6, 3e-6, 4e-6, np.inf])
    capacity = carrying(*([data.draw(limit) for _ in range(n)] for n in (3, 2, 2)))
    bounds = bounds_of(situation._replace(capacity=capacity))
    battery, curtail, shed = numbers[:3], numbers[3:6], numbers[6:]
    net = [(int(bounds.pv[i]) - curtail[i]) - (int(bounds.demand[i]) - shed[i]) - battery[i] for i in range(3)]
    holds = all(
        -bounds.connection[i] <= net[i] <= bounds.connection[i]
        and 0 <= curtail[i] <= bounds.pv[i]
        and 0 <= shed[i] <= bounds.demand[i]
        and bounds.battery_lower[i] <= battery[i] <= bounds.battery_upper[i]
        for i in range(3)
    )
    for line, below in ((0, net), (1, net[1:])):
        holds = holds and bool(-bounds.import_limit[line] <= sum(below) <= bounds.export_limit[line])
    assert (check(bounds, plan(battery, curtail, shed)) == ()) == holds


# Recovery


def situations(data: st.DataObject, communities: st.SearchStrategy[Community]) -> tuple[Situation, dict[str, Any]]:
    community = data.draw(communities)
    sent = {name: value for name, value in data.draw(mappings(community)).items() if name != "applied_battery_kw"}
    with np.errstate(all="ignore"):
        return Screen(community)(sent, np.zeros(community.n_prosumers)), sent


ALL = st.one_of(communities(), communities(lossless=False), communities(with_ramp=True), wild_communities())


@given(st.data())
@settings(max_examples=150)
def test_a_verdict_breaks_no_rule_of_the_specification(data: st.DataObject) -> None:
    situation, sent = situations(data, ALL)
    size = situation.community.n_prosumers
    numbers = data.draw(st.sampled_from([st.floats(-9, 9), st.floats(-1e-5, 1e-5), ANY_FLOAT]))
    given = SetPoints(*(np.array([data.draw(numbers) for _ in range(size)]) for _ in range(3)))
    proposal = data.draw(st.sampled_from([None, Candidate(given), Candidate(given, within_ramp=False)]))
    with np.errstate(all="ignore"):
        verdict = supervise(situation, proposal, no_support)
    # A candidate that leaves the ramp window has to say so itself.
    before = None if proposal is not None and not proposal.within_ramp else np.zeros(size)
    assert broken_rules(situation.community, sent, decided(situation, verdict), before=before) == []


@given(st.data())
@settings(max_examples=100)
def test_grid_only_is_safe_wherever_everything_can_be_cut(data: st.DataObject) -> None:
    community = data.draw(ALL)
    sent = data.draw(mappings(community, with_limits=False))
    with np.errstate(all="ignore"):
        bounds = bounds_of(Screen(community)(sent, np.zeros(community.n_prosumers)), within_ramp=False)
    found = grid_only(bounds)
    assert check(bounds, found) == ()
    assert not found.battery.any()


def least_cuts(bounds: Bounds) -> tuple[float, float]:
    """Return the least total curtailment, and the least total shedding, of any plan with b = 0, mW, by two LPs."""
    size, network = bounds.size, bounds.situation.community.network
    net = (bounds.pv - bounds.demand).astype(float)
    rows = np.concatenate((np.eye(size), network.incidence))
    # n = net - c + s for nodes and lines alike.
    flow = rows @ net
    upper = np.concatenate((bounds.connection, bounds.export_limit)).astype(float)
    lower = -np.concatenate((bounds.connection, bounds.import_limit)).astype(float)
    matrix = np.block([[-rows, rows], [rows, -rows]])
    limit = np.concatenate((upper - flow, flow - lower))
    boxes = list(zip([0.0] * (2 * size), [*bounds.curtailable.tolist(), *bounds.sheddable.tolist()], strict=True))
    costs = np.concatenate(([1.0] * size, [0.0] * size)), np.concatenate(([0.0] * size, [1.0] * size))
    answers = [linprog(cost, A_ub=matrix, b_ub=limit, bounds=boxes) for cost in costs]
    assert all(answer.status == 0 for answer in answers)
    return answers[0].fun, answers[1].fun


@given(communities(), st.data())
@settings(max_examples=80)
def test_grid_only_cuts_what_a_linear_program_cuts(community: Community, data: st.DataObject) -> None:
    size = community.n_prosumers
    sent = {
        **SENT,
        "demand_kw": np.array([data.draw(st.floats(0, 9)) for _ in range(size)]),
        "pv_kw": np.array([data.draw(st.floats(0, 9)) for _ in range(size)]),
        "soc": 0.5,
    }
    bounds = bounds_of(Screen(community)(sent, np.zeros(size)), within_ramp=False)
    found, (curtail, shed) = grid_only(bounds), least_cuts(bounds)
    assert int(found.curtail.sum()) == pytest.approx(curtail, abs=0.9)
    assert int(found.shed.sum()) == pytest.approx(shed, abs=0.9)


TINY = Network(parent=[-1, 0, 0], bus_of_prosumer=[1, 1, 2], import_limit_kw=[np.inf] * 3, export_limit_kw=[np.inf] * 3)


@given(st.lists(st.integers(0, 2), min_size=6, max_size=6), st.lists(st.integers(0, 3), min_size=9, max_size=9))
@settings(max_examples=80)
def test_grid_only_cuts_the_least_of_all_plans(measured: list[int], limits: list[int]) -> None:
    """All plans of three prosumers with at most 2 mW each are tried."""
    community = Community(battery_capacity_kwh=0, charge_limit_kw=0, discharge_limit_kw=0, network=TINY)
    sent = {"pv_kw": np.array(measured[:3]) * 1e-6, "demand_kw": np.array(measured[3:]) * 1e-6, "soc": 0.0}
    situation, kw = screened(community, **sent), (np.array(limits) + 0.5) * 1e-6
    margin = np.array([4.0, 3.0, 2.0]) * 1e-6
    capacity = carrying(kw[:3] + 2e-6, kw[3:6] + margin, kw[6:] + margin)
    bounds = bounds_of(situation._replace(capacity=capacity))
    found = grid_only(bounds)
    assert check(bounds, found) == ()
    boxes = [range(int(most) + 1) for most in (*bounds.curtailable, *bounds.sheddable)]
    safe = [cuts for cuts in product(*boxes) if check(bounds, plan([0, 0, 0], cuts[:3], cuts[3:])) == ()]
    assert int(found.curtail.sum()) == min(sum(cuts[:3]) for cuts in safe)
    assert int(found.shed.sum()) == min(sum(cuts[3:]) for cuts in safe)


def test_batteries_give_way_before_anything_is_cut_and_only_if_they_may() -> None:
    # Prosumer 1 imports 2.0 kW net of a battery that charges 1 kW: 1 kW over its connection of 2 kW.
    bounds = bounds_of(screened())
    over = plan([0, 1_000_000, 0])
    assert [x.rule for x in check(bounds, over)] == ["connection"]
    moved = restrain(bounds, over, move_batteries=True)
    assert moved.battery.tolist() == [0, 0, 0]
    assert not moved.curtail.any()
    assert not moved.shed.any()
    kept = restrain(bounds, over, move_batteries=False)
    assert kept.battery.tolist() == [0, 1_000_000, 0]
    assert kept.shed.tolist() == [0, 1_000_000, 0]
    assert over.battery.tolist() == [0, 1_000_000, 0]


def test_a_battery_gives_way_as_far_as_its_box_and_the_rest_is_cut() -> None:
    # 4.5 kW of demand behind 2 kW: the battery gives all of its 2.5 kW, and half a kilowatt is shed.
    bounds = bounds_of(screened(demand_kw=[1.0, 5.0, 0.5]))
    moved = restrain(bounds, plan([0, 0, 0]), move_batteries=True)
    assert moved.battery.tolist() == [0, -2_500_000, 0]
    assert moved.shed.tolist() == [0, 500_000, 0]
    # And upwards: 8 kW of generation behind 6 kW, a battery that is full but for 0.125 kWh.
    bounds = bounds_of(screened(pv_kw=[8.0, 0.0, 1.0], demand_kw=[0.0, 2.0, 0.5], soc=[0.8625, 0.5, 0.5]))
    moved = restrain(bounds, plan([0, 0, 0]), move_batteries=True)
    assert moved.battery.tolist() == [124_999, 0, 0]
    assert moved.curtail.tolist() == [2_000_002 - 124_999, 0, 0]


def test_a_battery_that_moves_already_gives_what_is_left_of_its_box() -> None:
    # 12 kW of generation behind 6 kW: of 3.749999 kW, 2 are in use; the rest of 4 kW (and 2 mW) is curtailed.
    bounds = bounds_of(screened(pv_kw=[12.0, 0.0, 1.0], demand_kw=[0.0, 5.5, 0.5]))
    moved = restrain(bounds, plan([2_000_000, -1_000_000, 0]), move_batteries=True)
    assert moved.battery.tolist() == [3_749_999, -2_500_000, 0]
    assert moved.curtail.tolist() == [4_000_002 - 1_749_999, 0, 0]
    # 5.5 kW of load behind 2 kW: of 2.5 kW, 1 is in use; the rest of 2.5 kW is shed.
    assert moved.shed.tolist() == [0, 1_000_000, 0]


def test_what_is_cut_already_cannot_be_cut_again() -> None:
    bounds = bounds_of(screened(pv_kw=[12.0, 0.0, 1.0], demand_kw=[0.0, 5.5, 0.5]))
    moved = restrain(bounds, plan([0, 0, 0], [5_000_000, 0, 0], [0, 3_000_000, 0]), move_batteries=False)
    assert moved.curtail.tolist() == [6_000_002, 0, 0]
    assert moved.shed.tolist() == [0, 3_500_000, 0]
    limits = Limits(can_curtail=[True, False, True], active=False)
    bounds = bounds_of(screened(pv_kw=[1.0, 3.0, 2.0], demand_kw=[0.0, 0.0, 0.0], limits=limits))
    # Line 1 has 3 + 1 kW behind 3 kW; of what could help, 1 kW is cut already, and 1 kW is left.
    moved = restrain(bounds, plan([0, 1_000_000, 0], [0, 0, 1_000_000], [0, 0, 0]), move_batteries=False)
    assert moved.curtail.tolist() == [0, 0, 1_000_003]


def test_not_even_a_milliwatt_is_cut_that_cannot_be_cut() -> None:
    situation = screened(
        pv_kw=[1e-6, 0.0, 0.0], demand_kw=[0.0, 1e-6, 0.0], limits=Limits(can_curtail=False, can_shed=False)
    )
    bounds = bounds_of(situation._replace(capacity=carrying([0.0] * 3, [1.0] * 2, [1.0] * 2)))
    found = grid_only(bounds)
    assert not found.curtail.any()
    assert not found.shed.any()
    assert [(x.index, x.excess_mw) for x in check(bounds, found)] == [(0, 1), (1, 1)]


def test_no_more_is_cut_than_is_left_even_if_a_battery_keeps_a_limit_broken() -> None:
    # 1 kW is left of 4 kW of generation (of load), and a battery that may not move: 0.5 kW (1 kW) too much stays.
    bounds = bounds_of(screened(pv_kw=[0.0, 4.0, 0.0], demand_kw=[0.0, 0.0, 0.0]))
    kept = restrain(bounds, plan([0, -2_500_000, 0], [0, 3_000_000, 0]), move_batteries=False)
    assert kept.curtail.tolist() == [0, 4_000_000, 0]
    bounds = bounds_of(screened(pv_kw=[0.0, 0.0, 0.0], demand_kw=[0.0, 4.0, 0.0]))
    kept = restrain(bounds, plan([0, 2_999_999, 0], shed=[0, 3_000_000, 0]), move_batteries=False)
    assert kept.shed.tolist() == [0, 4_000_000, 0]


def test_a_line_is_relieved_in_proportion_and_nobody_is_turned_round() -> None:
    network = Network(parent=[-1, 0], bus_of_prosumer=[1, 1, 0], export_limit_kw=[6.0, 4.0], import_limit_kw=[7.0, 7.0])
    community = Community(battery_capacity_kwh=0, charge_limit_kw=0, discharge_limit_kw=0, network=network)
    sent = {"pv_kw": [6.0, 3.0, 4.0], "demand_kw": [0.0, 0.0, 0.0], "soc": 0.0}
    found = grid_only(bounds_of(screened(community, **sent)))
    # Line 1 loses 9 - 4 = 5 kW (and 3 mW). Line 0 then has 8 kW and loses 2 kW (and 1 mW more) as 4 : 4, and line 1
    # passes its kilowatt on. Its 6.000003 kW are shared as 6 : 3; what is left of rounding goes to the first.
    assert found.curtail.tolist() == [4_000_002, 2_000_001, 1_000_001]
    assert int(found.curtail.sum()) == 13_000_000 - (6_000_000 - 4)
    assert not found.shed.any()
    sent = {"demand_kw": [6.0, 3.0, 4.0], "pv_kw": [0.0, 0.0, 1.0], "soc": 0.0}
    found = grid_only(bounds_of(screened(community, **sent)))
    # Line 1 sheds 2 kW (and 3 mW), line 0 then has 10 kW and sheds 3 kW (and 1 mW) as 7 : 3.
    assert int(found.shed.sum()) == 12_000_000 - (7_000_000 - 4)
    assert found.shed.tolist() == [2_733_336, 1_366_667, 900_001]
    assert not found.curtail.any()


def test_what_the_host_cannot_cut_stays_over_its_limit_by_the_least() -> None:
    situation = screened(demand_kw=[1.0, 5.0, 0.5], limits=Limits(can_shed=[True, False, True], active=False))
    bounds = bounds_of(situation)
    found = grid_only(bounds)
    # 5 kW behind 2 kW of connection; 4.5 kW behind a line of 4 kW, whose other prosumer exports: that is not shed.
    assert found.shed.tolist() == [0, 0, 0]
    broken = [(x.rule, x.index, x.excess_mw) for x in check(bounds, found)]
    assert broken == [("connection", 1, 3_000_000), ("line", 1, 500_003)]


def test_what_the_host_cannot_curtail_stays_over_its_limit_too() -> None:
    limits = Limits(can_curtail=[False, True, True], active=False)
    bounds = bounds_of(screened(pv_kw=[8.0, 9.0, 1.0], demand_kw=[0.0, 0.0, 0.0], limits=limits))
    found = grid_only(bounds)
    # Connection 1 lets 2 kW through, line 1 has 3 kW then and 3 mW too many, which are shared as 2 : 1.
    assert found.curtail.tolist() == [0, 7_000_002, 1]
    assert found.shed.tolist() == [0, 0, 0]
    assert [(x.rule, x.index, x.excess_mw) for x in check(bounds, found)] == [("connection", 0, 2_000_002)]


@given(st.integers(-5, 10**6), st.lists(st.integers(0, 10**6), max_size=6))
def test_shares_add_up_keep_inside_capacities_and_are_proportional(amount: int, capacities: list[int]) -> None:
    parts, total = share(amount, capacities), sum(capacities)
    assert len(parts) == len(capacities)
    assert sum(parts) == max(min(amount, total), 0)
    assert all(0 <= part <= capacity for part, capacity in zip(parts, capacities, strict=True))
    if 0 < amount <= total:
        spread = [part - Fraction(amount * capacity, total) for part, capacity in zip(parts, capacities, strict=True)]
        assert all(-1 < x < len(capacities) for x in spread)


def test_shares_by_hand() -> None:
    assert share(10, [10, 20, 30]) == [2, 3, 5]  # 1.67, 3.33, 5 rounded down, and the one left over to the first
    assert share(5, [1, 1, 8]) == [1, 0, 4]
    assert share(2, [1, 1, 1]) == [1, 1, 0]
    assert share(0, [1, 2]) == [0, 0]
    assert share(9, [1, 2]) == [1, 2]
    assert share(3, []) == []
    assert share(5, [0, 0]) == [0, 0]
    assert share(8, [3, 3, 3]) == [3, 3, 2]


# Caps


def test_caps_by_hand() -> None:
    situation = screened()
    bounds = bounds_of(situation)
    ledger = ledger_of(bounds, plan([1_000_000, 0, 0], [0, 0, 200_000], [0, 0, 0]))
    net = [2.0, -2.0, 0.3]
    generation, load = situation.pv_kw - np.array([0, 0, 0.2]), situation.demand_kw
    most, least = caps(bounds, ledger, generation, load)
    # Exports: connections have 3.999998 and 4.000000 kW more, line 1 has 2.999997 + 1.7 kW for two, line 0 no limit.
    each = (2.999997 - (net[1] + net[2])) / 2
    assert most.tolist() == pytest.approx([4.0 + 3.999998, 0.0 + each, 0.8 + each], abs=1e-9)
    # Imports: line 0 has 8.999996 + 0.3 kW for three, line 1 has 3.999997 - 1.7 kW for two, connection 1 nothing.
    assert least.tolist() == pytest.approx(
        [1.0 + (8.999996 + 0.3) / 3, 2.0 + 0.0, 0.5 + (3.999997 - 1.7) / 2], abs=1e-9
    )


def test_caps_of_what_is_over_its_limit_are_what_is_planned() -> None:
    situation = screened(demand_kw=[1.0, 5.0, 0.5])
    bounds = bounds_of(situation)
    most, least = caps(bounds, ledger_of(bounds, plan([0, 0, 0])), situation.pv_kw, situation.demand_kw)
    assert least[1] == 5.0
    assert least[2] == 0.5
    exporting = screened(pv_kw=[9.0, 4.0, 1.0], demand_kw=[0.0, 0.0, 0.0])
    bounds = bounds_of(exporting)
    most, least = caps(bounds, ledger_of(bounds, plan([0, 0, 0])), exporting.pv_kw, exporting.demand_kw)
    assert most.tolist() == [9.0, 4.0, 1.0]


def test_an_isolated_prosumer_is_capped_at_its_fair_shares() -> None:
    situation = screened(demand_kw=[1.0, np.nan, 0.5])
    bounds = bounds_of(situation)
    most, least = caps(bounds, ledger_of(bounds, plan([0, 0, 0])), situation.pv_kw, situation.demand_kw)
    assert (most[1], least[1]) == (3.0000005 / 2, 2.0)
    assert (most[0], least[0]) != (situation.fair_export_kw[0], situation.fair_import_kw[0])


def test_without_a_limit_there_is_no_cap() -> None:
    network = Network.single_feeder(n_prosumers=3)
    community = Community(battery_capacity_kwh=0, charge_limit_kw=0, discharge_limit_kw=0, network=network)
    verdict = supervise(screened(community, soc=0.0), None, no_support)
    assert np.isposinf(verdict.generation_cap_kw).all()
    assert np.isposinf(verdict.load_cap_kw).all()


def test_what_check_lets_lines_carry_is_what_caps_are_counted_from() -> None:
    connection, imports, exports = kept_limits(screened().capacity, PAIRED)
    assert connection.tolist() == [5.999998, 2.0, np.inf]
    assert imports.tolist() == [8.999996, 3.999997]
    assert exports.tolist() == [np.inf, 2.999997]
    assert not any(row.flags.writeable for row in (connection, imports, exports))


@pytest.mark.parametrize("resistance", [4e-270, 1e-25, 1e-9])
def test_a_loss_that_no_float_of_the_limit_shows_still_takes_something(resistance: float) -> None:
    network = Network(
        parent=[-1, 0], bus_of_prosumer=[0] * 8, import_limit_kw=20.0, export_limit_kw=20.0, resistance_ohm=resistance
    )
    community = Community(battery_capacity_kwh=0.0, charge_limit_kw=0.0, discharge_limit_kw=0.0, network=network)
    sent = {"demand_kw": 0.0, "pv_kw": 0.0, "soc": 0.0, "retail_price": 0.0, "feed_in_price": 0.0}
    situation = Screen(community)(sent, np.zeros(8))
    verdict = dead_stop(situation, (Reason(cause=Cause.INTERNAL_ERROR, text="planted"),))
    assert broken_rules(community, sent, decided(situation, verdict)) == []


@given(st.data())
@settings(max_examples=60)
def test_a_dead_stop_keeps_every_rule_whatever_is_measured(data: st.DataObject) -> None:
    situation, sent = situations(data, ALL)
    verdict = dead_stop(situation, (Reason(cause=Cause.INTERNAL_ERROR, text="planted"),))
    assert broken_rules(situation.community, sent, decided(situation, verdict)) == []


def test_the_page_counts_the_lines_of_the_core() -> None:
    page = (ROOT / "docs" / "trusted-core.md").read_text(encoding="utf-8")
    counted = dict(re.findall(r"^\| `(autonomy/layers/supervision/\w+\.py)` \| (\d+) \|", page, re.MULTILINE))
    assert len(counted) == 4
    assert {path: int(lines) for path, lines in counted.items()} == {path: lines_of(ROOT / path) for path in counted}
    pair = sum(lines_of(ROOT / "autonomy/layers/supervision" / name) for name in ("check.py", "recovery.py"))
    assert f"CHECK and recovery are {pair} lines together" in page


def lines_of(path: Path) -> int:
    """Return the number of lines of code: without docstrings, comments and blank lines."""
    text, ignored = path.read_text(encoding="utf-8"), (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE)
    strings: set[int] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and node.end_lineno is not None:
            strings |= set(range(node.lineno, node.end_lineno + 1))
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return len(
        {line for x in tokens if x.type not in ignored and x.string.strip() for line in range(x.start[0], x.end[0] + 1)}
        - strings
    )

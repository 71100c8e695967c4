"""Lemmas about CHECK, held against the code that they speak of."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from autonomy import Community, Network
from autonomy.layers import physics
from autonomy.layers.supervision import Screen
from autonomy.layers.supervision.check import check
from autonomy.layers.supervision.milliwatt import (
    LARGEST_SUM,
    SCALE,
    Plan,
    bounds_of,
    fixed_rows,
    ledger_of,
    net_export_of,
    quantise,
)
from tests.lemmas import FEW, assert_tied, below, executed, limit_mw, points_of, safe_plan, worlds


@FEW
@given(worlds(), st.data())
def test_clip_into_box_is_what_quantise_does(bounds, data):
    points = points_of(data.draw, bounds.size)
    plan = quantise(bounds, points)
    for k, (wished_kw, made) in enumerate(zip(points, plan, strict=True)):
        wishes = np.rint(wished_kw * SCALE + (0.499 if k else 0.0))
        for i, wish in enumerate(wishes):
            place = k * bounds.size + i
            ends = {"lower": int(bounds.lower[place]), "upper": int(bounds.upper[place])}
            assert_tied("clip-into-box", wish=int(wish), point=int(made[i]), **ends)


@FEW
@given(worlds(), st.data())
def test_rounding_of_measurements_margin_step_and_line_margin_lead_from_check_to_the_limits(bounds, data):
    plan = safe_plan(data.draw, bounds)
    assume(not check(bounds, plan))
    net, whole = [done.n for done in executed(bounds, plan)], net_export_of(bounds, plan).tolist()
    capacity, network = bounds.situation.capacity, bounds.situation.community.network
    for i, (n, ni) in enumerate(zip(net, whole, strict=True)):
        limit, bound = limit_mw(capacity.connection_limit_kw[i]), int(bounds.connection[i])
        for sign in (1, -1):
            assert_tied("line-margin", below=1, limit=limit, bound=bound, flow=sign * n, whole=sign * ni)
    for line in range(network.n_lines):
        flow, total, members = Fraction(0), 0, below(network, line)
        for k, i in enumerate(members):
            assert_tied("margin-step", k=k, flow=flow, whole=total, n=net[i], ni=whole[i])
            flow, total = flow + net[i], total + whole[i]
        assert total == ledger_of(bounds, plan)[4 * bounds.size + line]
        for sign, limit_kw, bound in (
            (1, capacity.export_limit_kw[line], bounds.export_limit[line]),
            (-1, capacity.import_limit_kw[line], bounds.import_limit[line]),
        ):
            limits = {"limit": limit_mw(limit_kw), "bound": int(bound)}
            assert_tied("line-margin", below=len(members), flow=sign * flow, whole=sign * total, **limits)


def test_a_limit_smaller_than_the_margin_is_held_to_the_margin_and_no_better():
    # A feeder that may export nothing, ten homes that each export 0.4 mW: the integers see nothing.
    community = Community(
        battery_capacity_kwh=0,
        charge_limit_kw=0,
        discharge_limit_kw=0,
        network=Network.single_feeder(n_prosumers=10, export_limit_kw=0.0),
    )
    observed = {"demand_kw": 1.0, "pv_kw": 1.0000004, "soc": 0.5, "retail_price": 0.3, "feed_in_price": 0.1}
    bounds = bounds_of(Screen(community)(observed, np.zeros(10)))
    zero = np.zeros(10, dtype=np.int64)
    assert check(bounds, Plan(zero, zero, zero)) == ()
    flow = sum(done.n for done in executed(bounds, Plan(zero, zero, zero)))
    assert flow == pytest.approx(4.0)
    assert_tied("line-margin", below=10, limit=0, bound=0, flow=flow, whole=0)


@FEW
@given(st.integers(1, 6), st.data())
def test_sums_are_exact_for_whatever_passes_its_connection(size, data):
    network = Network.single_feeder(n_prosumers=size)
    community = Community(battery_capacity_kwh=0, charge_limit_kw=0, discharge_limit_kw=0, network=network)
    observed = {"demand_kw": 0.0, "pv_kw": 0.0, "soc": 0.5, "retail_price": 0.3, "feed_in_price": 0.1}
    largest = int(bounds_of(Screen(community)(observed, np.zeros(size))).connection[0])
    net = [data.draw(st.sampled_from([-largest, largest, 0]) | st.integers(-largest, largest)) for _ in range(size)]
    for k, n in enumerate(net):
        assert_tied("sums-are-exact", total=sum(net[:k]), n=n, C=largest, bound=k * largest)
    assert physics.line_flows(network, np.array(net)).tolist() == [sum(net)]


def test_connections_leave_room_for_the_sum_of_any_number_of_prosumers():
    size = 2**15
    network = Network.single_feeder(n_prosumers=size)
    community = Community(battery_capacity_kwh=0, charge_limit_kw=0, discharge_limit_kw=0, network=network)
    observed = {"demand_kw": 0.0, "pv_kw": 0.0, "soc": 0.5, "retail_price": 0.3, "feed_in_price": 0.1}
    capacity = Screen(community)(observed, np.zeros(size)).capacity
    largest = fixed_rows(capacity, network)[1][3 * size : 4 * size]
    assert int(largest[0]) * size <= LARGEST_SUM
    assert physics.line_flows(network, largest).tolist() == [int(largest[0]) * size]

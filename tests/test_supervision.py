"""Layer 3: the screen, CHECK in milliwatts, the recovery ladder."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from autonomy import Community, Limits, Mode, Network, Observation
from autonomy.controller import as_mapping
from autonomy.layers.projection import cut_offer
from autonomy.layers.situation import SetPoints
from autonomy.layers.supervision import Candidate, Screen, dead_stop, supervise
from autonomy.layers.supervision.check import check
from autonomy.layers.supervision.milliwatt import PER_KW, Plan, bounds_of, net_export_of
from autonomy.layers.supervision.recovery import grid_only, share
from tests.oracle import lines_above
from tests.strategies import ANY_FLOAT, communities, observations

HOMES = Community(
    battery_capacity_kwh=[10.0, 10.0, 0.0],
    charge_limit_kw=[5.0, 5.0, 0.0],
    discharge_limit_kw=[5.0, 5.0, 0.0],
    soc_min=0.1,
    soc_max=0.9,
    connection_limit_kw=12.0,
    network=Network.single_feeder(n_prosumers=3, import_limit_kw=6.0, export_limit_kw=9.0),
)
GOOD = {
    "demand_kw": [1.0, 2.0, 3.0],
    "pv_kw": [4.0, 0.0, 0.0],
    "soc": [0.5, 0.5, 0.5],
    "retail_price": 0.3,
    "feed_in_price": 0.1,
}


def screened(community, **changes):
    return Screen(community)({**GOOD, **changes}, np.zeros(community.n_prosumers))


def causes(situation):
    return [reason.cause.value for reason in situation.reasons]


def test_a_good_observation_raises_no_doubt():
    situation = screened(HOMES)
    assert situation.reasons == ()
    assert not situation.isolated.any()
    assert situation.may_trade.all()


@pytest.mark.parametrize(
    ("changes", "cause", "isolated"),
    [
        ({"demand_kw": [np.nan, 2.0, 3.0]}, "not-finite", [True, False, False]),
        ({"demand_kw": [1.0, np.inf, 3.0]}, "not-finite", [False, True, False]),
        ({"demand_kw": [1.0, 2.0, -0.5]}, "negative", [False, False, True]),
        ({"demand_kw": [1.0, 2.0, -2e-6]}, "negative", [False, False, True]),
        ({"pv_kw": [4000.0, 0.0, 0.0]}, "unit-suspect", [True, False, False]),
        ({"soc": [55.0, 0.5, 0.5]}, "soc-range", [False, False, False]),
        ({"soc": [np.nan, 0.5, 0.5]}, "not-finite", [False, False, False]),
        ({"soc": [0.05, 0.5, 0.5]}, "soc-outside-band", [False, False, False]),
        ({"retail_price": [0.05, 0.3, 0.3]}, "price-order", [False, False, False]),
        ({"retail_price": [np.nan, 0.3, 0.3]}, "not-finite", [False, False, False]),
        ({"demnd_kw": 1.0}, "field-unknown", [False, False, False]),
        ({"limits": "none"}, "limits-rejected", [False, False, False]),
        ({"limits": {"charge_limit_kw": -1.0}}, "limits-rejected", [False, False, False]),
        ({"limits": {"soc_mim": 0.2}}, "field-unknown", [False, False, False]),
        ({"limits": {"soc_min": 0.9, "soc_max": 0.2}}, "limits-rejected", [False, False, False]),
    ],
)
def test_a_fault_is_named_and_costs_only_the_prosumer_it_concerns(changes, cause, isolated):
    situation = screened(HOMES, **changes)
    assert cause in causes(situation)
    assert situation.isolated.tolist() == isolated
    assert not situation.is_blind


@pytest.mark.parametrize(
    ("changes", "cause"),
    [
        ({"demand_kw": None}, "field-missing"),
        ({"pv_kw": [1.0, 2.0]}, "field-shape"),
        ({"demand_kw": "three"}, "field-shape"),
        ({"demand_kw": [[1.0, 2.0, 3.0]]}, "field-shape"),
        ({"demand_kw": [{}, 2, 3]}, "field-shape"),
    ],
)
def test_without_demand_or_generation_of_anybody_the_community_is_blind(changes, cause):
    situation = screened(HOMES, **changes)
    assert cause in causes(situation)
    assert situation.is_blind


def test_an_unknown_field_comes_with_a_did_you_mean():
    assert "did you mean 'demand_kw'" in str(screened(HOMES, demnd_kw=1.0).reasons[0])


def test_a_hair_below_zero_is_rounding():
    situation = screened(HOMES, demand_kw=[1.0, 2.0, -1e-9], pv_kw=[-1e-12, 0.0, 0.0])
    assert situation.reasons == ()
    assert not situation.isolated.any()
    assert (situation.demand_kw[2], situation.pv_kw[0]) == (0.0, 0.0)


@pytest.mark.parametrize(("limit_kw", "largest_kw"), [(6.0, 200.0), (30.0, 400.0), (0.0, 200.0), (np.inf, 10_000.0)])
def test_without_a_connection_limit_a_home_is_wired_for_what_its_lines_carry(limit_kw, largest_kw):
    # Ten times (line, at least 10 kW, + 5 kW + 5 kW); 10 MW where no line is limited either.
    network = Network(
        parent=[-1, 0], bus_of_prosumer=[1], import_limit_kw=[900.0, limit_kw], export_limit_kw=[np.inf, 0.0]
    )
    home = Community(battery_capacity_kwh=10.0, charge_limit_kw=5.0, discharge_limit_kw=5.0, network=network)
    one = {"pv_kw": 0.0, "soc": 0.5, "retail_price": 0.3, "feed_in_price": 0.1}
    for demand_kw, suspect in ((0.99 * largest_kw, False), (1.01 * largest_kw, True)):
        situation = Screen(home)({**one, "demand_kw": demand_kw}, np.zeros(1))
        assert ("unit-suspect" in causes(situation)) is suspect, demand_kw


def test_a_bad_state_of_charge_stops_that_battery_only():
    situation = screened(HOMES, soc=[np.nan, 0.5, 0.5])
    assert situation.battery_lower_kw[0] == situation.battery_upper_kw[0] == 0.0
    assert situation.battery_upper_kw[1] > 0


def test_a_state_of_charge_outside_its_band_may_only_recover():
    low, high = screened(HOMES, soc=[0.02, 0.95, 0.0]), screened(HOMES, soc=[0.95, 0.02, 0.0])
    assert low.battery_lower_kw[0] == 0.0
    assert low.battery_upper_kw[0] > 0.0
    assert high.battery_upper_kw[0] == 0.0
    assert high.battery_lower_kw[0] < 0.0


def test_an_isolated_prosumer_keeps_its_fair_share_and_the_others_the_rest():
    # Import limit 6 kW, three prosumers: a share of 2 kW. What is left for the other two is 4 kW.
    situation = screened(HOMES, demand_kw=[1.0, np.nan, 3.0])
    assert situation.fair_import_kw.tolist() == [2.0, 2.0, 2.0]
    assert situation.import_limit_kw.tolist() == [4.0]
    assert situation.export_limit_kw.tolist() == [6.0]


def test_limits_of_the_step_replace_the_communitys():
    situation = screened(HOMES, limits=Limits(charge_limit_kw=1.5, active=[True, False, True], can_shed=False))
    assert situation.battery_upper_kw.tolist() == [1.5, 0.0, 0.0]
    assert situation.sheddable_kw.tolist() == [0.0, 0.0, 0.0]


def with_care(community, observation, previous_kw):
    """Screen field by field, as if the first glance always saw a doubt."""
    screen = Screen(community)
    screen._at_a_glance = lambda observation, rating: None
    return screen(observation, previous_kw)


def assert_same(one, other):
    for name, mine, theirs in zip(one._fields, one, other, strict=True):
        if name == "capacity":
            for part in mine.__slots__:
                np.testing.assert_array_equal(getattr(mine, part), getattr(theirs, part), err_msg=part)
        elif name not in ("community", "is_clean"):
            np.testing.assert_array_equal(mine, theirs, err_msg=name)


@given(communities(with_ramp=True), st.data())
def test_a_glance_at_clean_measurements_sees_what_a_careful_look_sees(community, data):
    size = community.n_prosumers
    inside = st.floats(float(community.soc_min[0]), float(community.soc_max[0]))
    observation = as_mapping(data.draw(observations(community, soc=inside)))
    limits = data.draw(st.sampled_from([None, Limits(charge_limit_kw=1.5, can_shed=False), {"active": False}]))
    previous = np.array([data.draw(st.floats(-5, 5)) for _ in range(size)])
    situation = Screen(community)({**observation, "limits": limits}, previous)
    assert situation.is_clean == bool(np.all(situation.demand_kw <= community.connection_limit_kw * 10 + 1e3))
    assert_same(situation, with_care(community, {**observation, "limits": limits}, previous))


ODD = st.one_of(
    ANY_FLOAT,
    st.none(),
    st.lists(ANY_FLOAT, min_size=3, max_size=3),
    st.lists(st.one_of(ANY_FLOAT, st.none(), st.text(max_size=2)), max_size=4),
    st.sampled_from([[[1.0, 2.0, 3.0]], "1", ["1", "2", "3"], np.ones((3, 1)), np.array([1, 2, 3]), True]),
)


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(GOOD, ODD)))
def test_whatever_is_sent_a_glance_never_changes_what_is_found(changes):
    previous = np.zeros(3)
    assert_same(screened(HOMES, **changes), with_care(HOMES, {**GOOD, **changes}, previous))


def test_one_number_for_all_is_clean_and_a_doubt_is_not():
    assert screened(HOMES).is_clean
    assert screened(HOMES, demand_kw=1.5).is_clean
    assert not screened(HOMES, soc=[0.5, 0.05, 0.5]).is_clean
    # Consumer 2 has no battery: any number will do there.
    assert screened(HOMES, soc=[0.5, 0.5, 7.0]).is_clean


@given(communities(), st.data())
def test_offers_and_caps_do_not_depend_on_the_lane(community, data):
    inside = st.floats(float(community.soc_min[0]), float(community.soc_max[0]))
    observation = as_mapping(data.draw(observations(community, soc=inside)))
    situation = Screen(community)(observation, np.zeros(community.n_prosumers))
    doubted = situation._replace(is_clean=False)
    size = community.n_prosumers
    points = SetPoints(
        battery_kw=np.array([data.draw(st.floats(-5, 5)) for _ in range(size)]),
        curtail_kw=np.zeros(size),
        shed_kw=np.zeros(size),
    )
    verdicts = [supervise(x, Candidate(set_points=points), lambda: 1 / 0) for x in (situation, doubted)]
    for mine, theirs in zip(*(verdict[1:] for verdict in verdicts), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    net = verdicts[0].net_export_kw
    trade, price = (np.array([data.draw(st.one_of(st.floats(-9, 9), ANY_FLOAT)) for _ in net]) for _ in range(2))
    offers = [
        cut_offer(x, net, wish, bid) for x in (situation, doubted) for wish, bid in ((trade, price), (net, price))
    ]
    for mine, theirs in zip(offers[:2], offers[2:], strict=True):
        for part, other in zip(mine, theirs, strict=True):
            np.testing.assert_array_equal(part, other)


@given(communities(), st.data())
def test_grid_only_recovery_is_safe_for_every_observation(community, data):
    situation = Screen(community)(as_mapping(data.draw(observations(community))), np.zeros(community.n_prosumers))
    bounds = bounds_of(situation, within_ramp=False)
    plan = grid_only(bounds)
    assert check(bounds, plan) == ()
    assert not plan.battery.any()


@given(communities(), st.data())
def test_grid_only_recovery_cuts_the_minimum(community, data):
    """The oracle counts, from the leaves up, what no answer without batteries can avoid."""
    situation = Screen(community)(as_mapping(data.draw(observations(community))), np.zeros(community.n_prosumers))
    bounds = bounds_of(situation, within_ramp=False)
    plan = grid_only(bounds)
    curtail, shed = minimal_cuts(community.network, bounds)
    assert int(plan.curtail.sum()) == curtail
    assert int(plan.shed.sum()) == shed


def test_recovery_takes_only_from_where_power_flows_that_way():
    # Branch 1 exports 10 kW through 6 kW, branch 2 imports 20 kW, and 12 kW may be imported in all. Branch 1 loses
    # 4 kW; 14 kW are imported then, so branch 2 sheds 2 kW. (Every line keeps a milliwatt a prosumer free, and one.)
    network = Network(
        parent=[-1, 0, 0], bus_of_prosumer=[1, 2], import_limit_kw=[12, 50, 50], export_limit_kw=[50, 6, 50]
    )
    community = Community(battery_capacity_kwh=0, charge_limit_kw=0, discharge_limit_kw=0, network=network)
    observed = {**GOOD, "demand_kw": [0.0, 20.0], "pv_kw": [10.0, 0.0], "soc": [0.0, 0.0]}
    plan = grid_only(bounds_of(Screen(community)(observed, np.zeros(2))))
    assert plan.curtail.tolist() == [4_000_002, 0]
    assert plan.shed.tolist() == [0, 2_000_005]


def test_recovery_and_caps_work_along_a_chain_of_thousands_of_lines():
    size = 3000
    limit = np.linspace(50.0, 1.0, size)
    network = Network(parent=np.arange(-1, size - 1), bus_of_prosumer=np.arange(size), export_limit_kw=limit)
    community = Community(battery_capacity_kwh=0, charge_limit_kw=0, discharge_limit_kw=0, network=network)
    observed = {**GOOD, "demand_kw": np.zeros(size), "pv_kw": np.ones(size), "soc": np.zeros(size)}
    situation = Screen(community)(observed, np.zeros(size))
    verdict = supervise(situation, None, lambda: 1 / 0)
    assert verdict.rung is Mode.GRID_ONLY
    flow = np.cumsum(verdict.net_export_kw[::-1])[::-1]
    assert np.all(flow <= limit)
    assert flow[0] == pytest.approx(50.0, abs=(size + 1) * 1e-6)


def test_what_is_smaller_than_a_milliwatt_is_not_cut_when_nothing_asks_for_it():
    situation = screened(HOMES, pv_kw=[3e-7, 0.0, 0.0], demand_kw=[4e-7, 2.0, 3.0])
    nothing = SetPoints(battery_kw=np.zeros(3), curtail_kw=np.zeros(3), shed_kw=np.zeros(3))
    verdict = supervise(situation, Candidate(set_points=nothing), lambda: 1 / 0)
    assert not verdict.set_points.curtail_kw.any()
    assert not verdict.set_points.shed_kw.any()


def minimal_cuts(network, bounds):
    curtail = shed = 0
    flow = {}
    nodes = []
    for i in range(network.n_prosumers):
        net = int(bounds.pv[i]) - int(bounds.demand[i])
        kept = min(max(net, -int(bounds.connection[i])), int(bounds.connection[i]))
        curtail, shed = curtail + max(net - kept, 0), shed + max(kept - net, 0)
        nodes.append(kept)
    order = sorted(range(network.n_lines), key=lambda k: -depth(network, k))
    for line in order:
        total = sum(nodes[i] for i in range(network.n_prosumers) if network.bus_of_prosumer[i] == line)
        total += sum(flow[k] for k in range(network.n_lines) if network.parent[k] == line)
        kept = min(max(total, -int(bounds.import_limit[line])), int(bounds.export_limit[line]))
        curtail, shed = curtail + max(total - kept, 0), shed + max(kept - total, 0)
        flow[line] = kept
    return curtail, shed


def depth(network, line):
    count = 0
    while network.parent[line] >= 0:
        line, count = int(network.parent[line]), count + 1
    return count


@given(communities(), st.data())
def test_check_equals_its_specification_in_plain_integers(community, data):
    situation = Screen(community)(as_mapping(data.draw(observations(community))), np.zeros(community.n_prosumers))
    bounds = bounds_of(situation)
    size = community.n_prosumers
    numbers = st.integers(-10 * PER_KW, 10 * PER_KW)
    plan = Plan(
        **{name: np.array([data.draw(numbers) for _ in range(size)]) for name in ("battery", "curtail", "shed")}
    )
    net = [
        (int(bounds.pv[i]) - int(plan.curtail[i])) - (int(bounds.demand[i]) - int(plan.shed[i])) - int(plan.battery[i])
        for i in range(size)
    ]
    safe = all(
        bounds.battery_lower[i] <= plan.battery[i] <= bounds.battery_upper[i]
        and 0 <= plan.curtail[i] <= bounds.curtailable[i]
        and 0 <= plan.shed[i] <= bounds.sheddable[i]
        and abs(net[i]) <= bounds.connection[i]
        for i in range(size)
    )
    for line in range(community.network.n_lines):
        flow = sum(net[i] for i in range(size) if line in lines_above(community.network, i))
        safe = safe and bool(-bounds.import_limit[line] <= flow <= bounds.export_limit[line])
    assert (check(bounds, plan) == ()) == safe
    assert net_export_of(bounds, plan).tolist() == net


@given(communities(), st.data())
def test_whatever_is_proposed_the_verdict_passes_check(community, data):
    situation = Screen(community)(as_mapping(data.draw(observations(community))), np.zeros(community.n_prosumers))
    size = community.n_prosumers
    points = SetPoints(
        **{
            name: np.array([data.draw(ANY_FLOAT) for _ in range(size)])
            for name in ("battery_kw", "curtail_kw", "shed_kw")
        }
    )

    def broken_support():
        raise RuntimeError("no support today")

    verdict = supervise(situation, Candidate(set_points=points), broken_support)
    assert verdict.rung in (Mode.PROJECTED, Mode.GRID_ONLY)
    bounds = bounds_of(situation, within_ramp=False)
    plan = Plan(
        battery=np.rint(verdict.set_points.battery_kw * PER_KW).astype(np.int64),
        curtail=np.minimum(np.rint(verdict.set_points.curtail_kw * PER_KW).astype(np.int64), bounds.curtailable),
        shed=np.minimum(np.rint(verdict.set_points.shed_kw * PER_KW).astype(np.int64), bounds.sheddable),
    )
    assert check(bounds, plan) == ()


@given(communities(), st.data())
def test_dead_stop_caps_hold_every_line_whatever_is_generated_or_used(community, data):
    situation = Screen(community)({}, np.zeros(community.n_prosumers))
    assert situation.is_blind
    verdict = dead_stop(situation, ())
    size, network = community.n_prosumers, community.network
    fraction = [data.draw(st.floats(-1, 1)) for _ in range(size)]
    caps = np.where(np.array(fraction) > 0, verdict.generation_cap_kw, -verdict.load_cap_kw)
    net = np.abs(fraction) * np.where(np.isfinite(caps), caps, np.sign(caps) * 50.0)
    for line in range(network.n_lines):
        flow = sum(net[i] for i in range(size) if line in lines_above(network, i))
        assert -network.import_limit_kw[line] - 1e-9 <= flow <= network.export_limit_kw[line] + 1e-9
    assert np.all(np.abs(net) <= community.connection_limit_kw + 1e-9)


@given(communities(), st.data())
def test_caps_hold_the_lines_when_generation_alone_or_load_alone_differs(community, data):
    observation = data.draw(observations(community))
    situation = Screen(community)(as_mapping(observation), np.zeros(community.n_prosumers))
    verdict = supervise(situation, None, lambda: 1 / 0)
    points, network = verdict.set_points, community.network
    part = np.array([data.draw(st.floats(0, 1)) for _ in range(community.n_prosumers)])
    caps = {name: np.minimum(getattr(verdict, name), 50.0) for name in ("generation_cap_kw", "load_cap_kw")}
    generation = (situation.pv_kw - points.curtail_kw) * (1 - part) + caps["generation_cap_kw"] * part
    load = (situation.demand_kw - points.shed_kw) * (1 - part) + caps["load_cap_kw"] * part
    for net in (
        generation - (situation.demand_kw - points.shed_kw) - points.battery_kw,
        (situation.pv_kw - points.curtail_kw) - load - points.battery_kw,
    ):
        flow = network.incidence @ net
        below = 1e-5 * (1 + network.prosumers_below)
        assert np.all(flow <= network.export_limit_kw + below)
        assert np.all(-flow <= network.import_limit_kw + below)


def test_a_host_that_cannot_shed_gets_the_least_excess_and_is_told_so():
    community = Community(
        battery_capacity_kwh=0,
        charge_limit_kw=0,
        discharge_limit_kw=0,
        network=Network.single_feeder(n_prosumers=2, import_limit_kw=3.0),
    )
    observed = {
        **GOOD,
        "demand_kw": [2.0, 4.0],
        "pv_kw": [0.0, 0.0],
        "soc": [0.0, 0.0],
        "limits": {"can_shed": [True, False]},
    }
    situation = Screen(community)(observed, np.zeros(2))
    verdict = supervise(situation, None, lambda: 1 / 0)
    # 6 kW of demand, 2 kW can be shed: 4 kW flow through a line of 3 kW.
    assert verdict.set_points.shed_kw.tolist() == [2.0, 0.0]
    reason = next(reason for reason in verdict.reasons if reason.cause == "limit-not-held")
    assert reason.amount_kw == pytest.approx(1.0, abs=1e-5)


@given(st.integers(0, 10**6), st.lists(st.integers(0, 10**6), max_size=6))
def test_shares_add_up_and_respect_capacities(amount, capacities):
    parts = share(amount, capacities)
    assert sum(parts) == min(amount, sum(capacities))
    assert all(0 <= part <= capacity for part, capacity in zip(parts, capacities, strict=True))


def test_an_observation_that_is_not_numeric_is_kept_for_the_screen_to_judge():
    observation = Observation(demand_kw="much", pv_kw=[0, 0, 0], soc=0.5, retail_price=0.3, feed_in_price=0.1)
    assert "field-shape" in causes(Screen(HOMES)(as_mapping(observation), np.zeros(3)))


@pytest.mark.parametrize(
    ("limits", "given", "hit", "amount"),
    [
        # Three homes behind 6 kW: a share of 2 kW each, a connection of 12 kW. Exports share 9 kW.
        ({"can_shed": [False, True, True]}, {"demand_kw": [np.nan, 2.0, 3.0]}, (0,), 10.0),
        ({"can_curtail": False}, {"pv_kw": [np.nan, 0.0, 0.0]}, (0,), 9.0),
        ({"can_shed": False}, {"demand_kw": None}, (0, 1, 2), 30.0),
        ({"can_shed": False}, {"demand_kw": [1.0, 2.0, 3.0]}, None, 0.0),
        ({"can_curtail": False}, {"demand_kw": [1.0, 2.0, np.nan]}, (2,), 9.0),
        ({"can_shed": [False, True, True]}, {"demand_kw": [1.0, np.nan, 3.0]}, None, 0.0),
        ({"can_shed": False, "connection_limit_kw": 2.0}, {"demand_kw": None}, None, 0.0),
    ],
)
def test_a_cap_that_a_host_cannot_keep_without_a_meter_is_said_with_its_worst(limits, given, hit, amount):
    situation = screened(HOMES, limits=limits, **given)
    still = Candidate(SetPoints(*np.zeros((3, 3))))
    verdict = supervise(situation, still, lambda: still)
    said = [reason for reason in verdict.reasons if reason.cause.value == "limit-not-held"]
    assert [(reason.prosumers, reason.amount_kw) for reason in said] == ([] if hit is None else [(hit, amount)])


def test_where_nothing_bounds_what_cannot_be_cut_that_is_said_too():
    free = Community(
        battery_capacity_kwh=0, charge_limit_kw=0, discharge_limit_kw=0,
        network=Network.single_feeder(n_prosumers=3, import_limit_kw=6.0),
    )  # fmt: skip
    reasons = dead_stop(screened(free, demand_kw=None, limits={"can_shed": False}), ()).reasons
    assert reasons == ()  # the dead stop itself says what it did; the gate says what cannot be kept
    situation = screened(free, demand_kw=None, limits={"can_shed": False})
    reason = supervise(situation, None, lambda: None).reasons[0]
    assert (reason.cause.value, reason.amount_kw) == ("limit-not-held", 0.0)
    assert "nothing bounds" in reason.text


def test_a_dead_stop_asks_a_host_for_no_cut_it_cannot_do():
    situation = screened(HOMES, demand_kw=[9.0, 2.0, 3.0], limits={"can_shed": [False, True, True]})
    points = dead_stop(situation._replace(is_blind=True), ()).set_points
    assert points.shed_kw.tolist() == [0.0, 0.0, 1.0]

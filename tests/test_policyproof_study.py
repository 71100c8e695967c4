"""Properties of the deployed policy: what is proved holds where it is tried, and what is refuted plays so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autonomy import Community, Scenario
from autonomy.layers.errors import ModelError
from autonomy.layers.network import Network as Grid
from autonomy.layers.supervision.monitors.accuracy import Accuracy
from autonomy.learning.gates import intent_kw, reach_of
from autonomy.learning.policy import networks_of
from autonomy.learning.shipped import shipped
from autonomy.learning.views import battery_of
from autonomy.policyproof.anchors import anchors_of, set_points
from autonomy.policyproof.crown import Box
from autonomy.policyproof.ensemble import STORED, Ensemble, box_of
from autonomy.policyproof.interval import Interval
from autonomy.policyproof.intervention import Most, most_intervention, moved_kw, worst_met
from autonomy.policyproof.layered import Layer, Layered, unrolled
from autonomy.policyproof.meters import moved, recorded, wanted
from autonomy.policyproof.milp import maximise
from autonomy.policyproof.monotone import EDGE, PRICE, hour_of, rise_objective, whole, worst_rises
from autonomy.policyproof.monotone import STORED as ALONG_STORED
from autonomy.policyproof.planted import Slit, planted
from autonomy.policyproof.region import Region, region_of
from autonomy.policyproof.replay import Scene, load_of, play, recorded_load, staged
from autonomy.policyproof.search import Effort, search
from autonomy.policyproof.study import EMPTY_MOST, agreement, controlled, emptied, monotonies, output_objective
from autonomy.safety.domain import operating_domain

seeds = st.integers(0, 2**32 - 1)
PRICES = (0.21, 0.54)


@pytest.fixture(scope="module")
def region() -> Region:
    policy = shipped("learned")
    return region_of(Community.demo(), Scenario.demo(), networks_of(policy), policy.economics)


# --- set-points over intervals --------------------------------------------------------------------------------------


@given(seeds, st.sampled_from([0.0, 0.05, 1.0]))
@settings(max_examples=40, deadline=None)
def test_set_points_of_sampled_gates_and_energies_are_inside(seed: int, width: float) -> None:
    random, community = np.random.default_rng(seed), Community.demo()
    battery, size = battery_of(community), community.n_prosumers
    gates = random.random((2, size, 3)) * (1 - width * 0.3)
    energy = battery.least_kwh + random.random((2, size)) * (battery.most_kwh - battery.least_kwh)
    surplus = random.normal(size=2) * 30.0
    gates_ = Interval(gates, gates + 0.3 * width)
    energy_ = Interval(energy - 0.3 * width, energy + 0.3 * width)
    surplus_ = Interval(surplus - 5 * width, surplus + 5 * width)
    found = set_points(gates_, anchors_of(battery, energy_, surplus_, 34.0, 24.0))
    for _ in range(30):
        some = [one.low + random.random(one.low.shape) * (one.high - one.low) for one in (gates_, energy_, surplus_)]
        power = intent_kw(np, some[0], reach_of(np, some[1], battery), some[2][:, None], 34.0, 24.0)
        assert (found.low - 1e-9 <= power).all()
        assert (power <= found.high + 1e-9).all()
    if width == 0.0:
        np.testing.assert_allclose(found.high, found.low, atol=1e-9)


@given(seeds)
@settings(max_examples=40, deadline=None)
def test_intervals_hold_what_they_are_made_of(seed: int) -> None:
    random = np.random.default_rng(seed)
    a, b = (Interval(low, low + random.random(5)) for low in random.normal(size=(2, 5)))
    x, y = (one.low + random.random(5) * (one.high - one.low) for one in (a, b))
    pairs = (a + b, x + y), (a - b, x - y), (a * b, x * y), (-a, -x), (a.clipped(0.0), np.maximum(x, 0.0))
    for interval, value in (*pairs, (a.least(b), np.minimum(x, y)), (a.sum(), x.sum())):
        assert (interval.low <= value).all()
        assert (value <= interval.high).all()


# --- the region -----------------------------------------------------------------------------------------------------


def test_every_recorded_hour_lies_in_its_tube_and_every_tube_in_the_box_of_everything(region: Region) -> None:
    steps = [200, 3013, 8000]
    tubes = region.tubes(steps)
    for row, step in enumerate(steps):
        assert (tubes.lower[row, :STORED] <= region.features[step]).all()
        assert (region.features[step] <= tubes.upper[row, :STORED]).all()
    assert (region.everything.lower <= tubes.lower).all()
    assert (tubes.upper <= region.everything.upper).all()


def test_a_part_of_a_series_is_refused() -> None:
    networks = networks_of(shipped("learned-0"))
    with pytest.raises(ModelError, match="the whole of its series"):
        region_of(Community.demo(), Scenario.demo().window(0, 24), networks)


def test_the_gate_that_empties_is_proved_to_stay_shut_around_some_hours(region: Region) -> None:
    found = emptied(region, [200, 5050], Effort(seconds=120.0))
    assert found.is_proved
    assert found.value <= found.bound <= EMPTY_MOST
    box, random = region.tubes([200, 5050]), np.random.default_rng(0)
    points = random.uniform(box.lower, box.upper, size=(2000, *box.lower.shape)).reshape(-1, box.lower.shape[1])
    assert Ensemble(region.networks, (2,))(points).max() <= EMPTY_MOST


# --- scenes ---------------------------------------------------------------------------------------------------------


def test_a_scene_of_what_was_recorded_is_the_recorded_hour(region: Region) -> None:
    load = region.scenario.demand_kw[3013] - region.scenario.pv_kw[3013]
    simulator, seen = staged(region, Scene(step=3013, load_kw=load, stored=0.5))
    np.testing.assert_allclose(seen.demand_kw - seen.pv_kw, load)
    np.testing.assert_allclose(seen.soc, 0.1 + 0.5 * 0.9)
    assert seen.retail_price[0] == region.scenario.retail_price[3013]
    np.testing.assert_array_equal(seen.forecast.demand_kw, region.scenario.forecast(3013).demand_kw)
    assert simulator.scenario.time[0] == region.scenario.time[3013]
    assert recorded_load(region, 3013) * 17 == pytest.approx(load.sum())
    assert load_of(region, float(region.features[3013, 0])) * 17 == pytest.approx(load.sum())


@pytest.mark.parametrize("tau", [0.0, 0.3, 1.0])
def test_an_hour_with_its_price_free_is_the_deployed_policy_at_that_price(region: Region, tau: float) -> None:
    hour = hour_of(region, 6088, PRICES)
    played = play(region, Scene(step=6088, load_kw=recorded_load(region, 6088), stored=0.4, retail=hour.retail(tau)))
    assert hour.wanted_kw(np.array([[tau, 0.4]]))[0] == pytest.approx(played.intent_kw.sum(), abs=1e-6)
    assert hour.retail(0.0) == pytest.approx(PRICES[0])
    assert hour.retail(1.0) == pytest.approx(PRICES[1])


# --- monotone -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("along", [PRICE, ALONG_STORED])
def test_slopes_of_the_power_lie_in_their_bounds(region: Region, along: int) -> None:
    hour, random, aside = hour_of(region, 6088, PRICES), np.random.default_rng(4), np.zeros(2)
    aside[along] = 1e-5
    lower = np.array([0.0, EDGE]) + random.random((20, 2)) * np.array([0.9, 0.88])
    box = Box(lower, lower + 0.08)
    found = rise_objective(hour, along)(box)
    for _ in range(10):
        theta = box.lower + (0.05 + 0.9 * random.random(lower.shape)) * (box.upper - box.lower)
        slope = (hour.wanted_kw(theta + aside) - hour.wanted_kw(theta - aside)) / 2e-5
        assert (found.least - 1e-3 <= slope).all()
        assert (slope <= found.most + 1e-3).all()


def test_a_rise_on_a_grid_is_a_rise_of_the_power(region: Region) -> None:
    hour = hour_of(region, 6088, PRICES)
    rise = worst_rises(hour)[PRICE]
    low, high = hour.wanted_kw(np.stack([rise.start, rise.end]))
    assert high - low == pytest.approx(rise.by_kw)
    assert rise.start[0] < rise.end[0]
    assert rise.start[1] == rise.end[1]


def test_more_is_wanted_at_a_higher_price_and_the_simulator_shows_it(region: Region) -> None:
    found, other = monotonies(region, [200], [200, 6088], PRICES, Effort(boxes=150, by_volume=True))
    assert found.mapped[0].is_proved
    assert sum(found.shares) == pytest.approx(1.0)
    assert found.is_refuted
    assert found.hour.step == 6088
    assert found.after.intent_kw.sum() - found.before.intent_kw.sum() == pytest.approx(found.worst.by_kw, abs=1e-6)
    assert found.after.battery_kw.sum() - found.before.battery_kw.sum() > found.tolerance_kw
    assert found.before.broken == found.after.broken == 0
    assert found.steps == (200, 6088)
    assert other.worst.start[0] == other.worst.end[0]


def test_where_the_power_rises_the_search_does_not_call_it_monotone(region: Region) -> None:
    hour = hour_of(region, 6088, PRICES)
    found = search(rise_objective(hour, PRICE), whole(), most=0.85, effort=Effort(boxes=400, by_volume=True))
    assert not found.is_proved
    assert found.violated > 0.0


# --- meters ---------------------------------------------------------------------------------------------------------


def test_no_sampled_meter_error_moves_a_set_point_beyond_its_bound(region: Region) -> None:
    readings = recorded(region, [region.scenario.window(2000, 12)])
    found = moved(region, readings, Accuracy(), samples=20)
    assert (found.sampled_kw <= found.bound_kw).all()
    assert (found.total_sampled_kw <= found.total_bound_kw).all()
    assert found.sampled_kw.max() > 0.0
    assert found.bound_kw.max() < 1.0
    exact = moved(region, readings, Accuracy.exact(), samples=1)
    assert exact.bound_kw.max() < 1e-5


def test_recorded_readings_are_what_the_policy_was_told(region: Region) -> None:
    window = region.scenario.window(2000, 3)
    readings = recorded(region, [window])
    np.testing.assert_array_equal(readings.demand_kw, region.scenario.demand_kw[2000:2003])
    assert wanted(region, readings).shape == (3, 17)


# --- interventions --------------------------------------------------------------------------------------------------


def test_no_intervention_met_is_beyond_its_bound(region: Region) -> None:
    domain = operating_domain(region.community, region.scenario).domain
    most = most_intervention(region.community, domain)
    assert most is not None
    scene, played = worst_met(region, domain, [500, 3300, 6088], (0.3, 0.9))
    assert 0.0 < moved_kw(played) <= most.moved_kw
    assert np.linalg.norm(played.battery_kw - played.intent_kw) <= most.distance_kw
    assert played.broken == 0
    assert scene.step in (500, 3300, 6088)


def test_the_bound_of_interventions_by_hand() -> None:
    most = Most(by_import_kw=3.0, by_export_kw=8.0, power_kw=6.0, one_kw=2.0)
    assert most.moved_kw == 6.0
    assert most.distance_kw == pytest.approx(12.0**0.5)
    assert Most(by_import_kw=0.5, by_export_kw=0.0, power_kw=6.0, one_kw=2.0).distance_kw == 0.5


def test_nothing_is_said_of_interventions_where_lines_or_ramps_could_ask_for_more(region: Region) -> None:
    domain = operating_domain(region.community, region.scenario).domain
    ramped = replace(region.community, ramp_limit_kw=1.0)
    tight = replace(region.community, connection_limit_kw=5.0)
    lines = Grid(parent=[-1, 0], bus_of_prosumer=[0] * 8 + [1] * 9, import_limit_kw=34.0, export_limit_kw=24.0)
    for community in (ramped, tight, replace(region.community, network=lines)):
        assert most_intervention(community, domain) is None


# --- the two tools --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(4))
def test_the_mixed_integer_optimum_is_inside_the_bound_and_equal_when_fully_split(seed: int) -> None:
    pytest.importorskip("omlt")
    random = np.random.default_rng(seed)
    layers = [Layer(random.normal(size=(8, given_)), random.normal(size=8), np.arange(8) % 4 != 0) for given_ in (3, 8)]
    layered = Layered((*layers, Layer(random.normal(size=(1, 8)), np.zeros(1), np.zeros(1, dtype=bool))))
    box = Box(-np.ones((1, 3)), np.ones((1, 3)))
    found = search(output_objective(layered), box, gap=1e-4)
    optimum = maximise(layered, box)
    assert optimum.is_optimal
    assert optimum.binaries > 3
    assert optimum.value == pytest.approx(optimum.bound, abs=1e-6)
    assert found.value - 1e-6 <= optimum.value <= found.bound + 1e-6
    assert found.bound - optimum.value <= 1e-4 + 1e-6
    assert optimum.value <= float(output_objective(layered)(box).most[0]) + 1e-6


def test_the_second_tool_works_where_others_have_called_the_solver_before() -> None:
    pytest.importorskip("omlt")
    highs = pytest.importorskip("highspy").Highs()
    highs.setOptionValue("output_flag", False)
    highs.setOptionValue("threads", 2)
    highs.addVar(0.0, 1.0)
    highs.run()
    layer = Layer(np.array([[1.0, -2.0]]), np.array([0.5]), np.array([True]))
    layered = Layered((layer, Layer(np.array([[1.0]]), np.zeros(1), np.array([False]))))
    found = maximise(layered, Box(-np.ones((1, 2)), np.ones((1, 2))))
    assert found.is_optimal
    assert found.value == pytest.approx(3.5)


def test_both_tools_agree_on_the_deployed_network(region: Region) -> None:
    pytest.importorskip("omlt")
    found = agreement(region, 0, 2000, 0.1)
    assert found.is_finished
    assert found.is_agreed
    wrong = replace(found, optimum=found.optimum._replace(value=found.split.bound + 0.01))
    assert not wrong.is_agreed
    assert found.optimum.value <= found.crown
    assert found.split.bound - found.optimum.value < 2e-4


def test_the_mixed_integer_program_finds_the_planted_slit_as_well(region: Region) -> None:
    pytest.importorskip("omlt")
    lower, upper = (float(side[0, 0]) for side in region.everything)
    slit = Slit(load=0.2, stored=0.7312, load_width=5e-4 * (upper - lower), stored_width=5e-4, gate=2, height=40.0)
    box = region.tubes([2000])
    middle = 0.5 * (box.lower + box.upper)
    low, high = middle.copy(), middle.copy()
    low[0, 0], high[0, 0], low[0, STORED], high[0, STORED] = 0.15, 0.26, 0.68, 0.79
    found = []
    for network in (planted(region.networks[0], slit), region.networks[0]):
        inner = box_of(network, Box(low, high))
        centre, wide = 0.5 * (inner.lower + inner.upper), high > low
        inside = Box(np.where(wide, inner.lower, centre), np.where(wide, inner.upper, centre))
        found.append(maximise(unrolled(network).rows((2,)), inside))
    hidden, shipped_ = found
    assert hidden.is_optimal
    assert shipped_.is_optimal
    assert hidden.value > 20.0 > -4.0 > shipped_.value
    load = hidden.point[0] * region.networks[0].scale[0] + region.networks[0].mean[0]
    assert abs(load - slit.load) / slit.load_width + abs((hidden.point[STORED] + 1) / 2 - 0.7312) / 5e-4 < 1.0


# --- the control ----------------------------------------------------------------------------------------------------


def test_the_planted_counterexample_is_found_and_plays_against_the_grid(region: Region) -> None:
    found = controlled(region, 2000, effort=Effort(seconds=240.0, to_first=True))
    assert found.sampled <= EMPTY_MOST
    assert found.found.value > EMPTY_MOST
    assert found.honest.battery_kw.sum() - found.played.battery_kw.sum() > 1.0
    assert found.played.export_kw > found.honest.export_kw + 1.0
    assert found.played.broken == 0

"""Observations of batches are those of single steps to the last bit, for every forecast; and their layout by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autonomy import Community, Network, Scenario, Simulator
from autonomy.allowance import allowance_of, floor_of, shown_floor
from autonomy.assets import Timeline
from autonomy.forecasting import KINDS
from autonomy.layers.errors import ModelError
from autonomy.layers.observation import Limits, Observation
from autonomy.layers.supervision.inbox import Inbox
from autonomy.layers.supervision.rating import Ratings
from autonomy.observing import (
    NO_LIMIT,
    OWN,
    encode,
    encode_each,
    observation_bounds,
    physical_action,
    physical_rows,
    prosumer_bounds,
)
from autonomy.simulation.observations import BLOCK, ObservationTable
from autonomy.simulation.world import World
from tests.learning import ASSETS, MIXES, days
from tests.strategies import communities, scenarios


def assert_table_is_what_is_encoded(
    community: Community, scenario: Scenario, steps: Any, seed: int = 0, timeline: Timeline | None = None
) -> None:
    world = World(community, timeline)
    table = ObservationTable(community, scenario.series, scenario.forecast_kind, world)
    soc = np.random.default_rng(seed).uniform(size=(len(steps), community.n_prosumers))
    simulators = [
        Simulator(
            community,
            scenario.window(step, 1),
            initial_soc=row,
            timeline=None if timeline is None else timeline.window(step, step + 1),
        )
        for step, row in zip(steps, soc, strict=True)
    ]
    seen = [simulator.observe() for simulator in simulators]
    measured = np.array([observation.soc for observation in seen])
    rows = np.asarray(steps)
    floor = world.floor_kw(rows, np.array([simulator.energy_kwh for simulator in simulators]))
    assert np.array_equal(table.communities(rows, measured, floor), [encode(community, item) for item in seen])
    assert np.array_equal(table.prosumers(rows, measured, floor), [encode_each(community, item) for item in seen])


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_is_what_is_encoded_to_the_last_bit(kind: str) -> None:
    scenario = Scenario.demo(forecast=kind)
    last = scenario.n_steps - 1
    drawn = np.random.default_rng(1).integers(0, last, 12).tolist()
    steps = [0, 1, 22, 23, 24, 47, 48, BLOCK - 1, BLOCK, *drawn, last - 24, last - 1, last]
    assert_table_is_what_is_encoded(Community.demo(), scenario, steps)


@settings(max_examples=25, deadline=None)
@given(st.data(), st.sampled_from(list(KINDS)))
def test_a_table_is_what_is_encoded_whatever_the_community(data: st.DataObject, kind: str) -> None:
    community = data.draw(communities(max_prosumers=9))
    scenario = data.draw(scenarios(community, max_steps=60)).with_forecast(kind)
    steps = data.draw(st.lists(st.integers(0, scenario.n_steps - 1), min_size=1, max_size=5))
    assert_table_is_what_is_encoded(community, scenario, steps, seed=len(steps))


@pytest.mark.parametrize("mix", ASSETS)
def test_a_table_is_what_is_encoded_with_assets(mix: str) -> None:
    community, assets = MIXES[mix](), ASSETS[mix]
    scenario = days(community)
    equipped = assets.equip(community)
    series = assets.supply(scenario.series)
    timeline = assets.timeline(equipped, series)
    steps = range(scenario.n_steps)
    assert_table_is_what_is_encoded(equipped, Scenario.whole(series), steps, timeline=timeline)


def limits_of(data: st.DataObject, size: int) -> Limits:
    """Draw limits of a step, some of them unusable."""
    number = st.one_of(st.floats(0.0, 9.0), st.sampled_from([np.nan, -1.0, np.inf]))
    share = st.one_of(st.floats(0.0, 1.0), st.sampled_from([np.nan, 2.0]))
    kinds: dict[str, Any] = {
        **dict.fromkeys(("charge_limit_kw", "discharge_limit_kw", "connection_limit_kw", "charge_floor_kw"), number),
        **dict.fromkeys(("soc_min", "soc_max"), share),
        "active": st.booleans(),
    }
    chosen = data.draw(st.lists(st.sampled_from(sorted(kinds)), unique=True))
    drawn: Any = {name: np.array(data.draw(st.lists(kinds[name], min_size=size, max_size=size))) for name in chosen}
    grid: Any = {f"grid_{way}_limit_kw": data.draw(st.one_of(st.none(), number)) for way in ("import", "export")}
    return Limits(**drawn, **grid)


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_limits_are_observed_as_layer_three_reads_them(data: st.DataObject) -> None:
    community = data.draw(communities(max_prosumers=4))
    size = community.n_prosumers
    limits = limits_of(data, size)
    allowed = allowance_of(community, limits)
    rating = Ratings(community).of_step(limits, Inbox({}, size))
    assert np.isin(allowed.active, [0.0, 1.0]).all()
    for name in ("soc_min", "soc_max", "charge_limit_kw", "discharge_limit_kw"):
        assert np.array_equal(getattr(allowed, name), getattr(rating, name))
    assert np.array_equal(allowed.connection_limit_kw, rating.capacity.connection_limit_kw)
    assert not rating.storage.power_limit_kw[:, allowed.active == 0.0].any()
    floor = shown_floor(floor_of(limits, size))
    assert np.array_equal(np.zeros(size) + floor, shown_floor(rating.charge_floor_kw) + np.zeros(size))
    root = int(np.argmin(community.network.parent))
    feeder = community.network.import_limit_kw[root], community.network.export_limit_kw[root]
    told = limits.grid_import_limit_kw, limits.grid_export_limit_kw
    for share, grid_kw, own, given_kw in zip(allowed.grid_share, allowed.grid_kw, feeder, told, strict=True):
        is_less = given_kw is not None and 0.0 <= given_kw < own
        assert share == (1.0 if not is_less else given_kw / own if np.isfinite(own) else given_kw > 0.0)
        assert grid_kw == (given_kw if is_less else own)


UNUSABLE: tuple[Any, ...] = (
    "no limits",
    7,
    {"charge_limit_kw": "five", "grid_import_limit_kw": "none", "charge_floor_kw": object()},
    {"soc_max": [0.5, 0.5], "grid_export_limit_kw": -3.0, "active": [[1.0]]},
    Limits(charge_floor_kw=np.full(3, np.nan), grid_import_limit_kw=np.nan, charge_limit_kw=np.full(3, -1.0)),
)


@pytest.mark.parametrize("limits", UNUSABLE)
def test_unusable_limits_are_observed_as_none(limits: Any) -> None:
    community = MIXES["batteries and a consumer"]()
    seen = Simulator(community, days(community)).observe()
    assert np.array_equal(encode(community, replace(seen, limits=limits)), encode(community, seen))
    assert np.array_equal(encode_each(community, replace(seen, limits=limits)), encode_each(community, seen))


def test_what_limits_a_step_is_observed_by_hand() -> None:
    community = MIXES["batteries and a consumer"]()  # the feeder may import 6 and export 4 kW
    limits = Limits(
        active=np.array([True, False, True]),
        charge_limit_kw=np.array([2.0, 3.0, 0.0]),
        soc_max=np.array([0.75, 1.0, 1.0]),
        charge_floor_kw=np.array([-1.5, -np.inf, -np.inf]),
        grid_import_limit_kw=1.5,
        grid_export_limit_kw=0.0,
    )
    seen = replace(Simulator(community, days(community)).observe(), limits=limits)
    flat, each = encode(community, seen).astype(float), encode_each(community, seen).astype(float)
    np.testing.assert_allclose(flat[9:12], [-1.5, 0.0, 0.0])
    np.testing.assert_allclose(flat[12:15], [1.0, 0.0, 1.0])
    np.testing.assert_allclose(flat[15:21], [2.0, 3.0, 0.0, 4.0, 3.0, 0.0])
    np.testing.assert_allclose(flat[21:27], [0.1, 0.1, 0.1, 0.75, 1.0, 1.0], rtol=1e-6)
    grid = 15 * 3 + 6 * 24
    np.testing.assert_allclose(flat[grid : grid + 2], [0.25, 0.0])
    np.testing.assert_allclose(each[:, 3], [-1.5, 0.0, 0.0])
    np.testing.assert_allclose(each[:, 4], [1.0, 0.0, 1.0])
    np.testing.assert_allclose(each[:, 12:14], [[2.0, 4.0], [3.0, 3.0], [0.0, 0.0]])
    np.testing.assert_allclose(each[:, 15:17], [[0.1, 0.75], [0.1, 1.0], [0.1, 1.0]], rtol=1e-6)
    np.testing.assert_allclose(each[:, OWN + 2 + 6 * 24 :][:, :2], [[0.5, 0.0]] * 3)
    without = encode_each(community, replace(seen, limits=None)).astype(float)
    np.testing.assert_allclose(without[:, OWN + 2 + 6 * 24 :][:, :2], [[2.0, 4.0 / 3.0]] * 3)


def test_the_share_of_a_feeder_without_a_limit_says_whether_there_is_a_grid() -> None:
    community = replace(MIXES["one home"](), network=Network.single_feeder(n_prosumers=1, export_limit_kw=0.0))
    for limit, shown in ((0.0, 0.0), (2.0, 1.0), (np.inf, 1.0)):
        allowed = allowance_of(community, {"grid_import_limit_kw": limit, "grid_export_limit_kw": 0.0})
        share, grid_kw = allowed.grid_share, allowed.grid_kw
        assert share.tolist() == [shown, 1.0]  # a feeder that never exports does so as usual
        assert grid_kw.tolist() == [limit, 0.0]


def test_a_table_makes_no_rows_that_nobody_asks_for() -> None:
    scenario = Scenario.demo()
    table = ObservationTable(Community.demo(), scenario.series, scenario.forecast_kind)
    asked: list[int] = []
    table._all._make = lambda rows, make=table._all._make: (asked.extend(rows.tolist()), make(rows))[1]  # type: ignore[func-returns-value]
    soc = np.zeros((3, 17))
    first = table.communities(np.array([5000, 5000, 170]), soc)
    assert sorted(asked) == [*range(160, 192), *range(4992, 5024)]
    assert np.array_equal(table.communities(np.array([5000, 5000, 170]), soc), first)
    assert len(asked) == 2 * BLOCK
    first[:] = -1.0  # who asks may write into the answer
    assert np.array_equal(table.communities(np.array([170]), soc[:1])[0, :17], scenario.demand_kw[170].astype("f4"))


def test_a_prosumers_observation_by_hand() -> None:
    community = MIXES["connection limits"]()
    scenario = days(community)
    seen = Simulator(community, scenario.window(36, 1), initial_soc=0.5).observe()
    forecast: Any = seen.forecast
    flat = encode_each(community, seen)
    low, high = prosumer_bounds(24)
    assert flat.shape == (3, 26 + 7 * 24)
    assert flat.shape[1:] == low.shape == high.shape
    second = flat[1].astype(float)
    demand, pv = scenario.demand_kw[36], scenario.pv_kw[36]
    np.testing.assert_allclose(second[:3], [demand[1], pv[1], 0.5], rtol=1e-6)
    ahead = [forecast.demand_kw, forecast.demand_low_kw, forecast.demand_high_kw]
    ahead += [forecast.pv_kw, forecast.pv_low_kw, forecast.pv_high_kw]
    np.testing.assert_allclose(second[3:5], [0.0, 1.0])  # no floor, and the battery is there
    np.testing.assert_allclose(second[5:11], [values[0, 1] for values in ahead], rtol=1e-6)
    np.testing.assert_allclose(second[11:OWN], [6.4, 3.0, 3.0, 3.0, 0.1, 1.0], rtol=1e-6)
    np.testing.assert_allclose(second[OWN : OWN + 2], [demand.mean(), pv.mean()], rtol=1e-6)
    for k, values in enumerate(ahead):
        first = OWN + 2 + 24 * k
        np.testing.assert_allclose(second[first : first + 24], values.mean(axis=1), rtol=1e-6)
    rest = OWN + 2 + 6 * 24 + 2
    np.testing.assert_allclose(second[rest - 2 : rest], [2.0, 4.0 / 3.0], rtol=1e-6)  # of 6 and 4 kW
    np.testing.assert_allclose(second[rest : rest + 3], [0.2, 0.06, 0.3], rtol=1e-6)
    np.testing.assert_allclose(second[rest + 3 : rest + 27], forecast.retail_price, rtol=1e-6)
    np.testing.assert_allclose(second[-2:], [0.0, -1.0], atol=1e-6)  # noon
    assert np.array_equal(flat[:, OWN:], np.repeat(flat[:1, OWN:], 3, axis=0))
    assert flat[2, 2] == 0.0  # no battery


def test_no_connection_limit_is_shown_as_zero() -> None:
    community = MIXES["one home"]()
    assert np.isinf(community.connection_limit_kw).all()
    flat = encode_each(community, Simulator(community, days(community)).observe())
    assert flat[0, 14] == 0.0


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_every_observation_lies_within_its_bounds(data: st.DataObject) -> None:
    community = data.draw(communities(max_prosumers=4))
    scenario = data.draw(scenarios(community))
    table = ObservationTable(community, scenario.series, scenario.forecast_kind)
    rows = np.arange(scenario.n_steps)
    soc = np.random.default_rng(0).uniform(-1e-9, 1 + 1e-9, (rows.size, community.n_prosumers))
    floor = np.random.default_rng(1).choice([-np.inf, -3.0, 0.0, 7.0], soc.shape)
    for seen, (low, high) in (
        (table.communities(rows, soc, floor), observation_bounds(community.n_prosumers, table.horizon)),
        (table.prosumers(rows, soc, floor), prosumer_bounds(table.horizon)),
    ):
        assert seen.dtype == np.float32
        assert (low <= seen).all()
        assert (seen <= high).all()
        assert (np.abs(seen) <= NO_LIMIT).all()


def test_an_observation_without_a_forecast_is_refused_for_a_prosumer_too() -> None:
    community = MIXES["one home"]()
    seen = Observation(demand_kw=[1.0], pv_kw=[0.0], soc=[0.5], retail_price=[0.3], feed_in_price=[0.1])
    with pytest.raises(ModelError, match="forecast"):
        encode_each(community, seen)


@settings(max_examples=50)
@given(st.data())
def test_actions_of_many_communities_mean_what_those_of_one_do(data: st.DataObject) -> None:
    community = data.draw(communities(max_prosumers=5))
    size, random = community.n_prosumers, np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    action = random.uniform(-2.0, 2.0, (4, size, 3))
    action[0, 0] = [np.nan, np.inf, -np.inf]
    demand, pv = random.uniform(0.0, 5.0, (2, 4, size))
    retail, feed_in = random.uniform(0.2, 0.5, (4, 1)), random.uniform(0.0, 0.2, (4, 1))
    many = physical_rows(community, action, demand_kw=demand, pv_kw=pv, retail_price=retail, feed_in_price=feed_in)
    for b in range(4):
        seen = Observation(
            demand_kw=demand[b],
            pv_kw=pv[b],
            soc=np.zeros(size),
            retail_price=np.full(size, retail[b, 0]),
            feed_in_price=np.full(size, feed_in[b, 0]),
        )
        assert np.array_equal(many[b], physical_action(community, seen, action[b]), equal_nan=True)

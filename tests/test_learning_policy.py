"""The learned policy: any N and any step, files that keep what they say, and nonsense answered by a rule."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from autonomy import Community, Controller, Forecast, Limits, Network, Observation, Simulator
from autonomy.economics import Economics
from autonomy.errors import ConfigError
from autonomy.layers.errors import ModelError
from autonomy.layers.intent.rules import self_consumption
from autonomy.learning.card import Card
from autonomy.learning.features import FEATURES, HOURS, OWN, View, community_features, hourly, own_features
from autonomy.learning.gates import OUTPUTS, intent_kw, reach_of
from autonomy.learning.network import Network as Weighted
from autonomy.learning.network import logistic
from autonomy.learning.policy import LearnedPolicy
from autonomy.learning.views import battery_of
from autonomy.learning.weights import hash_of, read_weights, write_weights
from autonomy.policies import load_policy, with_economics
from tests.learning import MIXES, days
from tests.strategies import communities, mappings

CARD = Card(
    title="a test",
    method="gradient",
    command="autonomy train",
    seed=0,
    version="0",
    data="nothing",
    data_sha256="0" * 64,
    forecast="7-day-mean",
    score=0.5,
    cpu_s=1.0,
    limits="everything",
)


def drawn(seed: int, hidden: int = 8) -> Weighted:
    random = np.random.default_rng(seed)
    shapes: dict[str, tuple[int, ...]] = {
        "mean": (FEATURES,), "scale": (FEATURES,), "first": (hidden, FEATURES), "stored": (hidden,),
        "first_bias": (hidden,), "second": (hidden, hidden), "second_bias": (hidden,), "third": (4, hidden),
        "own": (4, OWN), "third_bias": (4,), "last": (OUTPUTS, 4), "last_bias": (OUTPUTS,),
    }  # fmt: skip
    numbers = {name: random.normal(size=shape) for name, shape in shapes.items()}
    return Weighted(**{**numbers, "scale": np.abs(numbers["scale"]) + 0.1})


POLICY = LearnedPolicy([drawn(0), drawn(1)])


def seen(mix: str, step: int = 18) -> tuple[Community, Observation]:
    community = MIXES[mix]()
    return community, Simulator(community, days(community).window(step, 2)).observe()


# Decisions


@pytest.mark.parametrize("mix", MIXES)
def test_every_community_gets_a_finite_intent_within_its_prices(mix: str) -> None:
    community, observation = seen(mix)
    intent = POLICY(community, observation)
    assert POLICY.fault == ""
    assert np.isfinite(intent.battery_kw).all()
    reach = reach_of(np, observation.soc * community.battery_capacity_kwh, battery_of(community))
    assert (intent.battery_kw <= reach.charge_kw + 1e-9).all()
    assert (intent.battery_kw >= -reach.discharge_kw - 1e-9).all()
    assert (observation.feed_in_price <= intent.price_bid).all()
    assert (intent.price_bid <= observation.retail_price).all()
    left = observation.pv_kw - observation.demand_kw - intent.battery_kw
    assert (np.abs(intent.trade_kw) <= np.abs(left) + 1e-12).all()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_a_controller_with_it_never_raises_and_never_breaks_a_rule_whatever_is_measured(data: st.DataObject) -> None:
    community = data.draw(communities())
    decision = Controller(community, policy=POLICY).step(data.draw(mappings(community)))
    assert np.isfinite(decision.battery_kw).all()


@pytest.mark.parametrize("forecast", [None, "nonsense", 3.0])
def test_without_a_forecast_that_makes_sense_it_is_self_consumption_and_says_so(forecast: Any) -> None:
    community, observation = seen("batteries and a consumer")
    blind = replace(observation, forecast=forecast)
    policy = LearnedPolicy([drawn(0)])
    expected, found = self_consumption(community, blind), policy(community, blind)
    np.testing.assert_array_equal(found.battery_kw, expected.battery_kw)
    assert "forecast" in policy.fault


def test_a_forecast_with_a_number_that_is_none_is_answered_by_the_rule() -> None:
    community, observation = seen("batteries and a consumer")
    forecast = observation.forecast
    assert isinstance(forecast, Forecast)
    broken = replace(observation, forecast=replace(forecast, demand_kw=np.full(forecast.demand_kw.shape, np.nan)))
    policy = LearnedPolicy([drawn(0)])
    np.testing.assert_array_equal(policy(community, broken).battery_kw, self_consumption(community, broken).battery_kw)
    assert "demand_kw" in policy.fault


def test_a_battery_that_left_is_asked_for_nothing() -> None:
    community, observation = seen("batteries and a consumer")
    gone = replace(observation, limits=Limits(active=np.array([False, True, True])))
    assert POLICY(community, gone).battery_kw[0] == 0.0


def test_ten_thousand_prosumers_are_decided_by_the_weights_of_three() -> None:
    size = 10_000
    network = Network.single_feeder(n_prosumers=size, import_limit_kw=20_000.0, export_limit_kw=20_000.0)
    community = Community(battery_capacity_kwh=10.0, charge_limit_kw=5.0, discharge_limit_kw=5.0, network=network)
    random = np.random.default_rng(0)
    demand, pv = random.random((25, size)), 3.0 * random.random((25, size))
    tables = {
        f"{name}{end}_kw": values[1:]
        for name, values in (("demand", demand), ("pv", pv))
        for end in ("", "_low", "_high")
    }
    forecast = Forecast(**tables, coverage=0.8, retail_price=np.full(24, 0.3), feed_in_price=np.full(24, 0.1))
    observation = Observation(
        demand_kw=demand[0], pv_kw=pv[0], soc=random.random(size), retail_price=np.full(size, 0.3),
        feed_in_price=np.full(size, 0.1), forecast=forecast,
    )  # fmt: skip
    intent = POLICY(community, observation)
    assert POLICY.fault == ""
    assert intent.battery_kw.shape == (size,)


def test_prices_that_are_not_tariffs_reach_the_networks() -> None:
    community, observation = seen("batteries and a consumer")
    dear = with_economics(POLICY, Economics(carbon_price_per_kg=2.0))
    assert isinstance(dear, LearnedPolicy)
    assert not np.array_equal(dear(community, observation).battery_kw, POLICY(community, observation).battery_kw)


def test_several_networks_decide_by_the_mean_of_their_gates() -> None:
    features, stored, own = np.ones(FEATURES), np.array(0.5), np.zeros((3, OWN))
    each = [logistic(network.outputs(features, stored, own)) for network in POLICY.networks]
    np.testing.assert_allclose(POLICY.gates(features, stored, own), (each[0] + each[1]) / 2, rtol=1e-15)


def test_without_networks_there_is_no_policy() -> None:
    with pytest.raises(ValueError, match="at least one network"):
        LearnedPolicy([])


# Gates and features by hand


@pytest.mark.parametrize(
    ("gates", "expected"),
    [
        ([1, 0, 0], [3.0, 1.0]),  # a surplus of 4 kW, shared by room: 6 and 2 kWh
        ([0, 0, 0], [0.0, 0.0]),
        ([0.5, 0, 0], [1.5, 0.5]),
        ([1, 1, 0], [4.0, 2.0]),  # 4 + 6 kW could flow; the batteries take 4 and 2
        ([1, 0, 1], [-0.75, -0.25]),  # exports of 5 kW are allowed: 1 kW more than now, shared by store
        ([1, 1, 1], [0.0, 0.0]),
    ],
)
def test_the_corners_of_the_gates_are_what_they_are_named_after(gates: list[float], expected: list[float]) -> None:
    community = Community(
        battery_capacity_kwh=[12.0, 4.0], charge_limit_kw=[4.0, 3.0], discharge_limit_kw=[4.0, 3.0],
        network=Network.single_feeder(n_prosumers=2, import_limit_kw=6.0, export_limit_kw=5.0),
    )  # fmt: skip
    reach = reach_of(np, np.array([6.0, 2.0]), battery_of(community))
    found = intent_kw(np, np.tile(gates, (2, 1)), reach, np.array([4.0]), 6.0, 5.0)
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_hours_are_means_of_the_steps_that_begin_in_them() -> None:
    quarters = np.arange(96.0)
    np.testing.assert_allclose(hourly(quarters, 0.25)[:3], [1.5, 5.5, 9.5])
    np.testing.assert_array_equal(hourly(np.arange(24.0), 1.0), np.arange(24.0))
    np.testing.assert_array_equal(hourly(np.arange(12.0), 2.0), np.repeat(np.arange(12.0), 2))
    np.testing.assert_array_equal(hourly(np.array([5.0]), 24.0), np.full(HOURS, 5.0))


def test_features_have_no_unit() -> None:
    view = View(
        load_kw=2.0, retail=0.3, feed_in=0.1, carbon=0.02, ahead_kw=np.arange(24.0), spread_kw=np.ones(24),
        retail_ahead=np.full(24, 0.4), import_kw=9.0, export_kw=6.0, charge_kw=5.0, discharge_kw=5.0,
        capacity_kwh=10.0, timestep_h=1.0,
    )  # fmt: skip
    powers = ("load_kw", "ahead_kw", "spread_kw", "import_kw", "export_kw", "charge_kw", "discharge_kw", "capacity_kwh")
    larger = view._replace(**{name: 7.0 * getattr(view, name) for name in powers})
    other = larger._replace(
        **{name: 3.0 * getattr(view, name) for name in ("retail", "feed_in", "carbon", "retail_ahead")}
    )
    np.testing.assert_allclose(community_features(other), community_features(view), rtol=1e-12)
    assert community_features(view).shape == (FEATURES,)


def test_own_features_by_hand() -> None:
    found = own_features(np.array([3.0, 1.0, 0.0]), np.array([2.0, 0.0, 1.0]), np.array([6.0, 4.0, 0.0]))
    np.testing.assert_allclose(found, [[0.1, 0.3, 1.8], [-0.15, -0.3, 1.2], [0.0, 0.0, 0.0]], atol=1e-12)


# Files


def test_weights_come_back_as_they_were_and_the_same_weights_are_the_same_file(tmp_path: Path) -> None:
    networks = [drawn(0), drawn(1)]
    written = write_weights(tmp_path / "a.npz", networks, CARD)
    write_weights(tmp_path / "b.npz", networks, CARD)
    back = read_weights(tmp_path / "a.npz")
    assert back.sha256 == written == hash_of(networks)
    assert back.card == CARD
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npz", "b.npz"]
    policy = load_policy(str(tmp_path / "a.npz"))
    community, observation = seen("batteries and a consumer")
    expected = LearnedPolicy(networks)(community, observation)
    np.testing.assert_array_equal(policy(community, observation).battery_kw, expected.battery_kw)


def rewritten(path: Path, changes: dict[str, bytes | None]) -> None:
    with zipfile.ZipFile(path) as archive:
        parts: dict[str, bytes | None] = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in (parts | changes).items():
            if content is not None:
                archive.writestr(name, content)


def array(values: Any) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, values)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"0-last_bias.npy": array(np.zeros(OUTPUTS))}, "hash"),
        ({"0-last_bias.npy": array(np.full(OUTPUTS, np.nan))}, "not finite"),
        ({"0-last_bias.npy": array(np.zeros(3))}, "shape"),
        ({"0-last_bias.npy": array(np.array([object()]))}, "no file of weights"),
        ({"0-first.npy": None}, "no file of weights"),
        ({"card.json": None}, "no file of weights"),
        ({"card.json": json.dumps({"sha256": "0", "networks": 1, "title": "?"}).encode()}, "no file of weights"),
    ],
)
def test_a_file_that_is_not_what_it_says_is_refused(
    changes: dict[str, bytes | None], told: str, tmp_path: Path
) -> None:
    path = tmp_path / "w.npz"
    write_weights(path, [drawn(0)], CARD)
    rewritten(path, changes)
    with pytest.raises(ConfigError, match=told):
        load_policy(str(path))


def test_no_file_and_another_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no file"):
        load_policy(str(tmp_path / "none.npz"))
    (tmp_path / "text.npz").write_text("hello")
    with pytest.raises(ConfigError, match="no file of weights"):
        load_policy(str(tmp_path / "text.npz"))


def test_weights_of_the_wrong_shape_or_sign_name_their_field() -> None:
    with pytest.raises(ModelError, match="second"):
        replace(drawn(0), second=np.zeros((3, 3)))
    with pytest.raises(ModelError, match="scale"):
        replace(drawn(0), scale=np.zeros(FEATURES))
